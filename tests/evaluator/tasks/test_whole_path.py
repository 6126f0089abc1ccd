"""Several findings and classes from the shipped benchmark to the release, by a real container."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluator.leaderboard import published
from evaluator.stores.installation import Installation
from metrics.discrimination.curves import auroc
from metrics.discrimination.multiclass import hand_till_auroc
from submissions.submission import State
from tests.support.commands import succeed
from tests.support.engine import ImageBuilder
from tests.support.installation import Installed
from tests.support.made_once import made_once
from tests.support.programs import SMALLER, change, make_store
from tests.support.walkthrough import always_the_same_draw, small_benchmark

pytestmark = pytest.mark.engine
CASES = 40
BENCHMARKS = {"multilabel": "simulated-findings", "multiclass": "simulated-type"}

FEWER = {
    "minimum_cases = 20": "minimum_cases = 10",
    "minimum_per_class = 10": "minimum_per_class = 5",
    "minimum_cell = 10": "minimum_cell = 5",
}
"""Forty cases have few of each finding."""

PROGRAM = """
import csv, hashlib, os
outputs = {outputs!r}
def value(case_id, output):
    folder = '/input/images/' + case_id
    (name,) = os.listdir(folder)
    read = open(folder + '/' + name, 'rb').read() + output.encode()
    return int(hashlib.sha256(read).hexdigest()[:8], 16) / 2**32
with open('/output/predictions.csv', 'w') as out:
    print('case_id', *outputs, sep=',', file=out)
    for row in csv.DictReader(open('/input/cases.csv')):
        values = [value(row['case_id'], output) for output in outputs]
        total = sum(values) if {classes} else 1
        print(row['case_id'], *(format(v / total, '.6f') for v in values), sep=',', file=out)
"""
"""The bytes of an image give its values: the same image has the same in any company."""


def sealed_homes(folder: Path) -> Path:
    """One commons, with a small sealed cohort of each of the two benchmarks."""
    commons, catalog = folder / "commons", folder / "catalog"
    home = folder / "home"
    always_the_same_draw(home)
    succeed("simulate", commons, "--patients", "140", "--seed", "5")
    succeed("index", commons / "dicom", "--clinical", commons / "clinical.csv", "--output", catalog)
    of = ("--catalog", catalog, "--home", home)
    for name in BENCHMARKS.values():
        benchmark = small_benchmark(folder, name, CASES)
        change(benchmark, {**SMALLER, **FEWER})
        succeed("sequester", benchmark, "--open", folder / f"{name}.csv", *of)
        succeed("match", name, *of)
        succeed("seal", name, "--no-look", *of)
    make_store(home)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "sealed-tasks", sealed_homes) / "home"


def test_a_container_of_each_kind_ends_as_a_release(
    home: Path, image_of: ImageBuilder, tmp_path: Path
) -> None:
    installed = Installed(home)
    entered: dict[str, str] = {}
    for kind, name in BENCHMARKS.items():
        benchmark = outputs_of(home, name)
        program = PROGRAM.format(outputs=benchmark, classes=kind == "multiclass")
        entered[kind] = installed.submit(image_of(program), "Hash", benchmark=name)
    installed.run()
    for kind, name in BENCHMARKS.items():
        check_release(installed, entered[kind], kind, name)
        page = succeed("leaderboard", name, "--home", home)
        assert "Hash" in page
        open_list = (home.parent / f"{name}.csv").read_text().splitlines()[0]
        assert ("finding:large_heart" if kind == "multilabel" else "class:normal") in open_list
    installed.ledger.close()


def outputs_of(home: Path, name: str) -> list[str]:
    return list(Installation.existing(home).benchmark(name).outputs)


def check_release(installed: Installed, submission: str, kind: str, name: str) -> None:
    assert installed.state(submission) is State.RELEASED
    shown = published.released(installed.ledger, submission)
    cases = installed.enclave.cohort(name).cases()
    predicted = installed.predicted(submission, name).values
    outputs = outputs_of(installed.home, name)
    target = np.array([[case.targets[o] for o in outputs] for case in cases], dtype=np.float64)
    scores = np.array([predicted[case.case_id] for case in cases])
    assert shown.task == kind
    assert [part.name for part in shown.parts] == outputs
    if kind == "multilabel":
        expected = float(np.mean([auroc(target[:, k], scores[:, k]) for k in range(3)]))
        found = shown.find("macro_auroc")
    else:
        expected = hand_till_auroc(target.argmax(axis=1), scores)
        found = shown.find("hand_till_auroc")
    assert found is not None
    assert found.value == pytest.approx(expected, abs=0.006)  # released with two decimals
    for place, part in enumerate(shown.parts):
        assert part.n_positive == target[:, place].sum()
