"""Finds the address of the container engine; starts and configures nothing."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from submissions.addresses.patience import within

ANSWER_SECONDS = 5.0
SCHEMES = ("unix", "tcp", "http", "https", "ssh")


class EngineUnavailable(OSError):
    """No container engine answers, or the one that does cannot do what the contract asks."""


class EngineSick(EngineUnavailable):
    """The engine answers, but on this host no submission of a benchmark could run."""


def sockets() -> tuple[Path, ...]:
    """Usual places of Docker's and Podman's sockets, the machine's before the user's own."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return (
        Path("/var/run/docker.sock"),
        Path("/run/podman/podman.sock"),
        runtime / "docker.sock",
        Path.home() / ".docker" / "run" / "docker.sock",
        runtime / "podman" / "podman.sock",
    )


def no_engine() -> str:
    """One sentence for the steward where no engine answers: what is in the way, what to do."""
    for path in sockets():
        if path.is_socket() and not os.access(path, os.R_OK | os.W_OK):
            return (
                f"a container engine's socket is at {path}, but this user may not open it; "
                "become a member of its group (usually docker) or root, or set DOCKER_HOST"
            )
    return (
        "no container engine answers on this machine; install Docker Engine (on Debian or Ubuntu: "
        "apt-get install docker.io) or Podman and start it, or set DOCKER_HOST to one that runs"
    )


def answers(path: Path, seconds: float = ANSWER_SECONDS) -> bool:
    """Whether an engine answers a ping on the Unix socket ``path`` within ``seconds``."""
    connection = http.client.HTTPConnection("localhost", timeout=seconds)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect(str(path))
            connection.sock = sock
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _answers_afar(address: str, seconds: float = ANSWER_SECONDS) -> bool:
    """Whether an engine answers a ping at an address of the network; with TLS, whether one listens.

    The client brings the certificates that TLS asks for.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
        if not host or not port:
            return False
        if parts.scheme == "https" or os.environ.get("DOCKER_TLS_VERIFY"):
            within(seconds, lambda: socket.create_connection((host, port), seconds).close())
            return True
        return within(seconds, lambda: _ping(host, port, seconds))
    except (ValueError, OSError, http.client.HTTPException):
        return False


def _ping(host: str, port: int, seconds: float) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()


def engine_address() -> str | None:
    """Address of the engine to use, in the form of DOCKER_HOST; None where none answers.

    DOCKER_HOST wins when it is set, and what it names must answer; ssh is left to the client that
    connects.

    Raises EngineUnavailable when DOCKER_HOST is no address, or one where no engine answers.
    """
    configured = os.environ.get("DOCKER_HOST", "").strip()
    if configured:
        scheme, separator, place = configured.partition("://")
        if scheme not in SCHEMES or not separator:
            raise EngineUnavailable(
                f"DOCKER_HOST is {configured}, which is no address of a container engine; give one "
                "as unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST, or unset it"
            )
        if (scheme == "unix" and not answers(Path(place))) or (
            scheme in ("tcp", "http", "https") and not _answers_afar(configured)
        ):
            raise EngineUnavailable(
                f"DOCKER_HOST is {configured}, but no container engine answers there; "
                "start that engine, or unset DOCKER_HOST"
            )
        return configured
    for path in sockets():
        if answers(path):
            return f"unix://{path}"
    return None
