"""MIDRC's mRALE grades as a benchmark: selected, sequestered, drawn, sealed and scored.

The grades come without images and demographics: small radiographs are made for a part of the
studies, and a reader's answers with them.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from cohort_selection.catalog import catalog
from cohort_selection.clinical import records
from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.sequestration.open_list import read_open, read_open_task
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.evaluation import evaluate
from evaluator.steward import steward
from evaluator.stores.installation import Installation
from metrics.discrimination.curves import auroc
from submissions.predictions import parse_predictions
from submissions.submission import State, Submission
from tests.support.walkthrough import always_the_same_draw

STUDIES, DRAWN = 300, 120
FILE = f"""
[benchmark]
name = "mrale"
title = "Severity by mRALE"

[task]
kind = "ordinal"
column = "mRALE Score"
lowest = 0
highest = 24
cuts = [4, 12, 23]

[cohort]
modalities = ["DX"]
label = {{ column = "mRALE Score", at_least = 4 }}
attributes = ["sex"]
sequestered_share = 0.5
stratify = ["label", "sex"]
size = {DRAWN}
seed = 3

[cohort.target.sex]
Female = 0.5
Male = 0.5

[analysis]
subgroups = ["sex"]
replicates = 0

[disclosure]
minimum_cell = 10
"""


def commons(shared_data: Path, folder: Path) -> tuple[Path, Path]:
    """Three hundred of the studies: a small image each, and one clinical table."""
    with (shared_data / "labels" / "midrc_mrale_2079.csv").open() as file:
        graded = list(csv.DictReader(file))
    chosen = np.random.default_rng(7).choice(len(graded), STUDIES, replace=False)
    clinical = folder / "clinical.csv"
    with clinical.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("case_ids", "study_uid", "age_at_imaging", "sex", "mRALE Score"))
        for number, row in enumerate(graded[place] for place in chosen):
            study, sex = row["StudyInstanceUID"], "Female" if number % 2 else "Male"
            image = Radiograph(
                pixels=np.full((4, 4), number, dtype=np.uint16),
                study_uid=study,
                series_uid=uid(study, "series"),
                instance_uid=uid(study, "image"),
                patient_id=f"patient-{number}",
                sex=sex,
                age=60,
                view="AP",
            )
            write_radiograph(folder / "dicom" / f"{number}.dcm", image, "DX")
            rows.writerow((f"patient-{number}", study, 60, sex, row["mRALE Score"]))
    return folder / "dicom", clinical


def benchmark(folder: Path) -> Benchmark:
    path = folder / "mrale.toml"
    path.write_text(FILE)
    return read_benchmark(path)


def test_mrale_grades_of_midrc_from_the_table_to_the_release(
    shared_data: Path, tmp_path: Path
) -> None:
    images, clinical = commons(shared_data, tmp_path)
    catalog.update(images, records.read(clinical), tmp_path / "catalog")
    always_the_same_draw(tmp_path / "home")
    home, asked = Installation(tmp_path / "home"), benchmark(tmp_path)
    steward.sequester(home, asked, tmp_path / "catalog", tmp_path / "open.csv")
    assert read_open_task(tmp_path / "open.csv").outputs == ("grade",)
    for case in read_open(tmp_path / "open.csv"):  # the open part has its grades
        assert case.targets["grade"] is not None
        assert (case.targets["grade"] >= 4) == bool(case.label)
    steward.match(home, asked, tmp_path / "catalog")
    cohort = steward.seal_cohort(home, asked, tmp_path / "catalog", look=False).cohort
    cases = cohort.cases()
    assert len(cases) == DRAWN
    reference = np.array([case.targets["grade"] for case in cases], dtype=np.float64)
    random = np.random.default_rng(5)
    grade = np.clip(reference + random.normal(0.5, 2.0, DRAWN), 0, 24).round(3)
    written = "case_id,grade\n" + "".join(
        f"{case.case_id},{each:g}\n" for case, each in zip(cases, grade, strict=True)
    )
    answers = parse_predictions(written.encode(), [case.case_id for case in cases], asked.contract)
    submission = Submission(
        submission_id="4f1c9be2a07d",
        team="Team",
        model="Model",
        benchmark="mrale",
        image_digest="sha256:" + "1f" * 32,
        threshold=4.0,
        state=State.SCORING,
        received=datetime(2026, 1, 5, tzinfo=UTC),
    )
    shown = evaluate(submission, asked, cohort, answers, home.enclave()).release
    kappa = shown.find("quadratic_weighted_kappa")
    assert kappa is not None
    whole = np.floor(grade + 0.5).astype(int)
    expected = cohen_kappa_score(
        reference.astype(int), whole, weights="quadratic", labels=range(25)
    )
    assert kappa.value == pytest.approx(expected, abs=0.0006)
    error = shown.find("mean_absolute_error")
    assert error is not None
    assert error.value == pytest.approx(np.abs(grade - reference).mean(), abs=0.06)
    assert shown.find("quadratic_weighted_kappa", "sex", "Female") is not None
    # 22 and 23 never occur, and few patients have 24: that cut is no part
    assert [part.name for part in shown.parts] == ["grade >= 4", "grade >= 12"]
    for part, cut in zip(shown.parts, (4, 12), strict=True):
        area = shown.of_part(part.name).find("auroc")
        assert area is not None
        assert area.value == pytest.approx(auroc(reference >= cut, grade), abs=0.006)
    again = evaluate(
        replace(submission, submission_id="aa1c9be2a07d"), asked, cohort, answers, home.enclave()
    )
    assert again.release.results == shown.results
