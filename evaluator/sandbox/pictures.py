"""Tells the pictures in which a container may mark something, from the headers it was given."""

from __future__ import annotations

from collections.abc import Sequence

from cohort_selection.cases import BlindedCase
from cohort_selection.regions.grids import read_grids
from submissions.contract import Contract
from submissions.prediction_rows.regions import Pictures


def pictures_of(cases: Sequence[BlindedCase], contract: Contract) -> dict[str, Pictures]:
    """Case id -> SOPInstanceUID -> rows, columns and frames; empty where regions are not asked.

    Raises GridError for a file that has none of it; a sealed copy has.
    """
    if not contract.form.regions:
        return {}
    return {
        case.case_id: {
            grid.source: (grid.rows, grid.columns, len(grid.planes))
            for grid in read_grids(case.files)
        }
        for case in cases
    }
