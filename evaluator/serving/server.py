"""The HTTP server of the pages, of the service and of the console alike."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

_GRACE_SECONDS = 5
"""How long requests may go on after the process was asked to end."""


def serve_on(taken: socket.socket, app: FastAPI, proxies: Sequence[str]) -> None:
    """Answer on a socket until the process is ended; ``proxies`` may name the client's address."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[taken])
