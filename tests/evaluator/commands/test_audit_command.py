"""The commands about the audit chain and signed releases, as a steward or a reader uses them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from tests.support.commands import refused, sequestra, succeed
from tests.support.openssl import key_pair
from tests.support.postgresql import raw
from tests.support.signed_home import opened, publish


@dataclass(frozen=True, slots=True)
class Kept:
    """An installation and what a steward has taken out of it."""

    home: Path
    release: Path
    key: Path
    head: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("made")
    home = folder / "home"
    home.mkdir()
    installation = Installation(home)
    publish(installation, "aaaaaaaaaaaa")
    with opened(installation) as ledger:
        sign(installation, ledger)
    kept = Kept(home, folder / "release.json", folder / "public.pem", folder / "head.json")
    assert "wrote" in succeed("audit", "key", "--output", kept.key, "--home", home)
    assert "audit entry 12" in succeed("audit", "head", "--output", kept.head, "--home", home)
    wrote = succeed("release-file", "aaaaaaaaaaaa", "--output", kept.release, "--home", home)
    assert "signed by key" in wrote
    return kept


@pytest.fixture
def kept(made: Kept, tmp_path: Path) -> Kept:
    """A copy that a test may change."""
    shutil.copytree(made.home.parent, tmp_path / "made", dirs_exist_ok=True)
    folder = tmp_path / "made"
    return Kept(
        folder / "home", folder / "release.json", folder / "public.pem", folder / "head.json"
    )


def database(kept: Kept) -> str:
    return f"sqlite:///{kept.home}/public/ledger.sqlite"


def test_a_release_is_verified_where_nothing_else_is(made: Kept, tmp_path: Path) -> None:
    for file in (made.release, made.key):
        shutil.copy(file, tmp_path)
    said = succeed("verify-release", "release.json", "--key", "public.pem", cwd=tmp_path)
    assert said.splitlines() == [
        "release.json is as it was signed",
        "submission: aaaaaaaaaaaa",
        "team: North",
        "model: Densenet",
        "benchmark: chest",
        f"image digest: sha256:{'1' * 64}",
        f"published: {json.loads(made.release.read_text())['statement']['published']}",
        "audit entry at that time: 12",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"release.json", "public.pem"}


def test_a_changed_release_is_refused(made: Kept, tmp_path: Path) -> None:
    changed = tmp_path / "release.json"
    changed.write_text(made.release.read_text().replace("0.75", "0.95"))
    assert "is not what was signed" in refused("verify-release", changed, "--key", made.key)


def test_mistakes_with_a_release_end_in_one_sentence(made: Kept, tmp_path: Path) -> None:
    _, other = key_pair(tmp_path)
    assert "and the key given is" in refused("verify-release", made.release, "--key", other)
    assert "is a signed head" in refused("verify-release", made.head, "--key", made.key)
    nowhere = tmp_path / "nowhere.json"
    assert "nowhere.json" in refused("verify-release", nowhere, "--key", made.key)


def test_a_whole_ledger_is_said_to_be_whole(made: Kept) -> None:
    said = succeed("audit", "verify", "--head", made.head, "--home", made.home)
    assert said == ("12 audit entries, 1 signed heads and 1 signed releases: nothing was changed\n")


def test_a_ledger_is_verified_on_a_machine_without_the_enclave(kept: Kept) -> None:
    shutil.rmtree(kept.home / "enclave")
    home = ("--home", kept.home)
    assert "nothing was changed" in succeed(
        "audit", "verify", "--key", kept.key, "--head", kept.release, *home
    )
    assert "keys that the ledger itself names" in succeed("audit", "verify", *home)
    assert not (kept.home / "enclave").exists()


def test_a_change_is_told_and_the_triggers_are_made_again(kept: Kept) -> None:
    home = ("--home", kept.home)
    with raw(database(kept), unguarded=True) as connection:
        connection.execute(text("UPDATE releases SET document = '{}'"))
    assert "trigger append_only_" in refused("status", *home)
    assert "`sequestra audit protect`" in refused("status", *home)
    found = sequestra("audit", "verify", *home)
    assert found.code == 1
    assert "trigger append_only_audit_delete is missing" in found.printed
    assert "document_sha256 of release 1 is not the one that was signed" in found.printed
    assert "every trigger is in its place" in succeed("audit", "protect", *home)
    assert "aaaaaaaaaaaa" in succeed("status", *home)
    found = sequestra("audit", "verify", *home)
    assert "trigger" not in found.printed
    assert "release of aaaaaaaaaaaa stands in the audit chain and not in the tab" in found.printed
    assert "triggers made again: trigger append_only_" in succeed("audit", "show", *home)


def test_a_cut_off_end_is_found_by_the_head_that_the_enclave_remembers(kept: Kept) -> None:
    with raw(database(kept), unguarded=True) as connection:
        for table in ("release_signatures", "heads"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("DELETE FROM audit WHERE number = 12"))
    found = sequestra("audit", "verify", "--home", kept.home)
    assert found.code == 1
    later = "is later than the audit chain: entries up to 12 were cut off"
    assert f"the head that the enclave remembers {later}" in found.printed
    found = sequestra("audit", "verify", "--head", kept.release, "--home", kept.home)
    assert f"{kept.release} {later}" in found.printed


def test_who_did_what_is_shown(made: Kept) -> None:
    home = ("--home", made.home)
    (released,) = succeed("audit", "show", "--event", "release", *home).splitlines()
    assert "queue: release of aaaaaaaaaaaa, document" in released
    assert "no such entry" in succeed("audit", "show", "--team", "South", *home)
    assert "no submission 'nobody'" in refused("audit", "show", "--submission", "nobody", *home)


def test_the_runs_of_a_submission_are_shown_by_its_id_alone(made: Kept) -> None:
    shown = succeed("audit", "aaaaaaaaaaaa", "--home", made.home)
    assert shown == succeed("audit", "runs", "aaaaaaaaaaaa", "--home", made.home)
    assert shown.startswith("aaaaaaaaaaaa  North / Densenet  chest  released")


def test_what_is_not_signed_yet_is_said_to_be_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    publish(Installation(home), "aaaaaaaaaaaa")
    out = ("--output", tmp_path / "out.json", "--home", home)
    assert "no head of the audit chain is signed yet" in refused("audit", "head", *out)
    assert "has no signature yet" in refused("release-file", "aaaaaaaaaaaa", *out)
    assert "no submission 'nobody'" in refused("release-file", "nobody", *out)
    assert "releases without a signature: 1" in succeed("audit", "verify", "--home", home)
    assert not (tmp_path / "out.json").exists()
