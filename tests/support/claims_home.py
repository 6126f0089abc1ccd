"""A sealed installation whose benchmark declares claims; runs end as in the queue, no container.

What a container would have predicted is kept in the enclave, and the queue's own completion goes
on from there: scored, judged, held.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import seal
from evaluator.claims import sealed_study
from evaluator.queue.completion import Completion
from evaluator.queue.job import Job
from evaluator.queue.record import Record
from evaluator.reviewing.decisions import Reviews
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation
from evaluator.tracking.process import Tracker
from submissions.ledger.database.audit_chain import digest_of
from submissions.ledger.ledger import Ledger
from submissions.ledger.voting.votes import Choice, Vote, Votes
from submissions.predictions import Predictions
from submissions.receiving import Entry, receive
from submissions.service.people import insert_person
from submissions.service.principal import Role
from submissions.service.store import Store, StoreError
from submissions.submission import State, Submission
from tests.support.dying import arm
from tests.support.small_commons import radiograph

BENCHMARK = "claimed-opacity"
FILE = """[benchmark]
name = "claimed-opacity"
title = "Opacity, claimed"
description = "Two claims, three looks."

[cohort]
modalities = ["DX"]
label = "opacity"
attributes = ["sex", "site"]
stratify = ["label", "sex"]
size = 120
seed = 7

[quota]
per_team = 100
days = 7
cohort_looks = 5

[analysis]
primary = "auroc"
subgroups = ["sex", "site"]
minimum_cases = 20
minimum_per_class = 10
replicates = 0

[disclosure]
minimum_cell = 10
feedback = "held"
reviewers = 1

[study]
alpha = 0.025
looks = 3

[[claims]]
name = "AUROC above 0.60"
figure = "auroc"
at_least = 0.60

[[claims]]
name = "Sensitivity and specificity"
parts = [
  { figure = "sensitivity", at_least = 0.60 },
  { figure = "specificity", at_least = 0.60 },
]
"""
SITES = {"A": 66, "B": 48, "C": 6}
"""Cases of each site, one a patient, half of them positive; C is too small to be shown."""

Scores = Mapping[str, float]


@dataclass(frozen=True)
class ClaimsHome:
    """An installation with claims, and its ledger."""

    installation: Installation
    ledger: Ledger

    @property
    def home(self) -> Path:
        """The folder of the installation."""
        return self.installation.root

    def enter(self, model: str, *, team: str = "North", by: str = "tess", image: str = "") -> str:
        """Enter a model and have it run so far that its predictions are complete."""
        reference = f"registry.example.org/net@sha256:{uuid4().hex * 2}"
        entry = Entry(
            team=team, model=model, benchmark=BENCHMARK, reference=reference, submitted_by=by
        )
        quota = self.installation.benchmark(BENCHMARK).quota
        name = receive(self.ledger, entry=entry, quota=quota).submission_id
        self.ledger.admitted(name, image or "sha256:" + uuid4().hex * 2, State.LINTED, State.QUEUED)
        self.ledger.move(name, State.RUNNING)
        return name

    def predict(self, name: str, scores: Scores) -> None:
        """Keep what a container predicted, as the queue does once all shards are back."""
        _, cohort = self.installation.sealed(BENCHMARK)
        predictions = Predictions({case_id: (value,) for case_id, value in scores.items()})
        self.installation.enclave().record_predictions(
            name, cohort.digest, predictions, run_key=None
        )

    def finish(self, name: str) -> Submission:
        """Go on as the queue does from complete predictions: score, judge, hold."""
        finish(self.home, name, self.ledger)
        return self.ledger.submission(name)

    def run(self, model: str, scores: Scores, *, team: str = "North", by: str = "tess") -> str:
        """Enter, predict and finish; the submission's id."""
        name = self.enter(model, team=team, by=by)
        self.predict(name, scores)
        self.finish(name)
        return name

    def scores(self, skill: float, seed: int = 1) -> dict[str, float]:
        """Scores of a model whose classes lie ``skill`` standard deviations apart."""
        _, cohort = self.installation.sealed(BENCHMARK)
        draw = np.random.default_rng(seed)
        sources, labels = cohort.sources(), {case.case_id: case.label for case in cohort.cases()}
        scores = {}
        for name in sorted(sources, key=sources.__getitem__):  # whatever order the seal drew
            logit = skill * (labels[name] - 0.5) + draw.normal()
            scores[name] = round(float(1 / (1 + np.exp(-logit))), 6)
        return scores

    def vote(self, name: str, choice: Choice, reason: str = "") -> None:
        """The one reviewer votes on what is held."""
        key, document = self.installation.enclave().held(name) or ("", "")
        vote = Vote(
            submission_id=name,
            evaluation_key=key,
            document=digest_of(document),
            reviewer=_reviewer(self.installation),
            choice=choice,
            reason=reason,
        )
        Votes(self.ledger).cast(vote, 1)

    def follow(self) -> list[str]:
        """Do what was decided, as a queue does once a second; what was told of it."""
        told: list[str] = []

        def tell(submission: Submission, state: State) -> None:
            told.append(f"{submission.submission_id} {state.value}")

        tracker = Tracker(self.installation, self.ledger, awaited=False)
        signer = _completion(self.installation, self.ledger).signer
        Reviews(self.installation, self.ledger, tell, signer, tracker).keep_up()
        return told


