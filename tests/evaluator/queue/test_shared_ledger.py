"""Two installations on one ledger: each tracks the releases of its own benchmarks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluator.stores.installation import Installation
from evaluator.tracking.process import untracked
from submissions.submission import State
from tests.support.installation import Installed
from tests.support.programs import SECOND, SMALLER, seal_second
from tests.support.services import free_port
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine


def runs(installed: Installed) -> list[str]:
    """The submissions that have a run in an installation's MLflow."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=installed.tracking_uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    return [run.data.tags["sequestra.submission"] for run in client.search_runs(experiments)]


def test_the_releases_of_anothers_benchmarks_are_left_for_it_to_track(
    installed: Installed,
    another: Callable[[str], Installed],
    images: dict[str, str],
    sealed: Path,
    tmp_path: Path,
) -> None:
    ledger = {"SEQUESTRA_LEDGER": f"sqlite:///{installed.home}/public/ledger.sqlite"}
    elsewhere = Installed(another("elsewhere").home, ledger)
    shutil.rmtree(elsewhere.home / "enclave" / "benchmarks" / BENCHMARK)
    seal_second(elsewhere, sealed, tmp_path, SMALLER)
    ours = installed.submit(images["honest"], "Ours")
    nobody = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    assert "1 wait in the ledger" in Installed(installed.home, nobody).refused()
    theirs = elsewhere.submit(images["honest"], "Theirs", benchmark=SECOND)
    elsewhere.run()
    assert [installed.state(each) for each in (ours, theirs)] == [State.RELEASED] * 2
    assert runs(elsewhere) == [theirs]
    (waits,) = installed.ledger.untracked()
    assert waits.submission_id == ours
    assert untracked(Installation(elsewhere.home), installed.ledger) == []
    assert untracked(Installation(installed.home), installed.ledger) == [waits]
    installed.run()
    assert runs(installed) == [ours]
    assert installed.ledger.untracked() == []
    assert installed.ledger.chain.problems() == []
