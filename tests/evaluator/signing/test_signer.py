"""The process that runs the queue signs heads and releases, and nothing that it did not score."""

from __future__ import annotations

import hashlib
import json
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from evaluator.signing import signer
from evaluator.signing.key import FILE, SigningError, SigningKey
from evaluator.signing.signer import LAST_HEAD, Signer, sign
from evaluator.stores.installation import Installation
from submissions.quota import Quota
from submissions.signatures import read_signed
from submissions.submission import Owner, State
from tests.support import openssl
from tests.support.postgresql import raw
from tests.support.signed_home import (
    DOCUMENT,
    FACT_SHEET,
    KEY,
    computed_again,
    cut_off,
    opened,
    publish,
    received,
)


def test_a_release_carries_its_result_its_fact_sheet_and_the_head_of_its_time(
    installation: Installation,
) -> None:
    publish(installation, "s1")
    with opened(installation) as ledger:
        sign(installation, ledger)
        signed = ledger.signed_release("s1")
        assert signed is not None
        number, digest = ledger.chain.head()
        said = dict(signed.content)
        published = said.pop("published")
        assert published.endswith(":00:00+00:00")
        assert said == {
            "format": "sequestra-release-1",
            "release": 1,
            "submission": "s1",
            "team": "North",
            "model": "Densenet",
            "benchmark": "chest",
            "image_digest": "sha256:" + "1" * 64,
            "threshold": 0.5,
            "evaluation_key": KEY,
            "document": json.loads(DOCUMENT),
            "document_sha256": hashlib.sha256(DOCUMENT.encode()).hexdigest(),
            "fact_sheet": json.loads(FACT_SHEET),
            "head": {"audit_number": number, "digest": digest},
        }
        assert ledger.unsigned() == []
        assert ledger.chain.problems() == []


def test_openssl_verifies_a_release_and_a_head(installation: Installation, tmp_path: Path) -> None:
    publish(installation, "s1")
    public = tmp_path / "public.pem"
    with opened(installation) as ledger:
        sign(installation, ledger)
        public.write_text(SigningKey.of(installation.root / "enclave").public.pem)
        release = ledger.signed_release("s1")
        (head,) = ledger.chain.signed_heads()
    assert release is not None
    for signed in (release, head.signed):
        (tmp_path / "message").write_bytes(signed.message)
        (tmp_path / "signature").write_bytes(signed.signature)
        assert openssl.verifies(public, tmp_path / "message", tmp_path / "signature")
        (tmp_path / "message").write_bytes(signed.message.replace(b'"', b"'", 1))
        assert not openssl.verifies(public, tmp_path / "message", tmp_path / "signature")


def test_the_key_is_made_once_and_is_its_owner_s_alone(installation: Installation) -> None:
    enclave = installation.enclave().folder
    made = [SigningKey.of(enclave) for _ in range(2)]
    assert made[0].public.key_id == made[1].public.key_id
    path = enclave / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(SigningError, match=r"can be read by others \(mode 0644\); run chmod 600"):
        SigningKey.of(enclave)
    path.chmod(0o600)
    path.write_text("no key")
    with pytest.raises(SigningError, match="is not a private key of Ed25519"):
        SigningKey.of(enclave)


def test_the_chain_names_the_key_before_anything_is_signed(installation: Installation) -> None:
    with opened(installation) as ledger:
        sign(installation, ledger)
        key = SigningKey.of(installation.root / "enclave").public
        (entry,) = ledger.chain.entries(event="signing-key")
        assert entry.subject == key.key_id
        (head,) = ledger.chain.signed_heads()
        assert head.audit_number >= entry.number


