"""One server: its address, its answers as JSON, its refusals as errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.metadata import version
from typing import IO, Any
from urllib.parse import quote

import httpx

from submissions.client.address import PREFIX, server_address
from submissions.client.problems import ClientError, Refused, Unreachable

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0
"""How long a server may be silent. It hashes a whole archive before it answers the last chunk."""

TOKEN_PREFIX = "sqst_"
LONGEST_PAGE = 64 * 2**20
"""Bytes of an answer that the client keeps in memory."""


class Connection:
    """Requests to one server, with one token."""

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Open a connection to ``address``; nothing is sent yet. Raises ClientError."""
        self.address = server_address(address)
        headers = {"User-Agent": f"sequestra/{version('sequestra')}", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {readable_token(token)}"
        self._http = httpx.Client(
            base_url=self.address,
            headers=headers,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request; give the answer whatever its status.

        ``path`` is below the API, or absolute where it begins with the API's own prefix. Raises
        Unreachable.
        """
        place = path if path.startswith(f"{PREFIX}/") else f"{PREFIX}{path}"
        with self._reached():
            request = self._http.build_request(method, place, **how)
            with closing(self._http.send(request, stream=True)) as answer:
                return self._whole(answer)

    def download(
        self, path: str, into: IO[bytes], size: int, progress: Callable[[int, int], None]
    ) -> str:
        """Write an answer of ``size`` bytes into a file; its SHA-256 as 64 digits.

        ``progress`` gets bytes done and in all. Raises Unreachable, Refused, and ClientError where
        another number of bytes comes.
        """
        sha256, received = hashlib.sha256(), 0
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        stream = self._http.stream("GET", f"{PREFIX}{path}", headers=headers)
        with self._reached(), stream as answer:
            if not answer.is_success:
                answer.read()
                raise refusal(answer, self.address)
            for piece in answer.iter_bytes():
                received += len(piece)
                if received > size:
                    break
                sha256.update(piece)
                into.write(piece)
                progress(received, size)
        if received != size:
            raise ClientError(
                f"{self.address} sent {'more than' if received > size else f'{received} of'} "
                f"{size} bytes; run the command again, and tell the steward if it stays so"
            )
        return sha256.hexdigest()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Tell errors of the network in one sentence."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise Unreachable(
                f"{self.address} did not answer in time; check the network, then run the command "
                "again"
            ) from error
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{self.address} cannot be reached ({_reason(error)}); check the address and the "
                "network, then run the command again"
            ) from error

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request; raise Refused unless the answer is a success."""
        answer = self.send(method, path, **how)
        if not answer.is_success:
            raise refusal(answer, self.address)
        return answer

    def _whole(self, answer: httpx.Response) -> httpx.Response:
        """Read an answer, unpacked, as long as it is no longer than one may be."""
        content = bytearray()
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > LONGEST_PAGE:
                raise ClientError(
                    f"{self.address} answers with more than {LONGEST_PAGE} bytes, which is the "
                    f"most that was expected; check that the address is that of a Sequestra service"
                )
        packed = ("content-encoding", "content-length", "transfer-encoding")
        return httpx.Response(
            answer.status_code,
            headers=[
                each for each in answer.headers.multi_items() if each[0].lower() not in packed
            ],
            content=bytes(content),
            request=answer.request,
            extensions={"reason_phrase": answer.reason_phrase.encode("latin-1", "replace")},
        )

    def document(self, method: str, path: str, **how: Any) -> Any:
        """Send one request and read the answer as JSON."""
        answer = self.ask(method, path, **how)
        try:
            return answer.json()
        except json.JSONDecodeError as error:
            raise _no_server(self.address) from error


def refusal(answer: httpx.Response, address: str) -> Refused:
    """The error for an answer that is no success: the server's own sentence, if it gave one."""
    problem: Mapping[str, Any] = {}
    try:
        document = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError, httpx.ResponseNotRead):
        document = None
    if isinstance(document, dict):
        problem = document
    kind = str(problem.get("type", "about:blank")).rstrip("/").rpartition("/")[2]
    sentence = str(problem.get("detail") or problem.get("title") or "").strip()
    status = answer.status_code
    if answer.is_redirect:
        sentence = (
            f"{address} sends elsewhere ({answer.headers.get('location', 'no address')}); log in "
            "with that address"
        )
    elif status == 429 and (after := answer.headers.get("retry-after")):
        sentence = f"{sentence or f'{address} has had too many requests'} (in {after} s)"
    elif status == 423 and not sentence:  # a question for an offset has no text
        sentence = (
            "another command sends this upload now; let it end, or stop it and run this again"
        )
    elif not sentence:
        sentence = (
            f"{address} answered {status} {answer.reason_phrase} without a reason; check that the "
            "address is that of a Sequestra service"
        )
    return Refused(sentence, status, kind, problem)


def readable_token(text: str) -> str:
    """A token as it was pasted, without what surrounds it; raises ClientError."""
    token = text.strip()
    if not token.startswith(TOKEN_PREFIX) or not token.isascii() or not token.isprintable():
        raise ClientError(
            f"the token does not begin with {TOKEN_PREFIX!r}; copy the whole token from the page "
            "that showed it, or make a new one there"
        )
    if " " in token:
        raise ClientError("the token has a space in it; copy it again, without anything else")
    return token


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _no_server(address: str) -> ClientError:
    return ClientError(f"{address} did not answer as a Sequestra service does; check the address")


def _reason(error: httpx.HTTPError) -> str:
    reason = str(error).strip() or type(error).__name__
    return reason[0].lower() + reason[1:]
