"""`sequestra score` on 22,433 real scores: the published figures and R pROC's bounds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.support.commands import refused, succeed

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def scored(
    tmp_path_factory: pytest.TempPathFactory, shared_data: Path
) -> dict[str, dict[tuple[str, str, str], dict[str, float]]]:
    """Estimates by label, and in it by (metric, attribute, level)."""
    scores = shared_data / "scores" / "nih_chexnet_scores.csv.gz"
    written = tmp_path_factory.mktemp("scored") / "scores.json"
    # Every case a patient of its own, and symmetric intervals: so pROC was run.
    succeed(
        *("score", scores, scores, "--patient-column", "", "--symmetric"),
        *("--subgroup", "sex", "--subgroup", "view", "--output", written, "--replicates", "0"),
    )
    return {
        label: {
            (each["metric"], each["attribute"], each["level"]): each["estimate"]
            for each in evaluation["results"]
        }
        for label, evaluation in json.loads(written.read_text()).items()
    }


def test_the_table_and_the_report_of_own_scores_withhold_nothing(tmp_path: Path) -> None:
    rows = [f"c{i},{i % 2},{'F' if i % 3 else 'M'},{(i * 37 % 100) / 100}" for i in range(200)]
    (tmp_path / "s.csv").write_text("case_id,label,sex,probability\n" + "\n".join(rows) + "\n")
    plan = tmp_path / "plan.toml"
    plan.write_text('[analysis]\nsubgroups = ["sex"]\nreplicates = 100\n')
    succeed(
        *("score", tmp_path / "s.csv", tmp_path / "s.csv", "--plan", plan, "--threshold", "0.5"),
        *("--table", tmp_path / "t.csv", "--report", tmp_path / "r.html"),
    )
    with (tmp_path / "t.csv").open(newline="") as lines:
        found = {(row["metric"], row["level"]): row for row in csv.DictReader(lines)}
    # Of 0, 37, 74 ... (a multiple of 37 modulo 100) half are 50 or more, in both labels alike.
    assert float(found["sensitivity", "all"]["value"]) == 0.5
    assert int(found["auroc", "Male"]["n_cases"]) == 67
    assert found["sensitivity_gap", "max - min"]["value"]
    report = (tmp_path / "r.html").read_text()
    assert "sex" in report
    assert "http://" not in report


def test_the_report_tells_the_threshold_of_the_plan(tmp_path: Path) -> None:
    table = four_rows(tmp_path)
    plan = tmp_path / "plan.toml"
    plan.write_text("[analysis]\nthreshold = 0.3\nminimum_cases = 2\nminimum_per_class = 1\n")
    succeed("score", table, table, "--plan", plan, "--report", tmp_path / "r.html")
    assert "At the threshold of 0.3" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--threshold", "1.5"), "the threshold is 1.5 and the scores lie from 0 to 1"),
        (("--report", "nowhere/r.html"), "there is no folder nowhere"),
        (("--design", "random"), "give one of 'fixed-prevalence', 'sampled'"),
    ],
)
def test_what_cannot_be_scored_or_written_is_one_sentence(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    table = four_rows(tmp_path)
    assert said in " ".join(refused("score", table, table, *options).split())


def four_rows(folder: Path) -> Path:
    table = folder / "s.csv"
    table.write_text("case_id,label,score\na,1,0.9\nb,0,0.2\nc,1,0.4\nd,0,0.1\n")
    return table


def test_the_fourteen_published_aucs_come_out_to_the_last_printed_digit(
    scored: dict[str, dict[tuple[str, str, str], dict[str, float]]], shared_data: Path
) -> None:
    with (shared_data / "scores" / "nih_chexnet_published_auc.csv").open(newline="") as lines:
        published = {row["label"]: row["auc"] for row in csv.DictReader(lines)}
    assert len(published) == 14
    for label, printed in published.items():
        value = scored[label]["auroc", "overall", "all"]["value"]
        assert value == pytest.approx(float(printed), abs=3e-16)


def test_the_bounds_are_those_of_proc_to_six_decimals(
    scored: dict[str, dict[tuple[str, str, str], dict[str, float]]], shared_data: Path
) -> None:
    reference = shared_data / "reference" / "nih_chexnet_auc_delong_pROC.csv"
    compared = 0
    with reference.open(newline="") as lines:
        for row in csv.DictReader(lines):
            attribute, _, level = row["subgroup"].partition("=")
            if attribute == "age" or row["ci95_low"] == "NA":
                continue
            level = {"F": "Female", "M": "Male"}.get(level, level)
            group = (attribute, level) if level else ("overall", "all")
            found = scored[row["label"]].get(("auroc", *group))
            if found is None or found["low"] is None:
                continue
            assert found["low"] == pytest.approx(float(row["ci95_low"]), abs=5e-7)
            assert found["high"] == pytest.approx(float(row["ci95_high"]), abs=5e-7)
            compared += 1
    assert compared >= 14 * 4
