"""Distances equal scipy's published reference and MIDRC-REACT's own figures."""

from __future__ import annotations

import csv
import re
import zipfile
from math import log, sqrt
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import chi2

from cohort_selection.cases import Case
from cohort_selection.clinical.age_bands import age_group
from cohort_selection.matching.target import Target
from cohort_selection.representativeness.distance import (
    chance,
    deviation,
    representativeness,
    shares,
)
from cohort_selection.representativeness.population import (
    common_attributes,
    compare_populations,
    read_population,
)
from tests.support.commands import refused, succeed


def cases(*levels: str) -> list[Case]:
    return [Case(f"s{i}", f"p{i}", (), 0, {"sex": level}) for i, level in enumerate(levels)]


def test_equal_shares_have_distance_zero_and_disjoint_ones_one() -> None:
    assert deviation("sex", {"a": 2, "b": 2}, {"a": 0.5, "b": 0.5}).jsd == 0.0
    assert deviation("sex", {"a": 1.0}, {"b": 1.0}).jsd == pytest.approx(1.0)


def test_a_distance_worked_out_by_hand() -> None:
    """P = (1, 0), Q = (1/2, 1/2): M = (3/4, 1/4), JSD^2 = (log2(4/3) + (1/2)log2(2/3) + 1/2)/2."""
    found = deviation("sex", {"F": 1.0}, {"F": 0.5, "M": 0.5})
    assert found.jsd == pytest.approx(0.31127812445913283**0.5, abs=1e-12)
    assert (found.maximum, found.mean) == (0.5, 0.5)


def test_not_reported_is_counted_with_and_without() -> None:
    found = representativeness(
        cases("Female", "Male", "Not Reported", "Not Reported"),
        Target({"sex": {"Female": 0.5, "Male": 0.5}}),
        ["sex"],
    )[0]
    assert found.jsd > 0.5
    assert found.jsd_without_not_reported == 0.0
    assert (found.worst_level, found.maximum) == ("Not Reported", 0.5)


def test_nothing_reported_has_no_distance_without_it() -> None:
    found = deviation("race", {"Not Reported": 3}, {"White": 1.0})
    assert found.jsd_without_not_reported is None


def test_a_cohort_is_compared_with_its_pool() -> None:
    found = representativeness(cases("Female", "Male"), cases("Female", "Female", "Male"), ["sex"])
    assert found[0].maximum == pytest.approx(1 / 6)


def test_a_patient_with_several_images_counts_once() -> None:
    """A woman of three images and a man of one are half and half; one of two views is a half."""
    views = [("p", "Female", "PA"), ("p", "Female", "AP"), ("p", "Female", "AP")]
    rows = [*views, ("q", "Male", "PA")]
    found = [
        Case(f"s{i}", patient, (), 0, {"sex": sex, "view": view})
        for i, (patient, sex, view) in enumerate(rows)
    ]
    assert shares(found, "sex") == {"Female": 0.5, "Male": 0.5}
    assert shares(found, "view") == pytest.approx({"AP": 1 / 3, "PA": 2 / 3})


def test_the_standardised_difference_is_worked_out_by_hand() -> None:
    """Shares 0.5 and 0.3: 0.2 / sqrt((0.25 + 0.21) / 2)."""
    found = deviation("sex", {"F": 0.5, "M": 0.5}, {"F": 0.3, "M": 0.7})
    assert found.standardised == pytest.approx(0.2 / 0.23**0.5)


def test_chance_gives_a_random_cohort_its_place() -> None:
    """For two levels, 8 ln 2 n JSD^2 is about chi-square with one degree of freedom."""
    rng = np.random.default_rng(0)
    n = 2000
    median, high = chance({"F": 0.5, "M": 0.5}, n, rng, draws=4000)
    assert median == pytest.approx(sqrt(chi2.ppf(0.5, 1) / (8 * log(2) * n)), rel=0.06)
    assert high == pytest.approx(sqrt(chi2.ppf(0.95, 1) / (8 * log(2) * n)), rel=0.06)
    rows = representativeness(
        cases("Female", "Male"), Target({"sex": {"Female": 0.5, "Male": 0.5}}), ["sex"], seed=1
    )
    assert rows[0].chance_high is not None
    assert rows[0].chance_high > rows[0].jsd == 0.0


