"""The catalog on disk: what goes in comes out, an update appends, nothing is half-written."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cohort_selection.catalog import appending, catalog
from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.dicom.studies import Study
from cohort_selection.study_table import parts as table
from cohort_selection.study_table.commons import Commons
from cohort_selection.study_table.parts import FOLDER, LIST, CatalogError, read_parts
from cohort_selection.study_table.schema import schema
from tests.support.catalog_studies import content, studies_in, studies_of
from tests.support.dicom_files import write
from tests.support.study_by_study import write_catalog

STUDY = Study(
    study_uid="1.2.3",
    patient_id="A",
    modality="CR,DX",
    body_part="CHEST",
    description="Thorax, stehend ä 山田",
    loinc="36643-5",
    manufacturer="Corvane",
    view="PA",
    acquired="2021-03-04",
    sex="Female",
    age=61,
    files=(Path("/data/one.dcm"), Path("/data/two, with comma.dcm")),
    fields={"ViewPosition": ("PA",), "WindowCenter": ("", "40", "40\\400")},
    doubts=("study-date",),
)
RECORD = ClinicalRecord(
    patient_id="A",
    study_uid="",
    age=61,
    sex="Female",
    race="Asian",
    ethnicity="Not Reported",
    site="101",
    tests=(CovidTest("Positive", -3), CovidTest("Negative", 2, from_study=False)),
    findings={"opacity": "1", "note": "", "Ünï": 'quote " and\nline', "a.b": "x"},
)


def written(
    folder: Path, studies: Sequence[Study], records: Sequence[ClinicalRecord] = (RECORD,)
) -> Path:
    """A catalog of these studies, appended to the one that is in the folder."""
    fresh = folder.with_name(f"{folder.name}-fresh")
    write_catalog(fresh, folder, studies, records)
    if folder.exists():
        shutil.rmtree(folder)
    return fresh.rename(folder)


def rows(folder: Path) -> list[dict[str, object]]:
    """Every column of every study, by UID."""
    commons = catalog.read(folder)
    names = [*schema(commons.findings).names]
    found: list[dict[str, object]] = commons.columns(names).to_pylist()
    return sorted(found, key=lambda row: str(row["study_uid"]))


@pytest.mark.parametrize("age", [61, 0, None])
def test_what_goes_in_comes_out(tmp_path: Path, age: int | None) -> None:
    study = replace(STUDY, age=age)
    commons = catalog.read(written(tmp_path / "catalog", [study], [replace(RECORD, age=age)]))
    assert studies_of(commons) == (study,)
    assert commons.findings == ("a.b", "note", "opacity", "Ünï")
    assert [commons.cells(name).texts() for name in commons.findings] == [
        ["x"],
        [""],
        ["1"],
        ['quote " and\nline'],
    ]
    (row,) = rows(tmp_path / "catalog")
    assert (row["recorded"], row["record.age"], row["record.race"]) == (True, age, "Asian")
    assert row["record.tests"] == [
        {"result": "Positive", "days_from_index": -3, "from_study": True},
        {"result": "Negative", "days_from_index": 2, "from_study": False},
    ]


def test_anybody_opens_the_table_as_it_is(tmp_path: Path) -> None:
    """Its columns are texts, numbers and lists of texts, by any reader of Parquet."""
    folder = written(tmp_path / "catalog", [STUDY])
    found = pq.read_table(folder / FOLDER).to_pylist()
    assert found[0]["WindowCenter"] == ["", "40", "40\\400"]
    assert found[0]["findings.opacity"] == "1"
    assert found[0]["images"] == 2


def many(numbers: Sequence[int], view: str = "PA") -> list[Study]:
    plain = replace(STUDY, doubts=(), view=view)
    return [
        replace(plain, study_uid=f"1.2.{number}", patient_id=f"P{number % 50}")
        for number in numbers
    ]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of at most 40 studies, the last one open below 10, so that a few studies show it."""
    for module in (table, appending):
        monkeypatch.setattr(module, "ROWS", 40)
    monkeypatch.setattr(appending, "_FULL", 10)
    monkeypatch.setattr(table, "_GROUP", 16)


def files(folder: Path) -> dict[str, int]:
    """Each part with the number of its file."""
    return {path.name: path.stat().st_ino for path in sorted((folder / FOLDER).iterdir())}


@pytest.mark.usefixtures("small_parts")
def test_an_update_appends_and_leaves_other_parts_their_files(tmp_path: Path) -> None:
    folder = written(tmp_path / "catalog", many(range(100)))
    first = files(folder)
    assert len(first) == 3
    written(folder, many(range(130)))
    second = files(folder)
    assert {name: second[name] for name in first} == first
    assert [each.studies for each in read_parts(folder).parts] == [40, 40, 20, 30]


@pytest.mark.usefixtures("small_parts")
def test_only_the_parts_of_studies_that_changed_are_written_again(tmp_path: Path) -> None:
    folder = written(tmp_path / "catalog", many(range(100)))
    place = {
        uid: part.name
        for part in read_parts(folder).parts
        for group in read_parts(folder).groups(part, ["study_uid"])
        for uid in group.column(0).to_pylist()
    }
    before = files(folder)
    changed = [*many(range(99)), *many([99], "AP")]
    written(folder, changed)
    after = files(folder)
    assert {name for name in before if after[name] != before[name]} == {place["1.2.99"]}
    written(folder, [study for study in changed if study.study_uid != "1.2.7"])
    assert {name for name in after if files(folder)[name] != after[name]} == {place["1.2.7"]}


