"""The split at scale, and beside MIDRC's rule: python -m perf.sequestration [N] [MIDRC's CSV].

With a CSV of MIDRC's example patients the distances of 200 seeds are shown too.
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from cohort_selection.sampling.joint_table import Cells, tabulate, tabulate_codes
from cohort_selection.sampling.randomness import generator
from cohort_selection.sequestration.split import split_cells
from perf.matching import NAMES, SIZES, pool

SHARE = 0.2


def midrc_rule(cells: Cells, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Strata of 5 and more: 80 % open, rounded; smaller ones: a coin for each patient."""
    hidden: NDArray[np.bool_] = np.zeros(len(cells.of_unit), dtype=np.bool_)
    order = np.argsort(cells.of_unit, kind="stable")
    for members in np.split(order, np.cumsum(cells.counts)[:-1]):
        if len(members) >= 5:
            shuffled = rng.permutation(members)
            hidden[shuffled[round((1 - SHARE) * len(members)) :]] = True
        else:
            hidden[members] = rng.random(len(members)) <= SHARE
    return hidden


def distances(cells: Cells, hidden: NDArray[np.bool_]) -> list[float]:
    """Joint without the last attribute, joint, then each attribute."""
    codes = cells.codes[cells.of_unit]
    tables = [codes[:, :-1], codes, *(codes[:, [k]] for k in range(codes.shape[1]))]
    found = []
    for table in tables:
        _, cell = np.unique(table, axis=0, return_inverse=True)
        cell, n = cell.reshape(-1), int(cell.max()) + 1
        found.append(
            float(
                jensenshannon(
                    np.bincount(cell[hidden], minlength=n),
                    np.bincount(cell[~hidden], minlength=n),
                    base=2,
                )
            )
        )
    return found


def midrc_cells(path: Path) -> Cells:
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    counts = {m: sum(m in row["modality"] for row in rows) for m in ("CR", "CT", "DX", "MR")}
    largest_first = sorted(counts, key=counts.__getitem__, reverse=True)
    ages = [int(row["age_at_index"]) for row in rows]
    return tabulate(
        {
            "COVID": [row["covid19_positive"] for row in rows],
            "age": [
                "unknown" if a == 999 else str(sum(a >= b for b in (18, 30, 40, 50, 65, 75, 85)))
                for a in ages
            ],
            "race": [row["race"] for row in rows],
            "sex": [row["sex"] for row in rows],
            "ethnicity": [row["ethnicity"] for row in rows],
            "modality": [
                next((m for m in largest_first if m in row["modality"]), "none") for row in rows
            ],
        }
    )


def main(n: int, table: Path | None) -> None:
    codes = pool(n)
    levels = [tuple(str(i) for i in range(size)) for size in SIZES]
    everyone = np.ones(n, dtype=np.bool_)
    for run in ("first run, compiling", "second run"):
        began = time.perf_counter()
        cells = tabulate_codes(NAMES, codes, levels)
        hidden = split_cells(cells, everyone, ~everyone, SHARE, generator(1, "split"))
        print(
            f"{run}: {n:,} patients, {len(cells.counts):,} cells, {hidden.sum():,} sequestered, "
            f"{time.perf_counter() - began:.2f} s"
        )
    if table is None:
        return
    cells = midrc_cells(table)
    everyone = np.ones(len(cells.of_unit), dtype=np.bool_)
    print("joint5  joint6  " + "  ".join(cells.attributes) + "  share (sd)")
    for name in ("MIDRC's rule", "balanced"):
        figures, shares, spent = [], [], 0.0
        for seed in range(200):
            rng = generator(seed, "split")
            began = time.process_time()
            hidden = (
                midrc_rule(cells, rng)
                if name == "MIDRC's rule"
                else split_cells(cells, everyone, ~everyone, SHARE, rng)
            )
            spent += time.process_time() - began
            figures.append(distances(cells, hidden))
            shares.append(hidden.mean())
        mean = "  ".join(f"{x:.4f}" for x in np.mean(figures, axis=0))
        print(
            f"{mean}  {np.mean(shares):.4f} ({np.std(shares):.4f})  {name}, "
            f"{spent / 200:.3f} s of CPU a split"
        )


if __name__ == "__main__":
    main(
        int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000,
        Path(sys.argv[2]) if len(sys.argv) > 2 else None,
    )
