"""Makes and reads the secrets that a browser or a program sends: API tokens and session ids."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib

PREFIX = "sqst_"
"""First letters of each API token; scanners of source code look for them."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BODY = 32
_CHECK = 6
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9]{{{_BODY + _CHECK}}}", re.ASCII)
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def new_token() -> str:
    """A token of 32 random letters and digits (190 bits) and a checksum of 6."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_BODY))
    return f"{PREFIX}{body}{_checksum(body)}"


def is_token(text: str) -> bool:
    """Whether a text has the form of a token and the right checksum; says nothing of rights."""
    if not _TOKEN.fullmatch(text):
        return False
    body = text[len(PREFIX) :][:_BODY]
    return hmac.compare_digest(text[-_CHECK:], _checksum(body))


def new_session() -> str:
    """A session id of 256 random bits, 43 characters."""
    return secrets.token_urlsafe(32)


def is_session(text: str) -> bool:
    """Whether a text has the form of a session id."""
    return _SESSION.fullmatch(text) is not None


def fingerprint(secret: str) -> str:
    """What the store keeps of a token or session: its SHA-256, 64 hexadecimal digits.

    Each has more than 128 random bits, so that a slow hash as for passwords adds nothing.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(body: str) -> str:
    """CRC-32 of the body in base 62, six characters, as other services' tokens have it."""
    number = zlib.crc32(body.encode())
    letters = ""
    for _ in range(_CHECK):
        number, place = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[place] + letters
    return letters
