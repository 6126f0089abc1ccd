"""A sealed installation whose submissions are scored and released without a container ever run.

The cohort, the enclave, the scores, the releases, the ledger and the freezes are the real ones;
what a container would have predicted is drawn here.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import Cohort, seal
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.comparing.freezing import Freezer
from evaluator.comparison import Comparison
from evaluator.evaluation import evaluate
from evaluator.signing.signer import Signer
from evaluator.stores.enclave import Enclave
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation
from submissions.ledger.ledger import Arrival, Ledger
from submissions.predictions import Predictions
from submissions.quota import Quota
from submissions.submission import Failure, State, Submission
from tests.support.small_commons import radiograph

NAME = "chest"
FILE = """
[benchmark]
name = "chest"
title = "Opacity on chest radiographs"

[cohort]
label = "opacity"
attributes = ["sex", "site"]
sequestered_share = 0.5
stratify = ["label", "sex"]
size = 240

[cohort.target.sex]
Female = 0.5
Male = 0.5

[analysis]
primary = "{primary}"
subgroups = ["sex", "site"]
replicates = 0
smooth_calibration = "none"

[disclosure]
feedback = "open"

[board]
{board}
"""
GRADES = """
[task]
kind = "ordinal"
column = "severity"
lowest = 0
highest = 8
cuts = [4]
"""
BOARD = "freeze_every = 5\nfreeze_on = [2020-01-01, 2999-01-01]"
"""After five new releases, on a day before all releases and on one long after."""


@dataclass(frozen=True, slots=True)
class Home:
    """An installation with one sealed benchmark."""

    installation: Installation
    benchmark: Benchmark
    cohort: Cohort
    enclave: Enclave

    @property
    def root(self) -> Path:
        return self.installation.root

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        opened = self.installation.ledger()
        try:
            yield opened
        finally:
            opened.close()

    def enter(
        self,
        name: str,
        model: str,
        predicted: Mapping[str, float] | None,
        *,
        team: str,
        threshold: float = 0.5,
        person: str | None = None,
    ) -> str:
        """Enter a submission; score and release it, or let it crash where nothing is predicted."""
        submission = Submission(
            submission_id=name,
            team=team,
            model=model,
            benchmark=NAME,
            image_digest="sha256:" + hashlib.sha256(name.encode()).hexdigest(),
            threshold=threshold,
            state=State.RECEIVED,
            received=datetime(2026, 1, 2, tzinfo=UTC),
        )
        arrival = None if person is None else Arrival(submitted_by=person, reference=name)
        with self.ledger() as ledger:
            ledger.receive(submission, Quota(1000, 7), arrival=arrival)
            ledger.admitted(
                name, submission.image_digest, State.LINTED, State.QUEUED, State.RUNNING
            )
            if predicted is None:
                ledger.move(name, State.FAILED, Failure.CRASHED)
                return name
            ledger.move(name, State.SCORING)
            found = Predictions({case: (score,) for case, score in predicted.items()})
            self.enclave.record_predictions(name, self.cohort.digest, found, run_key=None)
            made = evaluate(submission, self.benchmark, self.cohort, found, self.enclave)
            ledger.publish(name, made.key, made.release.to_json(), state=State.RELEASED)
            newest = max(each.number for each in ledger.releases(NAME))
            ledger.tracked(newest, f"run-{newest}")  # so that no MLflow is asked for
        return name

    def scores(self, strength: float, seed: int, *, shared: float = 0.5) -> dict[str, float]:
        """Probabilities that tell positives by ``strength``; part of the noise is everybody's."""
        source = self.cohort.sources()
        # In the order of the source: the seal's own order is secret and different each time.
        cases = tuple(sorted(self.cohort.cases(), key=lambda case: source[case.case_id]))
        labels = np.array([case.label for case in cases], dtype=np.float64)
        common = np.random.default_rng(99).normal(size=labels.size)
        own = np.random.default_rng(seed).normal(size=labels.size)
        noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        return as_predicted(cases, 1 / (1 + np.exp(-(strength * labels + noise - strength / 2))))


def as_predicted(cases: tuple[Case, ...], values: NDArray[np.float64]) -> dict[str, float]:
    return {case.case_id: float(p) for case, p in zip(cases, values, strict=True)}


def home(
    folder: Path,
    *,
    board: str = BOARD,
    primary: str = "auroc",
    n: int = 240,
    graded: bool = False,
) -> Home:
    """Install and seal a benchmark of ``n`` cases, some patients with two; sites of 5 to 50 %.

    A ``graded`` one asks for grades; those from 4 on are of positive cases.
    """
    folder.mkdir()
    path = folder / "chest.toml"
    path.write_text(FILE.format(board=board, primary=primary) + (GRADES if graded else ""))
    installation = Installation(folder / "home")
    installation.root.mkdir()
    benchmark = read_benchmark(path)
    installation.install(benchmark)
    picture = radiograph(folder / "picture.dcm", 0, 20)
    rng = np.random.default_rng(1)
    sites = rng.choice(["North", "South", "East"], size=n, p=[0.5, 0.45, 0.05])
    cases = [
        Case(
            f"s{i:04d}",
            f"p{i - (i % 10 == 1):04d}",
            (picture,),
            int(rng.random() < 0.4),
            {"sex": "Female" if (i - (i % 10 == 1)) % 2 else "Male", "site": str(sites[i])},
        )
        for i in range(n)
    ]
    if graded:
        beyond = rng.integers(0, 4, n)
        cases = [
            replace(case, targets={"grade": float(4 * case.label + more)})
            for case, more in zip(cases, beyond.tolist(), strict=True)
        ]
    enclave = installation.enclave()
    cohort = seal(
        cases,
        enclave.benchmark_folder(NAME) / "cohort",
        name=NAME,
        seed=7,
        criteria={"label": "opacity"},
        target=None,
        report={BENCHMARK_DIGEST: benchmark.digest},
    )
    with _closing(installation) as ledger:
        ledger.record("seal", NAME, cohort.digest)
    return Home(installation, benchmark, cohort, enclave)


@contextmanager
def _closing(installation: Installation) -> Iterator[Ledger]:
    ledger = installation.ledger()
    try:
        yield ledger
    finally:
        ledger.close()


def name_of(number: int) -> str:
    """The id of a submission."""
    return f"{number:012x}"


def enter_model(made: Home, number: int, *, team: str = "") -> str:
    """Enter model ``number``, of one of two teams in turn; the lower its number the better."""
    return made.enter(
        name_of(number),
        f"Model {number}",
        made.scores(2.2 - 0.3 * number, seed=number),
        team=team or ("North" if number % 2 else "South"),
    )


def copied(made: Home, folder: Path) -> Home:
    """A copy that a test may change."""
    shutil.copytree(made.root, folder, symlinks=True)
    installation = Installation(folder)
    enclave = installation.enclave()
    return Home(installation, installation.benchmark(NAME), enclave.cohort(NAME), enclave)


def freeze(made: Home, now: datetime | None = None) -> list[str]:
    """Make what is due, as the process that runs the queue does."""
    with made.ledger() as ledger:
        signer = Signer(made.installation, ledger)
        return Freezer(made.installation, ledger, signer).freeze(now)


def frozen(made: Home) -> list[Comparison]:
    """Every comparison in the ledger, oldest first."""
    with made.ledger() as ledger:
        return [Comparison.from_json(each.document) for each in ledger.comparisons.every()]
