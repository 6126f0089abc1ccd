"""`sequestra score --readers` as a person uses it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from evaluator.case_tables.case_table import ScoringInputError
from evaluator.own_readers.own_study import Written, own_study
from evaluator.readers.labelled import Columns
from evaluator.readers.study import Asked
from metrics.readers import figures
from metrics.readers.obuchowski_rockette import analyse
from metrics.readers.panel import against_panel
from metrics.readers.reads import reads
from tests.support.commands import refused, succeed
from tests.support.made_reads import MadeReads, make

NO_COLUMNS, PLAIN = Columns(), Asked()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeReads:
    return make(tmp_path_factory.mktemp("reads"))


def test_a_study_of_two_modalities_is_printed_and_written(made: MadeReads, tmp_path: Path) -> None:
    printed = succeed(
        *("score", made.labels, "--readers", made.reads, "--output", tmp_path / "s.json"),
        *("--table", tmp_path / "s.csv", "--report", tmp_path / "s.html"),
    )
    wanted = analyse(reads(made.y, made.ratings, made.patients))
    (difference,) = wanted.finding.differences
    said = " ".join(printed.split())
    assert "label: 5 readers, 2 modalities, 60 cases, 40 patients, 24 positive" in said
    assert f"AUROC, aided less unaided: {difference.spread.estimate:.3f} (95% interval" in said
    study = json.loads((tmp_path / "s.json").read_text())["label"]
    found = study["figures"]["auroc"]
    assert found["covariances"] == "jackknife"
    assert found["finding"]["holds_for"] == "random readers, random cases"
    assert found["finding"]["p"] == pytest.approx(wanted.finding.p)
    assert found["dorfman_berbaum_metz"]["p"] == pytest.approx(wanted.finding.p)
    assert found["finding"]["differences"][0]["low"] == pytest.approx(difference.spread.low)
    assert [each["holds_for"] for each in found["secondary"]] == [
        "fixed readers, random cases",
        "random readers, fixed cases",
    ]
    calls = analyse(reads(made.y, made.calls, made.patients), figures.sensitivity)
    assert study["figures"]["sensitivity"]["finding"]["p"] == pytest.approx(calls.finding.p)
    with (tmp_path / "s.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    readers = [row for row in rows if row["row"] == "reader" and row["figure"] == "auroc"]
    assert len(readers) == 10
    assert {row["covariances"] for row in rows if row["row"] == "difference"} == {"jackknife"}
    page = (tmp_path / "s.html").read_text()
    assert "Self-scored, not sequestered" in page
    assert "aided less unaided" in page
    assert not re.search(r"(?:src|href)=\"https?://", page)


def test_a_model_is_compared_with_the_mean_reader(made: MadeReads, tmp_path: Path) -> None:
    aided = tmp_path / "aided.csv"
    lines = made.reads.read_text().splitlines()
    aided.write_text("\n".join(line for line in lines if "unaided" not in line) + "\n")
    written = tmp_path / "s.json"
    printed = succeed(
        *("score", made.model, made.labels, "--readers", aided, "--threshold", "0.5"),
        *("--margin", "0.05", "--output", written),
    )
    panel = reads(made.y, made.ratings[:1], made.patients)
    wanted = against_panel(panel, made.model_scores, margin=0.05)
    found = json.loads(written.read_text())["label"]["figures"]
    area = found["auroc"]["model_less_mean_reader"]["aided"]
    assert area["difference"]["low"] == pytest.approx(wanted.difference.low)
    assert area["superior"] is wanted.superior
    calls = reads(made.y, made.calls[:1], made.patients)
    wanted = against_panel(
        calls, (made.model_scores >= 0.5).astype(float), figures.specificity, margin=0.05
    )
    share = found["specificity"]["model_less_mean_reader"]["aided"]
    assert share["noninferior"] is wanted.noninferior
    assert share["p_noninferior"] == pytest.approx(wanted.p_noninferior)
    said = " ".join(printed.split())
    assert f"model less mean reader {wanted.difference.estimate:.3f} (95% interval" in said
    assert f"by the margin of 0.05 the model is {'' if wanted.noninferior else 'not shown'}" in said


def test_scores_alone_become_calls_at_a_threshold(made: MadeReads, tmp_path: Path) -> None:
    alone = tmp_path / "scores.csv"
    rows = [line.rpartition(",")[0] for line in made.reads.read_text().splitlines()]
    alone.write_text("\n".join(rows) + "\n")
    printed = succeed("score", made.labels, "--readers", alone)
    assert "sensitivity and specificity are left out" in printed
    printed = succeed(
        *("score", made.labels, "--readers", alone, "--reader-threshold", "4"),
        *("--covariances", "DeLong", "--output", tmp_path / "s.json"),
    )
    assert "DeLong's components" in printed
    found = json.loads((tmp_path / "s.json").read_text())["label"]["figures"]
    calls = analyse(reads(made.y, made.calls, made.patients), figures.specificity)
    assert found["specificity"]["finding"]["p"] == pytest.approx(calls.finding.p)
    assert found["auroc"]["covariances"] == "DeLong"
    assert "dorfman_berbaum_metz" not in found["auroc"]


def test_what_cannot_be_analysed_is_one_sentence(made: MadeReads, tmp_path: Path) -> None:
    lines = made.reads.read_text().splitlines()

    def table(name: str, rows: list[str]) -> Path:
        (tmp_path / name).write_text("\n".join(rows) + "\n")
        return tmp_path / name

    gap = table("gap.csv", lines[:-2])
    for arguments, said in [
        (
            ("--readers", gap),
            "gap.csv: reader 'R5' has no read of 2 of 60 cases, modality 'unaided', the first is "
            "'c058'; each reader must read each case in each modality",
        ),
        (("--readers", table("twice.csv", [*lines, lines[7]])), "line 602: the read of line 8"),
        (("--readers", made.reads, "--subgroup", "sex"), "--subgroup is given beside --readers"),
        (
            ("--readers", made.reads, "--weight-column", "w"),
            "--weight-column is given beside --readers",
        ),
        ((), "labels.csv is the only table"),
    ]:
        told = " ".join(refused("score", made.labels, *arguments).split())
        assert said in told, told
        assert told.count("error:") == 1


def test_other_bad_input_is_refused_before_anything_is_written(
    made: MadeReads, tmp_path: Path
) -> None:
    lines = made.reads.read_text().splitlines()

    def table(name: str, rows: list[str]) -> Path:
        (tmp_path / name).write_text("\n".join(rows) + "\n")
        return tmp_path / name

    def told(
        reads: Path, columns: Columns = NO_COLUMNS, asked: Asked = PLAIN, output: str = "s.json"
    ) -> str:
        with pytest.raises(ScoringInputError) as refusal:
            own_study(
                *(reads, made.labels, None, columns, asked),
                Written(tmp_path / output),
                lambda _: None,
            )
        assert not (tmp_path / "s.json").exists()
        return str(refusal.value)

    one = [lines[0], *(line for line in lines if line.startswith("R1,"))]
    assert "one.csv has one reader ('R1')" in told(table("one.csv", one))
    word = table("word.csv", [*lines[:-1], "R5,unaided,c059,likely,no"])
    assert "rating is 'likely'; give a finite number" in told(word)
    alien = table("alien.csv", [*lines, "R1,aided,c999,3,no"])
    assert "alien.csv line 602: the case 'c999' is not among the labels" in told(alien)
    assert "labels.csv has no reader column (reader or reader_id" in told(made.labels)
    assert "no such file" in told(tmp_path / "none.csv")
    assert "--margin is given and no model" in told(made.reads, asked=Asked(margin=0.1))
    assert "--covariances is 'x'" in told(made.reads, asked=Asked(covariance="x"))
    assert "no label column (sex)" in told(made.reads, Columns(labels=["sex"]))
    assert "give --label once" in told(made.reads, Columns(labels=["a", "b"]))
    calls = table(
        "calls.csv", [",".join(line.split(",")[i] for i in (0, 1, 2, 4)) for line in lines]
    )
    assert "has calls alone" in told(calls, asked=Asked(covariance="DeLong"))


def test_one_modality_gives_the_mean_reader_and_says_what_is_needed(
    made: MadeReads, tmp_path: Path
) -> None:
    lines = [line.split(",") for line in made.reads.read_text().splitlines()]
    alone = tmp_path / "alone.csv"
    rows = [[row[0], *row[2:4]] for row in lines if row[1] != "unaided"]
    alone.write_text("\n".join(",".join(row) for row in rows) + "\n")
    printed = " ".join(succeed("score", made.labels, "--readers", alone).split())
    assert "a second modality, or a table of a model's scores, is needed" in printed
    mean = figures.auroc(reads(made.y, made.ratings[:1], made.patients)).values.mean()
    assert f"AUROC of the mean reader: {mean:.3f}" in printed