@pytest.mark.usefixtures("small_parts")
def test_any_way_to_a_commons_gives_one_catalog(tmp_path: Path) -> None:
    drawn = random.Random(3)
    for trial in range(12):
        folder = tmp_path / f"appended {trial}"
        for _ in range(6):
            some = drawn.sample(range(200), drawn.randrange(1, 160))
            written(folder, many(some, drawn.choice(("PA", "AP"))))
        written(folder, last := many(drawn.sample(range(200), 150)))
        assert rows(folder) == rows(written(tmp_path / f"at once {trial}", last))
        assert max(each.studies for each in read_parts(folder).parts) <= 40


@pytest.mark.usefixtures("small_parts")
def test_small_updates_share_a_part(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    for n in range(1, 31):
        written(folder, many(range(n)))
    assert [each.studies for each in read_parts(folder).parts] == [10, 10, 10]


def test_new_findings_write_every_part_again(tmp_path: Path) -> None:
    folder = written(tmp_path / "catalog", [STUDY])
    written(folder, [STUDY], [replace(RECORD, findings={"grade": "3"})])
    assert catalog.read(folder).findings == ("grade",)
    assert catalog.read(folder).cells("grade").texts() == ["3"]


def test_a_catalog_without_studies_is_read(tmp_path: Path) -> None:
    commons = catalog.read(written(tmp_path / "catalog", []))
    assert (commons.n_studies, commons.findings, len(commons.study_uids())) == (
        0,
        ("a.b", "note", "opacity", "Ünï"),
        0,
    )
    assert commons.known("sex").values == ()


def indexed(tmp_path: Path) -> Path:
    write(tmp_path / "dicom" / "a.dcm", "i1", "P1", "S1")
    catalog.update(tmp_path / "dicom", [RECORD], tmp_path / "catalog")
    return tmp_path / "catalog"


def test_a_failure_while_writing_leaves_the_old_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = indexed(tmp_path)
    before = content(folder)
    write(tmp_path / "dicom" / "b.dcm", "i2", "P2", "S2")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CatalogError, match="no room to write the catalog"):
        catalog.update(tmp_path / "dicom", [RECORD], folder)
    monkeypatch.undo()
    assert content(folder) == before
    assert len(studies_in(indexed(tmp_path))) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog", "dicom"]


def test_a_kill_between_the_two_renames_is_put_right_by_the_next_reader(tmp_path: Path) -> None:
    folder = indexed(tmp_path)
    before = content(folder)
    folder.rename(tmp_path / ".catalog.previous")
    assert content(folder) == before


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path / "dicom" / "a.dcm", "i1", "P1", "S1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(CatalogError, match="is not empty and holds no catalog"):
        catalog.update(tmp_path / "dicom", [RECORD], tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "irreplaceable"


def test_a_folder_that_is_no_catalog_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"is not a catalog: studies\.json is not there"):
        catalog.read(tmp_path)


def test_a_catalog_of_before_is_indexed_again(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / catalog.FORMER).touch()
    with pytest.raises(CatalogError, match=r"earlier version .*; run sequestra index again"):
        catalog.read(tmp_path / "catalog")
    assert len(studies_in(indexed(tmp_path))) == 1


def lost(folder: Path) -> None:
    (folder / FOLDER / "part-000000.parquet").unlink()


def cut(folder: Path) -> None:
    path = folder / FOLDER / "part-000000.parquet"
    path.write_bytes(path.read_bytes()[:-1])


def foreign(folder: Path) -> None:
    other = written(folder.with_name("other"), [replace(STUDY, view="AP")])
    path = folder / FOLDER / "part-000000.parquet"
    size = path.stat().st_size
    path.write_bytes((other / FOLDER / "part-000000.parquet").read_bytes()[:size].ljust(size))


def another_version(folder: Path) -> None:
    listed = json.loads((folder / LIST).read_text())
    (folder / LIST).write_text(json.dumps(listed | {"version": 99}))


def no_list(folder: Path) -> None:
    (folder / LIST).write_text("{")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lost, "part-000000.parquet is not there"),
        (cut, "part-000000.parquet is damaged, or of another catalog"),
        (foreign, "part-000000.parquet is damaged, or of another catalog"),
        (another_version, "another version of Sequestra wrote this catalog"),
        (no_list, "studies.json is damaged"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, harm: object, said: str) -> None:
    folder = written(tmp_path / "catalog", [STUDY])
    harm(folder)  # type: ignore[operator]
    with pytest.raises(CatalogError, match=rf"{said}.*; run sequestra index again"):
        catalog.read(folder)


def test_a_changed_page_is_named_when_it_is_read(tmp_path: Path) -> None:
    """Each page has its checksum: its list of contents alone would not tell."""
    folder = written(tmp_path / "catalog", many(range(300)))
    path = folder / FOLDER / "part-000000.parquet"
    whole = bytearray(path.read_bytes())
    at = pq.ParquetFile(path).metadata.row_group(0).column(0)
    place = at.data_page_offset + at.total_compressed_size - 8
    whole[place] ^= 0xFF
    path.write_bytes(whole)
    commons: Commons = catalog.read(folder)
    with pytest.raises(CatalogError, match=r"part-000000\.parquet cannot be read"):
        commons.study_uids()
    # Indexing again is what the message says, and helps.
    assert len(studies_in(written(folder, many(range(300))))) == 300
