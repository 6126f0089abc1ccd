"""Real training, tracking, export and prediction on a small generated open part."""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from pydicom.uid import RLELossless

from baselines.container import predict, prevalence
from baselines.examples import TrainingDataError, read_examples
from baselines.model_card import CARD, ONNX, WEIGHTS, Card, ModelDirectoryError, read_card
from baselines.networks import registry
from baselines.packaging import image as package
from baselines.packaging import onnx
from baselines.training import calibrate, tracking, train
from baselines.training.validation import infer
from cohort_selection.sequestration.open_list import read_open
from submissions.addresses.tracker import TrackerAddressError
from tests.baselines.conftest import write_open_list
from tests.support.made_images import one_of_each_kind

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:DeprecationWarning",  # mlflow 3.17 with SQLAlchemy 2.1
)

QUICK = train.Settings(epochs=4, size=48, batch=16, validation_share=0.4, seed=1)


@dataclass(frozen=True, slots=True)
class Trained:
    directory: Path
    tracking_uri: str
    card: Card
    largest_difference: float


@pytest.fixture(scope="module")
def trained(open_list: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    home = tmp_path_factory.mktemp("trained")
    directory = home / "model"
    uri = f"sqlite:///{home / 'mlflow.db'}"
    patch = pytest.MonkeyPatch()
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    card = train.train(open_list, directory, QUICK)  # the default store, beside the model
    patch.undo()
    difference = onnx.export(directory, onnx.read_checked(open_list))
    return Trained(directory, uri, card, difference)


def test_it_learns_to_see_the_disc(trained: Trained) -> None:
    assert trained.card.validation_auroc > 0.8
    assert trained.card.prevalence == pytest.approx(24 / 72, abs=1e-6)
    assert 0 < trained.card.threshold < 1


def test_the_card_holds_no_case_and_no_path(trained: Trained, open_list: Path) -> None:
    text = (trained.directory / CARD).read_text()
    assert "patient5" not in text
    assert "case5" not in text
    assert str(open_list.parent) not in text
    assert read_card(trained.directory) == trained.card


def test_the_run_is_tracked_with_settings_curves_and_digest(
    trained: Trained, open_list: Path
) -> None:
    client = MlflowClient(tracking_uri=trained.tracking_uri)
    experiment = client.get_experiment_by_name(train.EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["size"] == "48"
    assert run.data.params["network"] == "densenet-small"
    said = subprocess.run(["sha256sum", open_list], capture_output=True, text=True, check=True)
    assert run.data.tags["open_digest"] == "sha256:" + said.stdout.split()[0]
    for name in ("training_loss", "validation_loss", "validation_auroc"):
        history = client.get_metric_history(run.info.run_id, name)
        assert [point.step for point in history] == list(range(1, trained.card.epochs + 1))
    kept = client.get_metric_history(run.info.run_id, "validation_auroc")
    assert max(point.value for point in kept) == trained.card.validation_auroc
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert artifacts == {WEIGHTS, CARD}
    assert run.info.artifact_uri is not None
    assert run.info.artifact_uri.startswith((trained.directory.parent / "mlartifacts").as_uri())


def test_the_same_seed_gives_the_same_model(
    open_list: Path, tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trained.tracking_uri)
    settings = train.Settings(epochs=1, size=32, batch=16, seed=7)
    random_state = torch.get_rng_state()
    train.train(open_list, tmp_path / "one", settings)
    torch.rand(3)
    train.train(open_list, tmp_path / "two", settings)
    one, two = (torch.load(tmp_path / name / WEIGHTS, weights_only=True) for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not (tmp_path / "mlflow.db").exists()  # MLFLOW_TRACKING_URI was honoured
    torch.set_rng_state(random_state)


def test_a_failed_run_is_tracked_as_failed(
    open_list: Path, tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(train, "write_card", full)
    with pytest.raises(OSError, match="no space left"):
        train.train(
            open_list,
            tmp_path / "failed",
            train.Settings(epochs=1, size=32, batch=16),
            tracking_uri=trained.tracking_uri,
        )
    client = MlflowClient(tracking_uri=trained.tracking_uri)
    experiment = client.get_experiment_by_name(train.EXPERIMENT)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name: run.info.status for run in runs}["failed"] == "FAILED"


@pytest.mark.parametrize("call", ["log_batch", "log_artifact", "set_terminated"])
def test_a_tracker_that_dies_costs_no_model_and_no_metric(
    call: str,
    open_list: Path,
    tmp_path: Path,
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def dead(*_: object, **__: object) -> None:
        asked.append(call)
        raise MlflowException("the server is gone")

    model = tmp_path / "model"
    settings = train.Settings(epochs=3, size=32, batch=16)
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, dead)
        card = train.train(open_list, model, settings, tracking_uri=trained.tracking_uri)
    assert read_card(model) == card
    assert (model / WEIGHTS).is_file()
    # Asked when it fails first, and once more at the end; not at each epoch.
    assert len(asked) <= 2
    said = [each.getMessage() for each in caplog.records if "takes no more" in each.getMessage()]
    assert len(said) == 1
    assert "the server is gone" in said[0]
    assert any("sequestra send-metrics" in each.getMessage() for each in caplog.records)
    kept = [json.loads(line) for line in (model / "metrics.jsonl").read_text().splitlines()]
    curve = [line["value"] for line in kept if line["name"] == "validation_auroc"]
    assert len(curve) == card.epochs
    assert max(curve) == card.validation_auroc
    # Once the tracker is back, one command brings all of it there.
    tracking.send(model, trained.tracking_uri)
    client = MlflowClient(tracking_uri=trained.tracking_uri)
    run_id = json.loads((model / "tracking.json").read_text())["run_id"]
    history = client.get_metric_history(run_id, "validation_auroc")
    assert [(point.step, point.value) for point in history] == list(enumerate(curve, start=1))
    assert client.get_run(run_id).info.status == "FINISHED"
    assert {artifact.path for artifact in client.list_artifacts(run_id)} == {WEIGHTS, CARD}
    assert tracking.send(model, trained.tracking_uri)[0] == 0


def test_a_tracker_that_is_not_there_is_told_before_an_image_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TrackerAddressError, match="no MLflow server answers there"):
            train.train(tmp_path / "none.csv", tmp_path / "model", QUICK, tracking_uri=address)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "htp://somewhere")
    with pytest.raises(TrackerAddressError, match="no tracker of the kind 'htp'"):
        train.train(tmp_path / "none.csv", tmp_path / "model", QUICK)
    assert not (tmp_path / "model").exists()


def test_onnx_gives_the_probabilities_of_torch(trained: Trained, open_list: Path) -> None:
    assert trained.largest_difference <= 1e-5
    model, card = onnx.load(trained.directory)
    images = read_examples(read_open(open_list)[:10], card.size).images[:, np.newaxis]
    session = onnxruntime.InferenceSession(trained.directory / ONNX)
    (found,) = session.run(None, {"images": images})
    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_calibration_is_folded_into_the_export(trained: Trained, open_list: Path) -> None:
    model, card = onnx.load(trained.directory)
    images = read_examples(read_open(open_list)[:3], card.size).images
    logits = infer(model.network, images)[:, 0]
    session = onnxruntime.InferenceSession(trained.directory / ONNX)
    (found,) = session.run(None, {"images": images[:, np.newaxis]})
    by_hand = 1 / (1 + np.exp(-(card.slope * logits + card.intercept)))
    np.testing.assert_allclose(found, by_hand, rtol=0, atol=1e-5)


@pytest.fixture
def mounted(tmp_path: Path, open_list: Path) -> Path:
    """The open part as a container sees a cohort; the last case has no readable image."""
    directory = tmp_path / "input"
    (directory / "images").mkdir(parents=True)
    with (directory / "cases.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["case_id", "n_files", "view"])
        for case in read_open(open_list):
            writer.writerow([case.case_id, len(case.files), "PA"])
            (directory / "images" / case.case_id).mkdir()
            for file in case.files:
                shutil.copy(file, directory / "images" / case.case_id)
        writer.writerow(["broken", 1, "PA"])
        (directory / "images" / "broken").mkdir()
        (directory / "images" / "broken" / "1.dcm").write_text("not DICOM")
    return directory


def _read(path: Path) -> dict[str, float]:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "case_id,probability"
    rows = [line.split(",") for line in lines[1:]]
    assert all(len(value.partition(".")[2]) == 6 for _, value in rows)
    return {case_id: float(value) for case_id, value in rows}


def test_the_program_of_the_container_scores_as_training_did(
    trained: Trained, mounted: Path, open_list: Path, tmp_path: Path
) -> None:
    output = tmp_path / "predictions.csv"
    output.touch()
    assert predict.predict(trained.directory, mounted, output, threads=1) == 73
    found = _read(output)
    cases = read_open(open_list)
    assert list(found) == [*(case.case_id for case in cases), "broken"]
    assert found["broken"] == trained.card.prevalence
    model, card = onnx.load(trained.directory)
    examples = read_examples(cases, card.size)
    calibration = calibrate.Calibration(card.slope, card.intercept)
    expected = examples.case_means(calibration(infer(model.network, examples.images)[:, 0]))
    np.testing.assert_allclose(list(found.values())[:-1], expected, rtol=0, atol=1.1e-5)


def test_an_unusual_file_gets_the_score_of_its_picture_and_not_the_prevalence(
    trained: Trained, tmp_path: Path
) -> None:
    """Deflated, big endian and bare files were left out; their cases got the prevalence."""
    files = {file.stem: file for file in one_of_each_kind(tmp_path)}
    names = ["plain", "deflated", "big_endian", "bare", RLELossless]
    mounted = tmp_path / "input"
    for name in names:
        case = mounted / "images" / name
        case.mkdir(parents=True)
        shutil.copy(files[name], case / "a.dcm")
    (mounted / "cases.csv").write_text("\n".join(["case_id", *names]) + "\n")
    assert predict.predict(trained.directory, mounted, tmp_path / "out.csv", threads=1) == 5
    scores = set(_read(tmp_path / "out.csv").values())
    assert len(scores) == 1
    assert scores != {round(read_card(trained.directory).prevalence, 6)}


def test_the_program_starts_as_the_image_starts_it(trained: Trained, tmp_path: Path) -> None:
    app = tmp_path / "app"
    package.write_program(app, "predict", package.PREDICT)
    for name in (CARD, ONNX):
        shutil.copy(trained.directory / name, app)
    subprocess.run([sys.executable, "-B", app, "--check"], check=True, capture_output=True)
    (app / ONNX).unlink()
    lacking = subprocess.run(
        [sys.executable, "-B", app, "--check"], check=False, capture_output=True
    )
    assert lacking.returncode != 0


def test_the_constant_model_needs_the_standard_library_alone(
    mounted: Path, open_list: Path, tmp_path: Path
) -> None:
    score = prevalence.prevalence(read_open(open_list))
    assert score == 0.333333
    app = tmp_path / "app"
    package.write_program(app, "prevalence", ("baselines.container.prevalence",))
    (app / CARD).write_text(json.dumps({"prevalence": score}))
    # -S: without site-packages there is no numpy to lean on.
    subprocess.run([sys.executable, "-S", "-B", app, "--check"], check=True)
    assert prevalence.predict(score, mounted, tmp_path / "out.csv") == 73
    assert set(_read(tmp_path / "out.csv").values()) == {0.333333}


def test_no_cases_have_no_prevalence() -> None:
    with pytest.raises(prevalence.NoCases, match="at least one"):
        prevalence.prevalence(())


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("", None)],
)
def test_threads_follow_the_limit_of_the_control_group(
    limit: str, expected: int | None, tmp_path: Path
) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    allowed = len(os.sched_getaffinity(0))
    assert predict.cpu_limit(tmp_path / "cpu.max") == (expected or allowed)