@pytest.mark.realdata
def test_distances_equal_the_reference_table(shared_data: Path) -> None:
    """jsd_scipy.csv: last rows of MIDRC's and CDC's cumulative tables against the US Census."""
    with (shared_data / "reference" / "jsd_scipy.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        levels = row["categories"].split("|")
        found = last_row(shared_data, row["dataset"].split(" ")[0], row["attribute"], levels)
        wanted = last_row(shared_data, row["reference"].split(" ")[0], row["attribute"], levels)
        assert deviation("a", found, wanted).jsd == pytest.approx(
            float(row["jsd_base2"]), abs=1e-9
        ), row
    assert len(rows) >= 20


def last_row(
    shared_data: Path, dataset: str, attribute: str, levels: list[str]
) -> dict[str, float]:
    folder = shared_data / "demographics"
    named = [folder / f"{dataset}{middle}_{attribute}.csv" for middle in ("", "_cumulative")]
    path = next(path for path in named if path.is_file())
    with path.open() as stream:
        row = list(csv.DictReader(stream))[-1]
    plain = {k.replace("(CUSUM)", "").strip().lower(): v for k, v in row.items() if "(%)" not in k}
    return {level: float(plain[level.lower()] or 0) for level in levels}


REACT_AGES = (0, 18, 50, 65)
SPREADSHEET = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def react_sheets(path: Path) -> dict[str, dict[str, float]]:
    """The last row of counts of each sheet, in the order of its columns; ages in REACT's groups."""
    archive = zipfile.ZipFile(path)
    tag = "{" + SPREADSHEET["m"] + "}"
    texts = [
        "".join(part.text or "" for part in each.iter(f"{tag}t"))
        for each in ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
    ]
    sheets = ElementTree.fromstring(archive.read("xl/workbook.xml")).find("m:sheets", SPREADSHEET)
    assert sheets is not None
    found = {}
    for number, sheet in enumerate(sheets, start=1):
        rows = []
        body = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
        for row in body.iter(f"{tag}row"):
            cells = {}
            for cell in row:
                value = cell.find("m:v", SPREADSHEET)
                if value is not None and value.text is not None:
                    text = texts[int(value.text)] if cell.get("t") == "s" else value.text
                    cells[str(cell.get("r")).rstrip("0123456789")] = text
            rows.append(cells)
        last = [row for row in rows if len(row) > 2][-1]
        named = {
            rows[0][column].replace("(CUSUM)", "").strip(): text
            for column, text in last.items()
            if column in rows[0] and column != "A" and not rows[0][column].endswith("(%)")
        }
        attribute = str(sheet.get("name"))
        tally: dict[str, float] = {}
        for level, text in named.items():
            if attribute == "Age at Index" and level.lower() != "not reported":
                level = age_group(int(level.partition("+")[0].split("-")[0].split()[0]), REACT_AGES)
            level = "Not Reported" if level.lower() == "not reported" else level
            tally[level] = tally.get(level, 0.0) + float(text)
        if attribute == "Age at Index":
            tally.setdefault("Not Reported", 0.0)  # REACT's own groups of ages have that column
        found[attribute] = tally
    return found


def react_cases(path: Path) -> dict[str, dict[str, float]]:
    """A MIDRC export's counts under the names of REACT's loader."""
    race_of = {"Black or African American": "Black", "Other": "Multiple or Other",
               "Native Hawaiian or other Pacific Islander":
                   "Native Hawaiian or Other Pacific Islander"}  # fmt: skip
    read = read_population(path, REACT_AGES)
    tallies = {
        "Age at Index": dict(read.tallies["age_at_index"]),
        "Sex": dict(read.tallies["sex"]),
        "Ethnicity": dict(read.tallies["ethnicity"]),
        "Race": {race_of.get(k, k): v for k, v in read.tallies["race"].items()},
    }
    return tallies


def react_reference(folder: Path) -> dict[tuple[str, str, str], float]:
    text = (folder / "midrc" / "reference" / "react_jsd_reference.txt").read_text()
    rows = re.findall(r"^(.+?) +vs (.+?)  +(.+?) +JSD=([0-9.]+)$", text, re.MULTILINE)
    rows += re.findall(r"^(MIDRC COVID\+) +vs (.+?) +(Age.+?|Sex) +JSD=([0-9.]+)$", text, re.M)
    return {(a.strip(), b.strip(), c.strip()): float(d) for a, b, c, d in rows}


@pytest.mark.realdata
def test_distances_equal_those_that_midrcs_own_tool_gave(shared_data: Path) -> None:
    """REACT's rule: the levels of the first source, those that the second lacks count 0."""
    react = shared_data / "midrc" / "react"
    sources = {
        "MIDRC": react_sheets(react / "MIDRC Open A1 and R1 - cumulative by batch.xlsx"),
        "CDC": react_sheets(react / "CDC_COVIDpos - cumulative by month.xlsx"),
        "Census": react_sheets(react / "Census_all.xlsx"),
        "Zip Code 1": react_cases(react / "midrc_data_download-2025-01-29_0.tsv"),
    }
    compared = 0
    for (one, other, attribute), expected in react_reference(shared_data).items():
        first = sources.get(one, {}).get(attribute)
        second = sources.get(other, {}).get(attribute)
        if first is None or second is None:
            continue
        kept = {level: second.get(level, 0.0) for level in first}
        found = deviation(attribute, first, kept).jsd
        assert found == pytest.approx(expected, abs=5e-7), (one, other, attribute)
        compared += 1
    assert compared == 27  # 15 pairs of sheets, and 4 attributes of the export with each of three


@pytest.mark.realdata
def test_distances_without_not_reported_equal_the_reference(shared_data: Path) -> None:
    text = (shared_data / "midrc" / "reference" / "react_jsd_reference.txt").read_text()
    rows = re.findall(r"^MIDRC Census (.+) with NR ([0-9.]+) without NR ([0-9.]+)", text, re.M)
    react = shared_data / "midrc" / "react"
    midrc = react_sheets(react / "MIDRC Open A1 and R1 - cumulative by batch.xlsx")
    census = react_sheets(react / "Census_all.xlsx")
    assert len(rows) == 5
    for attribute, whole, reported in rows:
        found = deviation(attribute, midrc[attribute], census[attribute])
        assert found.jsd == pytest.approx(float(whole), abs=5e-7)
        assert found.jsd_without_not_reported == pytest.approx(float(reported), abs=5e-7)


@pytest.mark.realdata
def test_the_command_compares_an_export_with_the_census(shared_data: Path, tmp_path: Path) -> None:
    """0.031171 by REACT; its joint figure needs both tables' rows, so a table with itself is 0."""
    react = shared_data / "midrc" / "react"
    census = tmp_path / "census.csv"
    sex = react_sheets(react / "Census_all.xlsx")["Sex"]
    lines = [f"sex,{level},{share}" for level, share in sex.items()]
    census.write_text("\n".join(["attribute,level,share", *lines]))
    export = react / "midrc_data_download-2025-01-29_0.tsv"
    assert " 0.0312 " in succeed("representativeness", export, census)
    ages = ("--attribute", "age_at_index", "--attribute", "sex", "--age-bands", "0,18,50,65")
    printed = succeed("representativeness", export, export, *ages)
    assert "age_at_index x sex" in printed
    assert printed.count(" 0.0000 ") >= 6


def test_a_joint_distance_is_worked_out_by_hand(tmp_path: Path) -> None:
    """F-old and M-young against F-young and M-old: margins equal, joint tables disjoint."""
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("sex,age\nF,70\nM,20\n")
    other.write_text("sex;age\nF;20\nM;70\n")
    read = [read_population(path, (0, 65)) for path in (one, other)]
    rows = compare_populations(read[0], read[1], common_attributes(read[0], read[1], []))
    assert [(row.attribute, row.jsd) for row in rows[:2]] == [("sex", 0.0), ("age", 0.0)]
    assert rows[2].attribute == "sex x age"
    assert rows[2].jsd == pytest.approx(1.0)


def compared(folder: Path, one: str, other: str) -> dict[str, tuple[float, int | None]]:
    """Distance and the first table's patients by attribute."""
    (folder / "one.csv").write_text(one)
    (folder / "other.csv").write_text(other)
    read = [read_population(folder / name, (0, 65)) for name in ("one.csv", "other.csv")]
    names = common_attributes(read[0], read[1], [])
    rows = compare_populations(read[0], read[1], names)
    return {row.attribute: (row.jsd, read[0].size.get(row.attribute)) for row in rows}


def test_levels_that_say_one_thing_have_no_distance(tmp_path: Path) -> None:
    """M and Male, nan and ?, 70 and 70.0, 999 and nothing, 90+ and 890: as far apart as nothing."""
    one = "PatientID;Patient Gender;age_at_imaging;stage\na;M;70;1\nb;f;999;1.0\nc;nan;90+;2\n"
    other = "sex,age,stage\n?,890,2\nMale,70.0,1\nFemale,,1\n"
    found = compared(tmp_path, one, other)
    assert found == {
        "Patient Gender": (0.0, 3),
        "age_at_imaging": (0.0, 3),
        "stage": (0.0, 3),
        "Patient Gender x age_at_imaging x stage": (pytest.approx(0.0, abs=1e-9), None),
    }


def test_the_spelling_of_a_columns_name_does_not_matter(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("Sex,Study Batch\nM,1\nF,2\n")
    other.write_text("sex,study_batch\nmale,1.0\nF,1\n")
    read = [read_population(path, [0]) for path in (one, other)]
    assert common_attributes(read[0], read[1], []) == ("Sex", "Study Batch")
    names = common_attributes(read[0], read[1], ["sex", "study-batch"])
    assert names == ("Sex", "Study Batch")
    sex, batch, _ = compare_populations(read[0], read[1], names)
    assert sex.jsd == 0.0
    assert batch.maximum == 0.5


def test_a_patient_of_several_rows_counts_once(tmp_path: Path) -> None:
    """A woman of three images and a man of one are half and half; two unknown are two."""
    one = "case_ids,sex\na,F\na,F\na,F\nb,M\n"
    assert compared(tmp_path, one, "sex\nF\nM\n") == {"sex": (0.0, 2)}
    unknown = "case_ids,sex\nnan,F\n,M\na,F\na,F\nb,M\n"
    assert compared(tmp_path, unknown, "sex\nF\nM\n") == {"sex": (0.0, 4)}


@pytest.mark.parametrize("age", ["411", "-5", "1_0"])
def test_an_age_that_is_none_is_refused(tmp_path: Path, age: str) -> None:
    with pytest.raises(
        ValueError, match=rf"one\.csv line 3: age_at_imaging is '{age}'; give years"
    ):
        compared(tmp_path, f"age_at_imaging\n70\n{age}\n", "age\n70\n")


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        ("sex\nF\nM\n", ("--attribute", "race"), "no attribute 'race'; it has sex"),
        ("colour\nred\n", (), "no attribute in common; the first has colour; the second sex"),
        ("attribute,level,count\nsex,F,many\n", (), "line 2: count is 'many'"),
        ("attribute,level,count\nsex,F,1\nsex,F,2\n", (), "line 3: sex Female stands twice"),
        ("attribute,level,count\nsex,F,0\n", (), "sex has nobody in any level"),
        ("attribute,level\nsex,F\n", (), "neither count nor share"),
        ("sex,age\nF,old\n", (), "line 2: age is 'old'; give years"),
        ("sex\n", (), "has a header and no rows"),
        ("sex\nF\n", ("--age-bands", "65,18"), "--age-bands is '65,18'; give each bound once"),
        ("sex\nF\n", ("--age-bands", "young"), "--age-bands is 'young'; give whole numbers"),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused(
    tmp_path: Path, table: str, options: tuple[str, ...], said: str
) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text(table)
    other.write_text("sex\nF\nM\n")
    assert said in refused("representativeness", one, other, *options)
