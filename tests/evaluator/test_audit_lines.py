"""Who did what, and when, as `sequestra audit show` tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from evaluator.audit_lines import lines
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from submissions.quota import Quota
from submissions.submission import State
from tests.support.signed_home import PERSON, opened, publish, received


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A release of North's, a submission that South withdrew, and one that the steward entered."""
    installation = Installation(tmp_path_factory.mktemp("home"))
    with opened(installation) as opened_ledger:
        opened_ledger.record("seal", "chest", "sha256:5")
        publish(installation, "s1")
        sign(installation, opened_ledger)
        opened_ledger.tracked(1, "run")
        opened_ledger.receive(received("s2", "South"), Quota(5, 7))
        opened_ledger.withdraw("s2", "ba9876543210")
        yield opened_ledger


def told(ledger: Ledger, submission: str = "", team: str = "", event: str = "") -> list[str]:
    return lines(ledger, submission=submission, team=team, event=event)


def test_every_entry_has_a_number_an_hour_who_and_what(ledger: Ledger) -> None:
    shown = told(ledger)
    assert all(re.match(r" *\d+  \d{4}-\d\d-\d\d \d\d:00  \S.*: \S", line) for line in shown)
    said = [re.sub(r"^ *\d+  \S+ \S+  ", "", line) for line in shown]
    sender = f"North, entered by person {PERSON}"
    digest = "sha256:" + "1" * 64
    assert said[:10] == [
        "steward: seal chest (sha256:5)",
        f"{sender}: submission s1, Densenet for chest",
        f"{sender}: fact sheet of s1",
        f"{sender}: s1 is received",
        "queue: s1 is linted",
        "queue: s1 is queued",
        "queue: s1 is running",
        "queue: s1 is scoring",
        f"queue: image of s1 is {digest}",
        "queue: stage times of s1",
    ]
    assert said[10] == "queue: s1 is released"
    assert said[11].startswith("queue: release of s1, document ")
    assert re.fullmatch(r"queue: key [0-9a-f]{16} signs from now on", said[12])
    assert said[13:] == [
        "tracker: MLflow run run shows release 1",
        "South, entered by the steward: submission s2, Densenet for chest",
        "South, entered by the steward: s2 is received",
        "team or steward: s2 is failed: cancelled",
        "person ba9876543210: withdrew s2",
    ]


def test_entries_are_found_by_submission_team_and_event(ledger: Ledger) -> None:
    assert len(told(ledger, submission="s1")) == 11
    assert len(told(ledger, team="NORTH")) == 11
    assert len(told(ledger, team="South")) == 4
    assert len(told(ledger, team="North", event="state:")) == 6
    assert told(ledger, submission="s1", team="South") == []
    assert len(told(ledger, event="release")) == 1
    assert told(ledger, event="state") == []


def test_a_withdrawn_submission_is_cancelled(ledger: Ledger) -> None:
    assert ledger.submission("s2").state is State.FAILED
    assert ledger.chain.problems() == []
