"""FHIR's ImagingStudy in R4 and R5: the list of studies, and whose they are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from cohort_selection.imaging_studies import compared, read, write_links
from cohort_selection.sources.source import SourceError
from tests.support.commands import sequestra
from tests.support.dicom_files import uid, write

# As the examples of the specification write them (hl7.org/fhir/R4 and /R5, ImagingStudy).
R4: dict[str, object] = {
    "resourceType": "ImagingStudy",
    "id": "example",
    "identifier": [
        {"system": "urn:dicom:uid", "value": "urn:oid:2.16.124.113543.6003.1154777499.30246.1"}
    ],
    "status": "available",
    "subject": {"reference": "Patient/dicom"},
    "started": "2011-01-01T11:01:20+03:00",
    "numberOfSeries": 1,
    "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
    "series": [{"uid": "2.16.124.113543.6003.2588828330.45298.17418", "number": 3}],
}
R5: dict[str, object] = {
    "resourceType": "ImagingStudy",
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.5"}],
    "status": "available",
    "modality": [{"coding": [{"code": "DX"}]}],
    "subject": {"identifier": {"system": "http://hospital.example", "value": "MRN-7"}},
    "started": "2021",
    "series": [{"uid": "1.2", "bodySite": {"concept": {"coding": [{"code": "51185008"}]}}}],
    "ownField": {"of": "a vendor", "weight": 1.50},
}
PATIENT: dict[str, object] = {
    "resourceType": "Patient",
    "id": "dicom",
    "identifier": [{"system": "http://a.example", "value": "419639-000012"}],
}


def bundle(*resources: dict[str, object], **more: object) -> str:
    entries = [{"fullUrl": f"https://f.example/{number}", "resource": resource}
               for number, resource in enumerate(resources)]  # fmt: skip
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries, **more})


def file(folder: Path, text: str, name: str = "bundle.json") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def of(value: str, subject: object, **more: object) -> dict[str, object]:
    return {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{value}"}],
        "status": "available",
        "subject": subject,
        **more,
    }


def test_both_releases_give_uid_subject_and_the_date_as_written(tmp_path: Path) -> None:
    found = read(file(tmp_path, bundle(R4, R5, PATIENT))).studies
    first, second = found["2.16.124.113543.6003.1154777499.30246.1"], found["1.2.840.5"]
    assert first.patients == ("419639-000012", "dicom")
    assert first.started == "2011-01-01T11:01:20+03:00"
    assert second.patients == ("MRN-7",)
    assert second.started == "2021"


def test_a_bulk_export_is_a_resource_a_line_in_several_files(tmp_path: Path) -> None:
    studies = file(tmp_path, f"{json.dumps(R4)}\n\n{json.dumps(R5)}\n", "ImagingStudy.ndjson")
    patients = tmp_path / "Patient.ndjson.gz"
    patients.write_bytes(gzip.compress(json.dumps(PATIENT).encode()))
    assert read(studies, patients).studies == read(file(tmp_path, bundle(R4, R5, PATIENT))).studies


@pytest.mark.parametrize(
    "reference",
    ["Patient/dicom", "https://f.example/fhir/Patient/dicom", "Patient/dicom/_history/3"],
)
def test_a_reference_may_be_short_long_or_of_a_version(tmp_path: Path, reference: str) -> None:
    study = of("1.2", {"reference": reference})
    (found,) = read(file(tmp_path, bundle(study, PATIENT))).studies.values()
    assert found.patients == ("419639-000012", "dicom")


def test_a_reference_may_name_an_entry_or_what_is_contained(tmp_path: Path) -> None:
    inner = of("1.3", {"reference": "#p"}, contained=[{**PATIENT, "id": "p"}])
    outer = of("1.2", {"reference": "urn:uuid:5a"})
    entries = [
        {"fullUrl": "urn:uuid:5a", "resource": PATIENT},
        {"resource": inner},
        {"resource": outer},
    ]
    text = json.dumps({"resourceType": "Bundle", "entry": entries})
    found = read(file(tmp_path, text)).studies
    assert found["1.2"].patients == ("419639-000012", "dicom")
    assert found["1.3"].patients == ("419639-000012",)


def test_withdrawn_and_nameless_studies_and_further_pages_are_told(tmp_path: Path) -> None:
    wrong = of("1.9", {"reference": "Patient/x"}, status="entered-in-error")
    nameless: dict[str, object] = {"resourceType": "ImagingStudy", "identifier": [{"value": "A-1"}]}
    text = bundle(R4, wrong, nameless, link=[{"relation": "next", "url": "https://f.example?p=2"}])
    found = read(file(tmp_path, text))
    assert len(found.studies) == 1
    assert found.notes[0] == "1 ImagingStudy cancelled or entered in error, left out"
    assert found.notes[1] == "1 ImagingStudy without a study UID, left out"
    assert "next page that is not read here" in found.notes[2]


def test_two_subjects_of_one_study_are_refused(tmp_path: Path) -> None:
    pair = of("1.2", {"reference": "Patient/a"}), of("1.2", {"reference": "Patient/b"})
    with pytest.raises(SourceError, match=r"study 1\.2 has two subjects, 'a' and 'b'"):
        read(file(tmp_path, bundle(*pair)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "is no FHIR: no resourceType"),
        ('{"a": 1}', "is no FHIR: no resourceType"),
        (json.dumps(PATIENT), "no ImagingStudy with a study UID"),
        (f"{json.dumps(R4)}\nhalf", "line 2 is no JSON"),
    ],
)
def test_what_is_no_fhir_is_told_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(file(tmp_path, text))


def test_a_study_gets_the_id_by_which_the_tables_know_its_subject(tmp_path: Path) -> None:
    studies = [
        of("1.1", {"reference": "Patient/dicom"}, started="2021-03"),
        of("1.2", {"identifier": {"value": "nobody"}}),
        of("1.3", {"reference": "Patient/dicom"}),
        of("1.4", {"reference": "Patient/two"}),
    ]
    both: dict[str, object] = {
        "resourceType": "Patient",
        "id": "two",
        "identifier": [{"value": "A"}, {"value": "B"}],
    }
    listed = read(file(tmp_path, bundle(*studies, PATIENT, both)))
    table = tmp_path / "links.csv"
    notes = write_links(listed, {"419639-000012", "A", "B"}, {"1.3": "of the table"}, table)
    assert table.read_text().splitlines() == [
        "patient_id,study_uid,imaging_study_started",
        "419639-000012,1.1,2021-03",
        "of the table,1.3,",
    ]
    assert notes == (
        "FHIR lists 4 studies; 2 linked to a patient of the clinical tables",
        "the subject of 1 study, as 1.2, is no patient of the clinical tables",
        "the subject of 1 study, as 1.4, is several patients of the clinical tables; not linked",
    )
    assert compared(listed, {"1.1", "1.2", "1.3", "1.4"}) == ()
    assert compared(listed, {"1.1", "1.2", "1.3", "1.5"}) == (
        "1 study of 4 that FHIR lists not among the images: 1.4",
        "1 study of 4 among the images that FHIR does not list: 1.5",
    )


def test_index_links_images_to_tables_by_the_subject(tmp_path: Path) -> None:
    studies = []
    for number in range(3):
        write(
            tmp_path / "images" / f"{number}.dcm",
            name=f"i{number}",
            patient=f"ANON{number}",
            study=f"S{number}",
        )
        patient = {"reference": f"Patient/p{number}"}
        studies.append(of(uid(f"S{number}").removeprefix("urn:oid:"), patient))
    studies.append(of("1.2.3", {"reference": "Patient/p0"}))
    patients: list[dict[str, object]] = [
        {"resourceType": "Patient", "id": f"p{n}", "identifier": [{"value": f"MRN{n}"}]}
        for n in range(3)
    ]
    listed = file(tmp_path, bundle(*studies, *patients))
    table = file(tmp_path, "patient_id,sex\nMRN0,F\nMRN1,M\nMRN2,F\n", "patients.csv")
    arguments = (
        *("index", tmp_path / "images", "--clinical", table),
        *("--output", tmp_path / "catalog", "--home", tmp_path / "home"),
    )
    alone = sequestra(*arguments)
    assert "3 of 3 studies have no clinical record" in alone.printed
    ended = sequestra(*arguments, "--fhir", listed)
    assert ended.code == 0, ended.complained
    assert "studies have no clinical record" not in ended.printed
    assert "FHIR lists 4 studies; 4 linked to a patient" in ended.printed
    assert "1 study of 4 that FHIR lists not among the images: 1.2.3" in ended.printed
