"""Errors of the client: each is one sentence with the cause and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(ValueError):
    """The server cannot be used as asked; the message says why and what to do."""


class Unreachable(ClientError):
    """The server does not answer, or its answer was cut off. The same request may be sent again."""


class Refused(ClientError):
    """The server answered that it will not do what was asked.

    ``status`` is that of HTTP, ``kind`` the last part of the problem's type ("about:blank" if the
    server named none), ``problem`` the whole document (RFC 9457), empty if it was none.
    """

    def __init__(self, sentence: str, status: int, kind: str, problem: Mapping[str, Any]) -> None:
        """Keep what a program may want to tell apart."""
        super().__init__(sentence)
        self.status = status
        self.kind = kind
        self.problem = problem
