"""`score` of grades and of scores on any scale, from tables of one's own."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.commands import refused, succeed
from tests.support.repository import REPOSITORY


def table(path: Path, header: list[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        written = csv.writer(file)
        written.writerow(header)
        written.writerows(rows)
    return path


@pytest.fixture
def grades(tmp_path: Path) -> tuple[Path, Path]:
    """Sixty cases of two sexes; every third grade is one off, the last reference is not known."""
    truth = [[f"c{i}", f"p{i}", i % 5, "F" if i % 2 else "M"] for i in range(60)]
    truth.append(["c60", "p60", "", "F"])
    given = [[f"c{i}", (i % 5) + (0.75 if i % 3 == 0 and i % 5 < 4 else 0)] for i in range(61)]
    return (
        table(tmp_path / "given.csv", ["case_id", "grade"], given),
        table(tmp_path / "truth.csv", ["case_id", "patient_id", "severity", "sex"], truth),
    )


def figures(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    (document,) = json.loads(path.read_text()).values()
    return {(r["metric"], r["level"]): r["estimate"] for r in document["results"]}


def test_the_demonstration_of_melody(shared_data: Path, tmp_path: Path) -> None:
    """MELODY's kappas; the third model leaves grades out, which its package moves down."""
    truth = shared_data / "scores" / "melody_demo_truth_demographics.csv"
    scores = shared_data / "scores" / "melody_demo_scores.csv"
    found = {}
    for model in ("ai_model_1", "ai_model_2", "ai_model_3"):
        output = tmp_path / f"{model}.json"
        succeed(
            *("score", scores, truth, "--case-column", "case_name", "--label", "truth"),
            *("--score-column", model, "--task", "ordinal:0-24:4", "--output", output),
        )
        found[model] = figures(output)
    kappas = [each["quadratic_weighted_kappa", "all"]["value"] for each in found.values()]
    assert kappas == pytest.approx([0.8531, 0.8450, 0.6996], abs=5e-5)
    # MELODY 0.3.3's bootstrap of the first, 0.8212 to 0.8831
    first = found["ai_model_1"]["quadratic_weighted_kappa", "all"]
    assert (first["low"], first["high"]) == pytest.approx((0.8212, 0.8831), abs=0.01)


def test_grades_by_screen_json_table_and_page(grades: tuple[Path, Path], tmp_path: Path) -> None:
    output, page, rows = tmp_path / "o.json", tmp_path / "o.html", tmp_path / "o.csv"
    shown = succeed(
        *("score", *grades, "--label", "severity", "--task", "ordinal:0-4:2,4"),
        *("--subgroup", "sex", "--output", output, "--report", page, "--table", rows),
    )
    assert "Quadratic-weighted kappa" in shown
    assert "grade >= 2" in shown
    assert "1 of 61 cases are left out" in " ".join(shown.split())
    found = figures(output)
    # 16 of 60 cases are 0.75 too high
    assert found["mean_absolute_error", "all"]["value"] == pytest.approx(16 * 0.75 / 60)
    assert found["mean_difference", "all"]["value"] == pytest.approx(16 * 0.75 / 60)
    assert found["quadratic_weighted_kappa", "Female"]["value"] < 1.0
    (document,) = json.loads(output.read_text()).values()
    assert [part["name"] for part in document["parts"]] == ["grade >= 2", "grade >= 4"]
    assert "Quadratic-weighted kappa" in page.read_text()
    assert "grade &gt;= 2" in page.read_text()
    assert "ordinal,quadratic_weighted_kappa,overall" in rows.read_text()


def test_a_benchmark_s_file_says_scale_and_cuts(grades: tuple[Path, Path], tmp_path: Path) -> None:
    shipped = REPOSITORY / "benchmarks" / "simulated-severity.toml"
    file = tmp_path / "plan.toml"
    text = shipped.read_text().replace('subgroups = ["sex", "age_group", "site"]', "")
    file.write_text(text.replace("replicates = 2000", "replicates = 0"))
    shown = succeed("score", *grades, "--label", "severity", "--plan", file)
    assert "grade >= 2" in shown
    assert "grade >= 5" not in shown  # nobody has such a grade


def test_scores_of_0_to_1_may_be_no_probabilities(tmp_path: Path) -> None:
    rows = [[f"c{i}", i % 2, (i % 10) / 10] for i in range(60)]
    file = table(tmp_path / "one.csv", ["case_id", "label", "score"], [list(row) for row in rows])
    output = tmp_path / "o.json"
    shown = succeed("score", file, file, "--task", "score", "--output", output)
    assert "Area under the ROC curve" in shown
    found = figures(output)
    assert ("auroc", "all") in found
    assert ("kendall_tau_b", "all") in found
    assert not {name for name, _ in found} & {"brier", "ece", "calibration_slope"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--task", "ordinal:0-4"), "name the one column of the reference grade"),
        (("--task", "ordinal", "--label", "severity"), "give the scale of the grades as"),
        (("--task", "ordinal:4-0", "--label", "severity"), "give the ends of the scale"),
        (("--task", "ordinal:0-3", "--label", "severity"), "the reference grade of case 'c4' is 4"),
        (("--task", "ordinal:0-4:9", "--label", "severity"), "cuts are [9]; give grades from 1"),
        (("--task", "ordinal:0-4", "--label", "sex"), "sex is 'M'; give a number"),
        (("--task", "grades", "--label", "severity"), "or grades as ordinal:0-24"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(
    grades: tuple[Path, Path], options: tuple[str, ...], said: str
) -> None:
    assert said in " ".join(refused("score", *grades, *options).split())
