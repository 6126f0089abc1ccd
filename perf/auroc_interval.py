"""AUROC with its DeLong interval against scikit-learn's AUROC alone and other DeLongs."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from metrics.discrimination.delong import auroc_estimate
from perf.cohorts import simulated
from perf.timing import Program, Timed, missing, side_by_side, version

OURS = "Sequestra: AUROC + interval"

_R = """
suppressMessages(library(pROC))
d <- read.csv(commandArgs(TRUE)[1])
f <- function() ci.auc(roc(d$y, d$s, levels = c(0, 1), direction = "<"), method = "delong")
f()
times <- sapply(1:5, function(i) system.time(f())["elapsed"])
cat(median(times), as.character(packageVersion("pROC")))
"""


def run(sizes: tuple[int, ...] = (100_000, 1_000_000)) -> list[Timed]:
    """Time every size."""
    found: list[Timed] = []
    for n in sizes:
        found += _of_size(n)
    return found


def _of_size(n: int) -> list[Timed]:
    cohort = simulated(n)
    y, s = cohort.y, cohort.s
    y_int = y.astype(np.int64)
    work = f"AUROC + DeLong interval, n = {n:,}"
    programs = [
        Program(OURS, lambda: auroc_estimate(y, s)),
        Program("numpy.argsort of the scores (limit)", lambda: np.argsort(s), "numpy"),
        Program("scikit-learn AUROC alone", lambda: roc_auc_score(y, s), "scikit-learn"),
    ]
    absent = []
    if importlib.util.find_spec("rocauc_comparison"):
        from rocauc_comparison import (  # type: ignore[import-not-found,unused-ignore]
            delong_roc_variance,
        )

        programs.append(
            Program(
                "rocauc-comparison DeLong",
                lambda: delong_roc_variance(y_int, s),
                "rocauc-comparison",
            )
        )
    else:
        absent.append(missing(work, "rocauc-comparison DeLong"))
    if importlib.util.find_spec("confidenceinterval"):
        from confidenceinterval import (  # type: ignore[import-not-found,unused-ignore]
            roc_auc_score as interval_auc,
        )

        programs.append(
            Program(
                "confidenceinterval DeLong",
                lambda: interval_auc(y_int.tolist(), s.tolist(), confidence_level=0.95),
                "confidenceinterval",
            )
        )
    else:
        absent.append(missing(work, "confidenceinterval DeLong"))
    return [*side_by_side(work, programs), *absent, _proc(work, y_int, s)]


def _proc(work: str, y: np.ndarray, s: np.ndarray) -> Timed:
    program = shutil.which("Rscript")
    if program is None:
        return missing(work, "R pROC roc + ci.auc")
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "d.csv", Path(folder) / "t.R"
        np.savetxt(data, np.column_stack([y, s]), delimiter=",", header="y,s", comments="")
        script.write_text(_R)
        done = subprocess.run(
            [program, str(script), str(data)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        return missing(work, "R pROC roc + ci.auc")
    seconds, release = done.stdout.split()[-2:]
    return Timed(work, "R pROC roc + ci.auc", release, float(seconds), None, 5)


__all__ = ["OURS", "run", "version"]
