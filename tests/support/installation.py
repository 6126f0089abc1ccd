"""A sealed installation to break, and what must be true of it when it has been mended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from evaluator.sandbox.engine import RUN_LABEL
from evaluator.stores.enclave import Attempt, Enclave, Event
from submissions.host.base_image import docker
from submissions.ledger.ledger import Ledger
from submissions.predictions import Predictions
from submissions.submission import ENDED, Failure, State, Submission
from tests.support.commands import PROGRAM, Ended, environment, sequestra
from tests.support.dying import VICTIMS
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import BENCHMARK

OPENED: list[Ledger] = []
"""Ledgers that this process has looked into, to be closed at a test's end."""

PATIENCE = 180.0
"""Seconds: tests share their machine with others."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation of the test's own; ``env`` leads its commands to other services."""

    home: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        here = f"sqlite:///{self.home}/public/ledger.sqlite"
        opened = Ledger(self.env.get("SEQUESTRA_LEDGER", here))
        OPENED.append(opened)
        return opened

    @property
    def enclave(self) -> Enclave:
        return Enclave(self.home / "enclave")

    @property
    def tracking_uri(self) -> str:
        return self.env.get("MLFLOW_TRACKING_URI", f"sqlite:///{self.home}/mlflow/mlflow.db")

    def command(self, *arguments: str | Path) -> Ended:
        """Run a command in this installation to its end."""
        return sequestra(*arguments, "--home", self.home, cwd=REPOSITORY, env=self.env)

    def run(self, *arguments: str) -> Ended:
        """Work the queue off, MLflow's runs too; it must end well."""
        ended = self.command("run", "--wait", *arguments)
        assert ended.code == 0, f"{ended.printed}\n{ended.complained}"
        return ended

    def refused(self, *arguments: str) -> str:
        """Work on the queue; it must be stopped with one sentence, which is returned."""
        return one_sentence(self.command("run", "--wait", *arguments))

    def submit(
        self, image: str, model: str, team: str = "A team", benchmark: str = BENCHMARK
    ) -> str:
        """Enter an image; the submission's id."""
        who = ("--team", team, "--model", model)
        ended = self.command("submit", image, "--benchmark", benchmark, *who)
        assert ended.code == 0, ended.complained
        return ended.printed.split()[0]

    @contextmanager
    def running(
        self, *arguments: str, before: tuple[str, ...] = ()
    ) -> Iterator[subprocess.Popen[str]]:
        """A dispatcher at work; whatever the test does with it, it is gone afterwards."""
        command = (*before, *PROGRAM, "run", "--wait", *arguments, "--home", str(self.home))
        with process(*command, env=environment(self.env)) as dispatcher:
            yield dispatcher

    def dies(self, where: str, when: str, *arguments: str, nth: int = 1) -> None:
        """Run a command that kills itself, for certain, at the ``nth`` call of a function."""
        ended = self._struck(where, when, arguments, nth, {})
        assert ended.code == -signal.SIGKILL, f"{where}: {ended.printed}\n{ended.complained}"

    def loses(self, victims: Iterable[int], where: str, when: str, nth: int = 1) -> Ended:
        """Work on the queue, and have processes that it needs killed at the ``nth`` call."""
        ids = ",".join(map(str, victims))
        ended = self._struck(where, when, (), nth, {VICTIMS: ids})
        assert not any(Path(f"/proc/{each}/exe").exists() for each in victims), where
        return ended

    def _struck(
        self, where: str, when: str, arguments: Sequence[str], nth: int, env: Mapping[str, str]
    ) -> Ended:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.support.dying", where, when, str(nth)),
                *(arguments or ("run", "--wait")),
                *("--home", str(self.home)),
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=environment({**self.env, **env}),
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def state(self, submission: str) -> State:
        return self.ledger.submission(submission).state

    def events(self, submission: str) -> list[Event]:
        return [attempt.event for attempt in self.attempts(submission)]

    def attempts(self, submission: str) -> list[Attempt]:
        return self.enclave.attempts(submission)

    def containers(self, submission: str, *options: str) -> list[str]:
        """The containers of a submission, dead ones too."""
        label = f"label=sequestra.submission={submission}"
        asked = ("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", label, *options)
        found = subprocess.run(
            asked, capture_output=True, text=True, check=False, env=environment(self.env)
        )
        return found.stdout.split()

    def running_containers(self, submission: str) -> list[str]:
        return self.containers(submission, "--filter", "status=running")

    def runs(self, submission: str) -> bool:
        return bool(self.running_containers(submission))

    def predicted(self, submission: str, benchmark: str = BENCHMARK) -> Predictions:
        """What was kept of a submission's run."""
        kept = self.enclave.predictions(submission, self.enclave.cohort(benchmark).digest)
        assert kept is not None
        return kept


def released_figures(installed: Installed, submission: str) -> str:
    """All figures of a release."""
    (found,) = [each for each in installed.ledger.releases() if each.submission_id == submission]
    figures = json.loads(found.document)["results"]
    assert figures
    return json.dumps(figures)


def one_sentence(ended: Ended) -> str:
    """What a refused command complained of: one line, exit code 2, no traceback."""
    assert ended.code == 2, f"{ended.code}\n{ended.printed}\n{ended.complained}"
    complained = ended.complained.strip()
    assert "Traceback" not in complained, complained
    assert complained.count("error:") == 1, complained
    return complained


