"""Grades, and scores on any scale, from a benchmark's file to the release by a real container."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from evaluator.disclosure.control import Release
from evaluator.leaderboard import published
from metrics.discrimination.curves import auroc
from submissions.submission import State
from tests.support.commands import refused, succeed
from tests.support.engine import ImageBuilder
from tests.support.installation import Installed
from tests.support.made_once import made_once
from tests.support.programs import SMALLER, change, make_store
from tests.support.walkthrough import always_the_same_draw, small_benchmark

pytestmark = pytest.mark.engine
CASES = 40
GRADES, FREE = "simulated-severity", "free-scores"

FEWER = {
    "minimum_cases = 20": "minimum_cases = 10",
    "minimum_per_class = 10": "minimum_per_class = 4",
    "minimum_cell = 10": "minimum_cell = 5",
    "cuts = [2, 5]": "cuts = [2, 5, 8]",
    'subgroups = ["sex", "age_group", "site"]': 'subgroups = ["sex"]',
}
"""Forty cases are few for grades, and few of them have the highest one."""

PROGRAM = """
import csv, hashlib, os
def share(case_id):
    folder = '/input/images/' + case_id
    (name,) = os.listdir(folder)
    read = open(folder + '/' + name, 'rb').read()
    return int(hashlib.sha256(read).hexdigest()[:8], 16) / 2**32
with open('/output/predictions.csv', 'w') as out:
    print('case_id', {column!r}, sep=',', file=out)
    for row in csv.DictReader(open('/input/cases.csv')):
        print(row['case_id'], format({value}, '.6f'), sep=',', file=out)
"""
"""The bytes of an image give its value: the same image has the same in any company."""


def sealed_homes(folder: Path) -> Path:
    """One commons, with a small sealed cohort of each of the two benchmarks."""
    commons, catalog, home = folder / "commons", folder / "catalog", folder / "home"
    always_the_same_draw(home)
    succeed("simulate", commons, "--patients", "110", "--seed", "5")
    succeed("index", commons / "dicom", "--clinical", commons / "clinical.csv", "--output", catalog)
    of = ("--catalog", catalog, "--home", home)
    grades = small_benchmark(folder, GRADES, CASES)
    change(grades, {**SMALLER, **FEWER})
    free = folder / f"{FREE}.toml"
    text = grades.read_text().replace(GRADES, FREE).replace("quadratic_weighted_kappa", "auroc")
    task = text[text.index("[task]") : text.index("[cohort]")]
    free.write_text(text.replace(task, '[task]\nkind = "score"\n\n'))
    for benchmark in (grades, free):
        succeed("sequester", benchmark, "--open", folder / f"{benchmark.stem}.csv", *of)
        succeed("match", benchmark.stem, *of)
        succeed("seal", benchmark.stem, "--no-look", *of)
    make_store(home)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "sealed-grades", sealed_homes) / "home"


def test_grades_and_free_scores_end_as_releases(home: Path, image_of: ImageBuilder) -> None:
    installed = Installed(home)
    grader = image_of(PROGRAM.format(column="grade", value="8 * share(row['case_id'])"))
    scorer = image_of(PROGRAM.format(column="score", value="900 * share(row['case_id']) - 400"))
    who = ("--team", "A team", "--home", home)
    said = refused("submit", scorer, "--benchmark", FREE, "--model", "Free", *who)
    assert "no threshold is given" in said
    graded_at = ("--model", "Grades", "--threshold", "3.3")
    said = refused("submit", grader, "--benchmark", GRADES, *graded_at, *who)
    assert "the threshold is 3.3, and benchmark" in said
    assert "leave --threshold out" in said
    printed = succeed(
        "submit", scorer, "--benchmark", FREE, "--model", "Free", "--threshold", "-20", *who
    )
    graded = installed.submit(grader, "Grades", benchmark=GRADES)
    free = printed.split()[0]
    installed.run()
    check_grades(installed, graded)
    check_scores(installed, free)
    assert "Grades" in succeed("leaderboard", GRADES, "--home", home)
    header = (home.parent / f"{GRADES}.csv").read_text().splitlines()[0]
    assert "grade:0-8" in header
    installed.ledger.close()


def values(installed: Installed, submission: str, name: str) -> tuple[Release, np.ndarray]:
    assert installed.state(submission) is State.RELEASED
    predicted = installed.predicted(submission, name).values
    cases = installed.enclave.cohort(name).cases()
    rows = [
        (case.label, case.targets.get("grade", np.nan), predicted[case.case_id][0])
        for case in cases
    ]
    return published.released(installed.ledger, submission), np.array(rows, dtype=np.float64)


def check_grades(installed: Installed, submission: str) -> None:
    shown, rows = values(installed, submission, GRADES)
    label, reference, grade = rows.T
    assert shown.task == "ordinal"
    assert shown.threshold == 5.0  # the grade at the label
    assert np.array_equal(label == 1, reference >= 5)
    found = shown.find("quadratic_weighted_kappa")
    assert found is not None
    whole = np.floor(grade + 0.5).astype(int)
    expected = cohen_kappa_score(reference.astype(int), whole, weights="quadratic", labels=range(9))
    assert found.value == pytest.approx(expected, abs=0.006)  # released with two decimals
    # fewer than five patients have the highest grade: that cut is no part
    assert [part.name for part in shown.parts] == ["grade >= 2", "grade >= 5"]
    for part, cut in zip(shown.parts, (2, 5), strict=True):
        area = shown.of_part(part.name).find("auroc")
        assert area is not None
        assert area.value == pytest.approx(auroc(reference >= cut, grade), abs=0.006)
        assert part.n_positive == (reference >= cut).sum()


def check_scores(installed: Installed, submission: str) -> None:
    shown, rows = values(installed, submission, FREE)
    label, _, score = rows.T
    assert shown.threshold == -20.0
    area, called = shown.find("auroc"), shown.find("sensitivity")
    assert area is not None
    assert called is not None
    assert area.value == pytest.approx(auroc(label, score), abs=0.006)
    assert called.value == pytest.approx(
        ((score >= -20) & (label == 1)).sum() / label.sum(), abs=0.006
    )
    assert shown.find("brier") is None