def test_settings_that_cannot_work_are_refused_at_once() -> None:
    with pytest.raises(registry.UnknownNetwork, match="choose from densenet-small"):
        train.Settings(network="resnet")
    with pytest.raises(train.SettingsError, match="size is 8 pixels"):
        train.Settings(size=8)
    with pytest.raises(train.SettingsError, match=r"threads is 100000; .* from 1 to 256"):
        train.Settings(threads=100_000)
    with pytest.raises(train.SettingsError, match=r"workers is 100000; .* up to 256"):
        train.Settings(workers=100_000)
    with pytest.raises(train.SettingsError, match="epochs is 0"):
        train.Settings(epochs=0)
    with pytest.raises(train.SettingsError, match="batch is 1"):
        train.Settings(batch=1)
    with pytest.raises(train.SettingsError, match="validation share"):
        train.Settings(validation_share=1.0)


def test_too_few_images_for_a_batch_are_said(tmp_path: Path, open_list: Path) -> None:
    rows = [
        (case.case_id, case.patient_id, case.label, str(case.files[0]))
        for case in read_open(open_list)[:8]
    ]
    few = write_open_list(tmp_path / "few.csv", rows)
    with pytest.raises(TrainingDataError, match="a batch is 32"):
        train.train(few, tmp_path / "model")


