"""Pools of patients and targets for draws."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from cohort_selection.cases import Case
from cohort_selection.matching.achievable import Programme, programme
from cohort_selection.matching.draw import Matched
from cohort_selection.matching.target import Target, read_target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.sampling.joint_table import tabulate

HALF = Target({"sex": {"Female": 0.5, "Male": 0.5}, "label": {"0": 0.5, "1": 0.5}})


def pool(n: int = 600, seed: int = 1) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for i in range(n):
        old = rng.random() < 0.6
        cases.append(
            Case(
                f"s{i:04d}",
                f"p{i:04d}",
                (),
                int(rng.random() < (0.3 if old else 0.1)),
                {
                    "sex": "Female" if rng.random() < 0.4 else "Male",
                    "age": "60+" if old else "0-59",
                    "race": str(rng.choice(["White", "Black", "Asian"], p=[0.7, 0.2, 0.1])),
                },
            )
        )
    return cases


AGES = (18, 30, 40, 50, 65, 75, 85)


BANDS = (
    "[0, 18)",
    "[18, 30)",
    "[30, 40)",
    "[40, 50)",
    "[50, 65)",
    "[65, 75)",
    "[75, 85)",
    "[85, 140)",
)


def midrc_pool(shared_data: Path, *modalities: str) -> list[Case]:
    """Adults of MIDRC's table as its task-based sampling codes them (890 is 85 and over)."""
    with (shared_data / "cohort" / "midrc_example_5000_patients.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return [
        Case(
            row["submitter_id"],
            row["submitter_id"],
            (),
            0,
            {
                "Age Group": "Not Reported"
                if row["age_at_index"] == "999"
                else BANDS[sum(int(row["age_at_index"]) >= age for age in AGES)],
                "Race": row["race"],
                "Sex at birth": row["sex"],
                "Ethnicity": row["ethnicity"],
                "COVID Status": row["covid19_positive"],
            },
        )
        for row in rows
        if int(row["age_at_index"]) >= 18
        and (not modalities or any(m in row["modality"] for m in modalities))
    ]


def midrc_target(shared_data: Path) -> Target:
    shares: dict[str, dict[str, object]] = {}
    path = shared_data / "cohort" / "tbs_target_specification_sheet1.csv"
    with path.open() as stream:
        for row in csv.DictReader(stream):
            level = row["Subcategory"].strip("'")
            shares.setdefault(row["Category"], {})[level] = float(row["TargetDistribution"])
    return read_target(shares, path)


def margins_of(matched: Matched, attribute: str) -> dict[str, int]:
    return {m.level: m.n_cohort for m in matched.margins if m.attribute == attribute}


def weighted_v(cases: Sequence[Case], weight: Mapping[str, float]) -> float:
    """Cramér's V of age group and race, each case counting with its weight."""
    ages = sorted({case.attributes["Age Group"] for case in cases})
    races = sorted({case.attributes["Race"] for case in cases})
    table = np.zeros((len(ages), len(races)))
    for case in cases:
        place = ages.index(case.attributes["Age Group"]), races.index(case.attributes["Race"])
        table[place] += weight[case.case_id]
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    chi2 = chi2_contingency(table).statistic
    return float(np.sqrt(chi2 / table.sum() / (min(table.shape) - 1)))


def may_occur(case: Case, target: Target) -> bool:
    return all(
        target.margins[name].get(level, 0.0) > 0
        for name, level in case.attributes.items()
        if name in target.margins
    )


def two_way(rows: int, columns: int) -> NDArray[np.float64]:
    """Ones, then indicators of all rows but one and all columns but one."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    ones = np.ones((rows * columns, 1))
    by_row = row[:, None] == np.arange(1, rows)
    return np.hstack([ones, by_row, column[:, None] == np.arange(1, columns)])


SEX = {"Female": 0.5, "Male": 0.5}


LABEL = {"0": 0.5, "1": 0.5}


def small(counts: tuple[int, int, int, int], tolerance: Tolerance, minimum: Minimum) -> Programme:
    """Cells Female 0, Female 1, Male 0, Male 1."""
    rows = [row for row, n in zip(product(SEX, LABEL), counts, strict=True) for _ in range(n)]
    cells = tabulate({"sex": [sex for sex, _ in rows], "label": [label for _, label in rows]})
    return programme(cells, Target({"sex": SEX, "label": LABEL}), tolerance, minimum, widened=True)