def _reviewer(installation: Installation) -> str:
    """The id of the one reviewer, who has an account from the first vote on."""
    address = "reviewer@example.org"
    store = Store(installation.accounts_url)
    try:
        return store.people.named(address).person_id
    except StoreError:
        with store.transaction() as connection:
            person_id = insert_person(connection, "Rae", address, "")
        store.people.grant(person_id, Role.REVIEWER, granted=True)
        return person_id
    finally:
        store.close()


def finish(home: Path, name: str, ledger: Ledger | None = None) -> None:
    """Finish a run whose predictions are kept, in this process."""
    installation = Installation(home)
    opened = ledger or installation.ledger()
    benchmark, cohort = installation.sealed(BENCHMARK)
    key = installation.enclave().blinding_key(name)
    job = Job(opened.submission(name), benchmark, cohort, key)
    assert _completion(installation, opened).stands(job)
    if ledger is None:
        opened.close()


def _completion(installation: Installation, ledger: Ledger) -> Completion:
    record = Record(ledger, installation.enclave(), lambda _: None)
    tracker = Tracker(installation, ledger, awaited=False)
    return Completion(installation, ledger, record, tracker, shards=1)


def sealed_home(folder: Path, file: str = FILE) -> Installation:
    """Seal a cohort of tiny radiographs with its claims."""
    installation = Installation(folder / "home")
    (installation.root / "benchmarks").mkdir(parents=True)
    _seal(installation, folder / "images", file)
    return installation


def next_sealed(installation: Installation, first: int, name: str = "later-draw") -> str:
    """Seal another benchmark with claims, whose patients are numbered from ``first`` on."""
    file = FILE.replace(f'name = "{BENCHMARK}"', f'name = "{name}"')
    _seal(installation, installation.root.parent / f"images of {name}", file, name, first)
    return name


def _seal(
    installation: Installation, images: Path, file: str, name: str = BENCHMARK, first: int = 0
) -> None:
    (installation.root / "benchmarks" / f"{name}.toml").write_text(file)
    benchmark = installation.benchmark(name)
    sites = [site for site, number in SITES.items() for _ in range(number)]
    images.mkdir()
    cases = [
        Case(
            f"study-{i}",
            f"patient-{i}",
            (radiograph(images / f"{i}.dcm", i % 2, i),),
            i % 2,
            {"sex": "Female" if i % 4 < 2 else "Male", "site": site},
        )
        for i, site in enumerate(sites, start=first)
    ]
    assert benchmark.study is not None
    study = sealed_study.sealed(benchmark.study, cases, {})
    seal(
        cases,
        installation.enclave().benchmark_folder(name) / "cohort",
        name=name,
        seed=7,
        criteria={"label": "opacity"},
        target=None,
        report={
            BENCHMARK_DIGEST: benchmark.digest,
            sealed_study.STUDY: sealed_study.as_mapping(study),
        },
    )
    ledger = installation.ledger()
    ledger.record("seal", name, "")
    ledger.verdicts.declare(name, study.digest, study.study.looks)
    ledger.close()


def sealed_once(folder: Path) -> Path:
    """A home folder below ``folder`` that tests copy and never work in; sealed at one call."""
    if not (folder / "claimed").exists():
        (folder / "claimed").mkdir()
        sealed_home(folder / "claimed")
    return folder / "claimed" / "home"


@contextmanager
def opened(installation: Installation) -> Iterator[ClaimsHome]:
    """The installation with its ledger open."""
    ledger = installation.ledger()
    try:
        yield ClaimsHome(installation, ledger)
    finally:
        ledger.close()


def main() -> None:
    """``HOME NAME WHERE:WHEN ...``: finish a run in one fork after another; each kills itself.

    A fork has the libraries of this process; the exit codes are printed, a line each.
    """
    home, name, *steps = sys.argv[1:]
    importlib.import_module("evaluator.evaluation").prepare()
    importlib.import_module("evaluator.feedback.claims_judged")
    for step in steps:
        where, _, when = step.rpartition(" ")
        child = os.fork()
        if child == 0:
            arm(where, when, 1)
            finish(Path(home), name)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
