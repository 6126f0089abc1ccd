"""Tracks a training in MLflow; each metric is kept beside the model first, and sent when it can be.

``metrics.jsonl`` has a line a metric. ``tracking.json`` says which run they belong to and how many
of them the tracker has. A tracker that goes costs neither model nor metric.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.model_card import CARD, WEIGHTS, Card, ModelDirectoryError
from baselines.training.checkpoint import Course
from cohort_selection.atomic_files import write_bytes
from submissions.addresses.database import without_password
from submissions.addresses.tracker import TrackerAddressError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOG = logging.getLogger(__name__)

EXPERIMENT = "sequestra baselines"
METRICS, TRACKING = "metrics.jsonl", "tracking.json"
WAIT_SECONDS = 60.0
"""A tracker that did not answer is asked again no sooner, so that it costs no training time."""

_AT_ONCE = 500
_BY_EPOCH = ("training_loss", "validation_loss", "validation_auroc")
_OF_MODEL = ("validation_auroc", "best_epoch", "threshold", "slope", "intercept", "seconds")

Line = dict[str, Any]


@dataclass(slots=True)
class Run:
    """One run of MLflow, and what of it is kept in the model directory ``folder``."""

    folder: Path
    address: str
    params: dict[str, Any]
    tags: dict[str, str]
    run_id: str = ""
    sent: int = 0
    finished: bool = False
    _lost_at: float | None = None
    _told: bool = False

    def log(self, course: Course) -> None:
        """Keep the curves so far, and send what is new."""
        self._write(_curves(course))
        self._offer()

    def finish(self, card: Card, course: Course) -> None:
        """Keep the figures of the model; send all, and the model's files."""
        lines = _curves(course)
        at = time.time_ns() // 1_000_000
        for name in _OF_MODEL:
            value = float(getattr(card, name))
            lines.append({"name": f"model_{name}", "value": value, "step": 0, "at": at})
        self._write(lines)
        self._lost_at = None
        self._offer(last=True)
        if not self.finished:
            _LOG.warning(
                "not all of this training reached MLflow; %s has it, and `sequestra send-metrics "
                "%s` sends it",
                self.folder / METRICS,
                self.folder,
            )

    def end(self, state: str) -> None:
        """Say how a training ended that made no model; a tracker that is gone is not asked."""
        if self._lost_at is None:
            try:
                _client(self.address).set_terminated(self.run_id, state)
            except Exception as error:  # of MLflow's client, its network or its database
                self._tell(error)

    def send(self) -> int:
        """Send what the tracker lacks, and the model where there is one; give how many metrics.

        Raises what MLflow raises.
        """
        client = _client(self.address)
        lines = self.lines()
        self.sent = min(self.sent, len(lines))
        before = self.sent
        while self.sent < len(lines):
            part = lines[self.sent : self.sent + _AT_ONCE]
            client.log_batch(self.run_id, metrics=[_metric(line) for line in part])
            self.sent += len(part)
            self.keep()
        return self.sent - before

    def send_model(self) -> None:
        """Send card and weights, and close the run. Raises what MLflow raises."""
        client = _client(self.address)
        for name in (WEIGHTS, CARD):
            client.log_artifact(self.run_id, str(self.folder / name))
        client.set_terminated(self.run_id, "FINISHED")
        self.finished = True
        self.keep()

    def lines(self) -> list[Line]:
        """Read the metrics that are kept."""
        path = self.folder / METRICS
        if not path.is_file():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def keep(self) -> None:
        """Write which run this is; without a password, whatever the address holds."""
        record = {
            "address": without_password(self.address),
            "run_id": self.run_id,
            "sent": self.sent,
            "finished": self.finished,
            "params": self.params,
            "tags": self.tags,
        }
        write_bytes(self.folder / TRACKING, (json.dumps(record, indent=1) + "\n").encode())

    def _write(self, lines: list[Line]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_bytes(self.folder / METRICS, text.encode())

    def _offer(self, *, last: bool = False) -> None:
        if self._lost_at is not None and time.monotonic() - self._lost_at < WAIT_SECONDS:
            return  # each further question would be waited for as long
        try:
            self.send()
            if last:
                self.send_model()
            self._lost_at = None
        except Exception as error:  # of MLflow's client, its network or its database
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            _LOG.warning(
                "MLflow at %s takes no more of this training (%s); the model is made all the same, "
                "and its metrics are kept",
                without_password(self.address),
                " ".join(str(error).split())[:200],
            )
        self._lost_at = time.monotonic()


def _curves(course: Course) -> list[Line]:
    return [
        {"name": name, "value": getattr(epoch, name), "step": epoch.number, "at": epoch.at}
        for epoch in course.epochs
        for name in _BY_EPOCH
    ]


def _metric(line: Line) -> Any:
    from mlflow.entities import Metric

    return Metric(line["name"], line["value"], line["at"], line["step"])


def beside(output: Path) -> str:
    """The store of a training for which none is named."""
    return f"sqlite:///{output.resolve().parent / 'mlflow.db'}"


def _client(address: str) -> MlflowClient:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # no word leaves the machine
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # nor gets between the bars
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it sets itself to INFO when imported
    return MlflowClient(tracking_uri=address)


@contextmanager
def tracked(
    tracking_uri: str | None,
    output: Path,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    *,
    resumed: bool = False,
) -> Iterator[Run]:
    """Open an MLflow run, or the one of a resumed training; end it as failed where the block fails.

    Without an address the store is beside ``output``. Raises TrackerAddressError where the tracker
    takes no new run.
    """
    address = tracking_uri or beside(output)
    before = _kept(output, address)
    if before is not None and not resumed:
        _send_rest(before)
        before = None
    run = before or Run(folder=output, address=address, params=dict(params), tags=dict(tags))
    with _in_words(address):
        if before is None or not _known(run):
            run.run_id, run.sent, run.finished = _begun(run), 0, False
    run.keep()
    try:
        yield run
    except BaseException:
        run.end("FAILED")
        raise


def send(output: Path, tracking_uri: str | None) -> tuple[int, str]:
    """Send what a tracker lacks of the training in ``output``; give number of metrics and address.

    Raises ModelDirectoryError where nothing is kept, TrackerAddressError where no tracker takes it.
    """
    address = tracking_uri or beside(output)
    run = _kept(output, address)
    if run is None:
        raise ModelDirectoryError(
            f"{output} holds no {TRACKING}; give a folder that `sequestra train` wrote"
        )
    with _in_words(address):
        if not _known(run):
            run.run_id, run.sent, run.finished = _begun(run), 0, False
        count = run.send()
        if not run.finished and (output / CARD).is_file() and (output / WEIGHTS).is_file():
            run.send_model()
    return count, without_password(address)


def _kept(output: Path, address: str) -> Run | None:
    try:
        record = json.loads((output / TRACKING).read_text(encoding="utf-8"))
        return Run(
            folder=output,
            address=address,
            params=dict(record["params"]),
            tags=dict(record["tags"]),
            run_id=str(record["run_id"]),
            sent=int(record["sent"]) if record["address"] == without_password(address) else 0,
            finished=bool(record["finished"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _send_rest(run: Run) -> None:
    """Send what an earlier training into the same folder could not, before it is overwritten."""
    if run.sent >= len(run.lines()):
        return
    try:
        if _known(run):
            run.send()
    except Exception as error:  # of MLflow's client, its network or its database
        _LOG.warning(
            "metrics of the earlier training in %s cannot be sent (%s)",
            run.folder,
            " ".join(str(error).split())[:200],
        )


def _known(run: Run) -> bool:
    """Whether the tracker knows the run; if so it is open again."""
    from mlflow.exceptions import MlflowException

    try:
        _client(run.address).update_run(run.run_id, status="RUNNING")
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return False
        raise
    return True


def _begun(run: Run) -> str:
    """Begin a run on the tracker; give its id. Raises what MLflow raises."""
    client = _client(run.address)
    artifacts = None
    if run.address == beside(run.folder):
        artifacts = (run.folder.resolve().parent / "mlartifacts").as_uri()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    experiment_id = (
        experiment.experiment_id
        if experiment
        else client.create_experiment(EXPERIMENT, artifact_location=artifacts)
    )
    begun = client.create_run(experiment_id, run_name=run.folder.name, tags=run.tags)
    for name, value in run.params.items():
        client.log_param(begun.info.run_id, name, value)
    return str(begun.info.run_id)


@contextmanager
def _in_words(address: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        raise TrackerAddressError(
            f"MLflow at {without_password(address)} takes no new run "
            f"({' '.join(str(error).split())[:200]}); mend it, or name another with --tracking-uri"
        ) from error
