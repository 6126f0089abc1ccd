"""The process that tracks: what it is waited for, and what not."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from evaluator.stores.installation import Installation
from evaluator.tracking.mlflow_runs import prepare
from evaluator.tracking.process import Tracker

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:DeprecationWarning"  # mlflow 3.17 with SQLAlchemy 2.1
)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    for name in ("SEQUESTRA_LEDGER", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    return Installation(tmp_path / "home")


def test_a_queue_without_a_release_does_not_wait_for_mlflow(installation: Installation) -> None:
    ledger = installation.ledger()
    tracker = Tracker(installation, ledger, awaited=True)
    with tracker:
        tracker.get_ready()
        process = tracker._process
    ledger.close()
    assert process is not None
    assert process.returncode == -signal.SIGTERM
    assert not (installation.root / "mlflow").exists()


def test_a_store_that_is_being_made_is_made_to_its_end(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is sent away in the midst of it would leave tables half made."""
    made = []

    def client(tracking_uri: str) -> None:
        signal.raise_signal(signal.SIGTERM)
        made.append(tracking_uri)

    monkeypatch.setattr("mlflow.MlflowClient", client)
    before = signal.getsignal(signal.SIGTERM)
    prepare(installation)
    assert made == [installation.tracking_uri]
    assert signal.getsignal(signal.SIGTERM) == before
