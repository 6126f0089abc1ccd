"""Tables of several outputs: judged together, written, refused with one sentence."""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, Task
from evaluator.case_tables.labels import Labels
from evaluator.case_tables.scoring_input import Reading, ScoringInputError
from evaluator.own_tasks.declared import own_task
from evaluator.own_tasks.own_task import OwnTask, judge_own
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import OVERALL
from metrics.discrimination.curves import auroc
from metrics.discrimination.multiclass import hand_till_auroc
from tests.support.commands import succeed

CLASSES = ("Normal", "Opacity", "Large heart")
PLAN = AnalysisPlan(subgroups=("sex",), replicates=0, smooth_calibration="none")


def made(folder: Path, n: int = 200) -> tuple[Path, Path, list[list[str]]]:
    """Outputs of findings and classes in one table, labels in another, and the labels' rows."""
    rng = random.Random(3)
    scores, labels = [], []
    for case in range(n):
        own = rng.choice((0, 0, 1, 2))
        odds = [math.exp(rng.gauss(0, 1) + 1.2 * (c == own)) for c in range(3)]
        effusion, mass = rng.random() < 0.4, rng.random() < 0.3
        found = [rng.gauss(0, 1) + 2 * effusion, rng.gauss(0, 1) + mass]
        scores.append(
            [f"c{case}", *(f"{1 / (1 + math.exp(-z)):.6f}" for z in found)]
            + [f"{each / sum(odds):.6f}" for each in odds]
        )
        told = "" if case % 7 == 0 else str(int(effusion))
        row = [f"c{case}", f"p{case // 2}", "FM"[case % 4 < 2], told, str(int(mass)), CLASSES[own]]
        labels.append(row)
    outputs = ["case_id", "effusion", "large_mass", "normal", "opacity", "large_heart"]
    columns = ["case_id", "patient_id", "sex", "Effusion", "Large mass", "main_finding"]
    write(folder / "predictions.csv", [outputs, *scores])
    write(folder / "truth.csv", [columns, *labels])
    return folder / "predictions.csv", folder / "truth.csv", labels


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def reading(labels: Sequence[str] = (), list_column: str = "", missing: str = "refuse") -> Reading:
    return {"labels": labels, "how": Labels(list_column), "missing": missing}


def judged(
    tables: tuple[Path, Path], kind: str, how: Reading, plan: AnalysisPlan = PLAN
) -> OwnTask:
    asked = own_task(kind, None, how)
    assert asked is not None
    task, read = asked
    return judge_own(*tables, task, plan, None, **read)


def value(own: OwnTask, name: str) -> float:
    (found,) = [
        r.estimate.value for r in own.evaluation.results if r.metric == name and r.group == OVERALL
    ]
    assert found is not None
    return found


def test_findings_are_judged_together_and_written(tmp_path: Path) -> None:
    predictions, truth, rows = made(tmp_path)
    written = {name: tmp_path / f"out.{name}" for name in ("json", "csv", "html")}
    plan = tmp_path / "plan.toml"
    plan.write_text('[analysis]\nreplicates = 0\nsmooth_calibration = "none"\n')
    printed = succeed(
        *("score", predictions, truth, "--task", "multilabel", "--subgroup", "sex"),
        *("--label", "Effusion", "--label", "Large mass", "--output", written["json"]),
        *("--table", written["csv"], "--report", written["html"], "--plan", plan),
    )
    assert "Mean AUROC" in printed
    assert "each finding where known" in printed
    assert "29 of 200 cases are left out" in printed  # of one finding
    with predictions.open(newline="") as file:
        scores = list(csv.DictReader(file))
    areas = []
    for column, output in ((3, "effusion"), (4, "large_mass")):
        known = [place for place, row in enumerate(rows) if row[column]]
        y = [int(rows[place][column]) for place in known]
        areas.append(auroc(y, [float(scores[place][output]) for place in known]))
    document = json.loads(written["json"].read_text())[MULTILABEL]
    whole = {r["metric"]: r["estimate"] for r in document["results"] if r["level"] == "all"}
    assert whole["macro_auroc"]["value"] == pytest.approx(np.mean(areas), abs=1e-12)
    assert whole["macro_auroc"]["n_patients"] == 100
    assert [part["name"] for part in document["parts"]] == ["effusion", "large_mass"]
    with written["csv"].open(newline="") as file:
        table = {(r["label"], r["metric"], r["level"]): r["value"] for r in csv.DictReader(file)}
    assert float(table["effusion", "auroc", "all"]) == pytest.approx(areas[0], abs=1e-12)
    assert ("multilabel", "macro_auroc", "Female") in table
    page = written["html"].read_text()
    assert "Mean AUROC" in page
    assert "large_mass" in page


