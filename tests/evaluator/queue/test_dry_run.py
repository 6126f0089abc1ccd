"""A researcher's check: the copies of a sequestered run, and what it says of the scores."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import write_open
from evaluator.benchmark.specification import (
    read_age_bands,
    read_analysis,
    read_clinical_columns,
    read_contract_alone,
)
from evaluator.queue.dry_run import Practised
from evaluator.tasks.first_look import Scores, look_of
from evaluator.terminal.dry_run import practised
from submissions.predictions import Predictions
from submissions.submission import Failure
from tests.support.commands import Ended, sequestra
from tests.support.engine import ImageBuilder
from tests.support.image_kinds import SECRET, computed_radiograph, write
from tests.support.repository import REPOSITORY

SCORING = """
import csv
with open('/input/cases.csv') as lines, open('/output/predictions.csv', 'w') as out:
    print('case_id,probability', file=out)
    for row in csv.DictReader(lines):
        print(row['case_id'], {expression}, sep=',', file=out)
"""

READS_MANUFACTURER = f"""
import pathlib
for file in sorted(pathlib.Path('/input/images').rglob('*.dcm')):
    print('reading a case')
    if b'{SECRET}' not in file.read_bytes():
        raise SystemExit('this model wants a Manufacturer')
"""

CONTRACT = """
[benchmark]
name = "practised"

[cohort.target_file]
path = "a-table-that-the-researcher-has-not.csv"

[contract]
visible = ["view"]
"""


@pytest.fixture
def researcher(tmp_path: Path) -> Path:
    """A folder with open cases and the benchmark's file: no installation, no other table."""
    cases = [
        Case(
            f"study {i}",
            f"patient {i}",
            (write(computed_radiograph(), tmp_path / f"{i}.dcm"),),
            i % 2,
            {"view": "PA" if i % 2 else "AP"},
        )
        for i in range(10)
    ]
    write_open(tmp_path / "open.csv", cases, ["view"])
    (tmp_path / "practised.toml").write_text(CONTRACT)
    return tmp_path


def check(researcher: Path, image: str, *options: str) -> Ended:
    return sequestra(
        *("check", image, "--benchmark", "practised.toml", "--open", "open.csv", *options),
        cwd=researcher,
        env={"PYTHONPATH": str(REPOSITORY)},
    )


@pytest.mark.engine
@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (
            "0.9 if row['view'] == 'PA' else 0.25",
            ["AUROC 1.000 on 5 positive and 5 negative cases; scores from 0.25 to 0.9"],
        ),
        (
            "0.9 if row['view'] == 'AP' else 0.25",
            [
                "AUROC 0.000 on 5 positive and 5 negative cases",
                "inverted: positive cases score lower than negative ones",
            ],
        ),
        ("0.3", ["constant: all 10 cases have the score 0.3"]),
    ],
)
def test_a_check_says_how_the_scores_look_without_an_installation(
    researcher: Path, image_of: ImageBuilder, expression: str, told: Sequence[str]
) -> None:
    checked = check(researcher, image_of(SCORING.format(expression=expression)))
    assert checked.code == 0, checked.complained
    assert "passed: 10 open cases" in checked.printed
    for words in told:
        assert words in checked.printed
    assert not (researcher / "sequestra-home").exists()


@pytest.mark.engine
def test_a_model_that_reads_what_a_copy_has_not_fails_in_the_check(
    researcher: Path, image_of: ImageBuilder
) -> None:
    """As it would on the sequestered cases, where the failure is charged."""
    assert SECRET.encode() in (researcher / "0.dcm").read_bytes()
    checked = check(researcher, image_of(READS_MANUFACTURER))
    assert checked.code == 1
    assert "crashed: The container ended with a non-zero exit code." in checked.printed
    # The engine may hand on the last line of one stream before that of the other.
    log = checked.printed.partition("the container's log:\n")[2]
    assert "this model wants a Manufacturer" in log.splitlines()
    assert "sequestra check" not in checked.printed


@pytest.mark.engine
def test_the_log_is_shown_where_the_predictions_fail(
    researcher: Path, image_of: ImageBuilder
) -> None:
    many = "for i in range(100): print('line', i)\n"
    checked = check(researcher, image_of(many + SCORING.format(expression="float('nan')")))
    assert checked.code == 1
    assert "predictions-out-of-range" in checked.printed
    assert "the last 20 lines of the container's log:" in checked.printed
    assert checked.printed.split()[-2:] == ["line", "99"]
    assert "line 79\n" not in checked.printed


def shown(found: Practised) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(practised(found))
    return captured.get()


