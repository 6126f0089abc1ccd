"""Two CSV files in: what is refused, with file and line, and what is paired."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.specification import read_benchmark
from evaluator.commands.main import app
from evaluator.scoring.score import (
    AnalysisPlan,
    PlanError,
    ScoringInputError,
    read_plan,
    read_tables,
    score,
)
from evaluator.scoring.score_tables import score_tables
from tests.support.repository import REPOSITORY

TRUTH = "case_id,patient_id,label,sex,age\na,p1,1,F,39\nb,p2,0,,40\nc,p2,0,M,\n"
PREDICTIONS = "case_id,probability\nc,0.3\na,0.9\nb,0.2\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_matched_by_case_not_by_position(tmp_path: Path) -> None:
    found = read_tables(
        write(tmp_path, "p.csv", PREDICTIONS),
        write(tmp_path, "t.csv", TRUTH),
        subgroups=("sex", "age"),
    )
    given = found["label"]
    assert given.case_id.tolist() == ["a", "b", "c"]
    assert given.scores.tolist() == [0.9, 0.2, 0.3]
    assert given.y.tolist() == [True, False, False]
    assert given.patient_id is not None
    assert given.patient_id.tolist() == ["p1", "p2", "p2"]
    assert given.attributes["sex"].tolist() == ["Female", "Not Reported", "Male"]
    assert given.attributes["age_group"].tolist() == ["30-39", "40-49", "Not Reported"]


def test_several_labels_pair_with_their_columns_in_one_gzipped_file(tmp_path: Path) -> None:
    path = tmp_path / "both.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("image_id,Mass,Nodule,prob_Nodule,prob_Mass\n1,0,1,0.6,0.1\n2,1,0,0.5,0.2\n")
    found = read_tables(path, path)
    assert list(found) == ["Nodule", "Mass"]
    assert found["Mass"].scores.tolist() == [0.1, 0.2]
    assert found["Nodule"].y.tolist() == [True, False]
    assert found["Mass"].patient_id is None
    assert list(read_tables(path, path, labels=("Mass",))) == ["Mass"]


def test_a_dropped_case_is_refused_or_scored_as_the_worst(tmp_path: Path) -> None:
    short = write(tmp_path, "p.csv", "case_id,probability\na,0.9\nc,0.3\n")
    truth = write(tmp_path, "t.csv", TRUTH)
    with pytest.raises(ScoringInputError, match=r"1 of 3 cases in t.csv .* line 3"):
        read_tables(short, truth)
    given = read_tables(short, truth, missing="worst")["label"]
    assert given.scores.tolist() == [0.9, 1.0, 0.3]
    assert given.n_missing == 1
    lost_positive = write(tmp_path, "q.csv", "case_id,probability\nb,0.2\nc,0.3\n")
    assert read_tables(lost_positive, truth, missing="worst")["label"].scores[0] == 0.0


@pytest.mark.parametrize(
    ("predictions", "truth", "message"),
    [
        (
            "case_id,risk\na,0.9\nb,0.2\nc,0.3\n",
            TRUTH,
            r"p.csv has no .*are: case_id, risk",
        ),
        (PREDICTIONS, "case_id,sex\na,F\nb,F\nc,M\n", r"t.csv has no .*label.*: case_id, sex"),
        (PREDICTIONS, "name,label\na,1\n", r"t.csv has no case column"),
        (
            PREDICTIONS,
            TRUTH.replace("b,p2,0", "b,p2,2"),
            r"t.csv line 3: label is '2'; give 0 or 1",
        ),
        (PREDICTIONS, TRUTH.replace("b,p2,0", "b,p2,"), r"t.csv line 3: label is ''"),
        (PREDICTIONS + "a,0.1\n", TRUTH, r"p.csv line 5: the case of line 3 again"),
        (PREDICTIONS, TRUTH + "c,p9,1,F,3\n", r"t.csv line 5: the case of line 4 again"),
        (PREDICTIONS + "z,0.1\n", TRUTH, r"p.csv line 5: the case 'z' is not in t.csv"),
        (PREDICTIONS.replace("0.9", "nan"), TRUTH, r"p.csv line 3: probability is 'nan'"),
        (PREDICTIONS.replace("0.9", "-inf"), TRUTH, r"p.csv line 3: probability is '-inf'"),
        (PREDICTIONS.replace("0.9", ""), TRUTH, r"p.csv line 3: probability is ''; give a prob"),
        (PREDICTIONS.replace("0.9", "high"), TRUTH, r"p.csv line 3: probability is 'high'"),
        (PREDICTIONS.replace("0.9", "0.9,1"), TRUTH, r"p.csv line 3: 3 fields, but the header"),
        ("", TRUTH, r"p.csv line 1: no header"),
        ("case_id,probability\n", TRUTH, r"no row"),
        (PREDICTIONS, TRUTH.replace("39", "-3"), r"t.csv line 2: age is '-3'"),
        (PREDICTIONS, TRUTH.replace("39", "411"), r"t.csv line 2: age is '411'"),
        (PREDICTIONS, TRUTH.replace("sex", "label"), r"two columns are named 'label'"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    tmp_path: Path, predictions: str, truth: str, message: str
) -> None:
    with pytest.raises(ScoringInputError, match=message):
        read_tables(
            write(tmp_path, "p.csv", predictions),
            write(tmp_path, "t.csv", truth),
            subgroups=("age",),
        )


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", TRUTH.replace("\nb,p2,0", "\n\nb,p2,7"))
    with pytest.raises(ScoringInputError, match=r"t.csv line 4: label is '7'"):
        read_tables(write(tmp_path, "p.csv", PREDICTIONS), truth)


def test_a_file_that_is_no_csv_is_said_to_be_none(tmp_path: Path) -> None:
    zipped = tmp_path / "p.csv"
    zipped.write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(ScoringInputError, match=r"p.csv: a damaged .xlsx or .zip file"):
        read_tables(zipped, write(tmp_path, "t.csv", TRUTH))
    plain = write(tmp_path, "p.csv.gz", PREDICTIONS)
    with pytest.raises(ScoringInputError, match=r"p.csv.gz: ends in .gz and is not packed"):
        read_tables(plain, write(tmp_path, "t.csv", TRUTH))


def test_a_missing_subgroup_column_shows_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ScoringInputError, match=r"subgroup column \(race\).*sex, age"):
        read_tables(
            write(tmp_path, "p.csv", PREDICTIONS),
            write(tmp_path, "t.csv", TRUTH),
            subgroups=("race",),
        )


def test_scores_survive_a_byte_order_mark_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("case_id , probability\nc, 0.3\na,0.9\nb,0.2\n", encoding="utf-8-sig")
    given = read_tables(path, write(tmp_path, "t.csv", TRUTH))["label"]
    assert np.array_equal(given.scores, [0.9, 0.2, 0.3])


def labelled(*words: str) -> str:
    rows = (f"{case},{word}\n" for case, word in zip("abc", words, strict=True))
    return "case_id,label\n" + "".join(rows)


@pytest.mark.parametrize(
    "words",
    [
        ("1", "0", "1"),
        ("1.0", "0", "1"),
        ("1", "-1", "+1"),
        ("1.0", "-1.0", "1"),
        ("yes", "no", "yes"),
        ("Yes", "NO", "yEs"),
        ("TRUE", "FALSE", "TRUE"),
        ("true", "False", "True"),
        ("Positive", "negative", "positive"),
        ("POS", "neg", "pos"),
    ],
)
def test_labels_are_read_in_the_words_of_the_table(
    tmp_path: Path, words: tuple[str, str, str]
) -> None:
    truth = write(tmp_path, "t.csv", labelled(*words))
    given = read_tables(write(tmp_path, "p.csv", PREDICTIONS), truth)["label"]
    assert given.y.tolist() == [True, False, True]


@pytest.mark.parametrize("word", ["1", "yes", "TRUE", "positive", "pos"])
def test_a_column_of_one_word_is_all_positive(tmp_path: Path, word: str) -> None:
    truth = write(tmp_path, "t.csv", labelled(word, word, word))
    assert read_tables(write(tmp_path, "p.csv", PREDICTIONS), truth)["label"].y.all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("1", "0", "-1"), r"t.csv line 4: label is '-1', and line 3 has '0'; give one of"),
        (("-1", "1", "0"), r"t.csv line 4: label is '0', and line 2 has '-1'; give one of"),
        (("yes", "0", "1"), r"t.csv line 3: label is '0', and line 2 has 'yes'"),
        (("Yes", "no", "False"), r"t.csv line 4: label is 'False', and line 2 has 'Yes'"),
        (("pos", "negative", "pos"), r"t.csv line 3: label is 'negative', and line 2 has 'pos'"),
        (("yes", "maybe", "no"), r"t.csv line 3: label is 'maybe'; give 0 or 1, or one of"),
        (("1", "0", "2"), r"t.csv line 4: label is '2'; give 0 or 1, .* -1/1, no/yes, false/true"),
        (("1", "nan", "0"), r"t.csv line 3: label is 'nan'; give 0 or 1"),
        (("1", "0.5", "0"), r"t.csv line 3: label is '0.5'; give 0 or 1"),
    ],
)
def test_two_vocabularies_in_one_column_are_refused(
    tmp_path: Path, words: tuple[str, str, str], message: str
) -> None:
    truth = write(tmp_path, "t.csv", labelled(*words))
    with pytest.raises(ScoringInputError, match=message) as why:
        read_tables(write(tmp_path, "p.csv", PREDICTIONS), truth)
    assert "\n" not in str(why.value)


def test_scores_that_are_no_probabilities_are_read_as_they_are(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", TRUTH)
    for numbers in ([-3.5, 2.25, 7.0], [0.0, 3.0, 4.0], [12.5, 70.0, 99.9], [1e300, -1e-9, 0.5]):
        rows = "".join(f"{case},{score}\n" for case, score in zip("abc", numbers, strict=True))
        path = write(tmp_path, "p.csv", "case_id,score\n" + rows)
        assert read_tables(path, truth)["label"].scores.tolist() == numbers


def test_a_dropped_case_gets_the_worst_score_of_the_column(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", TRUTH)
    # b is negative: it gets the highest logit; a is positive: it gets the lowest
    lost_negative = write(tmp_path, "p.csv", "case_id,score\na,2.5\nc,-4\n")
    assert read_tables(lost_negative, truth, missing="worst")["label"].scores[1] == 2.5
    lost_positive = write(tmp_path, "q.csv", "case_id,score\nb,2.5\nc,-4\n")
    assert read_tables(lost_positive, truth, missing="worst")["label"].scores[0] == -4.0
    percent = write(tmp_path, "r.csv", "case_id,score\nb,12\nc,80\n")
    assert read_tables(percent, truth, missing="worst")["label"].scores[0] == 12.0


def logits(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    y = generator.random(n) < 0.4
    return y, 2.0 * generator.standard_normal(n) + 2.0 * y


def test_logits_get_their_figures_and_calibration_says_why_not(tmp_path: Path) -> None:
    y, s = logits()
    rows = "".join(f"c{i},{'yes' if y[i] else 'no'},{float(s[i])!r}\n" for i in range(y.size))
    table = write(tmp_path, "t.csv", "case_id,label,score\n" + rows)
    plan = AnalysisPlan(replicates=100, threshold=-0.5, specificities=(0.9,))
    found = score_tables(table, table, plan)["label"]
    estimates = {r.metric: r.estimate for r in found.results}
    same = score(y, 1 / (1 + np.exp(-s)), plan=replace(plan, threshold=1 / (1 + math.exp(0.5))))
    for result in same.results:  # a rising change of scale changes no such figure
        mine = estimates.get(result.metric)
        if mine is None or mine.value is None:
            continue
        assert mine.value == result.estimate.value, result.metric
        # the float32 sums of the replicates are emptied at bin ends, which logits do not have
        assert mine.low == pytest.approx(result.estimate.low, abs=1e-6), result.metric
        assert mine.high == pytest.approx(result.estimate.high, abs=1e-6), result.metric
    for name in ("auroc", "average_precision", "sensitivity", "mcc", "ppv"):
        assert estimates[name].value is not None
    for name in ("brier", "ece", "calibration_slope", "observed_minus_expected", "smooth_ece"):
        assert estimates[name].value is None
        assert "calibration needs probabilities between 0 and 1; scores run from -" in str(
            estimates[name].undefined
        )
    assert [curve.name for curve in found.curves] == ["roc"]


def test_percent_is_called_at_percent() -> None:
    y, s = logits()
    percent = np.round(100 / (1 + np.exp(-s)))
    found = score(y, percent, plan=AnalysisPlan(replicates=100), threshold=70.0)
    (estimate,) = (r.estimate for r in found.results if r.metric == "sensitivity")
    assert estimate.value == pytest.approx(np.mean(percent[y] >= 70))
    assert not [r for r in found.results if r.metric == "net_benefit"]


def test_the_command_scores_logits_at_a_threshold_of_their_own(tmp_path: Path) -> None:
    y, s = logits()
    rows = "".join(f"c{i},{2 * int(y[i]) - 1},{s[i]:.3f}\n" for i in range(y.size))
    table = write(tmp_path, "t.csv", "case_id,label,score\n" + rows)
    report, figures = tmp_path / "r.html", tmp_path / "r.csv"
    options = ["--threshold", "-0.5", "--replicates", "100"]
    written = ["--report", str(report), "--table", str(figures)]
    done = CliRunner().invoke(app, ["score", str(table), str(table), *options, *written])
    assert done.exit_code == 0, done.output
    assert "label,sensitivity,overall,all,0." in figures.read_text()
    assert "scores run from" in report.read_text()


def test_a_threshold_is_a_number_and_that_of_containers_a_probability(tmp_path: Path) -> None:
    assert read_plan({"threshold": -2.5}, Path("b.toml")).threshold == -2.5
    with pytest.raises(ScoringInputError, match="the threshold is nan; give a number"):
        score([0, 1], [0.1, 0.2], threshold=math.nan)
    with pytest.raises(PlanError, match="threshold is inf; give a number on the scale"):
        read_plan({"threshold": math.inf}, Path("b.toml"))
    text = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()
    assert "[analysis]\n" in text
    odd = write(tmp_path, "b.toml", text.replace("[analysis]\n", "[analysis]\nthreshold = 2.5\n"))
    with pytest.raises(SpecificationError, match=r"threshold is 2\.5; containers give prob"):
        read_benchmark(odd, REPOSITORY / "benchmarks")
