"""Public keys, and what they verify: a signed statement is as its key signed it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from submissions.signatures import RELEASE, SignatureError, Signed, in_words, read_signed


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key of Ed25519."""

    key: Ed25519PublicKey

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a PEM file; raise SignatureError, and OSError where it cannot be read."""
        return cls.parse(path.read_bytes(), path.name)

    @classmethod
    def parse(cls, pem: bytes, name: str) -> Self:
        """Parse PEM; raise SignatureError."""
        expected = "give the file that `sequestra audit key -o FILE` wrote"
        if b"PRIVATE KEY" in pem:
            raise SignatureError(
                f"{name} holds a private key; {expected}, and keep this one hidden"
            )
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SignatureError(
                f"{name} is no public key ({in_words(error)}); {expected}"
            ) from None
        if not isinstance(key, Ed25519PublicKey):
            raise SignatureError(f"{name} is a public key of another kind than Ed25519; {expected}")
        return cls(key)

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """The key with these 32 bytes."""
        return cls(Ed25519PublicKey.from_public_bytes(raw))

    @property
    def raw(self) -> bytes:
        """The key's 32 bytes."""
        return self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def key_id(self) -> str:
        """SHA-256 of the key's 32 bytes, 64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def pem(self) -> str:
        """The key as a PEM file has it."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def verify(self, signed: Signed, name: str) -> Mapping[str, Any]:
        """What a statement says, if this key signed it; raise SignatureError otherwise."""
        try:
            self.key.verify(signed.signature, signed.message)
        except InvalidSignature:
            if signed.key_id != self.key_id:
                raise SignatureError(
                    f"{name} is signed by key {signed.key_id:.16}, and the key given is "
                    f"{self.key_id:.16}; ask the steward for the public key of that name"
                ) from None
            raise SignatureError(
                f"{name} is not what was signed: its content or its signature was changed; get it "
                f"again from the steward or the board"
            ) from None
        return signed.content


def read_release(path: Path, key: VerifyingKey) -> Mapping[str, Any]:
    """What a signed release says, verified; raise SignatureError, and OSError as above."""
    content = key.verify(read_signed(path), path.name)
    if content["format"] != RELEASE:
        raise SignatureError(
            f"{path.name} is a signed head of the audit chain and no release; give a file that "
            f"`sequestra release-file` wrote, or use `sequestra audit verify --head`"
        )
    return content
