"""Who we are to a DICOMweb server: told by the environment or by files, on no command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cohort_selection.sources.source import SourceError

USER = "SEQUESTRA_DICOMWEB_USER"
PASSWORD = "SEQUESTRA_DICOMWEB_PASSWORD"
TOKEN = "SEQUESTRA_DICOMWEB_TOKEN"


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or a bearer token, or nothing; no text shows the secrets."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def kind(self) -> str:
        """What was given, in words; empty where nothing was."""
        if self.token:
            return f"the token of {TOKEN}"
        return f"the user and password of {USER} and {PASSWORD}" if self.user else ""


def from_environment(variables: Mapping[str, str]) -> Credentials:
    """Read credentials from variables, or from the files that ``..._FILE`` variables name.

    Raises ``SourceError`` where two kinds are given, a half is missing or a file cannot be read.
    """
    user = variables.get(USER, "").strip()
    password, token = (_secret(variables, name) for name in (PASSWORD, TOKEN))
    if token and (user or password):
        raise SourceError(f"{TOKEN} and {USER} are both set; the server takes one: unset the other")
    if bool(user) != bool(password):
        there, missing = (USER, PASSWORD) if user else (PASSWORD, USER)
        raise SourceError(f"{there} is set and {missing} is not; set both")
    if not (user + password + token).isprintable():
        raise SourceError(f"{TOKEN if token else USER} holds a line break or the like; remove it")
    return Credentials(user, password, token)


def _secret(variables: Mapping[str, str], name: str) -> str:
    value, file = variables.get(name, "").strip(), variables.get(f"{name}_FILE", "").strip()
    if value and file:
        raise SourceError(f"{name} and {name}_FILE are both set; unset one of them")
    if not file:
        return value
    try:
        text = Path(file).read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}, named by {name}_FILE, is no text file") from error
    if not text:
        raise SourceError(f"{file}, named by {name}_FILE, is empty")
    return text


def checked_address(text: str, credentials: Credentials) -> str:
    """The address of a DICOMweb server without a slash at its end.

    Raises ``SourceError`` where it is none, holds a password, or would carry credentials over a
    network without encryption.
    """
    try:
        parts = urlsplit(text)
        plain = bool(parts.hostname) and parts.port != -1
    except ValueError:  # a port that is no number, or a bracket without its other half
        parts, plain = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not plain or parts.query or parts.fragment:
        raise SourceError(
            f"{text.partition('?')[0]!r} is not the address of a DICOMweb server; give one such as "
            "https://pacs.example/dicom-web"
        )
    if parts.username is not None or parts.password is not None:
        raise SourceError(
            "the address holds a user or a password, which others can read on this machine; "
            f"give it without, and set {USER} and {PASSWORD}"
        )
    if parts.scheme == "http" and credentials.kind and not is_loopback(parts.hostname or ""):
        raise SourceError(
            f"{text} is not encrypted, and {credentials.kind} would be read on the way; "
            "give an address that begins with https://"
        )
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
