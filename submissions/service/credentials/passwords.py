"""Keeps passwords as scrypt hashes with their parameters, and checks them in uniform time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

SHORTEST = 12
LONGEST = 200

_N, _R, _P = 2**14, 8, 5
"""OWASP's password storage sheet names these for scrypt: 16 MiB of memory a check."""

_MEMORY = 64 * 1024 * 1024


def hashed(password: str, *, n: int = _N, r: int = _R, p: int = _P) -> str:
    """Hash a password: ``scrypt$n$r$p$salt$hash``, the last two in base 64."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, n, r, p)
    return f"scrypt${n}${r}${p}${_text(salt)}${_text(digest)}"


def is_right(password: str, kept: str | None) -> bool:
    """Whether a password matches its hash; without a hash the same work is done for nothing."""
    _, n, r, p, salt, digest = (kept or _DECOY).split("$")
    attempt = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(attempt, base64.b64decode(digest)) and kept is not None


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_DECOY = f"scrypt${_N}${_R}${_P}${_text(bytes(16))}${_text(bytes(32))}"