def test_one_label_alone_gives_no_auroc() -> None:
    told = shown(Practised(3, 1.0, None, "", "", Scores(0, 3, 0.25, 0.9, None, inverted=False)))
    assert "scores from 0.25 to 0.9; no AUROC, since there are 0 positive and 3 negative" in told
    told = shown(Practised(1, 1.0, None, "", "", Scores(0, 1, 0.5, 0.5, None, inverted=False)))
    assert "constant" not in told


@pytest.mark.parametrize("failure", Failure)
def test_no_failure_tells_one_to_run_what_is_running(failure: Failure) -> None:
    told = shown(Practised(3, 1.0, failure, "detail", ""))
    assert "sequestra check" not in told
    assert failure.value in told
    run = failure is not Failure.IMAGE_INVALID
    assert ("the container's log is empty" in told) is run


def test_below_a_half_by_chance_is_not_called_inverted() -> None:
    scores = Scores(2, 2, 0.1, 0.9, 0.25, inverted=False)
    told = shown(Practised(4, 1.0, None, "", "", scores))
    assert "AUROC 0.250 on 2 positive and 2 negative cases" in told
    assert "below 0.5, which may be chance with so few cases" in told
    assert "inverted" not in told


def test_each_of_several_outputs_is_looked_at_on_the_cases_where_it_is_known() -> None:
    targets = [(1.0, None), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
    scores = [(0.9, 0.1), (0.2, 0.3), (0.8, 0.3), (0.1, 0.3)]
    blinded = {
        f"run-{n}": Case(
            f"case-{n}", f"p{n}", (), int(1.0 in row), {}, dict(zip("ab", row, strict=True))
        )
        for n, row in enumerate(targets)
    }
    predictions = Predictions({f"run-{n}": row for n, row in enumerate(scores)})
    found = look_of(blinded, predictions, ("a", "b"))
    assert (found.lowest, found.highest, found.auroc) == (0.1, 0.9, None)
    assert found.of_outputs["a"].auroc == 1.0
    assert (found.of_outputs["b"].n_positive, found.of_outputs["b"].n_negative) == (1, 2)
    assert found.of_outputs["b"].constant
    assert Scores.read(json.loads(json.dumps(found.as_document()))) == found
    told = shown(Practised(4, 1.0, None, "", "", found))
    assert "a\n  AUROC 1.000 on 2 positive and 2 negative cases" in told
    assert "constant: all 3 cases have the score 0.3" in told
    alone = look_of(blinded, predictions)
    assert (alone.auroc, alone.of_outputs) == (1.0, {})
    assert "of_outputs" not in alone.as_document()


def test_grades_are_looked_at_by_range_label_and_ranks() -> None:
    reference, grade = (0.0, 3.0, 5.0, 8.0), (1.5, 1.0, 6.0, 7.0)
    blinded = {
        f"run-{n}": Case(f"case-{n}", f"p{n}", (), int(each >= 4), {}, {"grade": each})
        for n, each in enumerate(reference)
    }
    predictions = Predictions({f"run-{n}": (each,) for n, each in enumerate(grade)})
    found = look_of(blinded, predictions, ("grade",))
    assert (found.lowest, found.highest, found.auroc) == (1.0, 7.0, 1.0)
    assert found.prediction_probability == pytest.approx(5 / 6)  # one of six pairs is turned
    assert Scores.read(json.loads(json.dumps(found.as_document()))) == found
    told = shown(Practised(4, 1.0, None, "", "", found))
    assert "scores from 1 to 7; prediction probability of the grades 0.833" in told
    assert "prediction_probability" not in look_of(blinded, predictions).as_document()


def test_the_contract_is_read_of_the_benchmarks_file_alone(tmp_path: Path) -> None:
    (tmp_path / "practised.toml").write_text(CONTRACT)
    assert read_contract_alone(tmp_path / "practised.toml").visible == ("view",)


@pytest.mark.parametrize("name", ["simulated-opacity", "nih-any-finding"])
def test_a_benchmark_that_comes_along_is_read_in_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every command that takes a benchmark's file: check, score and index."""
    there, named = REPOSITORY / "benchmarks" / f"{name}.toml", Path("benchmarks") / f"{name}.toml"
    tables = tomllib.loads(there.read_text())
    monkeypatch.chdir(tmp_path)
    contract = read_contract_alone(named)
    assert contract == read_contract_alone(there)
    assert list(read_age_bands(named)) == tables["cohort"]["age_bands"]
    plan = read_analysis(named, subgroups=None, symmetric=False, replicates=None)
    assert list(plan.subgroups) == tables["analysis"]["subgroups"]
    assert read_clinical_columns(named) == {}


def test_a_benchmarks_file_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    told = sequestra(
        *("check", "image", "--benchmark", "none.toml", "--open", "open.csv"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)},
    )
    assert told.code == 2
    assert "no benchmark file none.toml; give the path of a .toml" in told.complained
