"""Addresses of servers as people write them."""

from __future__ import annotations

import ipaddress

from submissions.addresses.parts import parts_of
from submissions.client.problems import ClientError

PREFIX = "/api/v1"
"""Where a server has its API."""


def server_address(text: str) -> str:
    """The address without the API's path and without a slash at its end; raises ClientError."""
    parts = parts_of(text.strip())
    try:
        port = parts.port
    except ValueError:
        port = -1
    plain = parts.scheme in ("http", "https") and parts.hostname and port != -1
    if not plain or parts.query or parts.fragment or "@" in parts.netloc:
        raise ClientError(
            f"{text!r} is not the address of a server; give one such as https://sequestra.example"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(PREFIX)}"


def is_private(address: str) -> bool:
    """Whether nobody on the way can read what is sent: by TLS, or within this machine."""
    parts = parts_of(address)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
