"""Foreign tables, LOINC maps and rules at the front door."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from xml.etree import ElementTree

import pydicom
import pytest

from tests.support.commands import refused, succeed
from tests.support.repository import REPOSITORY

MAPPING = (
    "Modality,StudyDescription,LOINC code,L-Long Common Name\n"
    '"CR, DX",XR Chest 1 view AP,36572-6,XR Chest AP\n'
)
ATTRIBUTES = (
    "LOINC code,L-Long Common Name,L-Method,L-System,Rad.Timing,MIDRC-System\n"
    "36572-6 ,XR Chest AP,XR,Chest,,Chest\n"
)
RULES = """
[[cohort.include]]
field = "loinc"
is = "36572-6"

[[cohort.include]]
field = "BitsStored"
at_least = 14

[[cohort.exclude]]
field = "site"
is = 102
"""


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated commons with its clinical table under foreign names, and a mapping table."""
    folder = tmp_path_factory.mktemp("tables") / "commons"
    succeed("simulate", folder, "--patients", "80")
    text = (folder / "clinical.csv").read_text()
    foreign = text.replace("case_ids", "PatNr", 1).replace("study_uid", "Untersuchung", 1)
    (folder / "foreign.csv").write_text(foreign)
    (folder / "mapping.csv").write_text(MAPPING)
    (folder / "attributes.csv").write_text(ATTRIBUTES)
    return folder


def benchmark(folder: Path, more: str) -> Path:
    """The shipped benchmark with ``more`` in it."""
    text = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()
    path = folder / "simulated-opacity.toml"
    path.write_text(text.replace("[contract]", f"{more}\n[contract]", 1))
    return path


def index(commons: Path, output: Path, *more: str | Path, clinical: str = "foreign.csv") -> str:
    given = ("index", commons / "dicom", "--clinical", commons / clinical, "--output", output)
    return succeed(*given, *more)


PART = Path("studies") / "part-000000.parquet"


def test_a_foreign_table_is_read_by_the_map_of_the_benchmark_or_of_the_command(
    commons: Path, tmp_path: Path
) -> None:
    plain = index(commons, tmp_path / "plain", clinical="clinical.csv")
    mapped = benchmark(tmp_path, '[clinical.columns]\npatient = "PatNr"\nstudy = "Untersuchung"\n')
    by_file = index(commons, tmp_path / "file", "--benchmark", mapped)
    by_option = index(
        *(commons, tmp_path / "option", "--column", "patient=PatNr"),
        *("--column", "study=Untersuchung"),
    )

    def counts(printed: str) -> list[str]:
        return re.findall(r"\d+ studies and \d+ clinical records|another \w+ in \d+", printed)

    assert counts(plain) == counts(by_file) == counts(by_option)
    for name in ("plain", "option"):
        studies = (tmp_path / name / PART).read_bytes()
        assert studies == (tmp_path / "file" / PART).read_bytes()
    assert "no column for the patient" in refused(
        *("index", commons / "dicom", "--clinical", commons / "foreign.csv"),
        *("--output", tmp_path / "none"),
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--column", "patient"], "NAME=COLUMN"),
        (["--column", "patient=PatNr", "--column", "age=Nobody"], "'Nobody', which no table has"),
        (["--column", "label=PatNr"], "has 'label', which is no field; its fields are patient"),
        (["--benchmark", "nowhere.toml"], "nowhere.toml"),
        (["--loinc-map", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_wrong_option_of_index_is_told_in_one_sentence(
    commons: Path, tmp_path: Path, given: list[str], said: str
) -> None:
    table, output = commons / "foreign.csv", tmp_path / "catalog"
    assert said in refused(
        "index", commons / "dicom", "--clinical", table, "--output", output, *given
    )
    assert not (tmp_path / "catalog").exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            '[clinical]\ncolumn = "x"\n',
            "[clinical] has 'column', which is no key (did you mean 'columns'?",
        ),
        ("[clinical]\ncolumns = 4\n", "[clinical] columns is 4; give a table"),
        (
            "[clinical.columns]\npatients = 'x'\n",
            "'patients', which is no field (did you mean 'patient'?)",
        ),
        (
            "[clinical.columns]\npatient = 4\n",
            "columns is {'patient': 4}; give a table of columns",
        ),
    ],
)
def test_a_wrong_clinical_table_is_refused_by_index_and_by_sequester(
    commons: Path, tmp_path: Path, table: str, said: str
) -> None:
    path = benchmark(tmp_path, table)
    given = ("--clinical", commons / "clinical.csv", "--output", tmp_path / "catalog")
    assert said in refused("index", commons / "dicom", *given, "--benchmark", path)
    opened = ("--open", tmp_path / "open.csv", "--home", tmp_path / "home")
    complained = refused("sequester", path, "--catalog", tmp_path / "catalog", *opened)
    assert said in complained
    assert "simulated-opacity.toml" in complained


