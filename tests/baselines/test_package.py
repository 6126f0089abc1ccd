"""Images built by a real engine and run as the contract runs them: no network, read-only."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from baselines.container import predict
from baselines.packaging import image, onnx
from baselines.training import train
from cohort_selection.sequestration.open_list import read_open
from submissions.addresses.engine import engine_address
from submissions.host import base_image

pytestmark = [
    pytest.mark.engine,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]


@pytest.fixture
def engine() -> str:
    address = engine_address()
    if address is None:
        pytest.skip("no container engine: run `python -m evaluator.setup.engine`")
    return address


def _mount(open_list: Path, directory: Path) -> Path:
    """Lay out the first ten cases as a container sees them."""
    cases = read_open(open_list)[:10]
    for case in cases:
        (directory / "images" / case.case_id).mkdir(parents=True)
        for file in case.files:
            shutil.copy(file, directory / "images" / case.case_id)
    rows = "".join(f"{case.case_id},{len(case.files)}\n" for case in cases)
    (directory / "cases.csv").write_text("case_id,n_files\n" + rows)
    return directory


def _run(tag: str, mounted: Path, output: Path) -> dict[str, float]:
    output.touch()
    output.chmod(0o666)
    done = base_image.docker(
        *("run", "--rm", "--network", "none", "--read-only", "--user", "65533:65533"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "64"),
        *("--memory", "512m", "--memory-swap", "512m", "--cpus", "1"),
        *("-v", f"{mounted}:/input:ro", "-v", f"{output}:/output/predictions.csv", tag),
        seconds=120,
    )
    assert done.returncode == 0, done.stderr
    lines = output.read_text().splitlines()
    assert lines[0] == "case_id,probability"
    return {case_id: float(value) for case_id, value in (line.split(",") for line in lines[1:])}


def test_the_image_of_a_model_scores_as_the_model_does(
    engine: str, open_list: Path, tmp_path: Path
) -> None:
    model, tag = tmp_path / "model", "sequestra-tests/model:1"
    train.train(open_list, model, train.Settings(epochs=1, size=32, batch=16))
    onnx.export(model)
    mounted = _mount(open_list, tmp_path / "input")
    packaged = image.package(tag, model=model)
    try:
        found = _run(tag, mounted, tmp_path / "container.csv")
        assert base_image.image_id(tag) == packaged.digest
        size = base_image.docker("image", "inspect", "--format", "{{.Size}}", tag)
        assert int(size.stdout) < 400_000_000
    finally:
        base_image.docker("rmi", "--force", tag)
    predict.predict(model, mounted, tmp_path / "here.csv", threads=1)
    here = [line.split(",") for line in (tmp_path / "here.csv").read_text().splitlines()[1:]]
    assert list(found) == [case_id for case_id, _ in here]
    np.testing.assert_allclose(
        list(found.values()), [float(value) for _, value in here], rtol=0, atol=1.1e-6
    )


def test_the_image_of_the_constant_model_gives_the_prevalence(
    engine: str, open_list: Path, tmp_path: Path
) -> None:
    tag = "sequestra-tests/prevalence:1"
    image.package(tag, prevalence_of=open_list)
    mounted = _mount(open_list, tmp_path / "input")
    try:
        found = _run(tag, mounted, tmp_path / "container.csv")
    finally:
        base_image.docker("rmi", "--force", tag)
    assert set(found.values()) == {0.333333}
    assert len(found) == 10


def test_an_image_that_lacks_its_network_is_not_built(engine: str, tmp_path: Path) -> None:
    shutil.copy(image.HERE / "Dockerfile", tmp_path)
    (tmp_path / "site").mkdir()
    image.write_program(
        tmp_path / "model", "prevalence", ("baselines.container.prevalence",)
    )  # and no card
    with pytest.raises(base_image.BaseImageUnavailable, match="--check"):
        base_image.build(tmp_path, "sequestra-tests/lacking:1")


def test_one_of_model_and_prevalence_has_to_be_given(tmp_path: Path) -> None:
    with pytest.raises(image.PackagingError, match="give either"):
        image.package("x:1")
    with pytest.raises(image.PackagingError, match="give either"):
        image.package("x:1", model=tmp_path, prevalence_of=tmp_path)


def test_wheels_are_for_the_python_that_the_base_image_has(engine: str) -> None:
    base, named = base_image.ensure_base_image(), "sequestra-tests/python:3.99-trixie"
    said = base_image.docker("run", "--rm", "--network", "none", base, "python3", "--version")
    base_image.docker("tag", base, named)
    try:
        found = image.python_of(named)
    finally:
        base_image.docker("rmi", "--force", named)
    assert said.stdout.startswith(f"Python {found}.")


def test_a_base_image_without_a_python_is_refused(engine: str, tmp_path: Path) -> None:
    empty, tag = tmp_path / "empty.tar", "sequestra-tests/no-python:1"
    with tarfile.open(empty, "w"):
        pass
    base_image.docker("import", str(empty), tag)
    try:
        with pytest.raises(image.PackagingError, match="does not say which python3 it has"):
            image.python_of(tag)
    finally:
        base_image.docker("rmi", "--force", tag)


def test_the_libraries_are_trimmed_and_keep_licences_and_decoders(engine: str) -> None:
    site = image.libraries(image.python_of(base_image.ensure_base_image()))
    assert not list(site.rglob("__pycache__"))
    assert not (site / "onnxruntime" / "transformers").exists()
    assert list(site.glob("numpy-*.dist-info/licenses/**/LICENSE*"))
    assert list(site.glob("pylibjpeg_openjpeg-*.dist-info/entry_points.txt"))
