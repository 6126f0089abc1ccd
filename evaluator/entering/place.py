"""Decides where a command works: on a server, or on an installation of this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.client import logins
from submissions.client.address import is_private, server_address
from submissions.client.problems import ClientError

if TYPE_CHECKING:
    from submissions.client.client import Client


@dataclass(frozen=True, slots=True)
class Entry:
    """What `sequestra submit` was asked to enter."""

    image: str
    benchmark: str
    model: str
    team: str | None
    threshold: float | None
    fact_sheet: Path | None


def place(
    server: str | None, home: Path | None, default: Path, *, anonymous: bool = False
) -> Client | Path:
    """A client of a server, or the folder of an installation, by the RULE of the options.

    ``default`` is the folder where nothing is said. ``anonymous``: a server is spoken to without a
    login too. Raises ClientError.
    """
    if server is not None and home is not None:
        raise ClientError("both --server and --home are given; give one of them")
    if server is not None:
        return client(server, anonymous=anonymous)
    if home is not None:
        return home
    if named := os.environ.get("SEQUESTRA_SERVER"):
        return client(named, anonymous=anonymous)
    if folder := os.environ.get("SEQUESTRA_HOME"):
        return Path(folder)
    return default if logins.current() is None else client(None)


def client(server: str | None, *, anonymous: bool = False) -> Client:
    """A client of a server, or of that of the login, with the token kept for it.

    SEQUESTRA_TOKEN stands in for a login. Raises ClientError where no token is known, unless the
    client may be ``anonymous``.
    """
    from submissions.client.client import Client  # with httpx, which an installation never needs

    server = server or os.environ.get("SEQUESTRA_SERVER")
    token = os.environ.get("SEQUESTRA_TOKEN")
    if server is not None and token:
        if not is_private(server):
            raise ClientError(
                f"SEQUESTRA_TOKEN would go to {server} unencrypted; give an https address"
            )
        return Client(server, token)
    login = logins.current() if server is None else logins.of(server)
    if login is None and server is not None and anonymous:
        return Client(server)
    if login is None:
        where = "ADDRESS" if server is None else server_address(server)
        raise ClientError(f"you are not logged in; run `sequestra login {where}` first")
    return Client(login.address, token or login.token)
