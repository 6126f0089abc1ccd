"""Fourteen findings of 22,433 real radiographs, patients as clusters, forty subgroups."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluator.scoring.score import AnalysisPlan, read_tables, score
from perf.timing import Timed, missing, peak_memory

WORK = "patient-clustered, 14 findings, 22,433 radiographs, 6,187 patients"


def run() -> list[Timed]:
    """Score the table that SEQUESTRA_DATA points at, or the one beside the repository."""
    configured = os.environ.get("SEQUESTRA_DATA")
    root = Path(__file__).resolve().parent.parent.parent
    folder = Path(configured) if configured else root / "shared" / "data"
    table = folder / "scores" / "nih_chexnet_scores.csv.gz"
    if not table.is_file():
        return [missing(WORK, "Sequestra: score()")]
    start = time.perf_counter()
    inputs = read_tables(table, table, subgroups=("sex", "age", "view"))
    read = time.perf_counter() - start
    plan = AnalysisPlan(
        subgroups=("sex", "age_group", "view"),
        intersections=(
            ("sex", "age_group"),
            ("sex", "view"),
            ("age_group", "view"),
            ("sex", "age_group", "view"),
        ),
    )
    groups = 0
    wall, cpu = time.perf_counter(), time.process_time()
    for given in inputs.values():
        threshold = round(float(np.mean(given.y)), 6)
        found = score(
            given.y, given.scores, given.patient_id, given.attributes, replace(plan), threshold
        )
        groups = len({(r.attribute, r.level) for r in found.results if r.metric == "auroc"})
    note = f"{groups} groups a finding, B = {plan.replicates}; reading {read:.1f} s; "
    note += f"peak {peak_memory():.0f} MB"
    took = time.perf_counter() - wall, time.process_time() - cpu
    return [Timed(WORK, "Sequestra: score()", "", *took, 1, note)]
