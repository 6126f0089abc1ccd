"""Tables of scores and labels as they are found: forms, names, patients, levels, lists."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from evaluator.leaderboard.own_scores import write_reports
from evaluator.scoring.score import (
    AnalysisPlan,
    Labels,
    ScoringInputError,
    read_tables,
)
from evaluator.scoring.score_tables import score_tables
from tests.support.commands import refused, succeed

TRUTH = "case_id,patient_id,label\na,p1,1\nb,p2,0\nc,p3,1\n"
SCORES = "case_id,score\na,0.9\nb,0.2\nc,0.4\n"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def forms(folder: Path) -> list[Path]:
    """The scores in every form, all of the same numbers."""
    rows: list[list[Any]] = [["Case ID", "Score"], ["a", 0.9], ["b", 0.2], ["c", 0.4]]
    book = Workbook()
    for row in rows:
        assert book.active is not None
        book.active.append(row)
    book.save(folder / "s.xlsx")
    pq.write_table(pa.table({"case_id": ["a", "b", "c"], "score": [0.9, 0.2, 0.4]}),
                   folder / "s.parquet")  # fmt: skip
    (folder / "s.csv.gz").write_bytes(gzip.compress(SCORES.encode()))
    (folder / "bom.csv").write_bytes(b"\xef\xbb\xbf" + SCORES.encode())
    return [
        *(folder / name for name in ("s.xlsx", "s.parquet", "s.csv.gz", "bom.csv")),
        write(folder, "s.tsv", SCORES.replace(",", "\t")),
        write(folder, "semicolon.csv", SCORES.replace(",", ";").replace(".", ",")),
        write(folder, "names.csv", SCORES.replace("case_id", "Image ID").replace("score", "P")),
    ]


def test_scores_are_read_in_every_form(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", TRUTH)
    for path in forms(tmp_path):
        assert read_tables(path, truth)["label"].scores.tolist() == [0.9, 0.2, 0.4], path.name


@pytest.mark.parametrize(
    "name", ["PatientID", "Patient ID", "case_ids", "subject_id", "PATIENT_ID", "case_ids_0"]
)
def test_patients_are_found_by_any_of_their_names(tmp_path: Path, name: str) -> None:
    truth = write(tmp_path, "t.csv", TRUTH.replace("patient_id", name).replace("p2", "p1"))
    told: list[str] = []
    found = read_tables(write(tmp_path, "s.csv", SCORES), truth, tell=told.append)["label"]
    assert found.patient_id is not None
    assert found.patient_id.tolist() == ["p1", "p1", "p3"]
    assert told == []


def many(patient: list[str], name: str = "PatientID") -> str:
    generator = np.random.default_rng(3)
    y = np.repeat(generator.random(60) < 0.5, 5)
    s = 1 / (1 + np.exp(-(2 * y - 1 + np.repeat(generator.standard_normal(60), 5))))
    rows = [f"c{i},{patient[i]},{int(y[i])},{s[i]:.6f}" for i in range(300)]
    return f"case_id,{name},label,score\n" + "\n".join(rows) + "\n"


def bounds(path: Path, patients: str | None = None) -> tuple[int, float | None, float | None]:
    plan = AnalysisPlan(replicates=0)
    scored = score_tables(path, path, plan, patient_column=patients)["label"]
    (found,) = (r.estimate for r in scored.results if (r.metric, r.level) == ("auroc", "all"))
    return scored.n_patients, found.low, found.high


def test_sixty_patients_of_five_images_are_sixty(tmp_path: Path) -> None:
    ids = [f"p{i // 5}" for i in range(300)]
    named = bounds(write(tmp_path, "t.csv", many(ids)))
    said = bounds(write(tmp_path, "u.csv", many(ids, "x")), patients="x")
    assert named == said
    assert named[0] == 60


@pytest.mark.parametrize("word", ["", "nan", "NA", "None", "?"])
def test_patients_that_are_not_known_are_not_one_patient(tmp_path: Path, word: str) -> None:
    ids = [f"p{i // 5}" if i < 150 else word for i in range(300)]
    own = [f"p{i // 5}" if i < 150 else f"own{i}" for i in range(300)]
    found = bounds(write(tmp_path, "t.csv", many(ids)))
    assert found == bounds(write(tmp_path, "u.csv", many(own)))
    assert found[0] == 30 + 150


def test_score_says_whose_patients_it_does_not_know(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", TRUTH.replace("patient_id,", "note,").replace("p2", "nan"))
    scores = write(tmp_path, "s.csv", SCORES)
    told: list[str] = []
    assert read_tables(scores, truth, tell=told.append)["label"].patient_id is None
    assert "t.csv has no patient column" in told[0]
    assert "each of its 3 cases counts as a patient of its own" in told[0]
    told.clear()
    read_tables(scores, truth, patient_column="note", tell=told.append)
    assert told == [
        "1 of 3 cases in t.csv have no note (the first is on line 3); each counts as a patient "
        "of its own"
    ]
    plan = write(tmp_path, "plan.toml", "[analysis]\nminimum_cases = 2\nminimum_per_class = 1\n")
    printed = " ".join(succeed("score", scores, truth, "--plan", plan).split())
    assert "note: t.csv has no patient column" in printed


def test_levels_that_say_one_thing_are_one(tmp_path: Path) -> None:
    rows = zip(
        "abcdefgh",
        ["M", "Male", "male", "F", "nan", "NA", "Unknown", "?"],
        ["70", "70.0", "45.6", "999", "90+", ">89", "", "890"],
        ["1.0", "1", "None", "2", "", "n/a", "2.0", "null"],
        strict=True,
    )
    text = "case_id,Patient Gender,age_at_imaging,stage,label,score\n"
    text += "".join(f"{c},{s},{a},{g},{i % 2},0.{i + 1}\n" for i, (c, s, a, g) in enumerate(rows))
    path = write(tmp_path, "t.csv", text)
    found = read_tables(path, path, subgroups=("sex", "age", "stage"))["label"].attributes
    nobody = "Not Reported"
    assert found["sex"].tolist() == ["Male"] * 3 + ["Female"] + [nobody] * 4
    assert found["age_group"].tolist() == [
        "65-74", "65-74", "40-49", nobody, "85+", "85+", nobody, "85+",
    ]  # fmt: skip
    assert found["stage"].tolist() == ["1", "1", nobody, "2", nobody, nobody, "2", nobody]


@pytest.mark.parametrize("age", ["411", "-5", "1_0", "old"])
def test_an_age_that_is_none_is_refused_with_its_line(tmp_path: Path, age: str) -> None:
    path = write(tmp_path, "t.csv", f"id,label,score,age_at_index\na,1,0.5,40\nb,0,0.4,{age}\n")
    with pytest.raises(ScoringInputError, match=rf"t\.csv line 3: age_at_index is '{age}'"):
        read_tables(path, path, subgroups=("age",))


def test_ages_are_in_the_cohorts_groups_or_the_benchmarks(tmp_path: Path) -> None:
    text = "case_id,label,score,age\n" + "".join(
        f"c{i},{i % 2},{(i * 37 % 100) / 100},{20 + i % 60}\n" for i in range(240)
    )
    path = write(tmp_path, "t.csv", text)
    written = tmp_path / "out.json"

    def levels(*options: str | Path) -> set[str]:
        succeed("score", path, path, "--subgroup", "age", "--output", written, *options)
        results = json.loads(written.read_text())["label"]["results"]
        return {r["level"] for r in results if r["metric"] == "auroc"} - {"all"}

    quick = ("--replicates", "0")
    assert levels(*quick) == {"18-29", "30-39", "40-49", "50-64", "65-74", "75-84"}
    plan = write(tmp_path, "plan.toml", "[cohort]\nage_bands = [18, 40, 60]\n")
    assert levels("--plan", plan, *quick) == {"18-39", "40-59", "60+"}
    assert levels("--age-bands", "0,50", *quick) == {"0-49", "50+"}


def test_the_command_crosses_columns_and_counts_a_lost_case_as_worst(tmp_path: Path) -> None:
    rows = [(f"c{i}", i % 2, "FM"[i % 3 % 2], "AB"[i // 2 % 2]) for i in range(200)]
    truth = write(tmp_path, "t.csv", "case_id,label,sex,site\n" + "".join(
        f"{c},{y},{s},{t}\n" for c, y, s, t in rows
    ))  # fmt: skip
    scores = write(tmp_path, "s.csv", "case_id,score\n" + "".join(
        f"{c},0.{i % 9 + 1}\n" for i, (c, *_) in enumerate(rows[:-2])
    ))  # fmt: skip
    written = tmp_path / "out.json"
    options = ("--subgroup", "sex x site", "--replicates", "0", "--output", written)
    assert "2 of 200 cases in t.csv have no prediction in s.csv" in refused(
        "score", scores, truth, *options
    )
    printed = succeed("score", scores, truth, *options, "--missing", "worst")
    assert "2 cases without a prediction get the worst score" in printed
    results = json.loads(written.read_text())["label"]["results"]
    crossed = {r["level"]: r["estimate"] for r in results if r["attribute"] == "sex x site"
               and r["metric"] == "auroc"}  # fmt: skip
    expected: dict[str, int] = {}
    for _, _, sex, site in rows:
        name = f"{'Female' if sex == 'F' else 'Male'} x {site}"
        expected[name] = expected.get(name, 0) + 1
    assert {level: found["n_cases"] for level, found in crossed.items()} == expected


def test_lists_of_findings_are_labels(tmp_path: Path) -> None:
    truth = write(
        tmp_path, "t.csv",
        "Image Index,Finding Labels\na,Mass|Nodule\nb,No Finding\nc,Mass\n",
    )  # fmt: skip
    scores = write(
        tmp_path, "s.csv", "Image Index,prob_Mass,prob_Nodule\na,.9,.8\nb,.1,.2\nc,.7,.3\n"
    )
    found = read_tables(scores, truth, how=Labels("Finding Labels"))
    assert {name: given.y.tolist() for name, given in found.items()} == {
        "Mass": [True, False, True],
        "Nodule": [True, False, False],
    }
    one = write(tmp_path, "o.csv", "Image Index,score\na,.9\nb,.1\nc,.7\n")
    (only,) = read_tables(one, truth, labels=("mass",), how=Labels("finding labels")).values()
    assert only.y.tolist() == [True, False, True]
    with pytest.raises(ScoringInputError, match="Finding Labels holds 'Edema' in no case"):
        read_tables(one, truth, labels=("Edema",), how=Labels("Finding Labels"))


def test_long_tables_have_a_line_a_case_and_label(tmp_path: Path) -> None:
    truth = write(
        tmp_path, "t.csv",
        "case_id,patient_id,label_name,label\na,p,Mass,1\na,p,Edema,0\nb,q,Edema,1\nb,q,Mass,0\n",
    )  # fmt: skip
    scores = write(
        tmp_path, "s.csv",
        "case_id,label_name,probability\nb,Mass,.2\nb,Edema,.7\na,Edema,.3\na,Mass,.9\n",
    )  # fmt: skip
    found = read_tables(scores, truth)
    assert {n: (g.y.tolist(), g.scores.tolist()) for n, g in found.items()} == {
        "Mass": ([True, False], [0.9, 0.2]),
        "Edema": ([False, True], [0.3, 0.7]),
    }
    assert found["Mass"].patient_id is not None
    assert found["Mass"].patient_id.tolist() == ["p", "q"]


def test_kaggles_ids_that_end_in_the_label_are_read_when_asked(tmp_path: Path) -> None:
    """RSNA's intracranial haemorrhage: ID_<image>_<label>,Label."""
    truth = write(tmp_path, "t.csv", "ID,Label\nID_a_any,1\nID_a_epidural,0\nID_b_any,0\n"
                                     "ID_b_epidural,1\n")  # fmt: skip
    scores = write(tmp_path, "s.csv", truth.read_text().replace("Label", "Probability")
                   .replace(",1", ",0.75").replace(",0\n", ",0.25\n"))  # fmt: skip
    found = read_tables(scores, truth, how=Labels(id_holds_label=True))
    assert {n: (g.case_id.tolist(), g.y.tolist(), g.scores.tolist()) for n, g in found.items()} == {
        "any": (["ID_a", "ID_b"], [True, False], [0.75, 0.25]),
        "epidural": (["ID_a", "ID_b"], [False, True], [0.25, 0.75]),
    }


