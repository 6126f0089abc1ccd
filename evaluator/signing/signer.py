"""Signs heads of the audit chain and releases, for the process that runs the queue."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from cohort_selection.atomic_files import write_bytes
from evaluator.signing.key import SigningError, SigningKey
from evaluator.stores.enclave import Enclave
from evaluator.stores.installation import Installation
from submissions import signatures
from submissions.ledger.database.audit_chain import GENESIS, SIGNING_KEY, digest_of, hour
from submissions.ledger.ledger import Ledger, PublishedRelease, SignedHead, SignedRelease
from submissions.signatures import SignatureError, Signed, read_signed

SECONDS_BETWEEN = 60.0
"""How often :meth:`Signer.keep_up` signs a head of a chain that grows."""

LAST_HEAD = "signed_head.json"
"""The name, in the enclave's folder, of the head that was signed last."""

_LOG = logging.getLogger(__name__)


class Signer:
    """Signs for one installation; made once by a process that works on it."""

    def __init__(self, installation: Installation, ledger: Ledger) -> None:
        """Read the key, or make it; raise SigningError where it is not fit."""
        self._ledger = ledger
        self._enclave: Enclave = installation.enclave()
        self._key = SigningKey.of(self._enclave.folder)
        self._signed_at = 0.0
        self._strangers: set[int] = set()

    def sign(self) -> None:
        """Sign each release that this installation scored, and the chain's head if it has grown.

        Nothing is signed where the chain does not follow from the last head that this key signed:
        SigningError says so.
        """
        self._announce()
        last = self._ledger.chain.last_signed_head(self._key.public.key_id)
        number, digest = self._ledger.chain.head()
        self._refuse_broken(last)
        releases = [
            SignedRelease(
                release_number=each.number,
                signed=self._key.sign(self._release(each, number, digest)),
            )
            for each in self._ledger.unsigned()
            if self._is_ours(each)
        ]
        heads = []
        if releases or last is None or last.audit_number < number:
            content = {
                "format": signatures.HEAD,
                "audit_number": number,
                "digest": digest,
                "at": hour().isoformat(),
            }
            signed = self._key.sign(signatures.stated(content))
            heads.append(SignedHead(audit_number=number, signed=signed))
        if heads:
            self._ledger.sign(heads, releases)
            # A person who can change the ledger cannot change this copy: see `audit verify`.
            write_bytes(self._enclave.folder / LAST_HEAD, heads[0].signed.to_json().encode())
        self._signed_at = time.monotonic()

    def state(self, content: Mapping[str, Any]) -> Signed:
        """Sign a statement of what this process itself made, with the chain's head of now.

        Raises SigningError where the chain does not follow from the last head that was signed.
        """
        self._announce()
        self._refuse_broken(self._ledger.chain.last_signed_head(self._key.public.key_id))
        number, digest = self._ledger.chain.head()
        head = {"audit_number": number, "digest": digest}
        return self._key.sign(signatures.stated({**content, "head": head}))

    def keep_up(self) -> None:
        """Sign, at most once a minute: for a queue that waits while submissions come in."""
        if time.monotonic() - self._signed_at >= SECONDS_BETWEEN:
            self.sign()

    def _announce(self) -> None:
        """Have the chain name the key, once."""
        public = self._key.public
        if not self._ledger.is_recorded(SIGNING_KEY, public.key_id):
            raw = base64.b64encode(public.raw).decode("ascii")
            self._ledger.record(SIGNING_KEY, public.key_id, raw)

    def _refuse_broken(self, last: SignedHead | None) -> None:
        after, known = 0, GENESIS
        signed = self._kept() or (last and last.signed)
        if signed:
            try:
                head = self._key.public.verify(signed, "the last signed head")
            except SignatureError as error:
                raise SigningError(f"the audit chain is not signed: {error}") from error
            after, known = head["audit_number"], head["digest"]
            if self._ledger.chain.digest_at(after) != known:
                raise SigningError(
                    f"the audit chain is not signed: entry {after} is not the one that was signed; "
                    f"`sequestra audit verify` lists what was changed"
                )
        if broken := self._ledger.chain.broken_links(after, known):
            raise SigningError(
                f"the audit chain is not signed: {broken[0]}; `sequestra audit verify` lists what "
                f"was changed"
            )

    def _kept(self) -> Signed | None:
        """The head that was signed last, as the enclave remembers it."""
        path = self._enclave.folder / LAST_HEAD
        try:
            return read_signed(path) if path.exists() else None
        except SignatureError as error:
            raise SigningError(
                f"the audit chain is not signed: {path} is damaged; restore it from a backup"
            ) from error

    def _is_ours(self, release: PublishedRelease) -> bool:
        if self._enclave.vouches(release.submission_id, release.evaluation_key, release.document):
            return True
        if release.number not in self._strangers:
            self._strangers.add(release.number)
            _LOG.info(
                "release %d of %s is not signed: this installation did not score it, or did before "
                "it had a key",
                release.number,
                release.submission_id,
            )
        return False

    def _release(self, release: PublishedRelease, number: int, digest: str) -> str:
        submission = self._ledger.submission(release.submission_id)
        sheet = self._ledger.fact_sheet(release.submission_id)
        content = {
            "format": signatures.RELEASE,
            "release": release.number,
            "submission": release.submission_id,
            "team": submission.team,
            "model": submission.model,
            "benchmark": release.benchmark,
            "image_digest": submission.image_digest,
            "threshold": submission.threshold,
            "evaluation_key": release.evaluation_key,
            "published": release.published.isoformat(),
            "document": json.loads(release.document),
            "document_sha256": digest_of(release.document),
            "fact_sheet": None if sheet is None else json.loads(sheet),
            "head": {"audit_number": number, "digest": digest},
        }
        return signatures.stated(content)


def sign(installation: Installation, ledger: Ledger) -> None:
    """Sign once, for a command that publishes and ends."""
    Signer(installation, ledger).sign()
