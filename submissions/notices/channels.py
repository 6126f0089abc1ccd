"""Sends notices: mail by SMTP, and one web hook of the installation."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Protocol
from urllib.parse import unquote

import httpx

from submissions.addresses.parts import parts_of

SECONDS = 15.0
"""How long a mail server or a web hook may take."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SIGNATURE = "X-Sequestra-Signature"


class NoticeError(ValueError):
    """A setting of the notices cannot be used; the message says which and what to do."""


class NotDelivered(Exception):
    """A notice was not taken; it is tried again later. The message is for the steward."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of a submission; no figure of a result is in it."""

    submission_id: str
    benchmark: str
    team: str
    model: str
    state: str
    meaning: str
    code: str | None
    page: str

    @property
    def subject(self) -> str:
        """One line: which submission, and its state."""
        return f"{self.team} / {self.model} ({self.benchmark}): {self.state}"

    @property
    def text(self) -> str:
        """The notice as a letter."""
        return (
            f"Submission {self.submission_id} of team {self.team} for benchmark {self.benchmark} "
            f"is {self.state}.\n{self.meaning}\n\n{self.page}\n"
        )


class Channel(Protocol):
    """A way to tell one address."""

    def deliver(self, notice: Notice, address: str) -> None:
        """Send a notice; raise NotDelivered."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server; ``smtps`` speaks TLS from the first byte, ``smtp`` turns to it if offered.

    A name and a password are sent over TLS alone.
    """

    host: str
    port: int
    sender: str
    implicit_tls: bool = False
    user: str = ""
    password: str = ""

    @classmethod
    def read(cls, address: str, sender: str) -> Mail:
        """Read an address such as smtp://user:password@mail.example.org:587; raise NoticeError."""
        parts = parts_of(address)
        shown = address.replace(parts.password or "\0", "...")
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == -1:
            raise NoticeError(
                f"SEQUESTRA_SMTP is {shown!r}; give the mail server as smtp://HOST:587 or "
                "smtps://USER:PASSWORD@HOST"
            )
        if "@" not in parseaddr(sender)[1]:
            raise NoticeError(
                f"SEQUESTRA_SMTP_FROM is {sender!r}; give the address that mails come from, such "
                "as sequestra@example.org"
            )
        implicit = parts.scheme == "smtps"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(
            parts.hostname, port or (465 if implicit else 587), sender, implicit, user, password
        )

    def deliver(self, notice: Notice, address: str) -> None:
        """Send a notice; raise NotDelivered."""
        self.send(notice.subject, notice.text, address)

    def send(self, subject: str, text: str, address: str) -> None:
        """Send a mail; raise NotDelivered."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, address
        message["Subject"] = f"Sequestra: {subject}"
        message["Date"], message["Message-ID"] = (
            formatdate(),
            make_msgid(domain="sequestra.invalid"),
        )
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            self._send(message)
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(f"mail to the server {self.host}:{self.port}: {error}") from error

    def _send(self, message: EmailMessage) -> None:
        trusted = ssl.create_default_context()
        if self.implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=SECONDS, context=trusted
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        with server:
            server.ehlo()
            encrypted = self.implicit_tls
            if not encrypted and server.has_extn("starttls"):
                server.starttls(context=trusted)
                server.ehlo()
                encrypted = True
            if self.user and not encrypted:
                raise smtplib.SMTPException("it offers no TLS, so the password was not sent")
            if self.user:
                server.login(self.user, self.password)
            server.send_message(message)


@dataclass(frozen=True, slots=True)
class Hook:
    """A web hook that the steward named: a POST of JSON, signed where there is a key.

    The signature is HMAC-SHA256 of the body in hexadecimal digits, after ``sha256=``.
    """

    key: str = ""

    @staticmethod
    def checked(address: str) -> str:
        """The address, if it can be a hook; raise NoticeError."""
        parts = parts_of(address)
        private = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if not parts.hostname or not private or "@" in parts.netloc:
            raise NoticeError(
                f"SEQUESTRA_WEB_HOOK is {address!r}; give an https address (http is for this "
                "machine alone)"
            )
        return address

    def deliver(self, notice: Notice, address: str) -> None:
        """Post a notice; raise NotDelivered unless the answer is a success."""
        body = json.dumps(_document(notice), sort_keys=True).encode()
        headers = {"Content-Type": "application/json"}
        if self.key:
            digest = hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        try:
            answer = httpx.post(
                address, content=body, headers=headers, timeout=SECONDS, follow_redirects=False
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDelivered(f"web hook {address}: {error or type(error).__name__}") from error
        if not answer.is_success:
            raise NotDelivered(f"web hook {address}: it answered {answer.status_code}")


def _document(notice: Notice) -> Mapping[str, object]:
    return {
        "event": "submission",
        "submission_id": notice.submission_id,
        "benchmark": notice.benchmark,
        "team": notice.team,
        "model": notice.model,
        "state": notice.state,
        "failure": notice.code,
        "meaning": notice.meaning,
        "page": notice.page,
    }


@dataclass(frozen=True, slots=True)
class Channels:
    """What is configured: each may be None."""

    mail: Mail | None = None
    hook: Hook | None = None
    hook_address: str = ""

    @property
    def any(self) -> bool:
        """Whether a notice has anywhere to go."""
        return self.mail is not None or self.hook is not None


def read_channels(environment: Mapping[str, str]) -> Channels:
    """Read the settings; raise NoticeError.

    SEQUESTRA_SMTP and SEQUESTRA_SMTP_FROM turn mail on, SEQUESTRA_WEB_HOOK the web hook, which
    SEQUESTRA_WEB_HOOK_KEY signs.
    """
    smtp, sender = (environment.get(f"SEQUESTRA_SMTP{end}", "").strip() for end in ("", "_FROM"))
    hook, key = (environment.get(f"SEQUESTRA_WEB_HOOK{end}", "").strip() for end in ("", "_KEY"))
    return Channels(
        mail=Mail.read(smtp, sender) if smtp else None,
        hook=Hook(key) if hook else None,
        hook_address=Hook.checked(hook) if hook else "",
    )
