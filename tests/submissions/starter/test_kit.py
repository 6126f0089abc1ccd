"""A starter kit is a submission as it is written: its test, its image, the check."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines.packaging import image as packaging
from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import write_open
from submissions.contract import Contract
from submissions.starter import kit
from tests.support.commands import environment, refused, sequestra, succeed
from tests.support.image_kinds import computed_radiograph, write
from tests.support.repository import REPOSITORY

FILE = """
[benchmark]
name = "opacity"
title = "Airspace opacity"
description = "Which radiographs show $5 of opacity?"

[contract]
outputs = [{outputs}]
start_seconds = 120
case_seconds = 3.5
shm_mb = 48
tmp_mb = 77
pids = 64
"""


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    file = tmp_path / "opacity.toml"
    file.write_text(FILE.format(outputs='"probability"'))
    return file


@pytest.fixture
def open_list(tmp_path: Path) -> Path:
    """The list of four open radiographs, two of each label, with different pixels."""
    cases = []
    for number in range(4):
        image = computed_radiograph()
        shape = (image.Rows, image.Columns)
        pixels = np.arange(shape[0] * shape[1]).reshape(shape) % 15
        image.PixelData = (pixels ** (1 + number)).astype(np.uint16).tobytes()
        file = write(image, tmp_path / f"{number}.dcm")
        cases.append(Case(f"study {number}", f"patient {number}", (file,), number % 2, {}))
    write_open(tmp_path / "open.csv", cases, [])
    return tmp_path / "open.csv"


def build(directory: Path, tag: str, base: str) -> None:
    """Build the image by the kit's own script."""
    ended = subprocess.run(
        ["sh", "build.sh", tag],
        check=False,
        cwd=directory,
        env=environment({"BASE_IMAGE": base}),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def own_test(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the kit's own test in the environment of these tests."""
    return subprocess.run(
        [sys.executable, "-m", "unittest"],
        check=False,
        cwd=directory,
        capture_output=True,
        text=True,
    )


def checked(directory: Path, tag: str, benchmark: Path, open_list: Path, base: str) -> str:
    build(directory, tag, base)
    ended = sequestra("check", tag, "--benchmark", benchmark, "--open", open_list)
    assert ended.code == 0, ended.printed + ended.complained
    return ended.printed


@pytest.mark.engine
def test_the_plain_kit_builds_and_passes_the_check_as_it_is(
    engine: object, base_image: str, benchmark: Path, open_list: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "kit"
    succeed("init", directory, "--benchmark", benchmark)
    assert own_test(directory).returncode == 0
    printed = checked(directory, "sequestra-test/kit-plain:1", benchmark, open_list, base_image)
    assert printed.startswith("passed: 4 open cases in ")


@pytest.mark.engine
def test_the_onnx_kit_builds_and_passes_the_check_as_it_is(
    engine: object, base_image: str, benchmark: Path, open_list: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "kit"
    succeed("init", directory, "--benchmark", benchmark, "--flavour", "onnx")
    ended = own_test(directory)
    assert ended.returncode == 0, ended.stderr
    # What its script would fetch is here already; the kit asks for the same libraries.
    site = packaging.libraries(packaging.python_of(base_image))
    asked = (directory / "requirements.txt").read_text()
    assert asked.split() == list(packaging.LIBRARIES)
    shutil.copytree(site, directory / "site")
    (directory / "site" / "requirements.txt").write_text(asked)
    printed = checked(directory, "sequestra-test/kit-onnx:1", benchmark, open_list, base_image)
    assert printed.startswith("passed: 4 open cases in ")
    assert "constant" not in printed


@pytest.mark.engine
@pytest.mark.libraries
def test_the_torch_kit_builds_and_passes_the_check_as_it_is(
    engine: object, base_image: str, benchmark: Path, open_list: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed in this environment")
    directory = tmp_path / "kit"
    succeed("init", directory, "--benchmark", benchmark, "--flavour", "torch")
    ended = own_test(directory)
    assert ended.returncode == 0, ended.stderr
    libraries = Path(torch.__file__).parents[1]
    site = directory / "site"
    shutil.copytree(packaging.libraries(packaging.python_of(base_image)), site)
    for name in ("torch", "torchgen", "sympy", "mpmath", "networkx", "jinja2", "markupsafe",
                 "fsspec", "functorch"):  # fmt: skip
        if (libraries / name).is_dir() and not (site / name).exists():
            shutil.copytree(
                libraries / name, site / name, ignore=shutil.ignore_patterns("__pycache__", "test")
            )
    for name in ("typing_extensions.py", "filelock"):
        source = libraries / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, site / name)
    (site / "requirements.txt").write_text((directory / "requirements.txt").read_text())
    printed = checked(directory, "sequestra-test/kit-torch:1", benchmark, open_list, base_image)
    assert printed.startswith("passed: 4 open cases in ")


@pytest.mark.parametrize(
    "flavour", ["plain", "onnx", pytest.param("torch", marks=pytest.mark.libraries)]
)
def test_a_kit_writes_the_columns_of_its_benchmark(flavour: str, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(FILE.format(outputs='"opacity", "effusion"'))
    directory = tmp_path / "kit"
    kit.write(directory, kit.read(file), flavour)
    ended = own_test(directory)
    assert ended.returncode == 0, ended.stderr
    assert "Ran 2 tests" in ended.stderr
    text = (directory / "predict.py").read_text()
    (directory / "predict.py").write_text(text.replace('"effusion"', '"other"'))
    broken = own_test(directory)
    assert broken.returncode != 0
    assert "AssertionError" in broken.stderr


@pytest.mark.parametrize("flavour", ["plain", "onnx"])
def test_a_kit_for_classes_writes_probabilities_that_sum_to_one(
    flavour: str, tmp_path: Path
) -> None:
    file = REPOSITORY / "benchmarks" / "simulated-type.toml"
    directory = tmp_path / "kit"
    kit.write(directory, kit.read(file), flavour)
    ended = own_test(directory)
    assert ended.returncode == 0, ended.stderr
    readme = (directory / "README.md").read_text()
    assert "`case_id,normal,opacity,large_heart`" in readme
    assert "those of a case sum to 1" in readme
    text = (directory / "predict.py").read_text()
    (directory / "predict.py").write_text(text.replace("SUM_TO_ONE = True", "SUM_TO_ONE = False"))
    assert own_test(directory).returncode != 0


def test_a_kit_for_findings_says_that_each_has_a_probability(tmp_path: Path) -> None:
    directory = tmp_path / "kit"
    kit.write(directory, kit.read(REPOSITORY / "benchmarks" / "simulated-findings.toml"))
    assert own_test(directory).returncode == 0
    readme = (directory / "README.md").read_text()
    assert "a probability from 0 to 1 for each finding by itself" in readme


def test_the_readme_of_a_kit_says_what_its_benchmark_grants(
    benchmark: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "kit"
    kit.write(directory, kit.read(benchmark), "onnx")
    text = (directory / "README.md").read_text()
    assert text.startswith("# Airspace opacity\n\nWhich radiographs show $5 of opacity?\n")
    table = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, flags=re.MULTILINE))
    assert table["`/dev/shm` (`shm_mb`)"] == "48 MB"
    assert table["`/tmp` (`tmp_mb`)"].startswith("77 MB")
    assert table["time (`start_seconds`, `case_seconds`)"] == "120 s and 3.5 s for each case"
    assert table["processes and threads (`pids`)"] == "64"
    named = re.findall(r"`(\w+)`", "".join(table))
    limits = set(Contract.__dataclass_fields__) - {
        "outputs", "form", "log_kb", "repeat_share", "repeat_tolerance"
    }  # fmt: skip
    assert limits <= set(named)
    for section in ("Libraries", "What can go wrong", "What the container sees"):
        assert f"\n## {section}\n" in text
    assert "](docs/" not in text


def test_a_kit_holds_what_its_dockerfile_copies(benchmark: Path, tmp_path: Path) -> None:
    for flavour in kit.FLAVOURS:
        directory = tmp_path / flavour
        written = {path.name for path in kit.write(directory, kit.read(benchmark), flavour)}
        copied = re.findall(r"^COPY (.*) \S+$", (directory / "Dockerfile").read_text(), re.M)
        names = {name for line in copied for name in line.split()} - {"site"}
        assert names <= written
        listed = set(re.findall(r"`([\w.]+)`", (directory / "README.md").read_text()))
        assert names <= listed


def made_again(folder: str, program: str, tmp_path: Path) -> tuple[Path, Path]:
    """A flavour's folder, and a copy in which its program has made its model again."""
    kept = REPOSITORY / "submissions" / "starter" / folder
    shutil.copytree(kept, tmp_path / folder)
    subprocess.run([sys.executable, tmp_path / folder / program], check=True)
    return kept, tmp_path / folder


def test_the_network_of_the_onnx_kit_is_what_its_program_makes(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed in this environment")
    kept, fresh = made_again("with_onnx", "make_model.py", tmp_path)
    assert (fresh / "model.onnx").read_bytes() == (kept / "model.onnx").read_bytes()


@pytest.mark.libraries
def test_the_weights_of_the_torch_kit_are_what_its_program_makes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed in this environment")
    kept, fresh = (
        torch.load(folder / "weights.pt", weights_only=True)
        for folder in made_again("with_torch", "network.py", tmp_path)
    )
    assert {name: each.shape for name, each in kept.items()} == {
        name: each.shape for name, each in fresh.items()
    }


def test_a_kit_is_written_whole_or_not_at_all(benchmark: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    assert "is there already; give a new or an empty folder" in refused(
        "init", taken, "--benchmark", benchmark
    )
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    said = refused("init", tmp_path / "new", "--benchmark", benchmark, "--flavour", "tensorflow")
    assert "'tensorflow'; give one of plain, onnx, torch" in said
    benchmark.write_text("[contract]\nshm_mb = 'many'\n")
    assert "shm_mb" in refused("init", tmp_path / "new", "--benchmark", benchmark)
    benchmark.write_text("not toml")
    assert "is not a TOML file" in refused("init", tmp_path / "new", "--benchmark", benchmark)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".sequestra-kit-*"))


def test_a_table_of_scores_can_be_read_by_the_rows_of_the_kit(
    benchmark: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "kit"
    directory.mkdir()  # an empty folder is taken
    kit.write(directory, kit.read(benchmark), "plain")
    cases = tmp_path / "input" / "images" / "a"
    cases.mkdir(parents=True)
    (cases / "x.dcm").write_bytes(bytes(1250))
    (tmp_path / "input" / "cases.csv").write_text("case_id,n_files\na,1\n")
    code = (
        "import predict, pathlib, sys; root = pathlib.Path(sys.argv[1]);"
        "predict.INPUT, predict.OUTPUT = root / 'input', root / 'out.csv'; predict.main()"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, cwd=directory)
    with (tmp_path / "out.csv").open(newline="") as file:
        # 1,250 bytes: the toy score is the size modulo 1,000, in thousandths.
        assert list(csv.reader(file)) == [["case_id", "probability"], ["a", "0.250000"]]


@pytest.mark.parametrize(
    ("task", "says", "highest"),
    [
        ('kind = "ordinal"\ncolumn = "g"\nlowest = 1\nhighest = 5', "a grade from 1 to 5", 5.0),
        ('kind = "score"', "a number on any scale", 1.0),
    ],
)
def test_a_kit_answers_on_the_scale_of_its_benchmark(
    tmp_path: Path, task: str, says: str, highest: float
) -> None:
    file = tmp_path / "grades.toml"
    file.write_text(f"{FILE.format(outputs='')}\n[task]\n{task}\n".replace("outputs = []\n", ""))
    directory = tmp_path / "kit"
    kit.write(directory, kit.read(file), "plain")
    assert says in (directory / "README.md").read_text()
    ended = own_test(directory)
    assert ended.returncode == 0, ended.stderr
    program = (directory / "predict.py").read_text()
    scale = re.search(r"^LOWEST, HIGHEST = (\S+), (\S+)$", program, flags=re.MULTILINE)
    assert scale is not None
    assert float(scale[2]) == highest
    (directory / "predict.py").write_text(program.replace(scale[0], "LOWEST, HIGHEST = 2e10, 3e10"))
    assert own_test(directory).returncode != 0  # off every scale
