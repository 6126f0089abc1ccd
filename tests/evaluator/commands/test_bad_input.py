"""Bad input at the front door: one sentence that says what was found, expected and to be done."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import refused, sequestra, succeed
from tests.support.repository import REPOSITORY

TRUTH = "case_id,label,sex\na,1,F\nb,0,M\nc,1,F\nd,0,M\n"
SCORES = "case_id,probability\na,0.9\nb,0.2\nc,0.6\nd,0.4\n"


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad") / "commons"
    succeed("simulate", folder, "--patients", "60")
    return folder


@pytest.fixture(scope="module")
def catalog(commons: Path) -> Path:
    folder = commons.parent / "catalog"
    clinical = commons / "clinical.csv"
    succeed("index", commons / "dicom", "--clinical", clinical, "--output", folder)
    return folder


def tables(folder: Path, scores: str = SCORES, truth: str = TRUTH) -> tuple[Path, Path]:
    (folder / "scores.csv").write_text(scores)
    (folder / "truth.csv").write_text(truth)
    return folder / "scores.csv", folder / "truth.csv"


def benchmark(folder: Path, old: str, new: str) -> Path:
    text = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()
    assert old in text
    path = folder / "changed.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_scores_without_their_column_name_the_columns_found(tmp_path: Path) -> None:
    said = refused("score", *tables(tmp_path, scores=SCORES.replace("probability", "colour")))
    assert "scores.csv" in said
    assert "colour" in said


def test_a_label_that_is_neither_0_nor_1_is_named_with_its_line(tmp_path: Path) -> None:
    said = refused("score", *tables(tmp_path, truth=TRUTH.replace("b,0,M", "b,2,M")))
    assert "truth.csv" in said
    assert "line 3" in said
    assert "2" in said


def test_a_case_without_a_prediction_never_vanishes(tmp_path: Path) -> None:
    said = refused("score", *tables(tmp_path, scores=SCORES.replace("d,0.4\n", "")))
    assert "1" in said


def test_a_score_that_is_no_finite_number_is_refused(tmp_path: Path) -> None:
    for text in ("nan", "inf", "high"):
        said = refused("score", *tables(tmp_path, scores=SCORES.replace("0.9", text)))
        assert f"'{text}'" in said
        assert "finite number" in said


def test_a_column_of_two_label_vocabularies_is_refused(tmp_path: Path) -> None:
    said = refused("score", *tables(tmp_path, truth=TRUTH.replace("b,0,M", "b,no,M")))
    assert "truth.csv line 3" in said
    assert "'no'" in said
    assert "line 2" in said


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "nowhere.csv" in refused("score", tmp_path / "nowhere.csv", tmp_path / "nowhere.csv")


def test_a_clinical_table_without_patients_names_what_it_found(
    commons: Path, tmp_path: Path
) -> None:
    (tmp_path / "clinical.csv").write_text("colour,age\nred,5\n")
    said = refused(
        *("index", commons / "dicom", "--clinical", tmp_path / "clinical.csv"),
        *("--output", tmp_path / "catalog"),
    )
    assert "clinical.csv" in said
    assert "colour" in said
    assert not (tmp_path / "catalog").exists()


def test_a_patient_with_two_sexes_in_two_tables_is_refused(commons: Path, tmp_path: Path) -> None:
    lines = (commons / "clinical.csv").read_text().splitlines()
    patient = lines[1].split(",")[0]
    other = "Female" if "Male" in lines[1] else "Male"
    (tmp_path / "second.csv").write_text(f"case_ids,sex\n{patient},{other}\n")
    said = refused(
        *("index", commons / "dicom", "--clinical", commons / "clinical.csv"),
        *("--clinical", tmp_path / "second.csv", "--output", tmp_path / "catalog"),
    )
    assert "Female" in said
    assert "Male" in said


def test_an_empty_folder_is_said_to_be_empty(commons: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = refused(
        *("index", tmp_path / "empty", "--clinical", commons / "clinical.csv"),
        *("--output", tmp_path / "catalog"),
    )
    assert "empty" in said


def test_a_zip_in_place_of_a_dicom_goes_to_quarantine_and_stops_nothing(
    commons: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "dicom"
    shutil.copytree(commons / "dicom", folder)
    with zipfile.ZipFile(folder / "images.dcm", "w") as archive:
        archive.writestr("a.txt", "x" * 1000)
    printed = succeed(
        *("index", folder, "--clinical", commons / "clinical.csv"),
        *("--output", tmp_path / "catalog"),
    )
    assert "1 files in quarantine" in printed
    quarantine = (tmp_path / "catalog" / "quarantine.csv").read_text()
    assert "images.dcm" in quarantine
    assert "zip" in quarantine.lower()


def test_a_label_column_that_is_not_there_names_those_that_are(
    catalog: Path, tmp_path: Path
) -> None:
    changed = benchmark(tmp_path, 'label = "opacity"', 'label = "fracture"')
    said = refused(
        *("sequester", changed, "--catalog", catalog, "--open", tmp_path / "open.csv"),
        *("--home", tmp_path / "home"),
    )
    assert "fracture" in said
    assert "opacity" in said
    assert not (tmp_path / "open.csv").exists()


def test_a_clinical_label_that_is_neither_0_nor_1_is_refused(commons: Path, tmp_path: Path) -> None:
    header, first, *rest = (commons / "clinical.csv").read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index("opacity")] = "maybe"
    changed = ",".join(cells)
    (tmp_path / "clinical.csv").write_text("\n".join([header, changed, *rest]) + "\n")
    succeed(
        *("index", commons / "dicom", "--clinical", tmp_path / "clinical.csv"),
        *("--output", tmp_path / "catalog"),
    )
    said = refused(
        *("sequester", REPOSITORY / "benchmarks" / "simulated-opacity.toml"),
        *("--catalog", tmp_path / "catalog", "--open", tmp_path / "open.csv"),
        *("--home", tmp_path / "home"),
    )
    assert "maybe" in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[quota]", "[quotas]", "quotas"),
        ("per_team = 20", "per_tem = 20", "per_tem"),
        ("memory_mb = 2048", 'memory_mb = "much"', "memory_mb"),
        ("minimum_cases = 20", "minimum_case = 20", "minimum_case"),
        ('feedback = "open"', 'feedback = "loud"', "loud"),
        ("sequestered_share = 0.5", "sequestered_share = 1.5", "1.5"),
        ("Female = 0.51", "Female = 0.81", "sex"),
        ('name = "simulated-opacity"', 'name = "../etc"', "../etc"),
    ],
)
def test_a_benchmark_file_with_a_mistake_is_refused_and_says_where(
    catalog: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    complained = refused(
        *("sequester", benchmark(tmp_path, old, new), "--catalog", catalog),
        *("--open", tmp_path / "open.csv", "--home", tmp_path / "home"),
    )
    assert "changed.toml" in complained
    assert said in complained


def test_a_cohort_larger_than_the_part_it_is_drawn_from_is_refused(
    catalog: Path, tmp_path: Path
) -> None:
    changed = benchmark(tmp_path, "size = 200", "size = 5000")
    home = ("--home", tmp_path / "home")
    succeed("sequester", changed, "--catalog", catalog, "--open", tmp_path / "open.csv", *home)
    said = refused("match", "simulated-opacity", "--catalog", catalog, *home)
    assert "5000" in said.replace(",", "")


def test_acts_out_of_order_name_the_act_that_is_missing(catalog: Path, tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    assert "sequester" in refused("match", "simulated-opacity", "--catalog", catalog, *home)
    shipped = REPOSITORY / "benchmarks" / "simulated-opacity.toml"
    succeed("sequester", shipped, "--catalog", catalog, "--open", tmp_path / "open.csv", *home)
    assert "sequestra match" in refused("seal", "simulated-opacity", "--catalog", catalog, *home)
    assert "sequestra seal" in refused("verify", "simulated-opacity", *home)


def test_an_engine_that_does_not_answer_is_said_so(catalog: Path, tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    shipped = REPOSITORY / "benchmarks" / "simulated-opacity.toml"
    succeed("sequester", shipped, "--catalog", catalog, "--open", tmp_path / "open.csv", *home)
    said = refused(
        *("submit", "an-image", "--benchmark", "simulated-opacity", *home),
        *("--team", "t", "--model", "m"),
        env={"DOCKER_HOST": f"unix://{tmp_path}/no.sock"},
    )
    assert "engine" in said
    assert "no.sock" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "nobody"),
        ("audit", "nobody"),
        ("release", "nobody"),
        ("leaderboard", "nothing"),
        ("report", "nobody", "--output", "r.html"),
    ],
)
def test_an_unknown_name_is_said_to_be_unknown(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "home").mkdir()
    said = refused(*arguments, "--home", tmp_path / "home")
    assert arguments[1] in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("audit", "nobody"),
        ("cancel", "nobody"),
        ("run",),
        ("prune",),
        ("rescore", "nothing"),
        ("serve",),
    ],
)
def test_a_folder_that_is_not_there_is_no_installation_and_none_is_made(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    said = refused(*arguments, "--home", tmp_path / "mistyped")
    assert "no installation in" in said
    assert "sequestra sequester" in said
    assert not (tmp_path / "mistyped").exists()


def test_the_demonstration_says_what_it_lacks_before_it_begins(tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock"}
    said = refused("demo", "--folder", tmp_path / "walk", env=nowhere)
    assert "no container engine answers there" in said or "pip install" in said
    assert list(tmp_path.iterdir()) == []


def test_every_command_has_help() -> None:
    listed = succeed("--help")
    for command in ("simulate", "index", "train", "package", "submit", "run", "score", "demo"):
        assert command in listed
        assert sequestra(command, "--help").code == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 200", 'balance = "even"', "balance is 'even'; give \"case-control\""),
        ("size = 200", "tolerance = { race = 0.1 }", "has 'race', which has no shares"),
        ("size = 200", "minimum = { cases = 5 }", "[cohort] minimum has no attributes"),
        ("size = 200", 'target_file = "census.csv"', "no target table"),
    ],
)
def test_a_draw_that_nobody_can_make_is_refused_as_the_file_is_read(
    catalog: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    changed = benchmark(tmp_path, old, new)
    told = refused(
        *("sequester", changed, "--catalog", catalog, "--open", tmp_path / "open.csv"),
        *("--home", tmp_path / "home"),
    )
    assert "changed.toml" in told or "census.csv" in told
    assert said in told
    assert not (tmp_path / "home").exists()
