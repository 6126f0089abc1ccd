"""An exported network computes what the trained one does, and says nothing of who exported it."""

from __future__ import annotations

import io
import shutil
import site
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from baselines.container import predict, predict_torch
from baselines.model_card import CARD, ONNX, TORCH, WEIGHTS, Card, read_card, write_card
from baselines.networks import registry
from baselines.packaging import image
from baselines.packaging import onnx as export
from baselines.targets import ONE_PROBABILITY, Task
from tests.support.repository import REPOSITORY

SIZE = 64


FINDINGS = Task("multilabel", ("opacity", "effusion"))


def drawn(directory: Path, name: str, task: Task = ONE_PROBABILITY, depth: int = 0) -> Path:
    """A model directory whose weights were drawn, not trained."""
    torch.manual_seed(5)
    torch.save(registry.build(name, task).state_dict(), directory / WEIGHTS)
    card = Card(
        network=name,
        size=SIZE,
        seed=5,
        epochs=1,
        best_epoch=1,
        open_digest="sha256:" + "0" * 64,
        n_training_cases=2,
        n_training_patients=2,
        n_validation_cases=2,
        n_validation_patients=2,
        n_unreadable_files=0,
        prevalence=0.5,
        validation_auroc=0.5,
        threshold=0.5,
        slope=1.0,
        intercept=0.0,
        seconds=0.0,
        versions={},
        kind=task.kind,
        outputs=task.outputs,
        calibrations=({"slope": 1.5, "intercept": -0.5},),
        depth=depth,
    )
    write_card(card, directory)
    return directory


@pytest.fixture(scope="module", params=["densenet-small", "radiomics"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory whose weights were drawn, not trained, and its export."""
    directory = drawn(tmp_path_factory.mktemp("exported"), request.param)
    assert export.export(directory) <= export.TOLERANCE
    return directory


def places(directory: Path) -> list[str]:
    """Folders of the person who exports: the project, its environment, the model, the home."""
    torch_folder = Path(torch.__file__).parent
    return [
        *map(str, (REPOSITORY, directory, Path.home(), torch_folder, sys.prefix)),
        *site.getsitepackages(),
    ]


def test_no_file_that_we_write_into_an_image_names_a_folder_of_this_machine(
    exported: Path, tmp_path: Path
) -> None:
    image.write_model(exported, tmp_path / "model")
    image.write_program(tmp_path / "constant", "prevalence", ("baselines.container.prevalence",))
    shutil.copyfile(image.HERE / "Dockerfile", tmp_path / "Dockerfile")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {ONNX, CARD, "Dockerfile", "predict.py", "images.py"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        for folder in places(exported):
            assert folder.encode() not in content, f"{path} names {folder}"
        if path.suffix == ".onnx":
            assert b".py" not in content


def test_the_network_carries_no_remark_of_the_exporter(exported: Path) -> None:
    network = onnx.load(exported / ONNX)
    onnx.checker.check_model(network, full_check=True)
    graph = network.graph
    for part in (network, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        assert not part.doc_string
        assert not part.metadata_props


def test_predictions_are_those_of_the_network_as_torch_writes_it(
    exported: Path, tmp_path: Path
) -> None:
    model, _ = export.load(exported)
    images = np.random.default_rng(1).random((3, 1, SIZE, SIZE), dtype=np.float32)
    plain = tmp_path / "plain.onnx"
    example = (torch.from_numpy(images),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, of its own parts
        torch.onnx.export(model, example, plain, dynamo=True, verbose=False)
    assert b".py" in plain.read_bytes()  # the remarks that an export by torch alone carries
    given, stripped = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for path in (plain, exported / ONNX)
    )
    (expected,) = given.run(None, {given.get_inputs()[0].name: images})
    (found,) = stripped.run(None, {"images": images})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_nested_graph_loses_its_remarks_too() -> None:
    inner = onnx.helper.make_graph([], "inner", [], [], doc_string="/somewhere/inner.py")
    node = onnx.helper.make_node("If", ["c"], ["y"], then_branch=inner, doc_string="/somewhere")
    graph = onnx.helper.make_graph([node], "outer", [], [])
    network = onnx.helper.make_model(graph, doc_string="/somewhere/outer.py")
    export.forget_origin(network)
    assert b"/somewhere" not in network.SerializeToString()
    assert network.graph.node[0].attribute[0].g.name == "inner"


def test_a_network_of_volumes_with_several_findings_is_exported(tmp_path: Path) -> None:
    assert export.export(drawn(tmp_path, "ct3d", FINDINGS, depth=16)) <= export.TOLERANCE
    session = predict.open_session(tmp_path, 1)
    (given,), (told,) = session.get_inputs(), session.get_outputs()
    assert given.shape[1:] == [1, 16, SIZE, SIZE]
    assert told.shape[1:] == [2]


def test_the_program_for_torch_is_the_network_and_holds_no_picture_and_no_folder(
    tmp_path: Path,
) -> None:
    exported = tmp_path / "model-directory"
    exported.mkdir()
    card = read_card(drawn(exported, "radiomics"))
    assert export.export(exported, flavour="torch") <= export.TOLERANCE
    content = (exported / TORCH).read_bytes()
    for folder in places(exported):
        assert folder.encode() not in content
    with zipfile.ZipFile(exported / TORCH) as archive:
        examples = [name for name in archive.namelist() if "sample_inputs" in name]
        for name in examples:
            (given,), _ = torch.load(io.BytesIO(archive.read(name)), weights_only=True)
            assert not given.any()
    contents = image.contents_of(card, "torch")
    image.write_context(exported, tmp_path, None, contents, "{}")
    held = {path.name for path in (tmp_path / "model").rglob("*") if path.is_file()}
    assert {TORCH, CARD, "predict_torch.py", "sbom.cdx.json", "model-card.md"} <= held
    assert not {ONNX, WEIGHTS} & held
    images = np.random.default_rng(1).random((5, 1, SIZE, SIZE), dtype=np.float32)
    model, _ = export.load(exported)
    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).numpy()
    found = predict_torch.load(tmp_path / "model", "cpu")(images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_torch_flavour_says_which_base_it_needs(tmp_path: Path) -> None:
    exported = drawn(tmp_path, "radiomics")
    (exported / TORCH).touch()
    with pytest.raises(image.PackagingError, match=r"torch 2\.\d+\.\d+ or newer.*--base"):
        image.package("x:1", model=exported, flavour="torch")
    with pytest.raises(image.PackagingError, match="'tensorrt' is unknown; choose"):
        image.package("x:1", model=exported, flavour="tensorrt")
