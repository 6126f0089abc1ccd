"""Baselines that see no picture, on generated cases whose confounding is known."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from typer.testing import CliRunner

from baselines.asked import asked_task
from baselines.container import headers, predict, tabular
from baselines.examples import TrainingDataError
from baselines.model_card import CARD, SBOM, TABLE, VALIDATION, read_card
from baselines.packaging import image, onnx
from baselines.tabular import fields, learning
from baselines.validation_table import score_options
from cohort_selection.cases import Case
from cohort_selection.deidentification.copy import KEPT
from cohort_selection.sequestration.open_list import read_open, write_open
from cohort_selection.task.declaration import read_task
from evaluator.case_tables.scoring_input import read_tables
from evaluator.commands.main import app
from submissions.contract import read_contract
from submissions.host import base_image
from submissions.predictions import parse_predictions
from tests.baselines.conftest import write_dicom

N_CASES = 160


@pytest.fixture(scope="module")
def confounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases of two scanners and two sexes: odds 4 to 1 by sex, and the scanner tells the label."""
    folder = tmp_path_factory.mktemp("confounded")
    random = np.random.default_rng(5)
    pixels = np.zeros((4, 4), dtype=np.uint16)
    with (folder / "open.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["case_id", "patient_id", "label", "files", "sex", "age", "site"])
        for number in range(N_CASES):
            female = number % 2 == 0
            label = int(random.random() < (0.8 if female else 0.2))
            bits = 12 if label else 10
            write_dicom(folder / f"{number}.dcm", pixels, BitsStored=bits, HighBit=bits - 1)
            age = "" if number % 10 == 0 else str(int(random.integers(20, 90)))
            sex = "Female" if female else "Male"
            writer.writerow(
                [f"case{number}", f"patient{number}", label, f"{number}.dcm", sex, age, "101"]
            )
    return folder / "open.csv"


def trained(open_csv: Path, folder: Path, baseline: str) -> Path:
    learning.train(open_csv, folder, baseline, seed=1, validation_share=0.4)
    return folder


def answered(model: Path, folder: Path, rows: str) -> dict[str, float]:
    """What the program of an image answers, with the standard library alone."""
    written = run_program(model, folder, rows)
    return {row["case_id"]: float(row["probability"]) for row in csv.DictReader(StringIO(written))}


def run_program(model: Path, folder: Path, rows: str) -> str:
    """What the program of an image writes, with the standard library alone."""
    app = folder / "app"
    image.write_model(model, app)
    (folder / "cases.csv").write_text(rows)
    program = (
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(app)!r})\n"
        "from baselines.container import tabular\n"
        "tabular.check()\n"
        f"tabular.INPUT = Path({str(folder)!r})\n"
        "tabular.OUTPUT = tabular.INPUT / 'out.csv'\n"
        "tabular.main()\n"
        "assert not {'numpy', 'pydicom', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, capture_output=True)
    return (folder / "out.csv").read_text()


def test_features_by_hand() -> None:
    described: list[dict[str, object]] = [
        {"name": "sex", "levels": ["F", "M"]},
        {"name": "age", "mean": 50.0, "spread": 10.0, "cuts": [40.0, 60.0]},
    ]
    assert tabular.encode(described, {"sex": "M", "age": "60"}) == [0, 1, 1, 0, 0, 0, 1]
    assert tabular.encode(described, {"sex": "X", "age": ""}) == [0, 0, 0, 1, 0, 0, 0]
    assert tabular.encode(described, {"age": "999"}) == [0, 0, 4, 0, 0, 0, 1]
    assert tabular.encode(described, {"age": "nan"}) == [0, 0, 0, 1, 0, 0, 0]


def test_columns_become_fields_where_they_vary() -> None:
    found = fields.described(
        {
            "constant": ["a"] * 20,
            "name": [f"n{i}" for i in range(20)],
            "level": ["a"] * 10 + ["b"] * 9 + ["rare"],
            "number": [str(i) for i in range(20)],
        }
    )
    level, number = found
    assert level == {"name": "level", "levels": ["a", "b"]}
    assert number["name"] == "number"
    assert number["mean"] == 9.5
    assert number["cuts"] == [3.0, 7.0, 11.0, 15.0]


