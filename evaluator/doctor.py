"""Is this installation what it says it is?"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import packages_distributions

from evaluator.engine import Engine, EngineUnavailable
from evaluator.installation import Installation
from evaluator.tracker import untracked
from submissions.database_address import without_password
from submissions.ledger import LedgerError
from submissions.tracker_address import tracker_fault

PACKAGES = ("metrics", "cohort_selection", "submissions", "baselines", "evaluator")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, and what was seen."""

    subject: str
    well: bool
    seen: str


def examine(installation: Installation) -> list[Finding]:
    """Look at the package names, the engine, the ledger, the tracker and each sealed cohort."""
    return [
        _names(),
        _engine(),
        _ledger(installation),
        _tracker(installation),
        *_cohorts(installation),
    ]


def foreign_owners() -> dict[str, list[str]]:
    """Distributions other than ours that own one of our top-level package names."""
    owners = packages_distributions()
    foreign = {name: sorted(set(owners.get(name, ())) - {"sequestra"}) for name in PACKAGES}
    return {name: others for name, others in foreign.items() if others}


def _names() -> Finding:
    foreign = foreign_owners()
    if not foreign:
        return Finding("package names", True, "no other distribution owns one of ours")
    said = "; ".join(f"{name} also belongs to {', '.join(who)}" for name, who in foreign.items())
    return Finding("package names", False, f"{said}: install into an environment of its own")


def _engine() -> Finding:
    try:
        engine = Engine.connect()
        seen = f"{engine.description()}, images in its {engine.store} store"
        return Finding("container engine", True, seen)
    except EngineUnavailable as error:
        return Finding("container engine", False, str(error))


def _ledger(installation: Installation) -> Finding:
    try:
        ledger = installation.ledger()
    except LedgerError as error:
        return Finding("ledger", False, str(error))
    problems = ledger.audit_problems()
    waiting = len(untracked(installation, ledger))
    tracked = f"{waiting} wait for `sequestra run --wait`" if waiting else "all in MLflow"
    seen = "; ".join(problems) or (
        f"{len(ledger.submissions())} submissions, audit chain whole, {tracked}"
    )
    return Finding("ledger", not problems, seen)


def _tracker(installation: Installation) -> Finding:
    address = installation.tracking_uri
    found = tracker_fault(address)
    seen = f"MLflow can be at {without_password(address)}" if found is None else found.sentence
    return Finding("tracker", found is None, seen)


def _cohorts(installation: Installation) -> list[Finding]:
    findings = []
    for name in installation.names():
        if not installation.enclave().is_sealed(name):
            continue
        try:
            installation.sealed(name)
        except ValueError as error:  # a table of the file, the seal, or the key: each its own kind
            findings.append(Finding(f"cohort {name}", False, str(error)))
        else:
            findings.append(Finding(f"cohort {name}", True, "benchmark and seal whole"))
    return findings
