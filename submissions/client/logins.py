"""Logins of this user: addresses of servers and tokens, in a file that nobody else can read."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submissions.client.address import server_address
from submissions.client.problems import ClientError

FILE = "logins.json"


@dataclass(frozen=True, slots=True)
class Login:
    """A server's address and the token to use there."""

    address: str
    token: str


def config_folder() -> Path:
    """The user's folder for settings of Sequestra (XDG base directories)."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """The user's folder for what Sequestra remembers between two commands."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, default: str) -> Path:
    folder = os.environ.get(variable, "")
    # The specification has a relative path ignored.
    root = Path(folder) if folder.startswith("/") else Path.home() / default
    return root / "sequestra"


def current() -> Login | None:
    """The login that was made last; None without one. Raises ClientError."""
    logins = _read()
    address = logins.get("current")
    return None if address is None else of(address)


def of(address: str) -> Login | None:
    """The login for a server; None without one. Raises ClientError."""
    address = server_address(address)
    token = _read()["logins"].get(address)
    return None if token is None else Login(address, token)


def keep(login: Login) -> Path:
    """Keep a login and make it the current one; the file's path."""
    logins = _read()
    logins["logins"][login.address] = login.token
    logins["current"] = login.address
    return _write(logins)


def forget(address: str) -> bool:
    """Forget the login for a server; whether there was one."""
    address = server_address(address)
    logins = _read()
    known = logins["logins"].pop(address, None) is not None
    if logins.get("current") == address:
        logins["current"] = None
    if known:
        _write(logins)
    return known


def _read() -> dict[str, Any]:
    path = config_folder() / FILE
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            logins = json.load(file)
    except FileNotFoundError:
        return {"current": None, "logins": {}}
    except (ValueError, OSError) as error:
        raise ClientError(
            f"{path} cannot be read ({error}); delete it, then run `sequestra login ADDRESS`"
        ) from error
    if mode & 0o077:
        raise ClientError(
            f"{path} holds your tokens and other users may read it (mode {mode:o}); revoke the "
            "tokens if the machine is shared, and run `chmod 600` on the file"
        )
    known = isinstance(logins, dict) and isinstance(logins.get("logins"), dict)
    if not known or not all(isinstance(each, str) for each in logins["logins"].values()):
        raise ClientError(
            f"{path} is not a file of logins; delete it, then run `sequestra login ADDRESS`"
        )
    return logins


def _write(logins: dict[str, Any]) -> Path:
    folder = config_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / FILE
    replace_private(path, json.dumps(logins, indent=1) + "\n")
    return path


def replace_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read (mode 600), whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
