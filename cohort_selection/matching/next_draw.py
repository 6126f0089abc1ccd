"""Draws a further cohort from a pool, with as few patients of earlier draws as asked or possible.

Patients who were never drawn come first. Those of earlier draws are let in by a number: a declared
share of the cohort, or the fewest that bring the margins as near to the target as the whole pool
would. The least read go in first, those that are read equally often in random order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.matching import draw
from cohort_selection.matching.draw import NO_MINIMUM, Matched, MatchingError
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import DEFAULT_TOLERANCE, Minimum, Tolerance
from cohort_selection.sampling.randomness import generator

SHARES = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
"""Shares of earlier drawn patients that are let in, tried in turn where none is declared."""
NEAR = 0.02
"""How much farther from the target the largest margin may be than a draw from the whole pool's."""


@dataclass(frozen=True, slots=True)
class NextDraw:
    """A further cohort, and how many of its patients earlier draws have too."""

    matched: Matched
    n_shared: int


def draw_next(
    cases: Sequence[Case],
    reads: Mapping[str, int],
    target: Target,
    size: int,
    seed: int,
    *,
    share: float | None = None,
    cases_per_patient: str = "one",
    tolerance: float | Tolerance = DEFAULT_TOLERANCE,
    minimum: Minimum = NO_MINIMUM,
) -> NextDraw:
    """Draw ``size`` further patients, as :func:`~cohort_selection.matching.draw.match` does.

    ``reads`` maps each patient of an earlier draw to the looks that read it. ``share`` is the most
    of the cohort that may be such patients; None finds the fewest. Raises MatchingError where no
    such cohort can be drawn.
    """
    if share is not None and not 0.0 <= share <= 1.0:
        raise MatchingError(f"the overlap is {share:g}; give a share of the cohort, from 0 to 1")
    table, known = CaseTable.of(cases), list(reads)
    found = pc.index_in(pa.array(known, table.patients.type), value_set=table.patients).to_pylist()
    place = {patient: at for patient, at in zip(known, found, strict=True) if at is not None}
    n_here = table.n_patients
    order = generator(seed, "matching", "patients of earlier draws").permutation(n_here)
    rank = np.argsort(order)
    before = sorted(place, key=lambda each: (reads[each], rank[place[each]]))

    def drawn(n_let_in: int) -> NextDraw:
        allowed = np.ones(n_here, np.bool_)
        allowed[[place[each] for each in before[n_let_in:]]] = False
        matched = draw.match(
            table.of_patients(allowed),
            target,
            size,
            seed,
            cases_per_patient=cases_per_patient,
            tolerance=tolerance,
            minimum=minimum,
        )
        let_in = set(before[:n_let_in])
        return NextDraw(matched, len({case.patient_id for case in matched.cases} & let_in))

    if share is not None:
        # a cohort of any size: as many as keep the share, if all of them were drawn
        whole = size or n_here - len(before)
        return drawn(min(len(before), int(share * whole)))
    limit = _farthest(drawn(len(before)).matched) + NEAR
    refused: MatchingError | None = None
    for let_in in SHARES:
        try:
            found = drawn(round(let_in * len(before)))
        except MatchingError as error:
            refused = error
            continue
        if _farthest(found.matched) <= limit:
            return found
    raise refused or MatchingError("no cohort can be drawn; give a larger catalog")


def _farthest(matched: Matched) -> float:
    """How far the farthest margin is from its target, as a share."""
    return max((abs(margin.cohort - margin.target) for margin in matched.margins), default=0.0)