def test_a_head_is_signed_when_the_chain_has_grown_and_only_then(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer, "SECONDS_BETWEEN", 0.0)
    with opened(installation) as ledger:
        working = Signer(installation, ledger)
        working.sign()
        working.sign()
        working.keep_up()
        assert len(ledger.chain.signed_heads()) == 1
        ledger.record("match", "chest", "0" * 64)
        working.keep_up()
        heads = ledger.chain.signed_heads()
        assert [each.audit_number for each in heads] == [1, 2]
        monkeypatch.setattr(signer, "SECONDS_BETWEEN", 3600.0)
        ledger.record("match", "chest", "1" * 64)
        working.keep_up()
        assert len(ledger.chain.signed_heads()) == 2
        kept = read_signed(installation.root / "enclave" / LAST_HEAD)
        assert kept == heads[-1].signed


def test_a_document_that_this_installation_did_not_score_is_not_signed(
    installation: Installation,
) -> None:
    publish(installation, "s1")
    publish(installation, "s2", scored=False)
    installation.enclave().keep_release("s3", KEY, DOCUMENT)
    publish(installation, "s3", document='{"auroc":0.99,"schema":1}', scored=False)
    with opened(installation) as ledger:
        sign(installation, ledger)
        assert [each.submission_id for each in ledger.unsigned()] == ["s2", "s3"]
        assert ledger.signed_release("s2") is None


def test_two_processes_sign_a_release_once(installation: Installation) -> None:
    publish(installation, "s1")
    faults: list[Exception] = []
    ready = threading.Barrier(4)

    def at_once() -> None:
        try:
            with opened(installation) as ledger:
                ready.wait(60)
                Signer(installation, ledger).sign()
        except (ValueError, OSError, threading.BrokenBarrierError) as error:
            faults.append(error)

    threads = [threading.Thread(target=at_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with opened(installation) as ledger:
        assert len(ledger.signed_releases()) == 1
        assert ledger.chain.problems() == []


def test_a_chain_that_was_changed_is_not_signed(installation: Installation, database: str) -> None:
    publish(installation, "s1")
    with opened(installation) as ledger:
        sign(installation, ledger)
        ledger.record("match", "chest", "0" * 64)
        ledger.record("match", "chest", "1" * 64)
        number, _ = ledger.chain.head()
        with raw(database, unguarded=True) as connection:
            change = f"UPDATE audit SET content = 'x' WHERE number = {number - 1}"
            connection.execute(text(change))
        before = len(ledger.chain.signed_heads())
        with pytest.raises(SigningError, match=f"not signed: audit entry {number - 1} does not"):
            sign(installation, ledger)
        assert len(ledger.chain.signed_heads()) == before


def test_a_chain_that_was_computed_again_is_not_signed(
    installation: Installation, database: str
) -> None:
    publish(installation, "s1")
    with opened(installation) as ledger:
        sign(installation, ledger)
        with raw(database, unguarded=True) as connection:
            connection.execute(text("UPDATE audit SET content = 'x' WHERE number = 1"))
            connection.execute(text("DELETE FROM release_signatures"))
            connection.execute(text("DELETE FROM heads"))
        computed_again(database)
        with pytest.raises(SigningError, match="is not the one that was signed"):
            sign(installation, ledger)


def test_a_chain_whose_end_was_cut_off_is_not_signed(
    installation: Installation, database: str
) -> None:
    with opened(installation) as ledger:
        ledger.record("match", "chest", "0" * 64)
        ledger.record("match", "chest", "1" * 64)
        sign(installation, ledger)
        cut_off(database, 1)
        with pytest.raises(SigningError, match="entry 3 is not the one that was signed"):
            sign(installation, ledger)


def test_a_held_result_is_signed_when_it_is_released(installation: Installation) -> None:
    with opened(installation) as ledger:
        ledger.receive(received("s1"), Quota(5, 7), State.LINTED, State.QUEUED)
        for state in (State.RUNNING, State.SCORING, State.HELD):
            ledger.move("s1", state)
        sign(installation, ledger)
        installation.enclave().keep_release("s1", KEY, DOCUMENT)
        ledger.publish("s1", KEY, DOCUMENT, state=State.RELEASED, by=Owner.REVIEWERS)
        sign(installation, ledger)
        signed = ledger.signed_release("s1")
        assert signed is not None
        assert signed.content["fact_sheet"] is None
