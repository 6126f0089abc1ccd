"""Checks that a Dask scheduler answers at an address, before Dask is imported."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from evaluator.host.resources import WorkersError
from submissions.addresses.patience import ANSWER_SECONDS, NoAnswer, within

SCHEMES = ("tcp", "tls", "ws", "wss", "ucx", "ucxx")
GREETING = b"pickle-protocol"
"""A scheduler's first words to a client that connects (distributed.comm.core.Comm)."""

LONGEST_GREETING = 1 << 16
ASKED_SECONDS = ANSWER_SECONDS / 2


def refuse_scheduler(address: str) -> None:
    """Raise WorkersError where the address of a scheduler cannot be right, or nothing listens."""
    right = "give one such as tcp://HOST:8786, or leave --scheduler out to work on this machine"
    whole = address if "://" in address else f"tcp://{address}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise WorkersError(f"the scheduler's address is {address!r} ({error}); {right}") from error
    if parts.scheme not in SCHEMES:
        raise WorkersError(
            f"the scheduler's address is {address!r}, and Dask does not know {parts.scheme!r}; "
            f"{right}"
        )
    if not host or not port:
        missing = "host" if not host else "port"
        raise WorkersError(
            f"the scheduler's address is {address!r} and names no {missing}; {right}"
        )
    if parts.scheme.startswith("ucx"):
        return  # it listens where no socket can ask
    try:
        within(ANSWER_SECONDS, lambda: _greeted(host, port, heard=parts.scheme == "tcp"))
    except (NoAnswer, OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or "").lower() or str(error)
        raise WorkersError(no_scheduler(address, reason)) from error


def _greeted(host: str, port: int, *, heard: bool) -> None:
    """Connect, and wait for Dask's greeting where it can be ``heard``; raise OSError.

    Dask itself waits for one without end, and takes what another server says for a length.
    """
    with socket.create_connection((host, port), timeout=ASKED_SECONDS) as connection:
        greeting = b""
        while heard and GREETING not in greeting:
            try:
                part = connection.recv(4096)
            except TimeoutError:
                part = b""
            greeting += part
            if not part or len(greeting) > LONGEST_GREETING:
                raise OSError("what listens there is no Dask scheduler")


def no_scheduler(address: str, why: str) -> str:
    """The sentence where no scheduler answers."""
    return (
        f"no Dask scheduler answers at {address} ({why}); start one with `dask scheduler`, or "
        f"leave --scheduler out to work on this machine"
    )