def test_a_map_that_is_none_says_what_it_has(commons: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("Modality,Text\nCR,x\n")
    said = refused(
        *("index", commons / "dicom", "--clinical", commons / "clinical.csv"),
        *("--output", tmp_path / "catalog", "--loinc-map", tmp_path / "map.csv"),
    )
    assert "map.csv line 1: found Modality, Text; a mapping table has Modality" in said
    assert not (tmp_path / "catalog").exists()


def test_codes_rules_and_the_flow_agree_with_a_count_by_hand(commons: Path, tmp_path: Path) -> None:
    maps = ("--loinc-map", commons / "mapping.csv", "--loinc-map", commons / "attributes.csv")
    printed = index(commons, tmp_path / "catalog", *maps, clinical="clinical.csv")
    with (commons / "clinical.csv").open(encoding="utf-8") as file:
        rows = {row["study_uid"]: row for row in csv.DictReader(file)}
    headers = [pydicom.dcmread(path) for path in sorted((commons / "dicom").rglob("*.dcm"))]
    left = {str(header.StudyInstanceUID) for header in headers}
    assert left == set(rows)
    counts = [len(left)]
    frontal = {str(h.StudyInstanceUID) for h in headers if h.StudyDescription.endswith("AP")}
    shallow = {str(h.StudyInstanceUID) for h in headers if h.BitsStored < 14}
    for kept in (
        frontal,
        left - shallow,
        {uid for uid in left if rows[uid]["site_id"] != "102"},
    ):
        left &= kept
        counts.append(len(left))
    assert counts == sorted(set(counts), reverse=True)

    assert f"{len(frontal)} of {len(rows)} studies mapped" in printed
    assert "unmapped: DX 'XR CHEST 1 VIEW PA'" in printed
    assert "another patient in 0, another sex in 0, another age in 0" in printed
    assert "1 codes have blanks around them" in printed
    report = (tmp_path / "catalog" / "harmonisation.md").read_text()
    assert "- CR 'XR CHEST 1 VIEW PA': " in report
    assert "1 codes have blanks around them" in report

    changed = benchmark(tmp_path, RULES)
    text = changed.read_text().replace('modalities = ["CR", "DX"]\nminimum_age = 18\n', "")
    changed.write_text(text.replace('"manufacturer"]', '"manufacturer", "loinc_method"]'))
    figure, opened = tmp_path / "flow.svg", tmp_path / "open.csv"
    flow = succeed(
        *("sequester", changed, "--catalog", tmp_path / "catalog", "--home", tmp_path / "home"),
        *("--open", opened, "--flow", figure),
    )
    steps = {
        cells[0]: [int(cell) for cell in cells[1:]]
        for line in flow.splitlines()
        if len(cells := [cell.strip() for cell in re.split("[│┃|]", line) if cell.strip()]) == 5
        and cells[1].isdigit()
    }
    rules = ("studies in the catalog", "LOINC is 36572-6", "BitsStored at least 14")
    assert [steps[rule][2] for rule in (*rules, "not: site is 102")] == counts
    assert steps["BitsStored at least 14"][:2] == [counts[1] - counts[2], 0]
    patients = {rows[uid]["case_ids"] for uid in left}
    assert steps["not: site is 102"][3] == len(patients)
    drawn = ElementTree.fromstring(figure.read_text())
    said = {node.text for node in drawn.iter() if node.tag.endswith("text")}
    assert {f"{n} studies" for n in counts} <= said
    with opened.open(encoding="utf-8") as file:
        assert {row["loinc_method"] for row in csv.DictReader(file)} == {"XR"}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('field = "BitsStored"', "[[cohort.include]] rule 1: the field BitsStored has"),
        ('field = "BitsStored"\nat_last = 12', "rule 1 has 'at_last', which is no key (did you"),
        ('field = "Bits"\nat_least = 12', "the field 'Bits' is neither one of sex, age"),
        ('field = "site"\nat_least = 1e9', "no study of"),
        ('field = "view"\nat_least = 1', "view holds none"),
    ],
)
def test_a_wrong_rule_is_told_in_one_sentence(
    commons: Path, tmp_path: Path, rule: str, said: str
) -> None:
    index(commons, tmp_path / "catalog", clinical="clinical.csv")
    path = benchmark(tmp_path, f"[[cohort.include]]\n{rule}\n")
    assert said in refused(
        *("sequester", path, "--catalog", tmp_path / "catalog", "--home", tmp_path / "home"),
        *("--open", tmp_path / "open.csv"),
    )
    assert not (tmp_path / "open.csv").exists()