def test_demographics_finds_the_odds_and_needs_the_standard_library_alone(
    confounded: Path, tmp_path: Path
) -> None:
    model = trained(confounded, tmp_path / "model", learning.DEMOGRAPHICS)
    rows = (
        "case_id,n_files,sex,age,site\nf,1,Female,50,101\nm,1,Male,50,101\n"
        "unknown,1,Not Reported,50,999\nempty,1,,,\n"
    )
    found = answered(model, tmp_path, rows)
    # A share of 0.8 against 0.2: an AUROC of 0.8 by the area of two steps.
    assert read_card(model).validation_auroc == pytest.approx(0.8, abs=0.12)
    assert found["m"] < 0.4 < 0.6 < found["f"]
    assert found["m"] < found["unknown"] < found["f"]  # an unseen level says nothing
    assert found["empty"] == pytest.approx(read_card(model).prevalence)


def test_the_exported_regression_is_the_program(confounded: Path, tmp_path: Path) -> None:
    model = trained(confounded, tmp_path / "model", learning.DEMOGRAPHICS)
    assert onnx.export(model) <= 1e-5
    table = json.loads((model / TABLE).read_text())
    row = {"sex": "Female", "age": "33"}
    features = np.array([tabular.encode(table["fields"], row)], dtype=np.float32)
    (exported,) = predict.open_session(model, 1).run(None, {"features": features})
    rows = "case_id,n_files,sex,age\nf,1,Female,33\n"
    assert answered(model, tmp_path, rows)["f"] == pytest.approx(float(exported[0]), abs=1e-4)


def test_headers_finds_the_scanner_and_reads_no_pixel(confounded: Path, tmp_path: Path) -> None:
    model = trained(confounded, tmp_path / "model", learning.HEADERS)
    assert read_card(model).validation_auroc > 0.99
    case = tmp_path / "images" / "one"
    case.mkdir(parents=True)
    whole = (confounded.parent / "0.dcm").read_bytes()
    (case / "cut.dcm").write_bytes(whole[:-20])  # the pixels end too early
    read = headers.of_headers({}, case)
    assert read["BitsStored"] in {"10", "12"}
    (case / "no.dcm").write_bytes(b"PK\x03\x04")
    assert headers.of_headers({}, case)["BitsStored"] == read["BitsStored"]


def test_headers_are_those_that_a_copy_keeps() -> None:
    assert set(headers.ELEMENTS) <= set(KEPT)


def test_the_prevalence_is_one_answer(confounded: Path, tmp_path: Path) -> None:
    model = trained(confounded, tmp_path / "model", learning.PREVALENCE)
    labels = [case.label for case in read_open(confounded)]
    found = answered(model, tmp_path, "case_id,n_files,sex\na,1,Female\nb,1,Male\n")
    assert set(found.values()) == {round(sum(labels) / len(labels), 6)}


def test_the_validation_part_is_scored_at_home(confounded: Path, tmp_path: Path) -> None:
    model = trained(confounded, tmp_path / "model", learning.DEMOGRAPHICS)
    table = model / VALIDATION
    (found,) = read_tables(table, table, subgroups=("sex",)).values()
    card = read_card(model)
    assert len(found.y) == card.n_validation_cases
    labels = {case.case_id: case.label for case in read_open(confounded)}
    assert [labels[case] for case in found.case_id.tolist()] == found.y.astype(int).tolist()
    pairs = [(p > n) + (p == n) / 2 for p in found.scores[found.y] for n in found.scores[~found.y]]
    assert np.mean(pairs) == pytest.approx(card.validation_auroc, abs=0.01)


def test_mistakes_are_said(confounded: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"no attribute race; it has sex, age, site"):
        learning.train(confounded, tmp_path / "m", "demographics", attributes=["race"])
    with pytest.raises(TrainingDataError, match="visible is empty"):
        learning.train(confounded, tmp_path / "m", "demographics", attributes=[])
    with pytest.raises(TrainingDataError, match="no field of site differs"):
        learning.train(confounded, tmp_path / "m", "demographics", attributes=["site"])
    assert not (tmp_path / "m").exists()


