"""Makes, once, the key that signs heads and releases, and reads it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cohort_selection.sealing.key import made_once
from submissions.signatures import Signed
from submissions.verifying_key import VerifyingKey

FILE = "signing_key.pem"
"""The key's name in the enclave's folder."""


class SigningError(OSError):
    """Nothing can be signed: the key is not fit, or the audit chain is broken."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private key of Ed25519 that signs for an installation."""

    key: Ed25519PrivateKey

    @classmethod
    def of(cls, enclave: Path) -> Self:
        """The key in an enclave's folder, made where none is; raise SigningError.

        Only its owner can read the file.
        """
        path = enclave / FILE
        if not path.exists():
            fresh = Ed25519PrivateKey.generate()
            pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            made_once(path, pem)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise SigningError(
                f"{path} can be read by others (mode {mode:04o}); run chmod 600 on it, and ask who "
                f"may have read it"
            )
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningError(
                f"{path} is not a private key of Ed25519 in PEM without a password; restore it "
                f"from a backup"
            )
        return cls(key)

    @property
    def public(self) -> VerifyingKey:
        """The key that verifies what this one signs."""
        return VerifyingKey(self.key.public_key())

    def sign(self, statement: str) -> Signed:
        """Sign a statement."""
        unsigned = Signed(statement=statement, key_id=self.public.key_id, signature=b"")
        signature = self.key.sign(unsigned.message)
        return Signed(statement=statement, key_id=unsigned.key_id, signature=signature)