def test_classes_in_one_table_as_a_trained_baseline_writes_it(tmp_path: Path) -> None:
    predictions, _, rows = made(tmp_path)
    with predictions.open(newline="") as file:
        scores = list(csv.reader(file))[1:]
    names = [name.casefold().replace(" ", "_") for name in CLASSES]
    table = tmp_path / "validation.csv"
    header = ["case_id", "patient_id", "sex", "class", *(f"prob_{name}" for name in names)]
    lines = [
        [*row[:3], row[5].casefold().replace(" ", "_"), *of[3:]]
        for row, of in zip(rows, scores, strict=True)
    ]
    write(table, [header, *lines])
    own = judged((table, table), MULTICLASS, reading(names, "class"))
    of_class = [names.index(line[3]) for line in lines]
    p = np.array([[float(cell) for cell in line[4:]] for line in lines])
    assert value(own, "hand_till_auroc") == pytest.approx(hand_till_auroc(of_class, p), abs=1e-5)
    assert own.primary == "hand_till_auroc"
    assert [part.name for part in own.evaluation.parts] == names


def test_a_benchmarks_file_declares_the_task(tmp_path: Path) -> None:
    plan = tmp_path / "type.toml"
    plan.write_text(
        '[task]\nkind = "multiclass"\ncolumn = "main_finding"\n'
        'classes = ["Normal", "Opacity", "Large heart"]\n'
    )
    asked = own_task("", plan, reading())
    assert asked is not None
    task, read = asked
    assert task == Task(MULTICLASS, "main_finding", classes=CLASSES)
    predictions, truth, _ = made(tmp_path)
    assert value(judge_own(predictions, truth, task, PLAN, None, **read), "macro_sensitivity") > 0.4
    plan.write_text('[analysis]\nprimary = "auroc"\n')
    assert own_task("", plan, reading()) is None


def other_sums(table: Path) -> None:
    lines = table.read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0] + ",0.99"
    table.write_text("\n".join(lines) + "\n")


def no_probability(table: Path) -> None:
    lines = table.read_text().splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:3], "1.5", *cells[4:]])
    table.write_text("\n".join(lines) + "\n")


def nothing(table: Path) -> None:
    """Leave the table as it is."""


@pytest.mark.parametrize(
    ("kind", "how", "spoil", "said"),
    [
        (MULTICLASS, reading(CLASSES, "main_finding"), other_sums, "must sum to 1"),
        (MULTICLASS, reading(CLASSES, "main_finding"), no_probability, "probabilities from 0 to 1"),
        (MULTICLASS, reading(CLASSES[:2], "main_finding"), nothing, "name every class"),
        (MULTICLASS, reading(CLASSES), nothing, "name it with --list-column"),
        (MULTICLASS, reading(CLASSES, "main_finding", "worst"), nothing, "predict every case"),
        (MULTILABEL, reading(("Effusion",)), nothing, "two labels or more"),
        (MULTILABEL, reading(("Effusion", "effusion ")), nothing, "two names for the column"),
        (
            "several",
            reading(("Effusion", "Large mass")),
            nothing,
            "give multilabel, multiclass, score",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_with_what_to_do(
    tmp_path: Path, kind: str, how: Reading, spoil: Callable[[Path], None], said: str
) -> None:
    predictions, truth, _ = made(tmp_path, 60)
    spoil(predictions)
    with pytest.raises(ScoringInputError, match=said):
        judged((predictions, truth), kind, how)


@pytest.mark.realdata
def test_fourteen_findings_of_22433_radiographs_have_their_published_aurocs(
    shared_data: Path,
) -> None:
    with (shared_data / "scores" / "nih_chexnet_published_auc.csv").open(newline="") as file:
        published = {row["label"]: float(row["auc"]) for row in csv.DictReader(file)}
    table = shared_data / "scores" / "nih_chexnet_scores.csv.gz"
    plan = AnalysisPlan(replicates=0, smooth_calibration="none")
    own = judged((table, table), MULTILABEL, reading(tuple(published)), plan)
    assert own.evaluation.n_cases == 22_433
    for (label, expected), part in zip(published.items(), own.evaluation.parts, strict=True):
        (found,) = [
            r.estimate.value
            for r in part.evaluation.results
            if r.metric == "auroc" and r.group == OVERALL
        ]
        assert found == pytest.approx(expected, abs=3e-16), label
    assert value(own, "macro_auroc") == pytest.approx(np.mean(list(published.values())), abs=1e-12)
    (macro,) = [
        r.estimate
        for r in own.evaluation.results
        if r.metric == "macro_auroc" and r.group == OVERALL
    ]
    assert macro.low is not None
    assert macro.high is not None
    assert 0.005 < macro.high - macro.low < 0.03  # the findings share their images
