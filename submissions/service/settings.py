"""Settings of the service: its one public address, limits, the agreement."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from submissions.addresses.parts import parts_of
from submissions.service.rates import Rates

COOKIE = "__Host-sequestra"
"""The cookie of a session of the pages of teams."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHIPPED_AGREEMENT = Path(__file__).parent / "agreement.md"


class SettingsError(ValueError):
    """A setting of the service cannot be used."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The participation agreement; ``version`` is the start of its text's SHA-256."""

    text: str
    version: str


def read_agreement(file: Path | None = None) -> Agreement:
    """Read the agreement of an installation, or the one that comes along."""
    path = file if file is not None and file.exists() else SHIPPED_AGREEMENT
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error
    return Agreement(text, hashlib.sha256(text.encode()).hexdigest()[:16])


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider that people may sign in with."""

    issuer: str
    client_id: str
    client_secret: str
    title: str = "your institution"

    def __post_init__(self) -> None:
        """Raise SettingsError where the provider cannot be reached safely."""
        _refuse_unencrypted("the provider's issuer", self.issuer)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one service is told at its start.

    ``base_url``: the public address, as https://sequestra.example.org, or http for loopback alone.
    Every link, cookie and check of origin comes from it; the Host header is not looked at.
    ``cookie`` names the cookie of a session, ``home`` the path below which a person is signed in.
    """

    base_url: str
    agreement: Agreement = field(default_factory=read_agreement)
    cookie: str = COOKIE
    home: str = "/team"
    session_days: int = 7
    token_days: int = 90
    most_token_days: int = 366
    most_body_bytes: int = 64 * 1024
    most_header_bytes: int = 16 * 1024
    patience_seconds: float = 30.0
    provider: Provider | None = None
    title: str = "Sequestra"
    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        """Raise SettingsError where the base address is not one to be served under."""
        parts = parts_of(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise SettingsError(
                f"the public address is {self.base_url!r}; give scheme and host, such as "
                f"https://sequestra.example.org"
            )
        _refuse_unencrypted("the public address", self.base_url)
        object.__setattr__(self, "base_url", f"{parts.scheme}://{parts.netloc}".lower())

    @property
    def origin(self) -> str:
        """The origin that browsers name for pages of this service."""
        return self.base_url


def _refuse_unencrypted(what: str, address: str) -> None:
    parts = parts_of(address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise SettingsError(
            f"{what} is {address}, which is not encrypted; give an https address (http is for "
            f"this machine's own 127.0.0.1 and localhost alone)"
        )