def test_lines_that_repeat_a_case_must_agree_in_what_is_read(tmp_path: Path) -> None:
    text = "patientId,x,y,width,height,Target\na,1,1,5,5,1\na,2,2,5,5,1\nb,,,,,0\n"
    truth = write(tmp_path, "t.csv", text)
    scores = write(tmp_path, "s.csv", "patientId,score\na,0.9\nb,0.2\n")
    found = read_tables(scores, truth, case_column="patientId", labels=("Target",))["Target"]
    assert (found.case_id.tolist(), found.y.tolist()) == (["a", "b"], [True, False])
    truth = write(tmp_path, "t.csv", text.replace("2,2,5,5,1", "2,2,5,5,0"))
    with pytest.raises(
        ScoringInputError, match=r"t\.csv line 3: the case of line 2 again, with an"
    ):
        read_tables(scores, truth, case_column="patientId", labels=("Target",))


@pytest.mark.parametrize(
    ("how", "cases", "y"),
    [
        (Labels(uncertain="positive", blank="negative"), "abcd", [True, False, True, False]),
        (Labels(uncertain="negative", blank="exclude"), "abc", [True, False, False]),
        (Labels(uncertain="exclude", blank="exclude"), "ab", [True, False]),
    ],
)
def test_chexperts_cells_count_as_is_declared(
    tmp_path: Path, how: Labels, cases: str, y: list[bool]
) -> None:
    truth = write(tmp_path, "t.csv", "case_id,label,sex\na,1.0,F\nb,0.0,M\nc,-1.0,F\nd,,M\n")
    scores = write(tmp_path, "s.csv", "case_id,score\na,.9\nb,.2\nc,.4\nd,.1\n")
    found = read_tables(scores, truth, subgroups=("sex",), how=how)["label"]
    assert (list(found.case_id), found.y.tolist()) == (list(cases), y)
    assert len(found.attributes["sex"]) == found.scores.size == len(cases)
    mixed = r"line 4: label is '-1\.0', and line 3 has '0\.0'.*what it counts as with --uncertain"
    with pytest.raises(ScoringInputError, match=mixed):
        read_tables(scores, truth)
    with pytest.raises(ScoringInputError, match=r"line 5: label is ''; .*--blank"):
        read_tables(scores, truth, how=replace(how, blank="refuse"))


