"""kill -9 of what the queue leans on: the container engine, the tracking server, the database."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from submissions.host.base_image import docker
from submissions.submission import Failure, State
from tests.support.installation import (
    PATIENCE,
    Installed,
    assert_true_state,
    copied,
    one_sentence,
    until,
)
from tests.support.life import LIFE, START
from tests.support.own_docker import OwnDocker, needs_own_docker
from tests.support.services import (
    PostgreSQL,
    TrackingServer,
    free_port,
    postgresql_programs,
    started,
)

pytestmark = [pytest.mark.engine, pytest.mark.faults]


@pytest.fixture
def own_engine() -> Iterator[OwnDocker]:
    """A second Docker; a Unix socket's path may have 107 characters at most."""
    own = OwnDocker(Path(tempfile.mkdtemp(prefix="sequestra-d-")))
    own.start()
    try:
        yield own
    finally:
        if own.daemon is not None and own.daemon.poll() is not None:
            own.start()
        own.stop()


def submitted_to(
    engine: OwnDocker, image: str, sealed: Path, folder: Path
) -> tuple[Installed, str]:
    """An installation that leans on an engine of its own, and a submission to it."""
    archive = folder / "image.tar"
    assert docker("save", "-o", str(archive), image).returncode == 0
    installed = copied(sealed, folder / "home", {"DOCKER_HOST": f"unix://{engine.socket}"})
    return installed, installed.submit(str(archive), "A model")


@needs_own_docker
def test_an_engine_killed_in_a_run_stops_the_queue_and_the_next_run_takes_up(
    sealed: Path, images: dict[str, str], own_engine: OwnDocker, tmp_path: Path
) -> None:
    installed, submission = submitted_to(own_engine, images["slow"], sealed, tmp_path)
    with installed.running() as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        own_engine.kill()
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 2, said
    assert "container engine" in said
    assert "Traceback" not in said
    assert installed.state(submission) is State.QUEUED
    assert "no container engine answers" in installed.refused()
    own_engine.start()
    assert len(installed.containers(submission)) == 1
    installed.run()
    assert_true_state(installed)


@needs_own_docker
def test_an_engine_killed_in_every_state_loses_nothing(
    sealed: Path, images: dict[str, str], own_engine: OwnDocker, tmp_path: Path
) -> None:
    installed, submission = submitted_to(own_engine, images["honest"], sealed, tmp_path)
    for where, when, state in LIFE:
        assert own_engine.daemon is not None
        ended = installed.loses([own_engine.daemon.pid], where, when)
        own_engine.kill()
        if ended.code == 0:  # nothing was asked of the engine any more
            assert installed.state(submission) is State.RELEASED, where
            break
        assert "container engine" in one_sentence(ended), where
        assert state in (State.QUEUED, State.RUNNING), where
        assert installed.state(submission) is State.QUEUED, where
        own_engine.start()
    else:
        pytest.fail("there is no step at which a run needs the engine no more")
    own_engine.start()
    installed.run()
    assert installed.containers(submission) == []
    assert_true_state(installed)


def test_a_container_killed_by_another_is_run_again_and_three_times_given_up_uncharged(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["slower"], "Slow")
    with installed.running() as dispatcher:
        killed: set[str] = set()
        for _ in range(3):
            until(
                lambda: (
                    set(installed.containers(submission, "--filter", "status=running")) - killed
                ),
                while_lives=dispatcher,
            )
            (container,) = installed.containers(submission, "--filter", "status=running")
            killed.add(container)
            docker("kill", container)
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 0, said
    assert installed.ledger.charged("A team", "simulated-opacity") == []
    assert_true_state(installed, {"Slow": Failure.HARNESS_ERROR})


def test_a_tracking_server_that_is_gone_costs_nothing_but_time(
    sealed: Path, images: dict[str, str], tmp_path: Path
) -> None:
    server = TrackingServer(tmp_path / "server", sealed / "mlflow" / "mlflow.db")
    installed = copied(sealed, tmp_path / "home", {"MLFLOW_TRACKING_URI": server.uri})
    submission = installed.submit(images["honest"], "Honest")
    assert "wait in the ledger and are on the board" in installed.refused()
    with started(server):
        installed.dies("mlflow:MlflowClient.log_artifacts", "before", "track")
        server.kill()
        installed.submit(images["other"], "Other")
        said = installed.refused()
        assert "wait in the ledger and are on the board" in said
        assert installed.state(submission) is State.RELEASED
        assert len(installed.ledger.releases()) == 2
        server.start()
        installed.run()
        assert_true_state(installed)


def test_a_queue_that_does_not_wait_for_its_tracking_leaves_it_behind_and_loses_none(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["honest"], "Honest")
    nobody = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    elsewhere = Installed(installed.home, nobody)
    assert "MLflow's runs follow" in elsewhere.command("run").printed
    assert installed.state(submission) is State.RELEASED
    assert "1 wait for `sequestra run --wait`" in installed.command("doctor").printed
    said = installed.home / "tracking.log"
    until(lambda: "wait in the ledger" in said.read_text())
    assert "does not take the release" in elsewhere.command("run").complained
    assert "wait in the ledger" in elsewhere.refused()
    assert installed.command("run").code == 0
    until(lambda: not installed.ledger.untracked())
    assert_true_state(installed)
    assert "all in MLflow" in installed.command("doctor").printed
    assert installed.command("run").complained == ""