def test_densenet121_is_there_and_gives_one_logit() -> None:
    network = registry.build("densenet121").eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 1)
    # 6,953,856 in the published feature extractor with three input channels (torchvision:
    # 7,978,856 less its 1,025,000 for 1,000 classes); one channel saves 6,272 weights of the
    # first layer, one output adds 1,025.
    assert sum(p.numel() for p in network.parameters()) == 6_953_856 - 6_272 + 1_025


def test_a_directory_without_a_model_is_said(tmp_path: Path, trained: Trained) -> None:
    with pytest.raises(ModelDirectoryError, match=r"holds no card\.json"):
        onnx.export(tmp_path)
    (tmp_path / CARD).write_text("{}")
    with pytest.raises(ModelDirectoryError, match="not a model card"):
        read_card(tmp_path)
    shutil.copy(trained.directory / CARD, tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"")
    with pytest.raises(ModelDirectoryError, match="does not hold the weights"):
        onnx.load(tmp_path)
    with pytest.raises(ModelDirectoryError, match=r"run `sequestra export"):
        package.package_model(tmp_path, "x:1")


def test_radiomics_learns_is_exported_and_predicts(
    open_list: Path, mounted: Path, tmp_path: Path, trained: Trained
) -> None:
    directory = tmp_path / "radiomics"
    settings = train.Settings(network="radiomics", size=48, batch=16, validation_share=0.4, seed=1)
    card = train.train(open_list, directory, settings, tracking_uri=trained.tracking_uri)
    assert card.validation_auroc > 0.8
    assert (card.epochs, card.best_epoch) == (1, 1)
    assert onnx.export(directory, onnx.read_checked(open_list)) <= 1e-5
    assert predict.predict(directory, mounted, tmp_path / "out.csv", threads=1) == 73
    cases = {case.case_id: case for case in read_open(open_list)}
    found = _read(tmp_path / "out.csv")
    found.pop("broken")
    mean = {
        label: np.mean([found[case_id] for case_id, case in cases.items() if case.label == label])
        for label in (0, 1)
    }
    assert mean[1] > mean[0] + 0.3
