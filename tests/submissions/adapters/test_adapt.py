"""Images of other platforms run under our contract, each by its worked example."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import generate_uid

from cohort_selection.cases import BlindedCase
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from submissions.adapters.adapt import AdaptError, Wanted, adapt
from submissions.contract import Contract
from submissions.host import base_image as base_images
from submissions.predictions import read_predictions
from tests.support.commands import refused, sequestra
from tests.support.image_kinds import computed_radiograph, write
from tests.support.repository import REPOSITORY

ADAPTERS = REPOSITORY / "submissions" / "adapters"
EXAMPLES = ADAPTERS / "examples"
CONTRACT = Contract(start_seconds=120, visible=("age",))
SITE = Path(SimpleITK.__file__).parents[1]
WITH_SIMPLEITK = """ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY site /usr/local/lib/site
ENV PYTHONPATH=/usr/local/lib/site
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[BlindedCase]:
    """Three radiographs whose pixels differ, the last case with two files of one series."""
    folder = tmp_path_factory.mktemp("cases")
    made = []
    for number in range(3):
        files = []
        for part in range(2 if number == 2 else 1):
            image = computed_radiograph()
            shape = (image.Rows, image.Columns)
            pixels = np.arange(shape[0] * shape[1]).reshape(shape) % 15
            pixels = pixels ** (1 + number)
            image.PixelData = (pixels + 50 * part).astype(np.uint16).tobytes()
            image.SeriesInstanceUID = f"1.2.3.{number + 1}"
            image.InstanceNumber = part + 1
            files.append(write(image, folder / f"{number}-{part}.dcm"))
        made.append(BlindedCase(f"case{number}", tuple(files), {"age": str(40 + number)}))
    return made


def predicted(
    engine: Engine, digest: str, cases: list[BlindedCase], root: Path
) -> tuple[dict[str, float], str]:
    """The score of each case by the real runner, and the container's log."""
    names = {case.case_id for case in cases}
    with stage(cases, CONTRACT, root, copying=True) as staged:
        outcome = engine.run(digest, staged, CONTRACT, submission_id="test-adapters")
        found = read_predictions(staged.predictions, names, CONTRACT)
    return {name: value for name, (value,) in found.values.items()}, outcome.log_tail


