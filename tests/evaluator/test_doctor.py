"""What the doctor sees of a machine before there is an installation on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from cohort_selection.sealing.key import KEY_VARIABLE
from evaluator import doctor
from evaluator.doctor import Finding, examine
from evaluator.signing.key import SigningKey
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from tests.support.postgresql import raw
from tests.support.signed_home import opened, publish


@pytest.fixture(autouse=True)
def _no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine is like is another test's; here none answers, at once."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere.sock")
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def found(root: Path, subject: str) -> Finding:
    (one,) = [finding for finding in examine(Installation(root)) if finding.subject == subject]
    return one


def test_nothing_is_made_where_there_is_no_installation(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "home"
    assert found(root, "installation").seen == (
        f"none in {root} yet; `sequestra sequester FILE.toml` makes one"
    )
    assert not found(root, "container engine").well
    assert list(tmp_path.iterdir()) == []


def test_the_disk_is_that_of_the_folder_that_will_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = os.statvfs(tmp_path)
    disk = found(tmp_path / "deep" / "home", "disk")
    assert disk.well is (free.f_bavail * free.f_frsize >= 2e9)
    told = float(disk.seen.split()[0])
    assert told == pytest.approx(free.f_bavail * free.f_frsize / 1e9, rel=0.3)  # others write too
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 10**18)
    assert "free some" in found(tmp_path / "home", "disk").seen
    (tmp_path / "file").touch()
    assert "cannot be written to" in found(tmp_path / "file" / "home", "disk").seen


def test_a_key_of_its_own_place_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "enclave.key"
    monkeypatch.setenv(KEY_VARIABLE, str(key))
    home = tmp_path / "home"
    assert found(home, "enclave key") == Finding(
        "enclave key", True, f"the first seal makes it: {key}"
    )
    key.write_text("12" * 32 + "\n")
    key.chmod(0o644)
    assert "can be read by others" in found(home, "enclave key").seen
    key.chmod(0o600)
    assert found(home, "enclave key").well
    key.write_text("no key")
    assert not found(home, "enclave key").well
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "nowhere" / "enclave.key"))
    assert "no file can be made there" in found(home, "enclave key").seen


def test_a_ledger_that_nothing_guards_is_found(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    publish(installation, "s1")
    assert found(installation.root, "ledger").well
    with raw(installation.ledger_url, unguarded=True):
        pass
    ledger = found(installation.root, "ledger")
    assert not ledger.well
    for name in append_only_triggers():
        assert f"trigger {name} is missing" in ledger.seen


def append_only_triggers() -> list[str]:
    """Two for each of the tables, as they are called."""
    tables = (
        *("submissions", "transitions", "releases", "tracked", "stage_times", "audit"),
        *("entries", "admissions", "fact_sheets", "findings", "practices", "heads"),
        "release_signatures",
    )
    return [f"append_only_{table}_{act}" for table in tables for act in ("update", "delete")]


def test_a_changed_release_is_found_by_its_signature(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    publish(installation, "s1")
    with opened(installation) as ledger:
        sign(installation, ledger)
    assert found(installation.root, "ledger").well
    key = found(installation.root, "signing key")
    assert key.well
    assert key.seen.startswith("key ")
    with raw(installation.ledger_url, unguarded=True) as connection:
        connection.execute(text("UPDATE releases SET document = '{}'"))
    assert "release 1 is not the one that was signed" in found(installation.root, "ledger").seen


def test_a_signing_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    installation.ledger().close()
    assert found(installation.root, "signing key").seen == "the first `sequestra run` makes it"
    SigningKey.of(installation.enclave().folder)
    (installation.root / "enclave" / "signing_key.pem").chmod(0o640)
    assert not found(installation.root, "signing key").well
    assert not found(installation.root, "ledger").well
