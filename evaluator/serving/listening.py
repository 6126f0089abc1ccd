"""Takes the port of the web pages before its address is shown."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager


class PortUnavailable(ValueError):
    """The pages cannot be served at an address."""


@contextmanager
def listening(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and the address of its pages; port 0 is any that is free.

    Raises PortUnavailable where the port is taken or the host is not this machine's.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, place = addresses[0]
        # Without the protocol asyncio leaves Nagle's algorithm on, and each answer waits 40 ms.
        taken = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise PortUnavailable(
            f"the host {host!r} is unknown; give an address of this machine with --host, "
            f"such as 127.0.0.1"
        ) from error
    with taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(place)
            taken.listen(128)
        except OSError as error:
            raise PortUnavailable(_refusal(host, port, error)) from error
        name = f"[{host}]" if ":" in host else host
        yield taken, f"http://{name}:{taken.getsockname()[1]}"


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken by another program; stop that, or give another with "
            f"--port (0 takes any that is free)"
        )
    if error.errno == errno.EACCES:
        return f"this user may not take port {port}; give one from 1024 on with --port"
    reason = (error.strerror or str(error)).lower()
    return (
        f"{host} is no address of this machine ({reason}); give one with --host, such as 127.0.0.1"
    )
