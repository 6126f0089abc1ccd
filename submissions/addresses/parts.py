"""The parts of an address that somebody wrote."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def parts_of(address: str) -> SplitResult:
    """Scheme, host and path of an address; all empty where it has none, as ``http://[::1``."""
    try:
        parts = urlsplit(address)
        _ = parts.hostname
    except ValueError:  # a bracket without its other half, or what is no address between two
        return urlsplit("")
    return parts
