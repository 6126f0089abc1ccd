"""Every form that a table comes in gives the same cells; what is broken is told with its line."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from cohort_selection.clinical.records import read
from cohort_selection.clinical.vocabulary import level
from cohort_selection.plan.target_tables import read_wide
from cohort_selection.tables.cell_words import (
    amount,
    is_unknown,
    items,
    label_word,
    number,
    plain,
    spelling,
)
from cohort_selection.tables.column_names import (
    CASE_NAMES,
    LABEL_NAMES,
    NAMES,
    SCORE_NAMES,
    field_of,
    find,
)
from cohort_selection.tables.text_table import TextTable, read_text_table

COLUMNS = ("Patient ID", "age", "score", "findings")
ROWS = [["00012", "70", "0.5", "Mass|Nodule"], ["00013", "", "0.25", "No, none"]]


class Broken(ValueError):
    """What the reader raises here."""


def table_of(path: Path) -> TextTable:
    return read_text_table(path, Broken)


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def joined(separator: str, comma: bool = False) -> str:
    lines = [list(COLUMNS), *([*row] for row in ROWS)]
    if comma:
        lines[1][2], lines[2][2] = "0,5", "0,25"
    return "\n".join(
        separator.join(f'"{cell}"' if separator in cell else cell for cell in line)
        for line in lines
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (joined(","), "utf-8"),
        (joined(",").replace("\n", "\r\n"), "utf-8-sig"),
        (joined(",").replace("\n", "\r"), "utf-8"),
        (joined(";"), "utf-8"),
        (joined(";", comma=True), "utf-8-sig"),
        (joined("\t", comma=True), "utf-16"),
        ("sep=;\n" + joined(";", comma=True), "utf-8"),
        (joined(",") + "\n\n,,,\n", "utf-8"),
        (joined(",").replace("00013", " 00013 "), "utf-8"),
    ],
)
def test_text_in_every_dress_has_the_same_cells(tmp_path: Path, text: str, encoding: str) -> None:
    for path in (
        written(tmp_path, "t.csv", text, encoding),
        tmp_path / "t.csv.gz",
        tmp_path / "packed_without_saying_so.csv",
    ):
        if not path.exists():
            path.write_bytes(gzip.compress(text.encode(encoding)))
        found = table_of(path)
        assert found.columns == COLUMNS
        assert [cells for _, cells in found.lines] == ROWS


def test_a_bar_separates_where_nothing_else_does(tmp_path: Path) -> None:
    found = table_of(written(tmp_path, "t.txt", "a|b\n1|2\n"))
    assert (found.columns, found.lines) == (("a", "b"), ((2, ["1", "2"]),))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0,5", "1,25", "2"], ["0.5", "1.25", "2"]),
        (["0,5", "nan", ""], ["0.5", "nan", ""]),
        (["1,234", "2,345"], ["1,234", "2,345"]),  # a thousand and more, or not: who can tell
        (["0,5", "0.7"], ["0,5", "0.7"]),
        (["1,5", "two, three"], ["1,5", "two, three"]),
        (["1,234,567", "0,5"], ["1,234,567", "0,5"]),
    ],
)
def test_a_decimal_comma_becomes_a_point_where_a_column_is_of_numbers(
    tmp_path: Path, cells: list[str], expected: list[str]
) -> None:
    text = "a;b\n" + "".join(f"x;{cell}\n" for cell in cells)
    assert table_of(written(tmp_path, "t.csv", text)).column("b") == expected


def test_parquet_gives_what_its_columns_hold(tmp_path: Path) -> None:
    pq.write_table(
        pa.table(
            {
                "id": ["00012", "00013"],
                "age": pa.array([70.0, None]),  # whole numbers with a gap are stored as fractions
                "p": pa.array([0.1, 1e-17]),
                "yes": pa.array([True, False]),
                "list": pa.array([["Mass", "Nodule"], []]),
                "word": pa.array(["a", "b"]).dictionary_encode(),
                "none": pa.array([np.nan, 2.5]),
            }
        ),
        tmp_path / "t.parquet",
    )
    found = table_of(tmp_path / "t.parquet")
    assert found.lines == (
        (2, ["00012", "70", "0.1", "true", "Mass|Nodule", "a", ""]),
        (3, ["00013", "", "1e-17", "false", "", "b", "2.5"]),
    )


def test_a_parquet_number_that_lost_digits_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": pa.array([1.2345678901234568e17])}), tmp_path / "t.parquet")
    with pytest.raises(Broken, match=r"t\.parquet line 2: id: .* 18 digits, .* store ids as text"):
        table_of(tmp_path / "t.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-20])
    with pytest.raises(Broken, match=r"cut\.parquet: not a Parquet file that can be read"):
        table_of(tmp_path / "cut.parquet")


def book(path: Path, rows: list[list[Any]]) -> Workbook:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    made.save(path)
    return made


def test_a_spreadsheet_is_read_as_it_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    made = book(path, [["id", "age", "p", "day"], [12, 70.0, 0.5, None], [None], ["x", 45.6, 1, 1]])
    sheet = made.active
    assert sheet is not None
    sheet["A2"].number_format = "00000"  # shows 12 as 00012
    made.create_sheet("empty")
    made.save(path)
    found = table_of(path)
    assert found.columns == ("id", "age", "p", "day")
    assert found.lines == ((2, ["00012", "70", "0.5", ""]), (4, ["x", "45.6", "1", "1"]))


def test_a_formula_that_gave_the_empty_text_is_an_empty_cell(tmp_path: Path) -> None:
    """Excel stores what ``=IF(A1="";"";A1)`` gave as an empty text; openpyxl stores nothing."""
    book(tmp_path / "made.xlsx", [["id", "race"], ["a", '=IF(C2="","",C2)']])
    with (
        zipfile.ZipFile(tmp_path / "made.xlsx") as made,
        zipfile.ZipFile(tmp_path / "t.xlsx", "w") as stored,
    ):
        for name in made.namelist():
            data = made.read(name)
            if name == "xl/worksheets/sheet1.xml":
                cell = data[data.index(b'<c r="B2"') :]
                cell = cell[: cell.index(b"</c>")]
                as_stored = cell.replace(b'r="B2"', b'r="B2" t="str"').replace(b"<v />", b"<v></v>")
                assert as_stored.count(b"<v></v>") == 1
                data = data.replace(cell, as_stored)
            stored.writestr(name, data)
    assert table_of(tmp_path / "t.xlsx").lines == ((2, ["a", ""]),)


def test_a_sheet_may_begin_further_down(tmp_path: Path) -> None:
    book(tmp_path / "t.xlsx", [[], [None, ""], ["id", "p"], ["a", 1]])
    found = table_of(tmp_path / "t.xlsx")
    assert found.columns == ("id", "p")
    assert found.lines == ((4, ["a", "1"]),)


def test_a_date_that_no_calendar_has_is_one_sentence(tmp_path: Path) -> None:
    seconds = pa.array([2**50], pa.timestamp("s"))
    pq.write_table(pa.table({"id": ["a"], "day": seconds}), tmp_path / "t.parquet")
    with pytest.raises(Broken, match=r"t\.parquet: not a Parquet file that can be read"):
        table_of(tmp_path / "t.parquet")


def test_a_duration_that_nobody_asked_for_keeps_no_table_out(tmp_path: Path) -> None:
    minutes = pa.array([90 * 60], pa.duration("s"))
    pq.write_table(pa.table({"id": ["a"], "took": minutes}), tmp_path / "t.parquet")
    assert table_of(tmp_path / "t.parquet").lines == ((2, ["a", "1:30:00"]),)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("=1+1", r"t\.xlsx line 2, column 1: a formula whose value was never computed"),
        (1.2345678901234568e17, r"t\.xlsx line 2, column 1: .* store ids as text"),
        ("#REF!", r"t\.xlsx line 2: id is '#REF!', an error of a spreadsheet"),
    ],
)
def test_a_cell_of_a_spreadsheet_that_says_nothing_true_is_refused(
    tmp_path: Path, cell: object, said: str
) -> None:
    book(tmp_path / "t.xlsx", [["id", "p"], [cell, 1]])
    with pytest.raises(Broken, match=said):
        table_of(tmp_path / "t.xlsx")


def test_two_sheets_leave_open_which_is_meant(tmp_path: Path) -> None:
    made = book(tmp_path / "t.xlsx", [["id"], ["a"]])
    made.create_sheet("Second").append(["id"])
    made.save(tmp_path / "t.xlsx")
    with pytest.raises(Broken, match=r"t\.xlsx: 2 sheets are not empty \(Sheet, Second\)"):
        table_of(tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('id,note\n1,"open\n2,x\n3,y\n', r"line 2: unexpected end of data; close every quotation"),
        ('id,note\n1,a\n2,"b\n3,"c",d\n', r"line 3: .*close every quotation mark"),
        ("id,p,id\n1,2,3\n", "line 1: two columns are named 'id'; rename one"),
        ("id,p,q\n1,2,3\n2,3\n", "line 3: 2 fields, but the header names 3 columns"),
        ("id,p\n1,2\n2,3,4\n", "line 3: 3 fields, but the header names 2 columns"),
        ("\n\n", "line 1: no header"),
        (",,\nid,p,q\n1,2,3\n", "line 1: no header"),
        ("id,p\n1,#DIV/0!\n", "line 2: p is '#DIV/0!', an error of a spreadsheet"),
    ],
)
def test_a_broken_text_is_refused_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Broken, match=r"t\.csv " + said) as told:
        table_of(written(tmp_path, "t.csv", text))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.csv", b"id\n\xff\xff\n", "byte 3 is not UTF-8"),
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old .xls spreadsheet; save it"),
        ("t.xlsx", b"PK\x03\x04\x00", "a damaged .xlsx or .zip file"),
        ("t.csv.gz", b"id\n1\n", "ends in .gz and is not packed by gzip"),
        ("t.csv.gz", gzip.compress(b"id\n1\n", mtime=0)[:-6], "a damaged .gz file"),
        ("t.csv", b"id\n\x00\n", "not a text table"),
    ],
)
def test_a_file_that_is_no_table_is_one_sentence(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Broken, match=said):
        table_of(tmp_path / name)


def test_ids_that_a_spreadsheet_shortened_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "patient_id,sex\nA,F\n1.23E+11,M\n")
    with pytest.raises(ValueError, match=r"t\.csv line 3: patient_id is '1\.23E\+11'; a spreads"):
        read(path)
    read(written(tmp_path, "hex.csv", "patient_id,sex\n1e10,F\n5E12,M\n"))  # ids of hex digits


@pytest.mark.parametrize("text", ["1_000", "٣", "1,5", "inf", "nan", "0x1A", "1e999", "", "１"])
def test_what_python_alone_takes_for_a_number_is_none(text: str) -> None:
    assert number(text) is None


def test_numbers_are_those_of_a_table() -> None:
    texts = ("-1.5e3", ".5", "5.", "+2")
    assert [number(text) for text in texts] == [-1500.0, 0.5, 5.0, 2.0]
    assert amount("-1") is None


@pytest.mark.parametrize("text", ["nan", "NA", "None", "Unknown", "", "?", " n/a ", "<NA>", "NaT"])
def test_words_for_nothing_known_are_one(text: str) -> None:
    assert is_unknown(text)
    for attribute in ("sex", "site", "race x site"):
        shown = f"{text} x {text}" if " x " in attribute else text
        assert set(level(attribute, shown).split(" x ")) == {"Not Reported"}


@pytest.mark.parametrize(
    ("attribute", "text", "expected"),
    [
        ("sex", "m", "Male"),
        ("Patient Gender", "MALE", "Male"),
        ("PatientSex", "f", "Female"),
        ("sex", "X", "X"),
        ("site", "M", "M"),
        ("race", "black/african american", "Black or African American"),
        ("stage", "70.0", "70"),
        ("race x sex", "white x f", "White x Female"),
        ("site", "North  wing", "North wing"),
    ],
)
def test_a_level_has_one_word(attribute: str, text: str, expected: str) -> None:
    assert level(attribute, text) == expected
    assert plain(expected) == expected


@pytest.mark.parametrize(
    "name",
    ["PatientID", "Patient ID", "patient-id", "case_ids", "CASE_IDS", "Subject_ID", "patientId"],
)
def test_every_door_knows_a_patient_by_these_names(name: str, tmp_path: Path) -> None:
    assert field_of(name) == "patient"
    assert find(("x", name), NAMES["patient"]) == name
    (record,) = read(written(tmp_path, "t.csv", f"{name},sex\nA,F\n"))
    assert record.patient_id == "A"


def test_a_name_that_is_there_goes_before_one_spelled_otherwise() -> None:
    assert find(("Case ID", "case_id"), CASE_NAMES) == "case_id"
    assert find(("Case-ID", "image"), CASE_NAMES) == "Case-ID"
    assert find(("y]", "Height]"), ("y", "height")) is None  # of NIH's header, no label


def test_the_first_of_two_scores_is_not_the_score() -> None:
    """A classifier's two columns are the classes 0 and 1; the first of a list of ids is the id."""
    assert find(("id", "score_0", "score_1"), SCORE_NAMES) is None
    assert find(("id", "label_0", "label_1"), LABEL_NAMES) is None
    assert find(("case_ids_0", "case_ids_1"), NAMES["patient"]) == "case_ids_0"


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("a.png", "a", "endings such as .png aside"),
        ("a.nii.gz", "a", "endings such as .png aside"),
        ("A", "a", "capitals aside"),
        ("0012", "12", "zeros in front aside"),
        ("1.2.840.4.17", "1.2.840.4.18", ""),
    ],
)
def test_ids_of_two_tables_would_meet_only_where_they_name_one_thing(
    ours: str, theirs: str, expected: str
) -> None:
    found = spelling([ours], [theirs])
    assert (expected in found) if expected else not found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mass|Nodule|Mass", ("Mass", "Nodule")),
        ("['pleural effusion', 'loc right', '']", ("pleural effusion", "loc right")),
        ("['a, b', \"c's\"]", ("a, b", "c's")),
        ("Mass; Nodule", ("Mass", "Nodule")),
        ("Mass, Nodule", ("Mass", "Nodule")),
        ("Mass, large|Nodule", ("Mass", "large", "Nodule")),
        ("['a', 'b']|['b', 'c']", ("a", "b", "c")),
        ("", ()),
    ],
)
def test_a_list_is_a_list_however_it_is_written(text: str, expected: tuple[str, ...]) -> None:
    assert items(text) == expected


def test_label_words_are_rounded_as_the_contract_rounds() -> None:
    texts = ("1.0000000000000002", "-1e-17", "1.0", "+1", "-1.0", "Yes", "0.5")
    assert [label_word(text) for text in texts] == ["1", "0", "1", "1", "-1", "yes", "0.5"]


@pytest.mark.realdata
def test_real_spreadsheets_have_the_cells_of_their_own_exports(shared_data: Path) -> None:
    """MIDRC's target specification and its Census workbook, beside the CSV of each sheet."""
    cohort = shared_data / "cohort"
    sheet = table_of(cohort / "tbs_target_specification.xlsx")
    export = table_of(cohort / "tbs_target_specification_sheet1.csv")
    assert (sheet.columns, sheet.lines) == (export.columns, export.lines)
    census = shared_data / "demographics"
    with pytest.raises(Broken, match=r"us_census\.xlsx: 5 sheets are not empty \(Age at Index, R"):
        table_of(census / "us_census.xlsx")
    for name in ("race", "sex", "ethnicity"):
        shares = read_wide(census / "us_census.xlsx", name).margins[name]
        assert shares == pytest.approx(
            read_wide(census / f"us_census_{name}.csv", name).margins[name]
        )
