"""Networks of other tasks and of volumes: trained, exported, run as their container runs them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baselines.asked import asked_task
from baselines.container import predict
from baselines.model_card import VALIDATION
from baselines.packaging import onnx
from baselines.training import train
from cohort_selection.cases import Case
from cohort_selection.commons.simulation import simulate
from cohort_selection.sequestration.open_list import read_open, write_open
from cohort_selection.task.declaration import Task, read_task
from submissions.contract import read_contract
from submissions.predictions import parse_predictions

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:DeprecationWarning",  # mlflow 3.17 with SQLAlchemy 2.1
)


def mounted(folder: Path, cases: list[Case]) -> Path:
    """Cases as a container sees them, and one where nothing can be read."""
    rows = "".join(f"{case.case_id},{len(case.files)}\n" for case in cases)
    for case in cases:
        (folder / "images" / case.case_id).mkdir(parents=True)
        for file in case.files:
            (folder / "images" / case.case_id / file.name).symlink_to(file)
    (folder / "cases.csv").write_text(f"case_id,n_files\n{rows}empty,0\n")
    return folder


def predicted(model: Path, folder: Path, task: Task, cases: list[Case]) -> dict[str, float]:
    """First output of each case, by the contract's own strict reader."""
    predict.predict(model, mounted(folder, cases), folder / "out.csv", threads=1)
    contract = read_contract({}, folder / "b.toml", task)
    names = [case.case_id for case in cases] + ["empty"]
    found = parse_predictions((folder / "out.csv").read_bytes(), names, contract)
    return {name: values[0] for name, values in found.values.items()}


def validated(model: Path, column: str) -> dict[str, float]:
    with (model / VALIDATION).open(newline="") as table:
        return {row["case_id"]: float(row[column]) for row in csv.DictReader(table)}


def test_grades_are_learnt_exported_and_written_on_their_scale(
    open_list: Path, tmp_path: Path
) -> None:
    table = {"kind": "ordinal", "column": "x", "lowest": 2, "highest": 6}
    task = read_task(table, tmp_path / "b.toml")
    cases = [
        replace(case, targets={"grade": 5.0 if case.label else 2.0 + number % 2})
        for number, case in enumerate(read_open(open_list))
    ]
    write_open(tmp_path / "open.csv", cases, (), task)
    settings = train.Settings(epochs=1, size=32, batch=16, seed=1, workers=0)
    asked = asked_task(tmp_path / "open.csv").task
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    card = train.train(
        tmp_path / "open.csv", tmp_path / "model", settings, task=asked, tracking_uri=uri
    )
    assert (card.kind, card.grades, card.lowest) == ("ordinal", 5, 2)
    assert onnx.export(tmp_path / "model") <= 5e-5
    found = predicted(tmp_path / "model", tmp_path / "input", task, cases[:30])
    assert found["empty"] == pytest.approx(np.mean([c.targets["grade"] for c in cases]), abs=1e-5)
    at_home = validated(tmp_path / "model", "prob_grade")
    both = sorted(at_home.keys() & found.keys())
    assert both
    np.testing.assert_allclose(
        [found[name] for name in both], [at_home[name] for name in both], rtol=0, atol=1e-4
    )  # the cache of pixels keeps 16 bits


def test_volumes_are_learnt_exported_and_answered(tmp_path: Path) -> None:
    made = simulate(tmp_path / "ct", patients=12, seed=3, modality="CT")
    with made.clinical.open(newline="") as table:
        cases = [
            Case(
                row["study_uid"],
                row["case_ids"],
                tuple(sorted((made.dicom / row["study_uid"]).rglob("*.dcm"))),
                int(row["opacity"]),
                {"sex": row["sex"]},
            )
            for row in csv.DictReader(table)
        ]
    write_open(tmp_path / "open.csv", cases, ("sex",))
    settings = train.Settings(network="ct3d", epochs=1, size=32, batch=4, seed=1, workers=0)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    card = train.train(tmp_path / "open.csv", tmp_path / "model", settings, tracking_uri=uri)
    assert card.depth == 32
    assert onnx.export(tmp_path / "model") <= 1e-5
    at_home = validated(tmp_path / "model", "probability")
    shown = [case for case in cases if case.case_id in at_home]
    found = predicted(tmp_path / "model", tmp_path / "input", Task(), shown)
    assert found.pop("empty") == card.prevalence
    np.testing.assert_allclose(
        [found[name] for name in at_home], list(at_home.values()), rtol=0, atol=2e-5
    )
