"""Signed statements: a head of the audit chain, or a release, as a file that anybody can verify.

The file is JSON of four lines. The second line, with its line break, is what was signed (Ed25519);
so OpenSSL can verify it too, without a line of this program.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = "sequestra-head-1"
RELEASE = "sequestra-release-1"
COMPARISON = "sequestra-comparison-1"
ADDENDUM = "sequestra-claims-addendum-1"
"""What the ``format`` of a statement says that it is."""

LONGEST_FILE = 50_000_000
"""Bytes; a release with every figure takes less than one."""


_DIGEST = re.compile("[0-9a-f]{64}")


class SignatureError(ValueError):
    """A file is no signed statement, a key is none, or the one did not sign the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A statement (one line of JSON, keys in order), the key that signed it, and 64 bytes."""

    statement: str
    key_id: str
    signature: bytes

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return f"{self.statement}\n".encode("ascii")

    @property
    def content(self) -> Mapping[str, Any]:
        """What the statement says."""
        content: Mapping[str, Any] = json.loads(self.statement)
        return content

    @property
    def encoded(self) -> str:
        """The signature in base64."""
        return base64.b64encode(self.signature).decode("ascii")

    def to_json(self) -> str:
        """The file: JSON whose second line is the statement and whose fourth is the signature."""
        return (
            '{"statement":\n'
            f"{self.statement}\n"
            f',"key_id":"{self.key_id}","signature":\n'
            f'"{self.encoded}"\n'
            "}\n"
        )


def stated(content: Mapping[str, Any]) -> str:
    """A statement of what is to be signed; raise ValueError where JSON cannot hold it."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def read_signed(path: Path) -> Signed:
    """Read a signed statement; raise SignatureError, and OSError where the file cannot be read.

    The statement is what a reader of the JSON gets, not what stands on a line of the file: only
    one of two would be verified where they differ.
    """
    with path.open("rb") as stream:
        content = stream.read(LONGEST_FILE + 1)
    if len(content) > LONGEST_FILE:
        raise SignatureError(
            f"{path.name} has more than {LONGEST_FILE // 10**6} MB; give a file that `sequestra "
            f"release-file` or `sequestra audit head` wrote"
        )
    return parse_signed(content, path.name)


def parse_signed(content: bytes, name: str) -> Signed:
    """Parse the bytes of a file called ``name``; raise SignatureError."""
    expected = "give a file that `sequestra release-file` or `sequestra audit head` wrote"
    try:
        document = json.loads(content, object_pairs_hook=_no_key_twice)
        statement = stated(document["statement"])
        key_id = document["key_id"]
        signature = base64.b64decode(document["signature"], validate=True)
        kind = document["statement"]["format"]
        if not _DIGEST.fullmatch(key_id):
            raise ValueError("its key_id is not 64 hexadecimal digits")  # noqa: TRY301
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignatureError(
            f"{name} is no signed statement ({in_words(error)}); {expected}"
        ) from None
    if kind not in (HEAD, RELEASE):
        raise SignatureError(
            f"{name} is a statement of the format {kind!r:.60}, and this version knows {HEAD} and "
            f"{RELEASE}; {expected}, or use a newer version"
        )
    return Signed(statement=statement, key_id=key_id, signature=signature)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("it has a key twice")
    return members


def in_words(error: Exception) -> str:
    """What is wrong with a file, as a part of a sentence."""
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]!r}"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "it is not JSON"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return " ".join(str(error).split())[:100] or type(error).__name__
