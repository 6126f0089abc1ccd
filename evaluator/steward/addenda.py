"""Adds claims to a cohort that was sealed without any, before anybody has looked at it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cohort_selection.benchmark_keys.reading import no_such_key
from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.beside_claims import (
    refuse_unfit_groups,
    refuse_what_tells_too_much,
)
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import addendum, sealed_study
from evaluator.claims.declaration import ClaimsError
from evaluator.claims.declared_study import DeclaredStudy, read_study
from evaluator.claims.sealed_study import SealedStudy
from evaluator.steward.claimed import claimed
from evaluator.steward.study import hidden_groups
from evaluator.stores import case_loads
from evaluator.stores.installation import Installation
from submissions.ledger.database.reading import charged_submissions
from submissions.ledger.ledger import Ledger
from submissions.signatures import Signed

TABLES = ("study", "claims")


def add_claims(
    installation: Installation,
    name: str,
    file: Path,
    sign: Callable[[Mapping[str, Any]], Signed],
) -> SealedStudy:
    """Append an addendum to the cohort of the benchmark ``name``, signed by ``sign``.

    ``file`` has the tables [study] and [[claims]]. No queue may run meanwhile: a look could begin
    before the claims stand. Raises ClaimsError where the cohort has claims, was read, or cannot
    bear these; InstallationError where a queue runs.
    """
    with installation.dispatching():
        benchmark, cohort = installation.sealed(name)
        ledger = installation.ledger()
        _refuse_second(ledger, name, cohort)
        _refuse_read(installation, ledger, name, cohort)
        text, declared = _read(file, benchmark)
        _refuse_told(installation, benchmark, declared, cohort)
        cases = cohort.cases()
        for problem in hidden_groups(declared, benchmark, cases):
            raise ClaimsError(f"{file.name}: {problem}")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        study = sealed_study.sealed(declared, cases, at=at, addendum=True)
        signed = sign(addendum.statement(name, cohort.digest, study, text))
        ledger.record(addendum.EVENT, name, signed.to_json())
        _declare(ledger, name, study)
    return study


def _declare(ledger: Ledger, name: str, study: SealedStudy) -> None:
    ledger.verdicts.declare(name, study.digest, study.study.looks)


def _refuse_second(ledger: Ledger, name: str, cohort: Cohort) -> None:
    if sealed_study.of(cohort) is not None:
        raise ClaimsError(
            f"the cohort of {name!r} was sealed with its claims, and a claim that is declared "
            f"later can never count among them; declare it in a benchmark of its own"
        )
    first = addendum.of(ledger, name)
    if first is not None:
        _declare(ledger, name, first)  # a process that was killed may have left this out
        raise ClaimsError(
            f"claims were added to {name!r} on {first.sealed_at:.10} already, and two addenda "
            f"would share no alpha; declare others in a benchmark of their own"
        )


def _n_read(installation: Installation, ledger: Ledger, name: str, cohort: Cohort) -> int:
    """How many submissions have read a cohort."""
    looks = len(ledger.read(lambda connection: charged_submissions(connection, None, name)))
    return max(looks, case_loads.runs(installation.enclave()).get(cohort.digest, 0))


def _submissions(number: int) -> str:
    return f"{number} submission" if number == 1 else f"{number} submissions"


def _refuse_read(installation: Installation, ledger: Ledger, name: str, cohort: Cohort) -> None:
    n_runs = _n_read(installation, ledger, name, cohort)
    if n_runs:
        raise ClaimsError(
            f"{_submissions(n_runs)} read the cohort of {name!r} before, so that claims declared "
            f"now could follow their figures; declare them in a benchmark of their own"
        )


def _refuse_told(
    installation: Installation, benchmark: Benchmark, study: DeclaredStudy, cohort: Cohort
) -> None:
    """Raise ClaimsError where another benchmark tells, or told, figures of the same patients."""
    patients = cohort.patients()
    for name, theirs in claimed(installation, replace(benchmark, study=study)).patients.items():
        if shared := patients & theirs:
            raise ClaimsError(
                f"{len(shared)} patients of {benchmark.name!r} are in the cohort of {name!r} too, "
                f"which still takes submissions, and claims allow no case in two; retire "
                f"{name!r}, or declare the claims in a benchmark of their own"
            )
    enclave, ledger = installation.enclave(), installation.ledger()
    for name in installation.names():
        if name == benchmark.name or not enclave.is_sealed(name):
            continue
        other = enclave.cohort(name)
        shared = patients & other.patients()
        if shared and (n_runs := _n_read(installation, ledger, name, other)):
            raise ClaimsError(
                f"{len(shared)} patients of {benchmark.name!r} are in the cohort of {name!r} too, "
                f"which {_submissions(n_runs)} read before, so that claims declared now could "
                f"follow their figures; declare them in a benchmark of their own"
            )


def _read(file: Path, benchmark: Benchmark) -> tuple[str, DeclaredStudy]:
    """The text of the file and its study; it must fit the tables that were sealed."""
    try:
        text = file.read_bytes().decode()
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise ClaimsError(f"no file {file}; give a TOML file with [[claims]]") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClaimsError(f"{file.name} is not TOML: {error}; correct it") from error
    if "comparators" in document:
        raise ClaimsError(
            f"{file.name} has [comparators], which are sealed with the labels; claims that are "
            f"added later compare with nobody: declare these in a benchmark of their own"
        )
    for key in document:
        if key not in TABLES:
            raise ClaimsError(f"{file.name} {no_such_key(key, TABLES, 'table')}")
    declared = read_study(document.get("study"), document.get("claims"), None, file)
    if declared is None:
        raise ClaimsError(f"{file.name} has no [[claims]]; give one table for each claim")
    study = replace(declared, intersections=benchmark.analysis.intersections)
    refuse_what_tells_too_much(benchmark.disclosure, benchmark.board, benchmark.path)
    bands = benchmark.cohort.criteria.age_bands
    refuse_unfit_groups(study, benchmark.analysis, bands, benchmark.path)
    quota = benchmark.quota
    if not quota.caps_uses:
        raise ClaimsError(
            f"{benchmark.name!r} was sealed without [quota] cohort_looks or load_factor, so that "
            f"no use of its cases is capped; declare the claims in a benchmark of their own"
        )
    if quota.lifetime is not None and quota.lifetime < study.looks:
        raise ClaimsError(
            f"{file.name}: [study] looks is {study.looks}, and {benchmark.name!r} was sealed with "
            f"{quota.lifetime} for the life of its cohort; give at most {quota.lifetime}"
        )
    return text, study
