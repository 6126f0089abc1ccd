"""Whether something listens at a Dask scheduler's address, before Dask is imported."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from evaluator.resources import WorkersError
from submissions.database_address import ANSWER_SECONDS, NoAnswer, within

SCHEMES = ("tcp", "tls", "ws", "wss", "ucx", "ucxx")
ASKED_SECONDS = ANSWER_SECONDS / 2


def refuse_scheduler(address: str) -> None:
    """Raise WorkersError where the address of a scheduler cannot be right, or nothing listens."""
    right = "give one as tcp://HOST:8786, or leave --scheduler out to work on this machine"
    whole = address if "://" in address else f"tcp://{address}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise WorkersError(f"the scheduler's address is {address!r} ({error}); {right}") from error
    if parts.scheme not in SCHEMES:
        raise WorkersError(
            f"the scheduler's address is {address!r}, and Dask knows no {parts.scheme!r}; {right}"
        )
    if not host or not port:
        missing = "host" if not host else "port"
        raise WorkersError(
            f"the scheduler's address is {address!r} and names no {missing}; {right}"
        )
    if parts.scheme.startswith("ucx"):
        return  # it listens where no socket can ask
    try:
        within(
            ANSWER_SECONDS,
            lambda: socket.create_connection((host, port), timeout=ASKED_SECONDS).close(),
        )
    except (NoAnswer, OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise WorkersError(no_scheduler(address, said.lower())) from error


def no_scheduler(address: str, why: str) -> str:
    """The sentence where no scheduler answers."""
    return (
        f"no Dask scheduler answers at {address} ({why}); start one with `dask scheduler`, or "
        f"leave --scheduler out to work on this machine"
    )
