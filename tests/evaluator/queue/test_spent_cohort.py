"""A spent cohort: retired, drawn again, linked by runs of the stored images; the ladder's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.bridge import bridge
from evaluator.disclosure.control import Release
from evaluator.feedback.looks import in_words
from evaluator.sandbox.engine import Engine
from evaluator.steward.next_draw import draw_next
from evaluator.steward.pool import StewardError
from evaluator.stores.enclave import Enclave
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from submissions.quota import QuotaError
from submissions.submission import State
from tests.support.installation import Installed
from tests.support.programs import CASES, SECOND, SMALLER, seal_second

pytestmark = pytest.mark.engine

LINES = {
    **SMALLER,
    "per_team = 20": "per_team = 3\nlifetime = 3\ncohort_looks = 3",
    'feedback = "open"': 'feedback = "ladder"',
    "minimum_cell = 10": "minimum_cell = 5",
    f"size = {CASES}": "size = 28",
}
NEXT = f"{SECOND}-draw-2"


def source_patients(enclave: Enclave, name: str) -> set[str]:
    return {patient for _, patient in enclave.cohort(name).sources().values()}


def answers(ledger: Ledger, name: str) -> list[tuple[str, float | None, str]]:
    found = [Release.from_json(each.document) for each in ledger.releases(name)]
    return [(each.submission_id, *told(each)) for each in found]


def told(release: Release) -> tuple[float | None, str]:
    (only,) = release.results
    return only.estimate.value, only.estimate.method


def test_a_ladder_answers_once_and_a_spent_cohort_leads_to_the_next_draw(
    installed: Installed,
    sealed: Path,
    tmp_path: Path,
    images: dict[str, str],
    engine: Engine,
) -> None:
    seal_second(installed, sealed, tmp_path, LINES)
    entered = [
        installed.submit(images["honest"], benchmark=SECOND, model="A"),
        installed.submit(images["other"], benchmark=SECOND, model="B"),
    ]
    # killed after the answer to the first is in the enclave, before it is in the ledger
    installed.dies("evaluator.stores.answers:keep", "after")
    installed.run()
    ledger = installed.ledger
    first, second = answers(ledger, SECOND)
    assert {first[0], second[0]} == set(entered)
    assert "first step of the ladder" in first[2]
    # the same predictions again: no improvement, and the former value
    assert second[1] == first[1]
    assert second[2].startswith("no improvement that the data support")
    assert (
        in_words(ledger, entered[1])[0] == "Look 2 of 3 of the team and its people at this cohort."
    )

    installed.submit(images["honest"], benchmark=SECOND, model="C")
    at_home = Installation(installed.home)
    with pytest.raises(QuotaError, match="all teams together have had 3 looks"):
        ledger.admit("Other", SECOND, at_home.benchmark(SECOND).quota)

    catalog = ("--catalog", sealed.parent / "catalog")
    ended = installed.command("draw", "next", SECOND, "--no-look", *catalog)
    assert ended.code == 0, ended.complained
    assert f"{SECOND} is retired; {NEXT} takes submissions" in ended.printed.replace("\n", " ")
    one, two = (source_patients(installed.enclave, name) for name in (SECOND, NEXT))
    assert one != two
    assert f"{len(one & two)} of its {len(two)} patients" in ended.printed.replace("\n", " ")
    with pytest.raises(StewardError, match=f"has a next draw, '{NEXT}'"):
        draw_next(at_home, SECOND, sealed.parent / "catalog")

    ended = installed.command("draw", "bridge", SECOND, "--submission", entered[0])
    assert ended.code == 0, ended.complained
    installed.run()
    (linked,) = answers(ledger, NEXT)
    assert "first step of the ladder" in linked[2]
    assert ledger.submission(linked[0]).state is State.RELEASED
    (again,) = bridge(at_home, engine, SECOND, [entered[0]])
    assert again.successor is not None
    assert (again.successor.submission_id, again.successor.state) == (linked[0], State.RELEASED)
    assert ledger.chain.problems() == []
