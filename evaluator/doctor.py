"""Is this installation what it says it is?"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

from cohort_selection.sealing.key import KEY_VARIABLE, SealingKeyError, enclave_key
from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.signing.key import SigningError
from evaluator.signing.verification import own_keys, remembered_head, verify_ledger
from evaluator.stores.installation import Installation
from evaluator.tracking.process import untracked
from submissions.addresses.database import without_password
from submissions.addresses.tracker import tracker_fault
from submissions.ledger.ledger import LedgerError
from submissions.signatures import SignatureError

PACKAGES = (
    "metrics", "cohort_selection", "submissions", "baselines", "evaluator",
)  # fmt: skip

LEAST_FREE_BYTES = 2 * 10**9
"""The base image, an image with torch and a small cohort; a large cohort takes more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, and what was seen."""

    subject: str
    well: bool
    seen: str


def examine(installation: Installation) -> list[Finding]:
    """Look at the machine, and at ledger, keys, tracker and sealed cohorts where they are.

    The machine: package names, engine, disk, the key's place. Nothing is made that is not there.
    """
    root = installation.root
    machine = [_names(), _engine(), _disk(root), _key(root)]
    if not root.is_dir():
        state = f"none in {root} yet; `sequestra sequester FILE.toml` makes one"
        return [*machine, Finding("installation", True, state)]
    stores = [_ledger(installation), _signing_key(installation), _tracker(installation)]
    return [*machine, *stores, *_cohorts(installation)]


def foreign_owners() -> dict[str, list[str]]:
    """Distributions other than ours that own one of our top-level package names."""
    owners = packages_distributions()
    foreign = {name: sorted(set(owners.get(name, ())) - {"sequestra"}) for name in PACKAGES}
    return {name: others for name, others in foreign.items() if others}


def _names() -> Finding:
    foreign = foreign_owners()
    if not foreign:
        return Finding("package names", True, "no other distribution owns one of ours")
    names = "; ".join(f"{name} also belongs to {', '.join(who)}" for name, who in foreign.items())
    return Finding("package names", False, f"{names}: install into an environment of its own")


def _engine() -> Finding:
    try:
        engine = Engine.connect()
        state = f"{engine.connection.description()}, images in its {engine.connection.store} store"
        return Finding("container engine", True, state)
    except EngineUnavailable as error:
        return Finding("container engine", False, str(error))


def _disk(root: Path) -> Finding:
    """Whether the disk that holds the installation, or will, has room and can be written to."""
    folder = root.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = f"{free / 1e9:.1f} GB free in {folder}"
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return Finding("disk", False, f"{folder} cannot be written to; name another with --home")
    if free < LEAST_FREE_BYTES:
        return Finding("disk", False, f"{state}; images and sealed copies take more: free some")
    return Finding("disk", True, state)


def _key(root: Path) -> Finding:
    """Whether the place of the key that opens the labels is fit for it."""
    configured = os.environ.get(KEY_VARIABLE)
    if not configured:
        state = f"each lies beside its sealed cohort; {KEY_VARIABLE} names another place"
        return Finding("enclave keys", True, state)
    path = Path(configured)
    if path.exists():
        try:
            enclave_key(root, create=False)
        except (SealingKeyError, OSError) as error:
            return Finding("enclave key", False, str(error))
        return Finding("enclave key", True, f"{path}, which only its owner can read")
    if not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        state = f"{KEY_VARIABLE} is {path}, and no file can be made there; name another place"
        return Finding("enclave key", False, state)
    return Finding("enclave key", True, f"the first seal makes it: {path}")


def _ledger(installation: Installation) -> Finding:
    """Whether triggers guard the ledger, and chain, tables and signatures agree."""
    try:
        ledger = installation.ledger(examine=True)
        keys = own_keys(installation)
        problems = verify_ledger(ledger, keys, remembered_head(installation, keys)).problems
    except (LedgerError, SignatureError, SigningError) as error:
        return Finding("ledger", False, str(error))
    waiting = len(untracked(installation, ledger))
    tracked = f"{waiting} wait for `sequestra run --wait`" if waiting else "all in MLflow"
    state = "; ".join(problems) or (
        f"{len(ledger.submissions())} submissions, audit chain whole, {tracked}"
    )
    return Finding("ledger", not problems, state)


def _signing_key(installation: Installation) -> Finding:
    """Whether the key that signs results is fit; none is made."""
    try:
        keys = own_keys(installation)
    except SigningError as error:
        return Finding("signing key", False, str(error))
    state = f"key {keys[0].key_id:.16}" if keys else "the first `sequestra run` makes it"
    return Finding("signing key", True, state)


def _tracker(installation: Installation) -> Finding:
    address = installation.tracking_uri
    fault = tracker_fault(address)
    state = f"MLflow can be at {without_password(address)}" if fault is None else fault.sentence
    return Finding("tracker", fault is None, state)


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
