"""Headers of the tus protocol 1.0: what requests say, checked; what answers say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from submissions.service.problems import Problem

VERSION = "1.0.0"
TUS = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
"""Headers of every answer."""

EXTENSIONS = "creation,termination,expiration,checksum"
CHECKSUMS = ("sha256", "sha1")
CONTENT_TYPE = "application/offset+octet-stream"

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_KEY = re.compile(r"[!-+\--~]{1,100}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_METADATA = 4096


@dataclass(frozen=True, slots=True)
class Announced:
    """What a client says of an archive before it sends it."""

    length: int
    benchmark: str
    team: str
    sha256: str | None
    metadata: str


@dataclass(frozen=True, slots=True)
class Checksum:
    """The digest that the bytes of one PATCH must have."""

    algorithm: str
    digest: bytes


def refuse_other_version(headers: Mapping[str, str]) -> None:
    """Raise a 412 Problem where the request does not speak version 1.0.0."""
    version = headers.get("tus-resumable", "")
    if version != VERSION:
        raise Problem(
            412,
            "Other version of tus",
            f"Tus-Resumable is {version[:40]!r}; send {VERSION}.",
            type="tus-version",
            headers={"Tus-Version": VERSION},
        )


def announced(headers: Mapping[str, str]) -> Announced:
    """Read Upload-Length and Upload-Metadata of a creation; raise a 400 Problem."""
    length = _number(headers, "Upload-Length", "the archive's size in bytes, from 1")
    if length == 0:
        raise _malformed("Upload-Length is 0; an empty file is no archive: send its size in bytes.")
    metadata = headers.get("upload-metadata", "")
    values = _metadata(metadata)
    for key in ("benchmark", "team"):
        if not values.get(key):
            raise _malformed(
                f"Upload-Metadata has no {key!r}; send benchmark and team, each in base64, and "
                f"sha256 if you know it."
            )
    sha256 = values.get("sha256") or None
    if sha256 is not None and not _DIGEST.fullmatch(sha256):
        raise _malformed(
            f"Upload-Metadata has the sha256 {sha256[:80]!r}; send 64 digits of 0-9 and a-f."
        )
    return Announced(length, values["benchmark"], values["team"], sha256, metadata)


def offset(headers: Mapping[str, str]) -> int:
    """Read Upload-Offset and the content type of a PATCH; raise a 400 or 415 Problem."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != CONTENT_TYPE:
        raise Problem(
            415,
            "Other content type",
            f"Content-Type is {content_type[:80]!r}; send {CONTENT_TYPE}.",
            type="content-type",
        )
    return _number(headers, "Upload-Offset", "the byte at which this request goes on")


def checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Read Upload-Checksum; None where the client sends none; raise a 400 Problem."""
    text = headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    try:
        digest = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        digest = b""
    if algorithm not in CHECKSUMS or len(digest) != hashlib.new(algorithm).digest_size:
        raise _malformed(
            f"Upload-Checksum is {text[:120]!r}; send {' or '.join(CHECKSUMS)}, a space and the "
            f"digest in base64."
        )
    return Checksum(algorithm, digest)


def _number(headers: Mapping[str, str], name: str, meaning: str) -> int:
    text = headers.get(name.lower())
    if text is None or not _NUMBER.fullmatch(text):
        value = "missing" if text is None else repr(text[:40])
        raise _malformed(f"{name} is {value}; send {meaning}.")
    return int(text)


def _metadata(header: str) -> dict[str, str]:
    if len(header) > _MOST_METADATA:
        raise _malformed(
            f"Upload-Metadata has {len(header)} characters; send at most {_MOST_METADATA}."
        )
    values: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else []:
        key, _, encoded = pair.strip().partition(" ")
        try:
            text = base64.b64decode(encoded.encode("ascii"), validate=True).decode()
        except (binascii.Error, UnicodeError):
            raise _malformed(
                f"Upload-Metadata has a value for {key[:40]!r} that is not text in base64; send "
                f"pairs of a key, a space and its value in base64, separated by commas."
            ) from None
        if not _KEY.fullmatch(key) or key in values or not text.isprintable():
            raise _malformed(
                f"Upload-Metadata has the key {key[:40]!r} twice, or with characters that keys and "
                f"values cannot have; send each once, and printable text."
            )
        values[key] = text
    return values


def _malformed(detail: str) -> Problem:
    return Problem(400, "Header not as it should be", detail, type="tus-header")
