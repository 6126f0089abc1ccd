"""Asks a DICOMweb server: lists as DICOM JSON, and instances in the syntax they are stored in.

PS3.18 of the DICOM standard: QIDO-RS (10.6) and WADO-RS (10.4).
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

import httpx
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from cohort_selection.sources.credentials import PASSWORD, TOKEN, USER, Credentials
from cohort_selection.sources.source import SourceError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

WAITS = (1.0, 5.0)
"""Seconds before a request that found no server is tried again."""

_LONGEST_WAIT = 60.0  # seconds that a server may ask us to wait
_BUSY = frozenset({429, 502, 503, 504})
_LARGEST_LIST = 1 << 28  # bytes of one page of a list
_STORED_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_LONGEST_UID = 64
_LONGEST_COUNT = 12  # digits, which no number of instances has

Row = Mapping[str, object]
"""One study, series or instance of a list: DICOM JSON by tag."""


class ServerStopped(SourceError):
    """The server answers no more, refuses us, or answers as no DICOMweb server does."""


class Refused(Exception):
    """One answer that is not what was asked for; the others may be."""


class NotThere(Refused):
    """The server has no such instance."""


class Server:
    """A DICOMweb server; several threads may ask it at the same time."""

    def __init__(
        self, address: str, credentials: Credentials, certificates: Path | None = None
    ) -> None:
        """Take a checked address, and a file of the authorities that sign its certificate."""
        try:
            httpx.URL(address)
        except httpx.InvalidURL as error:
            raise SourceError(f"{address!r} is not the address of a server ({error})") from error
        self.address = address
        self._given = credentials.kind
        headers = {"Accept-Encoding": "identity"}
        if credentials.token:
            headers["Authorization"] = f"Bearer {credentials.token}"
        self._client = httpx.Client(
            auth=(credentials.user, credentials.password) if credentials.user else None,
            headers=headers,
            timeout=httpx.Timeout(60.0, connect=20.0),
            verify=_trusted(certificates),
        )

    def __enter__(self) -> Self:
        """Open the connections."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._client.close()

    def listed(self, path: str, **query: str | int) -> list[Row]:
        """One page of a list; a list that the server does not know is empty.

        Raises ``ServerStopped`` where no list comes.
        """
        with self._answer(path, "application/dicom+json", query) as answer:
            if answer.status_code in (204, 404):
                return []
            self._refuse_status(answer)
            try:
                return _rows(answer)
            except (ValueError, RecursionError, Refused) as error:
                raise ServerStopped(
                    f"{self.address}/{path} does not answer as a DICOMweb server: {_why(error)}; "
                    "give the address under which studies are listed, as "
                    "https://pacs.example/dicom-web"
                ) from error

    def retrieve(self, path: str, into: BinaryIO) -> None:
        """Write one instance, byte for byte as the server has it.

        Raises ``Refused`` where the answer is none whole instance, and ``ServerStopped``.
        """
        for wait in (*WAITS, None):
            into.seek(0)
            into.truncate()
            try:
                with self._answer(path, _STORED_SYNTAX, {}) as answer:
                    if answer.status_code in (404, 410):
                        raise NotThere("the server lists it and does not have it")
                    if answer.status_code >= 500:
                        raise Refused(f"the server failed ({answer.status_code})")
                    self._refuse_status(answer)
                    _write_instance(answer, into)
                    return
            except httpx.RequestError as error:
                if wait is None:
                    raise Refused("the answer was cut off each time") from error
                time.sleep(wait)

    @contextmanager
    def _answer(
        self, path: str, accepted: str, query: Mapping[str, str | int]
    ) -> Iterator[httpx.Response]:
        """The server's answer to come, tried again where there is no server or it is busy."""
        for wait in (*WAITS, None):
            try:
                request = self._client.build_request(
                    "GET", f"{self.address}/{path}", params=query, headers={"Accept": accepted}
                )
                answer = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                if wait is None or isinstance(error.__cause__, ssl.SSLCertVerificationError):
                    raise ServerStopped(self._silent(error)) from error
                time.sleep(wait)
                continue
            if answer.status_code in _BUSY and wait is not None:
                answer.close()
                time.sleep(_asked_wait(answer, wait))
                continue
            try:
                yield answer
            finally:
                answer.close()
            return

    def _silent(self, error: httpx.TransportError) -> str:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return (
                f"{self.address}: its certificate is signed by no authority that this machine "
                "knows; give the file of its authority with --ca-file"
            )
        return f"{self.address} does not answer ({type(error).__name__}: {error})"

    def _refuse_status(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == 401:
            wanted = _wanted(answer.headers.get("WWW-Authenticate", ""))
            said = f"does not accept {self._given}" if self._given else "asks who we are"
            raise ServerStopped(f"{self.address} {said} (401); set {wanted}")
        if status == 403:
            whose = f"with {self._given}" if self._given else "without credentials"
            raise ServerStopped(
                f"{self.address} forbids us {whose} to read {answer.request.url.path} (403); ask "
                f"its operator for the right, or set {_wanted('')}"
            )
        if 300 <= status < 400:
            place = answer.headers.get("Location", "another place")
            raise ServerStopped(f"{self.address} sends us on to {place}; give that address")
        if status >= 500:
            raise ServerStopped(f"{self.address} failed ({status}); ask its operator why")
        if status != 200:
            raise ServerStopped(
                f"{self.address} answers {status} to {answer.request.url.path}; give the address "
                "under which studies are listed, as https://pacs.example/dicom-web"
            )


def value(row: Row, tag: str) -> str:
    """The first value of an element as text, numbers too; empty where there is none."""
    element = row.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    first = values[0] if isinstance(values, list) and values else None
    return "" if first is None or isinstance(first, dict | list) else str(first).strip()


def number(row: Row, tag: str) -> int | None:
    """A count of a list; None where the server does not say."""
    text = value(row, tag)
    whole = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_COUNT
    return int(text) if whole else None


def is_uid(text: str) -> bool:
    """Whether a text is a UID of digits and points, so that it is safe as a name of a file."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


# Reading answers


def _rows(answer: httpx.Response) -> list[Row]:
    kind = _media_type(answer)
    if kind not in ("application/dicom+json", "application/json"):
        raise Refused(f"its list is {kind or 'of no type'} and not application/dicom+json")
    body = bytearray()
    try:
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > _LARGEST_LIST:
                raise Refused("its list has no end")
    except httpx.RequestError as error:
        raise Refused(f"its list was cut off ({type(error).__name__})") from error
    rows = json.loads(body) if body.strip() else []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused("its list is no list of objects")
    return rows


def _write_instance(answer: httpx.Response, into: BinaryIO) -> None:
    """Write the one part of a multipart answer, or a plain answer of the type asked for."""
    kind = _media_type(answer)
    if kind == "application/dicom":
        for piece in answer.iter_bytes():
            into.write(piece)
        if not into.tell():
            raise Refused("an empty answer")
        return
    if kind != "multipart/related":
        raise Refused(f"the answer is {kind or 'of no type'} and not an instance")
    boundary = _parameter(answer, "boundary")
    if not boundary:
        raise Refused("a multipart answer that does not say where its parts end")
    part = _OnePart(into)
    parser = MultipartParser(boundary, part.callbacks())
    try:
        for piece in answer.iter_bytes():
            parser.write(piece)
    except MultipartParseError as error:
        raise Refused("a multipart answer that is not well formed") from error
    part.refuse_incomplete()


class _OnePart:
    """Writes the part of a multipart message that holds one instance."""

    def __init__(self, into: BinaryIO) -> None:
        self._into = into
        self._parts = 0
        self._whole = False
        self._name = bytearray()
        self._text = bytearray()
        self._headers: dict[str, str] = {}

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_text,
            "on_header_end": self._header,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._text += data[start:end]

    def _header(self) -> None:
        self._headers.setdefault(self._name.decode("latin-1").lower(), self._text.decode("latin-1"))
        self._name.clear()
        self._text.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._parts == 1:
            self._into.write(data[start:end])

    def _end(self) -> None:
        self._whole = True

    def refuse_incomplete(self) -> None:
        """Raise ``Refused`` where the message did not hold one whole instance."""
        if self._parts > 1:
            raise Refused(f"{self._parts} parts in the answer for one instance")
        kind = self._headers.get("content-type", "application/dicom").partition(";")[0].strip()
        if self._parts and kind.lower() != "application/dicom":
            raise Refused(f"the part is {kind} and not an instance")
        length = self._headers.get("content-length", "").strip()
        if not self._whole or (length.isdecimal() and int(length) != self._into.tell()):
            raise Refused("the answer ends before its last part does")
        if not self._into.tell():
            raise Refused("an empty answer")


def _media_type(answer: httpx.Response) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _parameter(answer: httpx.Response, name: str) -> str:
    message = Message()
    message["Content-Type"] = str(answer.headers.get("Content-Type", ""))
    found = message.get_param(name)
    return found if isinstance(found, str) else ""


def _asked_wait(answer: httpx.Response, otherwise: float) -> float:
    text = str(answer.headers.get("Retry-After", ""))
    return min(float(text), _LONGEST_WAIT) if text.isdecimal() else otherwise


def _wanted(challenge: str) -> str:
    """Which variables hold what a server asks for."""
    bearer, basic = f"{TOKEN} (a bearer token)", f"{USER} and {PASSWORD}"
    scheme = challenge.strip().partition(" ")[0].lower()
    either = {"basic": basic, "bearer": bearer}.get(scheme, f"{basic}, or {bearer}")
    return f"{either}; a variable with _FILE at its end names a file instead"


def _trusted(certificates: Path | None) -> ssl.SSLContext | bool:
    if certificates is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(certificates))
    except OSError as error:  # an SSLError is one too
        raise SourceError(
            f"{certificates} is not there or holds no certificate of an authority; give a PEM file"
        ) from error


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, Refused) else "its list is no JSON"
