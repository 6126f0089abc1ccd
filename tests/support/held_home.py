"""A sealed installation with held results, and its reviewers; no container ever runs.

Scores are drawn, and go the way that the queue takes: kept in the enclave, scored, held.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import seal
from evaluator.reviewing.held import prepared
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation
from submissions.ledger.ledger import Ledger
from submissions.predictions import Predictions
from submissions.quota import Quota
from submissions.receiving import Entry, receive
from submissions.service.credentials import passwords
from submissions.service.people import insert_person
from submissions.service.principal import Role
from submissions.service.store import Store
from submissions.submission import State
from tests.support.small_commons import radiograph

BENCHMARK = "held-opacity"
PASSWORD = "a long pass phrase 1"
_HASH = passwords.hashed(PASSWORD, n=16, r=1, p=1)  # weak and quick: tests sign in often

FILE = """[benchmark]
name = "held-opacity"
title = "Opacity, held"
description = "Results are held for a review."

[cohort]
modalities = ["DX"]
label = "opacity"
attributes = ["sex", "site"]
stratify = ["label", "sex"]
size = 160
seed = 7

[quota]
per_team = 5
days = 7

[analysis]
primary = "auroc"
subgroups = ["sex", "site"]
minimum_cases = 20
minimum_per_class = 10
replicates = 0

[disclosure]
minimum_cell = 10
feedback = "held"
reviewers = 2
"""
SITES = {"A": 80, "B": 60, "C": 24, "D": 6}
"""Cases of each site, one a patient, half of them positive. D is small itself; C protects it."""


@dataclass(frozen=True)
class HeldHome:
    """An installation with held results; people by first name, with their ids."""

    installation: Installation
    ledger: Ledger
    store: Store
    people: dict[str, str]

    @property
    def home(self) -> Path:
        return self.installation.root

    def hold(self, model: str, *, team: str = "North", by: str = "tess", skill: float = 1.0) -> str:
        """Enter a model whose scores were drawn and have its result held; the submission's id."""
        reference = f"registry.example.org/net@sha256:{uuid4().hex * 2}"
        entered = receive(
            self.ledger,
            entry=Entry(
                team=team,
                model=model,
                benchmark=BENCHMARK,
                reference=reference,
                submitted_by=self.people[by],
            ),
            quota=Quota(per_team=100),
        )
        name = entered.submission_id
        self.ledger.admitted(name, "sha256:" + uuid4().hex * 2, State.LINTED, State.QUEUED)
        for state in (State.RUNNING, State.SCORING):
            self.ledger.move(name, state)
        benchmark, cohort = self.installation.sealed(BENCHMARK)
        draw = np.random.default_rng(sum(model.encode()))
        scores = {
            case.case_id: (float(1 / (1 + np.exp(-(skill * case.label + draw.normal())))),)
            for case in cohort.cases()
        }
        enclave = self.installation.enclave()
        enclave.record_predictions(name, cohort.digest, Predictions(scores), run_key=None)
        prepared(self.ledger.submission(name), benchmark, cohort, enclave, self.ledger)
        self.ledger.move(name, State.HELD)
        return name


def sealed_home(folder: Path, *, reviewers: int | None = 2) -> Installation:
    """Seal a cohort of tiny radiographs; ``reviewers`` None leaves the key out of the file."""
    installation = Installation(folder / "home")
    files = installation.root / "benchmarks"
    files.mkdir(parents=True)
    line = "" if reviewers is None else f"reviewers = {reviewers}\n"
    (files / f"{BENCHMARK}.toml").write_text(FILE.replace("reviewers = 2\n", line))
    digest = installation.benchmark(BENCHMARK).digest
    sites = [site for site, number in SITES.items() for _ in range(number)]
    images = folder / "images"
    images.mkdir()
    cases = [
        Case(
            f"study-{i}",
            f"patient-{i}",
            (radiograph(images / f"{i}.dcm", i % 2, i),),
            i % 2,
            {"sex": "Female" if i % 4 < 2 else "Male", "site": site},
        )
        for i, site in enumerate(sites)
    ]
    enclave = installation.enclave()
    seal(
        cases,
        enclave.benchmark_folder(BENCHMARK) / "cohort",
        name=BENCHMARK,
        seed=7,
        criteria={"label": "opacity"},
        target=None,
        report={BENCHMARK_DIGEST: digest},
    )
    ledger = installation.ledger()
    ledger.record("seal", BENCHMARK, "")
    ledger.close()
    return installation


def sealed_once(folder: Path) -> Path:
    """A home folder below ``folder`` that tests copy and never work in; sealed at one call."""
    if not (folder / "held").exists():
        (folder / "held").mkdir()
        sealed_home(folder / "held")
    return folder / "held" / "home"


@contextmanager
def opened(installation: Installation) -> Iterator[HeldHome]:
    """The installation with its people: Ann and Bea review, Tess is of the team and reviews too.

    Oda was in a team that shares the allowance; Una has no role.
    """
    store = Store(installation.accounts_url)
    ledger = installation.ledger()
    people = {}
    for first in ("ann", "bea", "tess", "oda", "una"):
        with store.transaction() as connection:
            email = f"{first}@example.org"
            people[first] = insert_person(connection, first.title(), email, _HASH)
    north, south = (store.people.add_team(team) for team in ("North", "South"))
    for person, team in (("tess", north), ("tess", south), ("oda", south)):
        store.people.join(people[person], team)
    store.people.leave(people["oda"], south)
    for first in ("ann", "bea", "tess", "oda"):
        store.people.grant(people[first], Role.REVIEWER, granted=True)
    try:
        yield HeldHome(installation, ledger, store, people)
    finally:
        ledger.close()
        store.close()
