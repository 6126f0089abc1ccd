"""LOINC terms by study description: MIDRC's real tables, and tables broken on purpose."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from cohort_selection.catalog.harmonisation import Harmonised, Pair, agreement, coverage, report
from cohort_selection.catalog.joining import Joining
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.dicom.studies import Study
from cohort_selection.loinc.loinc_map import HarmonisationError, LoincMap, Term, read_loinc_map
from cohort_selection.study_table.study_rows import header_tables
from tests.support.study_by_study import joined

MAPPING = (
    "Modality\tStudyDescription\tLOINC code\tL-Long Common Name\n"
    "CR, DX\tXR PORT CHEST 1V\t36589-0\tPortable XR Chest AP single view\n"
    "CT\tCHEST W\t24628-0\tCT Chest W contrast IV\n"
    "CR\tchest  2V\t36643-5\tXR Chest 2 Views\n"
    "DX\tchest 2v\t42272-5\tXR Chest PA and Lateral\n"
    "US\t(blank)\t25061-3\tUS Unspecified body region\n"
)
ATTRIBUTES = (
    "LOINC code,L-Long Common Name,L-Method,L-System,Rad.Timing,MIDRC-System\n"
    "36589-0,Portable XR Chest AP single view,XR.portable,Chest,,Chest\n"
    "24628-0,CT Chest W contrast IV,CT,Chest,W,Chest\n"
    "25061-3,US Unspecified body region,US,XXX,,\n"
)


def tables(folder: Path, mapping: str = MAPPING, attributes: str = ATTRIBUTES) -> LoincMap:
    (folder / "mapping.tsv").write_text(mapping)
    (folder / "attributes.csv").write_text(attributes)
    return read_loinc_map(folder / "mapping.tsv", folder / "attributes.csv")


def study(uid: str, modality: str, description: str, loinc: str = "", age: int = 50) -> Study:
    return Study(
        study_uid=uid,
        patient_id=uid,
        modality=modality,
        body_part="CHEST",
        description=description,
        loinc=loinc,
        manufacturer="GE",
        view="",
        acquired="",
        sex="Female",
        age=age,
        files=(Path(uid),),
    )


def record(
    uid: str, findings: Mapping[str, str], sex: str = "Female", age: int = 50
) -> ClinicalRecord:
    return ClinicalRecord(
        patient_id=uid,
        study_uid="",
        age=age,
        sex=sex,
        race="White",
        ethnicity="Not Reported",
        site="A",
        tests=(),
        findings=findings,
    )


def counted(
    studies: Sequence[Study], records: Sequence[ClinicalRecord], loinc_map: LoincMap | None
) -> Harmonised:
    joining = Joining(records, loinc_map)
    ordered = sorted(studies, key=lambda each: each.study_uid)
    for rows in header_tables(ordered):
        joining.meet(rows)
    return joining.harmonised


@pytest.fixture(scope="module")
def midrc(shared_data: Path) -> LoincMap:
    folder = shared_data / "midrc" / "harmonization"
    return read_loinc_map(
        folder / "StudyDescription_mapping_table.tsv",
        folder / "StudyDescription_filtering_attributes.csv",
    )


@pytest.mark.realdata
def test_midrcs_table_covers_what_it_was_found_to_cover(midrc: LoincMap, shared_data: Path) -> None:
    # Counted apart from this code: 24.8 % of the 2,520 observed pairs, 98.0 % of 233,985 studies.
    # Modalities in another order ("DX,CR") are one pair less to miss here.
    path = shared_data / "midrc" / "harmonization" / "StudyDescriptions_Gen3.tsv"
    pairs = studies = known_pairs = known_studies = 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            pair = row["Modality"], row["StudyDescription"]
            known = midrc.term(*pair) is not None or midrc.ambiguous(*pair)
            pairs, studies = pairs + 1, studies + int(float(row["frequency"]))
            known_pairs += known
            known_studies += known * int(float(row["frequency"]))
    assert (pairs, studies) == (2520, 233985)
    assert 0.248 - 0.0005 <= known_pairs / pairs <= 0.25
    assert round(known_studies / studies, 3) == 0.980


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("modality", "description", "expected"),
    [
        ("DX", "XR CHEST 1 VIEW AP", Term("36572-6", "XR Chest AP", "XR", "Chest", "")),
        ("CR", "xr port  chest 1v", Term("36589-0", "Portable XR Chest AP single view",
                                         "XR.portable", "Chest", "")),
        ("DX", "XR CHEST 1 VW, FRONTAL",
         Term("36554-4", "XR Chest Single view", "XR", "Chest", "")),
        ("CT", "", Term("25045-6", "CT Unspecified body region", "CT", "Unspecified", "")),
    ],
)  # fmt: skip
def test_descriptions_whose_codes_midrc_documents(
    midrc: LoincMap, modality: str, description: str, expected: Term
) -> None:
    assert midrc.term(modality, description) == expected


@pytest.mark.realdata
def test_every_known_fault_of_midrcs_table_is_found(midrc: LoincMap) -> None:
    faults = "\n".join(midrc.faults)
    for known in (
        "77 codes have no row of attributes",
        "2 codes have blanks around them, which are taken off: '35938-0 ' (line 29), '\\t24968-0'",
        "36813-4 'CT Abdomen and Pelvis W contrast IV' (line 3): Abdomen",
        "30592-0 'CT Cervical spine WO contrast' (line 10): Chest",
        "2 rows file a code under a system that its name contradicts",
        "2 rows give a method that the name contradicts: 69908-2 'CTA Abdominal vessels",
        "5 rows leave MIDRC-System empty",
        "6 rows name no modality",
        "24 rows name what is no DICOM modality: CTPT",
    ):
        assert known in faults
    # Eleven pairs have two codes where the blank around one code is part of it, ten without.
    assert len(midrc.ambiguities) == 10
    decided = {(each.modality, each.description): each.chosen for each in midrc.ambiguities}
    assert decided["CR", "xr chest 2 views"] == "36643-5"  # LOINC's name of it: XR Chest 2 Views
    assert decided["PT", "pet lymphoma non hodgk"] == ""
    assert midrc.term("PT", "PET LYMPHOMA NON HODGK") is None


def test_modalities_match_whole_before_in_part_and_blank_is_a_description(tmp_path: Path) -> None:
    found = tables(tmp_path)
    portable = Term("36589-0", "Portable XR Chest AP single view", "XR.portable", "Chest", "")
    for modality in ("CR", "DX", "CR,DX", "DX, CR", "['DX','CR']"):
        assert found.term(modality, "xr Port chest 1V ") == portable
    assert found.term("CT", "XR PORT CHEST 1V") is None
    assert found.term("CR", "CHEST 2V") == Term("36643-5", "XR Chest 2 Views")
    assert found.term("DX", "CHEST 2V") == Term("42272-5", "XR Chest PA and Lateral")
    assert found.term("CR,DX", "CHEST 2V") is None
    assert found.term("US", "") == Term(
        "25061-3", "US Unspecified body region", "US", "Unspecified", ""
    )
    assert found.ambiguities == ()


def test_an_ambiguous_pair_goes_to_the_code_that_it_names_or_to_none(tmp_path: Path) -> None:
    more = "CR,DX\tXR Chest 2 views\t36643-5\tXR Chest 2 Views\n"
    more += "CR\tCHEST W\t36643-5\tXR Chest 2 Views\nCR\tCHEST W\t36554-4\tXR Chest Single view\n"
    more += "DX,CR\tXR CHEST 2 VIEWS\t42272-5\tXR Chest PA and Lateral\n"
    found = tables(tmp_path, MAPPING + more)
    assert [str(each) for each in found.ambiguities] == [
        "CR 'chest w': 36643-5 (line 8), 36554-4 (line 9): left without a code",
        *(
            f"{modality} 'xr chest 2 views': 36643-5 (line 7), 42272-5 (line 10): 36643-5, whose "
            "name it is"
            for modality in ("CR", "CR,DX", "DX")
        ),
    ]
    assert found.term("CT", "CHEST W") is not None


@pytest.mark.parametrize(
    ("mapping", "attributes", "said"),
    [
        ("CT\tX\t24628-1\tCT Chest\n", "", "1 rows are left out: what they name is no LOINC code: "
         "'24628-1' (line 7)"),
        ("CT\tX\tchest\tCT Chest\n", "", "no LOINC code: 'chest' (line 7)"),
        ("CT\tX\t24628-0 \tCT Chest\n", "", "a second name; the first is kept: 24628-0 'CT Chest'"),
        ("ct\tchest w\t24628-0\t\n", "", "1 rows repeat another, code and all: line 7"),
        ("\tX\t24628-0\t\n", "", "1 rows name no modality and match no study: line 7"),
        ("XR\tX\t24628-0\t\n", "", "1 rows name what is no DICOM modality: XR (line 7)"),
        ("", "36643-5,XR Chest 2 Views,XR,Head,,Head\n", "contradicts: 36643-5 'XR Chest 2 Views'"),
        ("", "36643-5,CT Chest WO contrast,CT,Chest,W,Chest\n", "a contrast that the name"),
        ("", "36643-5,CTA Chest W contrast IV,CT,Chest,W,Chest\n", "a method that the name"),
    ],
)  # fmt: skip
def test_a_check_finds_each_fault(tmp_path: Path, mapping: str, attributes: str, said: str) -> None:
    clean = "\n".join(tables(tmp_path).faults)
    assert said not in clean
    found = "\n".join(tables(tmp_path, MAPPING + mapping, ATTRIBUTES + attributes).faults)
    assert said in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Modality,Description,Code\nCT,X,24628-0\n",
            "found Modality, Description, Code; a mapping",
        ),
        ("LOINC code,L-Method\n24628-0,CT\n", "found LOINC code, L-Method; a mapping table has"),
        ("Modality,StudyDescription,LOINC code\n", "nothing maps a study"),
        ("Modality,StudyDescription,LOINC code\nCT,X,none\n", "nothing maps a study"),
    ],
)
def test_a_table_without_what_it_needs_names_what_it_has(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(HarmonisationError, match=r"map\.csv") as raised:
        read_loinc_map(path)
    assert said in str(raised.value)


def test_attributes_alone_map_nothing(tmp_path: Path) -> None:
    (tmp_path / "attributes.csv").write_text(ATTRIBUTES)
    with pytest.raises(HarmonisationError, match=r"attributes\.csv: nothing maps a study"):
        read_loinc_map(tmp_path / "attributes.csv")


def test_table_then_header_then_map_and_each_conflict_is_counted(tmp_path: Path) -> None:
    studies = [
        study("1", "CR", "XR PORT CHEST 1V"),
        study("2", "CR", "XR PORT CHEST 1V", loinc="36554-4"),
        study("3", "CR", "XR PORT CHEST 1V", loinc="36554-4"),
        study("4", "CR", "XR PORT CHEST 1V"),
        study("5", "CR", "nothing that is known"),
        study("6", "CR", ""),
    ]
    records = [
        record("3", {"loinc_code": "36643-5", "loinc_method": "XR"}),
        record("4", {"loinc_code": "36589-0"}),
        record("6", {"study_description": "XR PORT CHEST 1V", "loinc_code": "Not Reported"}),
    ]
    made = {str(row["study_uid"]): row for row in joined(studies, records, tables(tmp_path))}
    assert [made[uid]["loinc"] for uid in "123456"] == [
        "36589-0", "36554-4", "36643-5", "36589-0", "", "36589-0",
    ]  # fmt: skip
    assert (made["1"]["loinc_method"], made["1"]["loinc_system"]) == ("XR.portable", "Chest")
    assert (made["3"]["loinc_method"], made["3"]["loinc_name"]) == ("XR", "XR Chest 2 Views")
    assert [made[uid]["header.loinc"] for uid in "123456"] == ["", None, "36554-4", "", None, ""]
    assert (made["6"]["description"], made["6"]["header.description"]) == ("XR PORT CHEST 1V", "")
    found = counted(studies, records, tables(tmp_path))
    assert (found.studies, found.coded, found.mapped) == (6, 5, 5)
    assert (found.pairs, found.pairs_mapped) == (2, 1)
    assert found.unmapped == (Pair("CR", "nothing that is known", 1),)
    assert {str(each) for each in found.conflicts} == {
        "36554-4 (header) kept, 36589-0 (mapping table) not: 1",
        "36643-5 (clinical table) kept, 36554-4 (header) not: 1",
        "36643-5 (clinical table) kept, 36589-0 (mapping table) not: 1",
    }
    assert coverage(found).startswith("LOINC: 5 of 6 studies mapped (83.3%), 1 of 2 distinct")
    assert "- CR 'nothing that is known': 1" in report(found, tables(tmp_path))


def test_without_a_table_the_clinical_code_is_still_believed() -> None:
    studies = [study(uid, "CR", "x", loinc="36554-4") for uid in "12"]
    rows = joined(studies, [record("1", {"loinc_code": "36643-5"})])
    assert [row["loinc"] for row in rows] == ["36643-5", "36554-4"]


def test_sex_and_age_of_header_and_table_are_compared(tmp_path: Path) -> None:
    ages = [(50, 50), (50, 51), (50, 52), (93, 90), (90, 88)]  # header, table
    studies = [study(str(n), "CR", "x", age=header) for n, (header, _) in enumerate(ages)]
    sexes = ["Male", "Female", "Not Reported", "Female", "Other"]
    records = [
        record(str(n), {}, sex=sex, age=age)
        for n, ((_, age), sex) in enumerate(zip(ages, sexes, strict=True))
    ]
    found = counted([*studies, study("alone", "CR", "x")], records, None)
    assert agreement(found) == (
        "header against clinical table, 5 studies: another patient in 0, another sex in 2, "
        "another age in 2; "
        "the clinical table is believed"
    )