def test_one_that_watches_tells_once_that_its_releases_are_not_tracked(
    sealed: Path, images: dict[str, str], tmp_path: Path
) -> None:
    server = TrackingServer(tmp_path / "server", sealed / "mlflow" / "mlflow.db")
    installed = copied(sealed, tmp_path / "home", {"MLFLOW_TRACKING_URI": server.uri})
    heard: list[str] = []

    def complains() -> bool:
        assert dispatcher.stdout is not None
        with suppress(BlockingIOError):
            heard.append(os.read(dispatcher.stdout.fileno(), 1 << 16).decode())
        return "wait in the ledger" in "".join(heard)

    with installed.running("--watch") as dispatcher:
        assert dispatcher.stdout is not None
        os.set_blocking(dispatcher.stdout.fileno(), False)
        installed.submit(images["honest"], "Honest")
        until(complains, while_lives=dispatcher)
        with started(server):
            installed.submit(images["other"], "Other")
            until(lambda: len(installed.ledger.releases()) == 2, while_lives=dispatcher)
            until(lambda: not installed.ledger.untracked(), while_lives=dispatcher)
            dispatcher.send_signal(signal.SIGTERM)
            dispatcher.wait(PATIENCE)
            assert_true_state(installed)
        complains()
    assert "".join(heard).count("wait in the ledger") == 1


def test_a_tracking_server_killed_in_every_state_costs_nothing_but_time(
    sealed: Path, images: dict[str, str], tmp_path: Path
) -> None:
    server = TrackingServer(tmp_path / "server", sealed / "mlflow" / "mlflow.db")
    installed = copied(sealed, tmp_path / "home", {"MLFLOW_TRACKING_URI": server.uri})
    steps = (
        ("honest", "evaluator.queue.dispatcher:_Dispatcher._start", "before"),
        ("other", START, "after"),
        # The run of the first stands, and is scored at once.
        ("honest", "evaluator.stores.enclave:Enclave.keep_evaluation", "before"),
        ("other", "submissions.ledger.ledger:Ledger.publish", "after"),
    )
    with started(server):
        for number, (image, where, when) in enumerate(steps, start=1):
            submission = installed.submit(images[image], f"Model {number}", f"Team {number}")
            assert server.process is not None
            ended = installed.loses([server.process.pid], where, when)
            server.kill()
            assert f"{number} wait in the ledger and are on the board" in one_sentence(ended)
            assert installed.state(submission) is State.RELEASED, where
            server.start()
        installed.run()
        assert_true_state(installed)


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL cluster."""
    programs = postgresql_programs()
    if programs is None:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail("CI must run the tests of a ledger on PostgreSQL")
        pytest.skip("no PostgreSQL on this machine: install the package postgresql")
    cluster = PostgreSQL(programs, as_root=os.geteuid() == 0)
    with started(cluster):
        yield cluster


def test_a_database_killed_in_a_run_loses_nothing(
    sealed: Path, images: dict[str, str], postgresql: PostgreSQL, tmp_path: Path
) -> None:
    installed = on_postgresql(sealed, tmp_path / "home", postgresql)
    submission = installed.submit(images["slow"], "Slow")
    behind = installed.submit(images["honest"], "Honest")
    with installed.running() as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        postgresql.kill()
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 2, said
    assert "Traceback" not in said
    assert "ledger" in said
    assert installed.containers(submission) == []
    assert "does not open" in installed.refused()
    assert "does not open" in one_sentence(installed.command("status"))
    postgresql.start()
    assert installed.state(behind) in (State.QUEUED, State.RUNNING)
    installed.run()
    assert_true_state(installed)


@pytest.mark.parametrize(("where", "when", "state"), LIFE)
def test_a_database_killed_at_any_step_loses_nothing(
    sealed: Path,
    images: dict[str, str],
    postgresql: PostgreSQL,
    tmp_path: Path,
    where: str,
    when: str,
    state: State,
) -> None:
    installed = on_postgresql(sealed, tmp_path / "home", postgresql)
    submission = installed.submit(images["honest"], "Honest")
    assert postgresql.process is not None
    ended = installed.loses([postgresql.process.pid], where, when)
    postgresql.kill()
    assert "ledger" in one_sentence(ended)
    assert installed.containers(submission) == []
    postgresql.start()
    assert installed.state(submission) is state
    assert installed.enclave.count_evaluations(submission) <= 1
    installed.run()
    assert_true_state(installed)


def test_two_installations_on_one_postgresql_have_one_dispatcher(
    sealed: Path, images: dict[str, str], postgresql: PostgreSQL, tmp_path: Path
) -> None:
    first = on_postgresql(sealed, tmp_path / "first", postgresql)
    second = on_postgresql(sealed, tmp_path / "second", postgresql)
    submission = first.submit(images["slower"], "Slow")
    with first.running() as dispatcher:
        until(lambda: first.runs(submission), while_lives=dispatcher)
        assert "another `sequestra run` works on this ledger" in second.refused()
        assert dispatcher.poll() is None
        assert first.command("cancel", submission).code == 0
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 0, said
    second.run()
    assert second.events(submission) == []
    assert_true_state(first, {"Slow": Failure.CANCELLED})


def on_postgresql(sealed: Path, home: Path, cluster: PostgreSQL) -> Installed:
    """A copy whose ledger is on PostgreSQL, with the sealing told there."""
    installed = copied(sealed, home, {"SEQUESTRA_LEDGER": cluster.url})
    cohort = installed.enclave.cohort("simulated-opacity")
    installed.ledger.record("seal", cohort.name, cohort.digest)
    shutil.rmtree(home / "public")
    return installed