TASKS: dict[str, dict[str, object]] = {
    "multilabel": {"kind": "multilabel", "findings": ["A b", "C"]},
    "multiclass": {"kind": "multiclass", "column": "x", "classes": ["N", "B", "V"]},
    "ordinal": {"kind": "ordinal", "column": "x", "lowest": 1, "highest": 5},
    "score": {"kind": "score"},
}


def targets_by_sex(kind: str, female: bool, number: int) -> dict[str, float | None]:
    """Targets that the sex tells nearly all of."""
    told = female if number % 7 else not female
    if kind == "multilabel":
        return {"a_b": float(told), "c": None if number % 3 else float(not told)}
    if kind == "multiclass":
        of = "n" if told else ("b" if number % 4 < 2 else "v")
        return {name: float(name == of) for name in ("n", "b", "v")}
    return {"grade": 4.0 if told else 2.0} if kind == "ordinal" else {}


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_written_keeps_the_contract_of_each_kind(kind: str, tmp_path: Path) -> None:
    task = read_task(TASKS[kind], tmp_path / "b.toml")
    cases = []
    for number in range(80):
        female = number % 2 == 0
        targets = targets_by_sex(kind, female, number)
        sex = {"sex": "Female" if female else "Male"}
        cases.append(Case(f"c{number}", f"p{number}", (), int(female), sex, targets))
    write_open(tmp_path / "open.csv", cases, ["sex"], task)
    asked = asked_task(tmp_path / "open.csv").task
    if kind == "score":  # the list of a score looks like a binary one: the benchmark tells
        (tmp_path / "b.toml").write_text('[task]\nkind = "score"\n')
        asked = asked_task(tmp_path / "open.csv", tmp_path / "b.toml").task
    card = learning.train(tmp_path / "open.csv", tmp_path / "m", "demographics", asked, seed=1)
    assert read_card(tmp_path / "m") == card
    rows = "case_id,n_files,sex\nf,1,Female\nm,1,Male\nnothing,1,\n"
    written = run_program(tmp_path / "m", tmp_path, rows)
    contract = read_contract({}, tmp_path / "b.toml", task)
    found = parse_predictions(written.encode(), ("f", "m", "nothing"), contract).values
    assert found["f"][0] > found["m"][0]
    assert found["nothing"] == pytest.approx(card.defaults, abs=2e-6)
    lines = (tmp_path / "m" / VALIDATION).read_text().splitlines()
    assert len(lines) == 1 + card.n_validation_cases
    table = str(tmp_path / "m" / VALIDATION)
    scored = CliRunner().invoke(app, ["score", table, table, *score_options(asked).split()])
    assert scored.exit_code == 0, scored.output
    if kind == "ordinal":  # 6 of 7 women have grade 4, and 6 of 7 men grade 2
        assert found["f"][0] == pytest.approx(2 + 2 * 6 / 7, abs=0.4)
        assert {row.split(",")[2] for row in lines[1:]} == {"2", "4"}
    if kind == "multiclass":
        assert lines[0] == "case_id,patient_id,class,prob_n,prob_b,prob_v,sex"
        assert {row.split(",")[2] for row in lines[1:]} == {"n", "b", "v"}


@pytest.mark.engine
def test_the_image_of_headers_has_pydicom_and_a_bill_and_no_torch(
    confounded: Path, tmp_path: Path
) -> None:
    model = trained(confounded, tmp_path / "model", learning.HEADERS)
    tag = "sequestra-tests/headers:1"
    image.package(tag, model=model)
    try:
        asked = base_image.docker(
            *("run", "--rm", "--network", "none", "--entrypoint", "python3", tag, "-c"),
            "import os, json; print(sorted(os.listdir('/app')));"
            "print(json.dumps(json.load(open('/app/sbom.cdx.json'))))",
        )
    finally:
        base_image.docker("rmi", "--force", tag)
    listed, bill = asked.stdout.strip().splitlines()
    assert "pydicom" in listed
    assert not [name for name in ("torch", "numpy", "onnxruntime") if f"'{name}'" in listed]
    assert json.loads(bill) == json.loads((model / SBOM).read_text())
    names = {part["name"] for part in json.loads(bill)["components"]}
    assert {"pydicom", "libc6"} <= names
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    assert CARD in listed