@contextmanager
def process(
    *command: str,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    quiet: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """A process, and its children, that end with the block; a quiet one's words are not kept."""
    started = subprocess.Popen(
        command,
        env=environment() if env is None else dict(env),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    try:
        yield started
    finally:
        kill(started)


def kill(started: subprocess.Popen[str]) -> None:
    """kill -9 of a process and all its children."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    if started.stdout is not None:
        started.stdout.close()  # one that tracks beside it may write on


def until(
    what: Callable[[], object], seconds: float = PATIENCE, *, while_lives: object = None
) -> None:
    """Wait until something is so; to ask takes a fifth of the time, and leaves the processors."""
    deadline = time.monotonic() + seconds
    asked = time.monotonic()
    while not what():
        now = time.monotonic()
        if isinstance(while_lives, subprocess.Popen):
            assert while_lives.poll() is None, while_lives.communicate()[0]
        assert now < deadline, "waited in vain"
        time.sleep(min(max(4 * (now - asked), 0.05), 1.0))
        asked = time.monotonic()


def folder_of(container: str) -> Path:
    """The folder that a run was staged in."""
    label = f'{{{{index .Config.Labels "{RUN_LABEL}"}}}}'
    return Path(docker("inspect", "--format", label, container).stdout.strip())


def mark(container: str, name: str) -> None:
    """Lay a mark into the input of a container that looks for it (tests/support/programs.py)."""
    (folder_of(container) / "input" / name).touch()


def copied(sealed: Path, folder: Path, env: Mapping[str, str] | None = None) -> Installed:
    """A copy of a sealed installation, modification times and all."""
    shutil.copytree(sealed, folder, symlinks=True)
    return Installed(folder, env or {})


def assert_true_state(
    installed: Installed, failures: Mapping[str, Failure] | None = None, *, elsewhere: bool = False
) -> None:
    """Nothing is under way, lost, done twice or left behind; quotas are charged rightly.

    ``failures`` has the models that had to fail; all others had to be released. ``elsewhere``: the
    submissions of other installations stand in the same ledger, whose enclave holds their scores.
    """
    ledger, enclave = installed.ledger, installed.enclave
    submissions = ledger.submissions()
    assert submissions
    for each in submissions:
        _assert_ended(each, (failures or {}).get(each.model), enclave, installed, elsewhere)
    _assert_released_once(ledger, submissions, installed.tracking_uri)
    _assert_charged(ledger, enclave, submissions)
    problems = ledger.chain.problems()
    assert problems == [], problems
    left = leavings(installed.home)
    assert left == [], left


def _assert_ended(
    each: Submission,
    failure: Failure | None,
    enclave: Enclave,
    installed: Installed,
    elsewhere: bool,
) -> None:
    name = each.submission_id
    said = f"{name} {each.model}: {[a.event.value for a in enclave.attempts(name)]}"
    assert each.failure is failure, said
    assert each.state in ENDED, f"{said} is {each.state.value}"
    assert (each.state is State.RELEASED) == (failure is None), said
    if not elsewhere:
        assert enclave.count_evaluations(name) == (failure is None), said
    assert installed.containers(name) == [], said


def _assert_released_once(ledger: Ledger, submissions: list[Submission], uri: str) -> None:
    from mlflow import MlflowClient

    released = {each.submission_id for each in submissions if each.state is State.RELEASED}
    published = ledger.releases()
    assert sorted(each.submission_id for each in published) == sorted(released)
    assert ledger.untracked() == []
    if not released:
        return
    client = MlflowClient(tracking_uri=uri)
    names = {f"sequestra/{each.benchmark}" for each in published}
    experiments = [each for each in client.search_experiments() if each.name in names]
    assert len(experiments) == len(names)
    runs = client.search_runs([each.experiment_id for each in experiments], max_results=1000)
    finished = [run for run in runs if run.info.status == "FINISHED"]
    tags = sorted(run.data.tags["sequestra.release"] for run in finished)
    assert tags == sorted(f"{each.submission_id}/{each.number}" for each in published)
    assert len(runs) == len(finished)
    for run in finished:
        names = {found.path for found in client.list_artifacts(run.info.run_id)}
        assert {"report.html", "release.json", "figures.csv", "charts"} <= names


def _assert_charged(ledger: Ledger, enclave: Enclave, submissions: list[Submission]) -> None:
    """What read sequestered cases is charged; what the harness broke or never ran is not."""
    owed: dict[tuple[str, str], int] = {}
    for each in submissions:
        events = {attempt.event for attempt in enclave.attempts(each.submission_id)}
        ran = bool(events & {Event.STARTED, Event.REUSED})
        ours = each.failure is Failure.HARNESS_ERROR
        looked = each.state is not State.REJECTED and not ours
        if each.failure is Failure.CANCELLED:
            looked = ran
        team = each.team, each.benchmark
        owed[team] = owed.get(team, 0) + looked
    for who, count in owed.items():
        assert len(ledger.charged(*who)) == count, who


def leavings(home: Path) -> list[str]:
    """What a process that was killed left half-done in an installation."""
    staging = home / "enclave" / "staging"
    found = (
        [path for path in staging.iterdir() if path.name != "staging.lock"]
        if (staging.is_dir())
        else []
    )
    for path in home.rglob("*"):
        half = path.name.startswith(".") or path.suffix in (".tmp", ".part", ".new")
        if half or ".new-" in path.name:
            found.append(path)
    return sorted(str(path.relative_to(home)) for path in found)


def digest_of(image: str) -> str:
    """The digest of an image on the machine's engine."""
    return docker("image", "inspect", "--format", "{{.Id}}", image).stdout.strip()