@pytest.fixture(scope="module")
def with_simpleitk(base_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A base image with Python and SimpleITK, as images of grand-challenge have them."""
    found = base_images.docker("run", "--rm", base_image, "python3", "--version").stdout
    if not found.startswith(f"Python {sys.version_info.major}.{sys.version_info.minor}."):
        pytest.skip(f"the environment's SimpleITK is not for the base image's {found.strip()}")
    tag = f"sequestra/test:simpleitk-{version('SimpleITK')}"
    if base_images.image_id(tag) is None:
        folder = tmp_path_factory.mktemp("simpleitk")
        shutil.copytree(
            SITE / "SimpleITK",
            folder / "site" / "SimpleITK",
            copy_function=_linked,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (folder / "Dockerfile").write_text(WITH_SIMPLEITK)
        base_images.build(folder, tag, base_image)
    return tag


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.mark.engine
def test_an_algorithm_of_grand_challenge_scores_each_case_by_itself(
    engine: Engine, with_simpleitk: str, cases: list[BlindedCase], tmp_path: Path
) -> None:
    base_images.build(EXAMPLES / "grand_challenge", "sequestra-test/gc:1", with_simpleitk)
    ended = sequestra(
        *("adapt", "sequestra-test/gc:1", "--from", "grand-challenge"),
        *("--socket", "images/chest-xray", "--output", "chest-xray-classification.json"),
        *("--key", "opacity", "--json-input", "age.json=age", "--tag", "sequestra-test/gc:2"),
    )
    assert ended.code == 0, ended.complained
    changed = [line.partition(": ")[2] for line in ended.printed.splitlines()]
    assert [line for line in changed if "_PATH = " in line] == [
        'INPUT_PATH = Path("/tmp/elsewhere/input")',
        'OUTPUT_PATH = Path("/tmp/elsewhere/output")',
    ]
    digest = ended.printed.split()[-1]
    scores, log = predicted(engine, digest, cases, tmp_path)
    expected = {}
    for case in cases:
        pixels = np.stack([pydicom.dcmread(file).pixel_array for file in case.files]).astype(float)
        expected[case.case_id] = 1 / (1 + np.exp(-4.0 * (pixels.mean() / pixels.max() - 0.5)))
    assert scores == pytest.approx(expected, abs=2e-6)
    assert len(set(scores.values())) == 3
    assert log.count("sockets: chest-xray, age") == 3


@pytest.mark.engine
def test_an_image_of_midrc_gets_its_table_and_its_answer_is_read(
    engine: Engine, base_image: str, cases: list[BlindedCase], tmp_path: Path
) -> None:
    base_images.build(EXAMPLES / "midrc", "sequestra-test/midrc:1", base_image)
    adapted = adapt("sequestra-test/midrc:1", "sequestra-test/midrc:2", Wanted("midrc"))
    assert any('self.input_dir = "/tmp/elsewhere/input"' in line for line in adapted.changes)
    scores, _ = predicted(engine, adapted.digest, cases, tmp_path)
    expected = {
        case.case_id: max(
            float(np.frombuffer(file.read_bytes(), np.uint8).mean() / 255) for file in case.files
        )
        for case in cases
    }
    assert scores == pytest.approx(expected, abs=2e-6)


SKIPS = """
import csv, json
rows = list(csv.DictReader(open("/input/input.csv")))
json.dump({"studies": [{"studyInstanceUID": rows[0]["studyInstanceUID"], "classificationOutput": [
    {"key": "a", "output": {"1": 0.25}}, {"key": "b", "output": {"1": VALUE}}]}]},
    open("/output/output.json", "w"))
"""


@pytest.mark.engine
def test_a_case_that_the_program_skips_gets_the_declared_score(
    engine: Engine, base_image: str, cases: list[BlindedCase], tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nWORKDIR /tmp\nADD run_it.py .\n"
        'CMD ["python3", "run_it.py"]\n'
    )
    (tmp_path / "run_it.py").write_text(SKIPS.replace("VALUE", "0.5"))
    base_images.build(tmp_path, "sequestra-test/skips:1", base_image)
    wanted = Wanted("midrc", key="b", missing=0.125)
    adapted = adapt("sequestra-test/skips:1", "sequestra-test/skips:2", wanted)
    scores, _ = predicted(engine, adapted.digest, cases, tmp_path / "staged")
    assert scores == {"case0": 0.5, "case1": 0.125, "case2": 0.125}


WRAPPED = """
import pathlib, redirect, run
root = pathlib.Path(sys.argv[1])
redirect.ROOT = run.ROOT = str(root / "elsewhere")
run.HERE, run.INPUT, run.OUTPUT = root, root / "input", root / "predictions.csv"
sys.exit(run.main())
"""


@pytest.mark.parametrize(
    ("program", "key", "told"),
    [
        (SKIPS.replace("VALUE", "0.5"), "b", "no score for 1 of 2 cases; declare one with --miss"),
        (SKIPS.replace("VALUE", "0.5"), "", "has the keys a, b; choose one with --key"),
        (SKIPS.replace("VALUE", "1.5"), "b", "has 1.5 at 'output.1', which is no probability"),
        (SKIPS.replace("VALUE", "True"), "b", "has True at 'output.1', which is no probability"),
        (SKIPS.replace('"1"', '"2"'), "a", "the document has nothing at 'output.1'"),
        ("open('/output/other.json', 'w')", "a", "wrote no /output/output.json but: other.json"),
        ("open('/output/output.json', 'w').write('{')", "a", "/output/output.json is not JSON"),
        ("raise SystemExit(3)", "a", "the program of the image ended with 3"),
    ],
)
def test_an_answer_that_is_not_as_declared_ends_in_one_sentence(
    tmp_path: Path, program: str, key: str, told: str
) -> None:
    for case_id in ("one", "two"):
        (tmp_path / "input" / "images" / case_id).mkdir(parents=True)
        (tmp_path / "input" / "images" / case_id / "a.dcm").touch()
    (tmp_path / "input" / "cases.csv").write_text("case_id,n_files\none,1\ntwo,1\n")
    settings = {
        "platform": "midrc", "command": [sys.executable, "-c", program.replace("VALUE", "0.5")],
        "output": "output.json", "key": key, "missing": None, "column": "probability",
    }  # fmt: skip
    (tmp_path / "adapter.json").write_text(json.dumps(settings))
    with pytest.raises(subprocess.CalledProcessError) as ended:
        in_image(WRAPPED, tmp_path)
    assert ended.value.returncode == 1
    assert told in ended.value.stderr
    assert "Traceback" not in ended.value.stderr
    assert not (tmp_path / "predictions.csv").exists()


def test_a_json_input_needs_a_column_that_the_benchmark_shows(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "cases.csv").write_text("case_id,n_files,view\none,1,PA\n")
    settings = {
        "platform": "grand-challenge", "command": ["true"], "socket": "images/a", "key": "",
        "output": "a.json", "json": {"age.json": "age"}, "missing": None, "column": "probability",
    }  # fmt: skip
    (tmp_path / "adapter.json").write_text(json.dumps(settings))
    with pytest.raises(subprocess.CalledProcessError) as ended:
        in_image(WRAPPED.replace("sys.exit(", "run.write_mha = print\nsys.exit("), tmp_path)
    told = "cases.csv has no column 'age' for --json-input; the benchmark shows: view\n"
    assert ended.value.stderr == told


@pytest.mark.engine
def test_what_cannot_be_adapted_is_refused_in_one_sentence(base_image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nWORKDIR /app\nCMD ["python3", "-c", "pass"]\n'
    )
    base_images.build(tmp_path, "sequestra-test/silent:1", base_image)
    midrc = ("--from", "midrc", "--tag", "sequestra-test/silent:2")
    assert "no file below /app names /input or /output" in refused(
        "adapt", "sequestra-test/silent:1", *midrc
    )
    assert "needs Python 3.7 or newer and SimpleITK" in refused(
        *("adapt", "sequestra-test/silent:1", "--from", "grand-challenge", "--tag", "x:1"),
        *("--socket", "images/a", "--output", "b.json"),
    )
    assert "the engine has no image" in refused("adapt", "sequestra-test/nowhere:1", *midrc)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"platform": "kaggle"}, "give one of"),
        ({"platform": "grand-challenge"}, "--socket images/chest-xray"),
        ({"platform": "midrc", "socket": "a"}, "leave --socket"),
        ({"platform": "midrc", "output": "../x.json"}, "must be a path below"),
        ({"platform": "midrc", "missing": 2.0}, "from 0 to 1"),
    ],
)
def test_what_is_wanted_must_fit_the_platform(given: dict[str, object], told: str) -> None:
    with pytest.raises(AdaptError, match=told):
        Wanted(**given)  # type: ignore[arg-type]


def in_image(code: str, *arguments: str | Path) -> str:
    """Run code as a program of an adapted image would, beside its two modules."""
    program = f"import sys; sys.path.insert(0, {str(ADAPTERS / 'in_image')!r})\n{code}"
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    return ended.stdout


@pytest.mark.parametrize(
    ("text", "redirected"),
    [
        ('Path("/input")', 'Path("/tmp/elsewhere/input")'),
        (
            "-i /input/ -o /output/x.json",
            "-i /tmp/elsewhere/input/ -o /tmp/elsewhere/output/x.json",
        ),
        ("cd /mnt/in && ls", "cd /tmp/elsewhere/mnt/in && ls"),
        ("/data/input", "/data/input"),
        ("./input ../output ~/input", "./input ../output ~/input"),
        ("https://host/input", "https://host/input"),
        ("/inputs/a /output-old /input.csv", "/inputs/a /output-old /input.csv"),
        ("/app/input_data/", "/app/input_data/"),
    ],
)
def test_paths_are_redirected_where_they_begin_with_a_mounted_folder(
    text: str, redirected: str
) -> None:
    assert in_image("import redirect; print(redirect.redirected(sys.argv[1]))", text) == (
        f"{redirected}\n"
    )


def test_slices_are_stacked_by_position_and_the_largest_series_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    # In the order of their names: the middle, the lowest, the highest slice; and a scout.
    for name, z in (("a", 5.0), ("b", 0.0), ("c", 10.0), ("scout", None)):
        image = computed_radiograph()
        image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        image.Modality = "CT"
        image.SOPInstanceUID = generate_uid()
        image.SeriesInstanceUID = "1.2.3.9" if z is None else "1.2.3.4"
        image.PixelSpacing = [0.5, 0.25]
        image.RescaleSlope, image.RescaleIntercept = 2, -100
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.ImagePositionPatient = [0, 0, z or 0]
        shape = (image.Rows, image.Columns)
        image.PixelData = np.full(shape, 77 if z is None else int(z), np.uint16).tobytes()
        write(image, folder / f"{name}.dcm")
    target = tmp_path / "case.mha"
    code = "import run, pathlib; run.write_mha(*map(pathlib.Path, sys.argv[1:]))"
    in_image(code, folder, target)
    made = SimpleITK.ReadImage(str(target))
    assert made.GetDimension() == 3
    assert made.GetSpacing() == (0.25, 0.5, 5.0)
    values = SimpleITK.GetArrayFromImage(made)
    assert values[:, 0, 0].tolist() == [-100, -90, -80]
    assert not [key for key in made.GetMetaDataKeys() if "|" in key]


def test_studies_have_names_that_no_reader_of_tables_takes_for_numbers(tmp_path: Path) -> None:
    import pandas

    table = tmp_path / "input.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["studyInstanceUID", "filepath"], ["2.25.1", "/input/a.dcm"]])
    assert pandas.read_csv(table)["studyInstanceUID"].tolist() == ["2.25.1"]
    assert (
        json.loads(in_image("import run, json; print(json.dumps(run.plain('2.25.1')))")) == "2.25.1"
    )
