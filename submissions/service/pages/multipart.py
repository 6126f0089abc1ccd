"""Reads a posted form whose last field is a file: the fields first, the file as it streams in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser
from starlette.requests import Request

from submissions.service.problems import Problem

MOST_FIELD_BYTES = 256_000
"""Bytes before the file: the fields and their headers."""


class FormWithFile:
    """A form of type multipart/form-data whose file field comes last, as browsers send it.

    ``fields`` reads up to the file; ``stream`` then yields the file's bytes. Nothing is kept but
    the piece that has just come.
    """

    def __init__(self, request: Request, file_field: str) -> None:
        """Read ``request``; raise a Problem where it is no such form."""
        self.state = request.state
        self.filename = ""
        self._file_field = file_field
        self._chunks = request.stream()
        self._total = _length(request)
        self._boundary = _boundary(request)
        self._parser = MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )
        self._seen = 0
        self._header = [bytearray(), bytearray()]
        self._headers: dict[str, str] = {}
        self._name = ""
        self._value = bytearray()
        self._fields: dict[str, str] = {}
        self._in_file = False
        self._after_file = False
        self._file_starts: int | None = None
        self._pieces: list[bytes] = []

    async def fields(self, patience: float = 30.0) -> dict[str, str]:
        """The text fields before the file; raise a Problem where it is no such form.

        Each piece may take ``patience`` seconds.
        """
        while self._file_starts is None:
            try:
                async with asyncio.timeout(patience):
                    chunk = await anext(self._chunks, None)
            except TimeoutError:
                raise Problem(
                    408, "Fell silent", "The connection fell silent; send the form again."
                ) from None
            if chunk is None:
                break
            self._parse(chunk)
            if self._seen > MOST_FIELD_BYTES:
                raise _not_a_form("its text is too long")
        return self._fields

    def length(self) -> int:
        """Bytes of the file, told by the length of the whole form; 0 where none was chosen."""
        if self._file_starts is None:
            return 0
        closing = len(b"\r\n--") + len(self._boundary) + len(b"--\r\n")
        return max(0, self._total - self._file_starts - closing)

    async def stream(self) -> AsyncIterator[bytes]:
        """The bytes of the file; raise a Problem where the form goes on behind it."""
        for piece in self._taken():
            yield piece
        async for chunk in self._chunks:
            self._parse(chunk)
            for piece in self._taken():
                yield piece

    def _parse(self, chunk: bytes) -> None:
        """Feed the parser; line by line before the file, to know at which byte it starts."""
        start = 0
        while start < len(chunk):
            end = len(chunk)
            if self._file_starts is None:
                end = chunk.find(b"\n", start) + 1 or end
            try:
                self._parser.write(chunk[start:end])
            except FormParserError as error:
                raise _not_a_form(str(error)) from None
            self._seen += end - start
            start = end
            if self._in_file and self._file_starts is None:
                self._file_starts = self._seen

    def _taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _begin(self) -> None:
        if self._after_file:
            raise _not_a_form("a field stands behind the file")
        self._headers = {}
        self._value = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        name, value = (part.decode("utf-8", "replace") for part in self._header)
        self._headers[name.lower()] = value
        self._header = [bytearray(), bytearray()]

    def _headers_end(self) -> None:
        header = Message()
        header["content-disposition"] = self._headers.get("content-disposition", "")
        self._name = str(header.get_param("name", "", "content-disposition"))
        self._in_file = self._name == self._file_field
        if self._in_file:
            self.filename = str(header.get_param("filename", "", "content-disposition"))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            self._value += data[start:end]
            if len(self._value) > MOST_FIELD_BYTES:
                raise _not_a_form("its text is too long")
            return
        self._pieces.append(data[start:end])

    def _end(self) -> None:
        if self._in_file:
            self._in_file, self._after_file = False, True
        else:
            self._fields[self._name] = self._value.decode("utf-8", "replace")


def _boundary(request: Request) -> bytes:
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    boundary = header.get_param("boundary", "")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise _not_a_form("it is not of the type multipart/form-data")
    if not 1 <= len(boundary) <= 200 or not boundary.isascii():
        raise _not_a_form("it names no boundary")
    return boundary.encode("ascii")


def _length(request: Request) -> int:
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal()):
        raise Problem(
            411,
            "Length missing",
            "The form does not say how long it is; send it by a browser, or use sequestra submit.",
            type="length-missing",
        )
    return int(length)


def _not_a_form(found: str) -> Problem:
    return Problem(
        400,
        "Not a form",
        f"The form could not be read ({found}); go back and send it again.",
        type="form-invalid",
    )
