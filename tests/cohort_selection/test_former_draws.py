"""The same parts, lists and draws as the build before cases were columns.

The digests are what that build gave for this commons: patients of several cases that differ, ids
and paths that need quotes, two batches, and every kind of draw.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Case
from cohort_selection.matched_list import digest_of, read_matched, write_matched
from cohort_selection.matching.draw import match
from cohort_selection.matching.next_draw import draw_next
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import DEFAULT_TOLERANCE, Minimum
from cohort_selection.sequestration.open_list import write_open
from cohort_selection.sequestration.parts import Part
from cohort_selection.sequestration.split import split

N = 3000
MARGINS = Target(
    {
        "sex": {"Female": 0.5, "Male": 0.5},
        "race": {"White": 0.5, "Black, or African": 0.4, "Asian": 0.1},
    }
)
AGES = ("0-17", "18-64", "65+")
JOINT = Target(
    {"sex x age": {f"{sex} x {age}": 1 / 6 for sex in ("Female", "Male") for age in AGES}}
)
STRATA = ("sex", "race", "age", "label")


def commons(images: Path) -> list[Case]:
    rng = np.random.default_rng(7)
    owners = rng.integers(0, int(N * 0.8), N)
    cases = []
    for i, owner in enumerate(owners.tolist()):
        own = np.random.default_rng([owner, 3])
        attributes = {
            "sex": str(own.choice(["Female", "Male", "Not Reported"], p=[0.5, 0.45, 0.05])),
            "race": str(own.choice(["Black, or African", "White", "Asian"], p=[0.3, 0.6, 0.1])),
            "site": str(own.choice(["A", "B", 'C "x"'])),
            "age": AGES[int(rng.integers(3))],
            "view": ("PA", "AP")[int(rng.integers(2))],
        }
        files = tuple(images / f"study {i}" / f"{j}.dcm" for j in range(1 + i % 2))
        if i % 50 == 0:
            files = (images.parent / "other" / ".hid" / f"ü{i},.dcm",)
        number = rng.integers(10**9) if i % 97 else 0
        cases.append(
            Case(
                f"1.2.{number}.{i}" if i % 97 else f'od"d é\\{i}',
                f"P{owner:06d}" if owner % 89 else f"p,ß{owner}",
                files,
                int(rng.random() < 0.2),
                attributes,
            )
        )
    return sorted(cases, key=lambda case: case.case_id)


@dataclass(frozen=True)
class Divided:
    cases: list[Case]
    first: dict[str, Part]
    parts: dict[str, Part]

    def side(self, part: Part) -> list[Case]:
        return [case for case in self.cases if self.parts[case.patient_id] is part]


def divided(within: str = "", images: Path = Path("/commons/images")) -> Divided:
    cases = commons(images)
    half = [case for case in cases if case.patient_id < f"P{int(N * 0.4):06d}"]
    share, seed = 0.3, 5
    first = split(half, variables=STRATA, sequestered_share=share, seed=seed, within=within)
    both = split(
        cases, variables=STRATA, sequestered_share=share, seed=seed, within=within, assigned=first
    )
    return Divided(cases, dict(first), dict(both))


@pytest.fixture(scope="module")
def plain() -> Divided:
    return divided()


def short(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


def ids(cases: Sequence[Case]) -> str:
    return short("".join(case.case_id for case in cases).encode())


PARTS = {"": "4a4e5d609a84a204", "site": "9b1b485c946fb904"}
DRAWS = {
    "one": "97f51577d5b1294f 04d43f2e835011cb",
    "all": "9173f741110de03c afa00e8e37e2388b",
    "minimum": "39dd3de8f2507288 71af464e120c9c6e",
    "joint": "8687bcd8bd22c29f b3193729a240eb2c",
    "largest": "dd67b399b5bbec32 d6a9d0fb7c32b83d",
}
POOL = "d3895495fc594cac"
OPEN = "8f586cad0d29112d"
NEXT = "202c5e8733a6f127 0"
NEXT_SHARED = "200be321635f01bc 0"


@pytest.mark.parametrize("within", PARTS)
def test_parts_of_two_batches_are_those_of_before(within: str) -> None:
    found = divided(within)
    both = [sorted(found.first.items()), sorted(found.parts.items())]
    assert short(json.dumps(both).encode()) == PARTS[within]


def test_the_pool_has_the_digest_of_before(plain: Divided) -> None:
    assert digest_of(plain.side(Part.SEQUESTERED))[:16] == POOL


def test_the_open_list_has_the_bytes_of_before(tmp_path: Path) -> None:
    found = divided(images=tmp_path / "commons" / "images")
    write_open(
        tmp_path / "commons" / "open.csv", found.side(Part.OPEN), ["sex", "race", "site", "age"]
    )
    assert short((tmp_path / "commons" / "open.csv").read_bytes()) == OPEN


@pytest.mark.parametrize("kind", DRAWS)
def test_draws_and_their_lists_are_those_of_before(
    plain: Divided, kind: str, tmp_path: Path
) -> None:
    """The list is read back as it was written, and the order of the cases changes nothing."""
    pool = plain.side(Part.SEQUESTERED)
    for cases in (pool, pool[::-1]):
        found = match(
            cases,
            JOINT if kind == "joint" else MARGINS,
            0 if kind == "largest" else N // 50,
            3,
            cases_per_patient="all" if kind == "all" else "one",
            tolerance={"joint": 0.1, "largest": 0.05}.get(kind, DEFAULT_TOLERANCE),
            minimum=Minimum(("site",), 15, 2) if kind == "minimum" else Minimum(),
        )
        document = {
            "benchmark_digest": "x",
            "pool": digest_of(cases),
            "drawn": sorted(case.case_id for case in found.cases),
            "inclusion": found.inclusion,
            "certain_share": found.certain_share,
            "excluded_share": found.excluded_share,
            "binding": found.binding,
        }
        digest = write_matched(tmp_path / "matched.json", document)
        assert digest[:16] == short((tmp_path / "matched.json").read_bytes())
        assert f"{digest[:16]} {ids(found.cases)}" == DRAWS[kind]
        rest, inclusion = read_matched(tmp_path / "matched.json")
        assert dict(inclusion) == dict(found.inclusion)
        assert rest["drawn"] == document["drawn"]


def test_next_draws_are_those_of_before(plain: Divided) -> None:
    pool = plain.side(Part.SEQUESTERED)
    reads = {p: i % 3 for i, p in enumerate(sorted({case.patient_id for case in pool})[::7])}
    found = draw_next(pool, reads, MARGINS, N // 60, 9)
    assert f"{ids(found.matched.cases)} {found.n_shared}" == NEXT
    found = draw_next(pool, reads, MARGINS, N // 60, 9, share=0.2)
    assert f"{ids(found.matched.cases)} {found.n_shared}" == NEXT_SHARED
