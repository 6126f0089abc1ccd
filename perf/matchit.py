"""Cases and controls alike on six attributes, beside MatchIt in R: python -m perf.matchit [N].

MatchIt (Ho, Imai, King & Stuart) pairs every case with the nearest control. The same is asked of
Sequestra: controls with the shares of the cases, as many as there are cases.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from cohort_selection.matching.achievable import programme
from cohort_selection.matching.draw import allocate
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.sampling.joint_table import tabulate_codes
from cohort_selection.sampling.randomness import draw_in_cells, generator
from perf.matching import NAMES, SIZES, pool

ROUNDS = 5
MATCHIT = """
suppressMessages(library(MatchIt))
d <- read.csv(commandArgs(TRUE)[1])
for (name in setdiff(names(d), "label")) d[[name]] <- factor(d[[name]])
took <- c()
for (i in 1:as.integer(commandArgs(TRUE)[3])) {
  began <- proc.time()[["elapsed"]]
  m <- matchit(label ~ ., data = d, method = "nearest")
  took <- c(took, proc.time()[["elapsed"]] - began)
}
write.csv(data.frame(drawn = as.integer(m$weights > 0)), commandArgs(TRUE)[2], row.names = FALSE)
cat(median(took))
"""


def gap(codes: list[NDArray[np.int8]], drawn: NDArray[np.bool_]) -> float:
    """Largest difference of a share between the drawn cases and the drawn controls."""
    label = codes[NAMES.index("label")] == 1
    worst = 0.0
    for name, column, size in zip(NAMES, codes, SIZES, strict=True):
        if name != "label":
            cases = np.bincount(column[drawn & label], minlength=size) / (drawn & label).sum()
            controls = np.bincount(column[drawn & ~label], minlength=size) / (drawn & ~label).sum()
            worst = max(worst, float(np.abs(cases - controls).max()))
    return worst


def ours(codes: list[NDArray[np.int8]], seed: int) -> NDArray[np.bool_]:
    """Every case, and controls drawn with the cases' shares."""
    label = codes[NAMES.index("label")] == 1
    names = [name for name in NAMES if name != "label"]
    places = [NAMES.index(name) for name in names]
    levels = [tuple(str(i) for i in range(SIZES[k])) for k in places]
    shares = {
        name: dict(
            zip(level, np.bincount(codes[k][label], minlength=SIZES[k]) / label.sum(), strict=True)
        )
        for name, k, level in zip(names, places, levels, strict=True)
    }
    cells = tabulate_codes(tuple(names), [codes[k][~label] for k in places], levels)
    asked = programme(cells, Target(shares), Tolerance(), Minimum())
    found = allocate(asked, int(label.sum()), generator(seed, "round"))
    drawn = label.copy()
    drawn[~label] = draw_in_cells(cells.of_unit, found.take, generator(seed, "draw"))
    return drawn


def main(n: int) -> None:
    codes = pool(n)
    drawn = ours(codes, 0)
    took = []
    for seed in range(ROUNDS):
        began = time.perf_counter()
        drawn = ours(codes, seed)
        took.append(time.perf_counter() - began)
    print(f"{n:,} patients, Sequestra: {median(took):.3f} s, largest gap {gap(codes, drawn):.5f}")
    if shutil.which("Rscript") is None:
        print("MatchIt needs R (Debian: r-cran-matchit)")
        return
    with TemporaryDirectory() as folder:
        table, answer = Path(folder) / "pool.csv", Path(folder) / "drawn.csv"
        rows = np.column_stack(codes)
        np.savetxt(table, rows, fmt="%d", delimiter=",", header=",".join(NAMES), comments="")
        ended = subprocess.run(
            ["Rscript", "-e", MATCHIT, str(table), str(answer), str(ROUNDS)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if ended.returncode:
            print(f"MatchIt did not run: {ended.stderr.strip().splitlines()[-1]}")
            return
        paired = np.loadtxt(answer, skiprows=1).astype(np.bool_)
        seconds = float(ended.stdout.split()[-1])
    print(
        f"MatchIt, nearest: {seconds:.2f} s, {seconds / median(took):.0f} times Sequestra, "
        f"largest gap {gap(codes, paired):.5f}"
    )


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 20_000)
