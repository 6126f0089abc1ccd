"""Makes UIDs of what is written: the same parts always give the same one."""

from __future__ import annotations

import hashlib


def uid(*parts: str) -> str:
    """A UID under 2.25 (PS3.5 B.2), always the same for the same parts."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    # The bits that make it a version 8 (name-based by a hash of one's own) UUID, RFC 9562.
    number = number & ~(0xF << 76) | (0x8 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return f"2.25.{number}"
