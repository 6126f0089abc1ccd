"""The catalog on disk: what goes in comes out, and nothing is half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.catalog import catalog
from cohort_selection.catalog.catalog import Catalog, CatalogError
from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.dicom.studies import Quarantined, Study


def example(age: int | None = 61) -> Catalog:
    study = Study(
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
        age=age,
        files=(Path("/data/one.dcm"), Path("/data/two, with comma.dcm")),
    )
    record = ClinicalRecord(
        patient_id="A",
        study_uid="",
        age=age,
        sex="Female",
        race="Asian",
        ethnicity="Not Reported",
        site="101",
        tests=(CovidTest("Positive", -3), CovidTest("Negative", 2)),
        findings={"opacity": "1", "note": "", "Ünï": 'quote " and\nline'},
    )
    return Catalog((study,), (record,), (Quarantined(Path("/data/x.zip"), 'a "zip", really'),))


@pytest.mark.parametrize("age", [61, 0, None])
def test_what_goes_in_comes_out(tmp_path: Path, age: int | None) -> None:
    catalog.write(example(age), tmp_path / "catalog")
    assert catalog.read(tmp_path / "catalog") == example(age)


def test_an_empty_catalog_comes_back_empty(tmp_path: Path) -> None:
    catalog.write(Catalog((), (), ()), tmp_path / "catalog")
    assert catalog.read(tmp_path / "catalog") == Catalog((), (), ())


def test_writing_again_replaces_the_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    catalog.write(example(), tmp_path / "catalog")
    catalog.write(Catalog((), example().records, ()), tmp_path / "catalog")
    assert catalog.read(tmp_path / "catalog").studies == ()
    assert [path.name for path in tmp_path.iterdir()] == ["catalog"]


def test_a_failure_while_writing_leaves_the_old_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.write(example(), tmp_path / "catalog")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        catalog.write(Catalog((), (), ()), tmp_path / "catalog")
    monkeypatch.undo()
    assert catalog.read(tmp_path / "catalog") == example()
    assert [path.name for path in tmp_path.iterdir()] == ["catalog"]


def test_a_kill_between_the_two_renames_is_put_right_by_the_next_reader(tmp_path: Path) -> None:
    catalog.write(example(), tmp_path / "catalog")
    (tmp_path / "catalog").rename(tmp_path / ".catalog.previous")
    assert catalog.read(tmp_path / "catalog") == example()


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(CatalogError, match="is not empty and holds no catalog"):
        catalog.write(example(), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "irreplaceable"


def test_a_folder_that_is_no_catalog_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"studies\.parquet, records\.parquet.*not there"):
        catalog.read(tmp_path)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    catalog.write(example(), tmp_path / "catalog")
    (tmp_path / "catalog" / catalog.STUDIES).write_bytes(b"PAR1 and then nothing")
    with pytest.raises(CatalogError, match="its tables cannot be read"):
        catalog.read(tmp_path / "catalog")