def test_scores_a_hair_off_a_probability_are_probabilities(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", TRUTH.replace(",1\n", ",1.0000000000000002\n"))
    scores = write(tmp_path, "s.csv", "case_id,score\na,1.0000000000000002\nb,-1e-17\nc,0.4\n")
    found = read_tables(scores, truth)["label"]
    assert found.scores.tolist() == [1.0, 0.0, 0.4]
    assert found.y.tolist() == [True, False, True]
    logits = write(tmp_path, "l.csv", "case_id,score\na,1.000001\nb,-1e-17\nc,0.4\n")
    assert read_tables(logits, truth)["label"].scores.tolist() == [1.000001, -1e-17, 0.4]


@pytest.mark.parametrize(
    ("scores", "truth", "said"),
    [
        ("case_id,score\n12,.1\n13,.2\n", "case_id,label\n00012,1\n00013,0\n",
         r"s\.csv line 2: the case '12' is not in t\.csv \(2 of 2 are not\), which has '00012' on "
         "line 2; some would meet, zeros in front aside"),
        ("case_id,score\nA,.1\nb,.2\n", "case_id,label\na,1\nb,0\n",
         r"the case 'A' is not in t\.csv \(1 of 2 are not\), which has 'a' on line 2; some would "
         "meet, capitals aside"),
        ("case_id,score\na.png,.1\n", "case_id,label\na,1\n", "endings such as .png aside"),
        ("case_id,score\n1.23E+11,.1\n", "case_id,label\na,1\n",
         r"s\.csv line 2: case_id is '1\.23E\+11'; a spreadsheet shortened this id"),
        ("case_id,score\na,1_0\n", "case_id,label\na,1\n", r"s\.csv line 2: score is '1_0'; give"),
        ("case_id,score\nnan,.1\n", "case_id,label\na,1\n", r"s\.csv line 2: case_id is empty or"),
        ("case_id,score\na,.1\n", "case_id,patient_id,label\na,1.2E+10,1\n",
         r"t\.csv line 2: patient_id is '1\.2E\+10'"),
    ],
)  # fmt: skip
def test_ids_that_do_not_meet_are_told_with_an_example_of_each_side(
    tmp_path: Path, scores: str, truth: str, said: str
) -> None:
    with pytest.raises(ScoringInputError, match=said):
        read_tables(write(tmp_path, "s.csv", scores), write(tmp_path, "t.csv", truth))


def test_blanks_around_an_id_are_not_part_of_it(tmp_path: Path) -> None:
    scores = write(tmp_path, "s.csv", SCORES.replace("a,", "a ,"))
    assert "label" in read_tables(scores, write(tmp_path, "t.csv", TRUTH))


def test_each_table_may_name_its_cases_in_its_own_way(tmp_path: Path) -> None:
    told: list[str] = []
    scores = write(tmp_path, "s.csv", SCORES.replace("case_id", "image_id"))
    read_tables(scores, write(tmp_path, "t.csv", TRUTH), tell=told.append)
    assert told == ["cases are named by image_id in s.csv and by case_id in t.csv"]


@pytest.mark.parametrize(
    ("scores", "options"),
    [
        (SCORES.replace("score", "colour"), {}),
        (SCORES.replace("case_id", "name"), {}),
        (SCORES, {"case_column": "Image"}),
        (SCORES, {"score_column": "risk"}),
        (SCORES, {"patient_column": "person"}),
        (SCORES, {"labels": ("Mass",)}),
        (SCORES, {"subgroups": ("race",)}),
        (SCORES, {"weight_column": "w"}),
    ],
)
def test_a_missing_column_never_names_one_that_is_there(
    tmp_path: Path, scores: str, options: dict[str, object]
) -> None:
    with pytest.raises(ScoringInputError) as told:
        read_tables(
            write(tmp_path, "s.csv", scores),
            write(tmp_path, "t.csv", TRUTH),
            **options,  # type: ignore[arg-type]
        )
    missing = str(told.value).partition("(")[2].partition(")")[0].split(" or ")
    there = str(told.value).partition("its columns are: ")[2].partition(";")[0].split(", ")
    assert missing
    assert there
    assert not set(missing) & set(there)


@pytest.mark.parametrize("labels", [(), ("Pneumonia",)])
def test_a_row_a_condition_beside_a_column_a_label_is_no_long_table(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """The rows of a case differ in a column that nobody asks for, and agree in the label."""
    path = write(
        tmp_path,
        "t.csv",
        "case_id,Pneumonia,prob_Pneumonia,condition\na,1,.9,asthma\na,1,.9,gout\nb,0,.2,gout\n",
    )
    found = read_tables(path, path, labels=labels)["Pneumonia"]
    assert found.case_id.tolist() == ["a", "b"]
    assert found.y.tolist() == [True, False]
    assert found.scores.tolist() == [0.9, 0.2]


@pytest.mark.parametrize("asked", ["age", "age_group"])
def test_age_bands_that_are_not_applied_are_told(asked: str, tmp_path: Path) -> None:
    """The table has groups of its own, which go before its ages."""
    rows = "case_id,label,score,age,age_group\na,1,.9,45,adult\nb,0,.2,12,child\n"
    path = write(tmp_path, "t.csv", rows)
    told: list[str] = []
    found = read_tables(
        path, path, subgroups=[asked], age_bands=(0, 40), patient_column="", tell=told.append
    )
    assert found["label"].attributes["age_group"].tolist() == ["adult", "child"]
    assert len(told) == 1
    assert "those of the column age_group of t.csv; age bands are not applied" in told[0]
    read_tables(path, path, subgroups=[asked], patient_column="", tell=told.append)
    assert len(told) == 1


def test_patients_may_stand_beside_the_scores(tmp_path: Path) -> None:
    """As subgroups and weights may; a case without a prediction is a patient of its own."""
    scores = write(tmp_path, "s.csv", "case_id,score,PatientID\nb,.2,p1\na,.9,p1\nc,.1,p2\n")
    truth = write(tmp_path, "t.csv", "case_id,label\na,1\nb,0\nc,0\nd,1\n")
    told: list[str] = []
    found = read_tables(scores, truth, missing="worst", tell=told.append)["label"]
    assert found.patient_id is not None
    assert found.patient_id.tolist() == ["p1", "p1", "p2", "Not Reported, t.csv line 5"]
    assert "patients are those of the column PatientID of s.csv" in told
    assert not any("no patient column" in sentence for sentence in told)


def test_labels_with_a_slash_get_reports_of_their_own(tmp_path: Path) -> None:
    rows = "".join(f"c{i},{i % 2},{i // 2 % 2},.{i % 9 + 1},.{i % 7 + 1}\n" for i in range(120))
    names = "Airspace/Opacity,Airspace-Opacity,prob_Airspace/Opacity,prob_Airspace-Opacity"
    path = write(tmp_path, "t.csv", f"case_id,{names}\n{rows}")
    found = score_tables(path, path, AnalysisPlan(replicates=0))
    written = write_reports(found, tmp_path / "r.html")
    assert [place.name for place in written] == [
        "r-Airspace-Opacity.html",
        "r-Airspace-Opacity-2.html",
    ]
    assert "Airspace/Opacity" in written[0].read_text()


@pytest.mark.realdata
def test_a_screen_shows_headlines_groups_and_gaps_of_real_scores(
    tmp_path: Path, shared_data: Path
) -> None:
    scores = shared_data / "scores" / "nih_chexnet_scores.csv.gz"
    printed = succeed(
        *("score", scores, scores, "--label", "Effusion", "--subgroup", "sex"),
        *("--subgroup", "sex x view", "--replicates", "0", "--threshold", "0.1"),
    )
    lines = printed.splitlines()
    assert len(lines) <= 50
    (auroc,) = (line for line in lines if line.startswith(" Area under the ROC curve"))
    with (shared_data / "scores" / "nih_chexnet_published_auc.csv").open() as published:
        value = next(line for line in published if line.startswith("Effusion,")).split(",")[1]
    assert f"{float(value):.4f}" in auroc
    assert " to " in auroc
    assert any("sex: Female" in line for line in lines)
    assert any("sex x view: Female x AP" in line for line in lines)
    assert "--table CSV, --output JSON or --report HTML write all" in printed


def test_a_screen_says_how_many_figures_the_files_have_and_p_only_where_one_is(
    tmp_path: Path,
) -> None:
    """Men are scored by chance and women without a fault: the gap leaves out 0."""
    rows = "".join(
        f"c{i},{'FM'[i % 2]},{i // 2 % 2},{i * 37 % 100 if i % 2 else 40 * (i // 2 % 2) + 30}\n"
        for i in range(400)
    )
    path = write(tmp_path, "t.csv", f"case_id,sex,label,score\n{rows}")
    table = tmp_path / "figures.csv"
    plain = ("score", path, path, "--subgroup", "sex", "--replicates", "0", "--table", table)
    printed = succeed(*plain)
    assert f"write all {len(table.read_text().splitlines()) - 1} figures" in printed
    (head,) = (line.split() for line in printed.splitlines() if "gaps that matter" in line)
    assert head[-1] == "interval"
    assert "the plan names no gap to be tested" in printed
    plan = tmp_path / "plan.toml"
    plan.write_text('[analysis]\nsubgroups = ["sex"]\nprimary_gap = "auroc by sex"\n')
    (head,) = (
        line.split()
        for line in succeed(*plain, "--plan", plan).splitlines()
        if "gaps that matter" in line
    )
    assert head[-1] == "p"


def test_a_screen_of_several_labels_has_a_line_each(tmp_path: Path) -> None:
    rows = "".join(
        f"c{i},{'FM'[i % 3 % 2]},{i % 2},{i // 2 % 2},.{i % 9 + 1},.{i % 7 + 1}\n"
        for i in range(160)
    )
    names = "Pleural_Thickening,Mass,prob_Pleural_Thickening,prob_Mass"
    path = write(tmp_path, "t.csv", f"case_id,sex,{names}\n{rows}")
    options = ("--subgroup", "sex", "--replicates", "0")
    printed = succeed("score", path, path, *options)
    for label in ("Pleural_Thickening", "Mass"):
        (line,) = (line for line in printed.splitlines() if line.strip().startswith(label))
        assert line.split()[-3:-1] == ["160", "80"]  # cases and positives, then the widest gap
