"""What a hostile client tries: each row is tried on a real server, and says what was seen.

``python -m tests.submissions.service.hostile`` prints the table: row, tried, expected, seen.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from sqlalchemy import Engine, event, update

from submissions.quota import Quota
from submissions.service.credentials import passwords
from submissions.service.credentials.secrets_sent import PREFIX, fingerprint, new_token
from submissions.service.database import now
from submissions.service.principal import COOKIE, Scope
from submissions.service.rates import Rates
from submissions.service.tables import TOKENS
from submissions.submission import State
from tests.support.service_entries import (
    TUS,
    created,
    entered,
    metadata,
    released,
    sent,
    submission_of,
)
from tests.support.service_running import CHEST, PASSWORD, Running, running

Act = Callable[[Running], str]

SCRIPT = "<script>alert(1)</script>"
INJECTED = ("' OR '1'='1", "1; DROP TABLE people; --", "x' UNION SELECT password FROM people --")
OUTSIDE = ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..\\..\\x")


@dataclass(frozen=True)
class Row:
    """One thing that is tried: ``expected`` and what ``act`` sees are compared as text."""

    name: str
    tried: str
    expected: str
    act: Act


ROWS: list[Row] = []


def row(name: str, tried: str, expected: str) -> Callable[[Act], Act]:
    """Add a row to the table."""

    def add(act: Act) -> Act:
        ROWS.append(Row(name, tried, expected, act))
        return act

    return add


def statuses(answers: Iterator[httpx.Response] | list[httpx.Response]) -> str:
    """The different statuses of answers, in order of size; a traceback in any is told."""
    seen = list(answers)
    leaks = any("Traceback" in answer.text or "sqlite3" in answer.text for answer in seen)
    shown = ", ".join(str(each) for each in sorted({answer.status_code for answer in seen}))
    return f"{shown} with a traceback" if leaks else shown


@contextmanager
def as_ben(service: Running) -> Iterator[httpx.Client]:
    with service.client(service.ben) as client:
        yield client


# Other people's ids


@row("other's submission", "read, report, release, practice, withdraw of another team's id", "404")
def others_submission(service: Running) -> str:
    place = f"/api/v1/submissions/{submission_of(service, service.ada, b'theirs 1')}"
    with as_ben(service) as client:
        answers = [client.get(f"{place}{part}") for part in ("", "/report", "/release")]
        answers += [client.get(f"{place}/practice"), client.post(f"{place}/withdraw")]
    return statuses(answers)


@row("other's released report", "report, practice log of a released submission", "404")
def others_report(service: Running) -> str:
    submission_id = submission_of(service, service.ada, b"theirs 2")
    released(service, submission_id)
    with as_ben(service) as client:
        place = f"/api/v1/submissions/{submission_id}"
        return statuses([client.get(f"{place}/{part}") for part in ("report", "practice")])


@row("other's upload", "offset, bytes, removal, entry of another team's upload", "404")
def others_upload(service: Running) -> str:
    upload_id = created(service, service.ada, 4).json()["upload_id"]
    place = f"/api/v1/uploads/{upload_id}"
    bytes_of = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with as_ben(service) as client:
        answers = [client.head(place, headers=TUS), client.delete(place, headers=TUS)]
        answers.append(client.patch(place, content=b"evil", headers=bytes_of))
    answers.append(entered(service, service.ben, upload_id=upload_id))
    with service.client(service.ada) as client:
        offset = client.head(place, headers=TUS).headers["upload-offset"]
        client.delete(place, headers=TUS)
    assert offset == "0"
    return statuses(answers)


@row("other's archive", "an entry by the digest of an archive that another team sent", "404")
def others_archive(service: Running) -> str:
    _, sha256 = sent(service, service.ada, b"secret weights")
    return statuses([entered(service, service.ben, sha256=sha256)])


@row("other's team", "an upload, an entry, the quota, the list of another team", "404")
def others_team(service: Running) -> str:
    answers = [created(service, service.ben, 4, team="north")]
    answers.append(entered(service, service.ben, team=service.ada.team_id, sha256="0" * 64))
    with as_ben(service) as client:
        for team in ("north", service.ada.team_id):
            asked = {"benchmark": "chest", "team": team}
            answers += [client.get(f"/api/v1/{part}", params=asked) for part in PARTS]
    return statuses(answers)


PARTS = ("quota", "submissions")


@row("other's token", "revoking another person's token", "404, and it stays valid")
def others_token(service: Running) -> str:
    token, secret = service.store.tokens.new(service.ada.person_id, "x", [Scope.READ], 1)
    with as_ben(service) as client:
        answer = client.delete(f"/api/v1/tokens/{token.token_id}")
    valid = service.store.tokens.principal(secret, "") is not None
    return f"{answer.status_code}, and it {'stays valid' if valid else 'is gone'}"


@row("existence", "a foreign id and one that nobody has, told apart by the answer", "same answer")
def existence(service: Running) -> str:
    theirs = submission_of(service, service.ada, b"theirs 3")
    with as_ben(service) as client:
        one, other = (client.get(f"/api/v1/submissions/{name}") for name in (theirs, "0" * 12))
    same = (one.status_code, one.content) == (other.status_code, other.content)
    return "same answer" if same else f"{one.text} {other.text}"


# Tokens, sessions, passwords


@row("forged tokens", "none, wrong scheme, prefix alone, wrong checksum, made-up", "401")
def forged(service: Running) -> str:
    made_up = new_token()
    headers = [
        "",
        "Basic YWRhOmFkYQ==",
        f"Bearer {PREFIX}",
        f"Bearer {made_up[:-1]}{'A' if made_up[-1] != 'A' else 'B'}",
        f"Bearer {made_up}",
        f"Bearer {service.ada.token.lower()}",
        f"Bearer {service.ada.token} {service.ada.token}",
        f"Bearer {service.ada.token}x",
        "Bearer " + "x" * 4000,
        "Bearer ' OR 1=1 --",
    ]
    with service.client() as client:
        answers = [client.get("/api/v1/me", headers={"Authorization": each}) for each in headers]
    return statuses(answers)


@row("expired, revoked", "a token past its time, and a revoked one", "401")
def expired(service: Running) -> str:
    old, old_secret = service.store.tokens.new(service.ada.person_id, "x", [Scope.READ], 1)
    gone, gone_secret = service.store.tokens.new(service.ada.person_id, "x", [Scope.READ], 1)
    with service.store.transaction() as connection:
        past = update(TOKENS).where(TOKENS.c.token_id == old.token_id)
        connection.execute(past.values(expires=now() - timedelta(seconds=1)))
    service.store.tokens.revoke(gone.token_id)
    with service.client() as client:
        return statuses(
            [
                client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
                for secret in (old_secret, gone_secret)
            ]
        )


@row("scope", "submitting, uploading, making tokens with a token that may only read", "403")
def scope(service: Running) -> str:
    _, secret = service.store.tokens.new(service.ada.person_id, "x", [Scope.READ], 1)
    reader = replace(service.ada, token=secret)
    answers = [created(service, reader, 4), entered(service, reader, sha256="0" * 64)]
    with service.client(reader) as client:
        answers.append(client.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}))
    return statuses(answers)


@row("forged sessions", "an empty, made-up, token-like or injected session id", "401")
def forged_session(service: Running) -> str:
    values = ["", "x" * 43, service.ada.token, "' OR 1=1 --", "x" * 3000]
    with service.client() as client:
        return statuses(
            [client.get("/api/v1/me", headers={"Cookie": f"{COOKIE}={each}"}) for each in values]
        )


@row("ended session", "the cookie of a session after its sign-out", "401")
def ended_session(service: Running) -> str:
    with service.browser(service.ada) as browser:
        assert browser.delete("/api/v1/sessions/current").status_code == 204
        return statuses([browser.get("/api/v1/me")])


@row("work of a token check", "statements and digests for a valid and a made-up token", "equal")
def token_work(service: Running) -> str:
    known, unknown = (work(service, secret) for secret in (service.ada.token, new_token()))
    return "equal" if known == unknown else f"{known} for a valid one, {unknown} for a made-up one"


@row("work of a sign-in", "scrypt runs for a known and an unknown e-mail address", "1 and 1")
def sign_in_work(service: Running) -> str:
    counts = []
    for email in (service.ada.email, "nobody@example.org"):
        with patch.object(passwords, "_scrypt", wraps=passwords._scrypt) as runs:
            assert service.store.people.with_password(email, "a wrong pass phrase") is None
        counts.append(str(runs.call_count))
    return " and ".join(counts)


@row("words of a sign-in", "wrong password, unknown address, disabled person", "same answer")
def sign_in_words(service: Running) -> str:
    person = service.store.people.add_person("Dan", "dan@example.org", PASSWORD)
    service.store.people.enable(person, enabled=False)
    tries = [
        (service.ada.email, "a wrong pass phrase"),
        ("nobody@example.org", PASSWORD),
        ("dan@example.org", PASSWORD),
    ]
    with service.client() as client:
        answers = [
            client.post("/api/v1/sessions", json={"email": email, "password": password})
            for email, password in tries
        ]
    same = len({(answer.status_code, answer.content) for answer in answers}) == 1
    return "same answer" if same else " / ".join(answer.text for answer in answers)


def work(service: Running, secret: str) -> tuple[int, int]:
    """SQL statements and SHA-256 runs that one check of a token takes."""
    service.store.tokens.principal(secret, "")  # an hour's first use is noted
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    digests = "submissions.service.sign_ins.fingerprint"
    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch(digests, wraps=fingerprint) as runs:
            service.store.tokens.principal(secret, "")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(statements), runs.call_count


# Cross-site requests, headers, bodies


@row("cross-site", "changing requests with a cookie from another site, or from nowhere", "403")
def cross_site(service: Running) -> str:
    secret = service.store.sessions.open(service.ada.person_id, 1)
    foreign = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ]
    answers = []
    with service.client() as client:
        for headers in foreign:
            sent_with = {**headers, "Cookie": f"{COOKIE}={secret}"}
            document = {"name": "x", "scopes": ["read"]}
            answers.append(client.post("/api/v1/tokens", json=document, headers=sent_with))
            answers.append(client.delete("/api/v1/sessions/current", headers=sent_with))
            answers.append(client.post("/team/sign-out", headers=sent_with))
    return statuses(answers)


@row("other origins", "whether another origin may read an answer (CORS)", "no such header")
def cors(service: Running) -> str:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    with service.client(service.ada) as client:
        answers = [client.options("/api/v1/tokens", headers=headers)]
        answers.append(client.get("/api/v1/me", headers=headers))
    allowed = [name for each in answers for name in each.headers if "access-control" in name]
    return "no such header" if not allowed else ", ".join(allowed)


@row("framing", "whether a page may be shown in a frame of another", "no")
def framing(service: Running) -> str:
    with service.client() as client:
        headers = client.get("/team/sign-in").headers
    denied = headers["x-frame-options"] == "DENY"
    return "no" if denied and "frame-ancestors 'none'" in headers[CSP] else str(headers)


CSP = "content-security-policy"


@row("Host header", "links, redirects and cookies under another Host", "never named")
def host(service: Running) -> str:
    with service.client(service.ada) as client:
        answers = [
            client.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
            for path in ("/team", "/team/", "/team/sign-in", "/api/v1/openapi.json", "/")
        ]
        answers.append(created(service, service.ada, 4))
    named = [each for each in answers if "evil.example" in f"{each.text}{each.headers}"]
    with service.client(service.ada) as client:
        client.delete(answers[-1].headers["location"], headers=TUS)
    return "never named" if not named else f"named at {named[0].url}"


@row("redirect", "a sign-in that goes on to another site", "stays here")
def redirect(service: Running) -> str:
    places = ("https://evil.example", "//evil.example", "/\\evil.example", "/team/../\\evil")
    seen = set()
    with service.client() as client:
        for place in places:
            form = {"email": service.ada.email, "password": PASSWORD, "next": place}
            answer = client.post("/team/sign-in", data=form, headers={"Origin": service.url})
            seen.add(answer.headers.get("location", f"{answer.status_code}"))
    return "stays here" if seen == {"/team"} else ", ".join(seen)


@row("oversize headers", "headers of 20 KB, a target of 9 KB", "414, 431")
def headers(service: Running) -> str:
    with service.client(service.ada) as client:
        large = client.get("/api/v1/me", headers={"X-Large": "x" * 20_000})
        long = client.get("/api/v1/me", params={"x": "y" * 9_000})
    return statuses([large, long])


@row("oversize bodies", "70 KB at once and in pieces, to JSON routes and to forms", "413")
def bodies(service: Running) -> str:
    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 8192

    same = {"Origin": service.url}
    form = {**same, "Content-Type": "application/x-www-form-urlencoded"}
    with service.client(service.ada) as client:
        answers = [
            client.post("/api/v1/submissions", content=b" " * 70_000),
            client.post("/api/v1/submissions", content=pieces()),
            client.post("/api/v1/requests", content=pieces(), headers=same),
            client.post("/team/sign-in", content=pieces(), headers=form),
        ]
    return statuses(answers)


@row("deep documents", "JSON of 5,000 lists in each other, a number of 10,000 digits", "400, 422")
def deep(service: Running) -> str:
    as_json = {"Content-Type": "application/json"}
    with service.client(service.ada) as client:
        texts = (b"[" * 5_000, b'{"name": ' + b"9" * 10_000 + b"}", b'{"name": "\\ud800"}')
        answers = [client.post("/api/v1/tokens", content=each, headers=as_json) for each in texts]
    kinds = {answer.status_code for answer in answers}
    return "400, 422" if kinds <= {400, 422} and "Traceback" not in str(answers) else str(kinds)


@row("slow client", "30 half requests, then silence", "200 for others, then 408")
def slow(service: Running) -> str:
    port = int(service.url.rpartition(":")[2])
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(30)]
    try:
        for each in sockets:
            each.sendall(HALF)
        with service.client(service.ada) as client:
            meanwhile = client.get("/api/v1/me").status_code
        answers = {each.recv(12).partition(b" ")[2].decode() for each in sockets}
        return f"{meanwhile} for others, then {', '.join(sorted(answers))}"
    finally:
        for each in sockets:
            each.close()


HALF = b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"

# Paths and texts


@row(
    "path traversal",
    "names of benchmarks, submissions, uploads, tokens, files with ..",
    "none read",
)
def traversal(service: Running) -> str:
    bases = (
        "/api/v1/benchmarks/{}/file",
        "/api/v1/benchmarks/{}/practice",
        "/api/v1/submissions/{}",
        "/api/v1/submissions/{}/report",
        "/api/v1/tokens/{}",
        "/team/static/{}",
        "/api/v1/uploads/by-digest/{}?team=north",
    )
    port = int(service.url.rpartition(":")[2])
    read = []
    for base in bases:
        for name in OUTSIDE:
            answer = raw(port, base.format(name), service.ada.token)
            if b"root:" in answer or answer.split(b" ", 2)[1] not in (b"404", b"405", b"422"):
                read.append(f"{base.format(name)}: {answer[:60]!r}")
    return "none read" if not read else read[0]


def raw(port: int, target: str, token: str) -> bytes:
    """The answer to a request whose target no client has tidied."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Connection: close\r\n\r\n".encode()
        )
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


@row(
    "traversal in metadata", "an upload whose file name, digest and team have ..", "no file outside"
)
def metadata_traversal(service: Running) -> str:
    before = {path for path in service.folder.rglob("*") if "drop" not in path.parts}
    for member in ("filename", "sha256", "team", "benchmark"):
        told = {"benchmark": "chest", "team": "north", "filename": "f", "model": "m"}
        told[member] = "../../../public/ledger.sqlite"
        with service.client(service.ada) as client:
            answer = client.post(
                "/api/v1/uploads",
                headers={**TUS, "Upload-Length": "4", "Upload-Metadata": metadata(**told)},
            )
            if answer.status_code == 201:
                client.delete(answer.headers["location"], headers=TUS)
            elif answer.status_code >= 500:
                return str(answer.status_code)
    after = {path for path in service.folder.rglob("*") if "drop" not in path.parts}
    return "no file outside" if after == before else str(after - before)


@row(
    "script in texts", "names of person, team, model, token, purpose with a script", "shown as text"
)
def script(service: Running) -> str:
    person = service.store.people.add_person(SCRIPT, "mallory@example.org", None)
    team_id = service.store.people.add_team(f"{SCRIPT} team")
    service.store.people.join(person, team_id)
    service.store.accept(person, service.settings.agreement.version)
    _, secret = service.store.tokens.new(person, SCRIPT, Scope, 1)
    mallory = replace(
        service.ada, person_id=person, team_id=team_id, team=f"{SCRIPT} team", token=secret
    )
    reference = f"registry.example.org/t/m@sha256:{'1' * 64}"
    answer = entered(service, mallory, model=SCRIPT, reference=reference)
    assert answer.status_code == 201, answer.text
    submission_id = answer.json()["submission_id"]
    released(service, submission_id)
    pages = (
        "",
        "/people",
        "/tokens",
        "/benchmarks",
        "/submissions",
        f"/submissions/{submission_id}",
    )
    with service.browser(mallory) as browser:
        answers = [browser.get(f"/team{page}") for page in pages]
        answers.append(browser.get(f"/team/{SCRIPT}"))
        answers.append(browser.get(f"/api/v1/submissions/{submission_id}"))
    for each in answers:
        html = each.headers.get("content-type", "").startswith("text/html")
        if each.status_code >= 500 or (html and SCRIPT in each.text):
            return f"{each.status_code} {each.url}"
    return "shown as text"


@row("SQL in parameters", "quotes, unions and statements in every parameter", "nothing but 4xx")
def sql(service: Running) -> str:
    answers = []
    with service.client(service.ada) as client:
        for text in INJECTED:
            asked = {"benchmark": text, "team": text}
            answers += [client.get(f"/api/v1/{part}", params=asked) for part in PARTS]
            answers += [client.get(f"/api/v1/submissions?team={text}")]
            answers += [client.get(f"/api/v1/submissions/{text}"), client.get(f"/api/v1/{text}")]
            answers += [client.delete(f"/api/v1/tokens/{text}")]
            answers += [client.head(f"/api/v1/uploads/{text}", headers=TUS)]
            answers += [client.post("/api/v1/sessions", json={"email": text, "password": text})]
            answers += [client.post("/api/v1/agreement", json={"version": text})]
            answers += [client.get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})]
        answers += [
            entered(service, service.ada, **{name: text}) for name in ENTRY for text in INJECTED
        ]
    with closing(sqlite3.connect(service.folder / "service" / "accounts.sqlite")) as connection:
        (people,) = connection.execute("SELECT count(*) FROM people").fetchone()
    harmed = [each for each in answers if not 400 <= each.status_code < 500]
    if people < 2:
        return "people are gone"
    return "nothing but 4xx" if not harmed else f"{harmed[0].status_code} {harmed[0].url}"


ENTRY = ("benchmark", "team", "upload_id", "sha256", "reference")


# Uploads without and beyond the right


@row(
    "upload without a right",
    "no token, reading token, no agreement, no team, no tus",
    "401, 403, 412",
)
def upload_rights(service: Running) -> str:
    nobody = replace(service.ada, token=new_token())
    person = service.store.people.add_person("Eve", "eve@example.org", None)
    _, alone = service.store.tokens.new(person, "x", Scope, 1)
    answers = [created(service, nobody, 4), created(service, replace(service.ada, token=alone), 4)]
    service.store.people.join(person, service.ada.team_id)
    answers.append(created(service, replace(service.ada, token=alone), 4))
    with service.client(service.ada) as client:
        answers.append(client.post("/api/v1/uploads", headers={"Upload-Length": "4"}))
    service.store.people.delete(person)
    return statuses(answers)


@row("upload beyond the size", "an archive over the benchmark's limit, before a byte", "413")
def upload_size(service: Running) -> str:
    return statuses([created(service, service.ada, 4097 * 2**20)])


@row("more bytes than announced", "8 bytes for an upload of 4", "413, nothing kept")
def upload_beyond(service: Running) -> str:
    place = created(service, service.ada, 4).headers["location"]
    bytes_of = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with service.client(service.ada) as client:
        answer = client.patch(place, content=b"12345678", headers=bytes_of)
        offset = client.head(place, headers=TUS).headers["upload-offset"]
        client.delete(place, headers=TUS)
    return f"{answer.status_code}, {'nothing kept' if offset == '0' else offset}"


@row("digest that lies", "an archive with another SHA-256 than announced", "refused, not entered")
def lying_digest(service: Running) -> str:
    told = metadata(benchmark="chest", team="north", filename="f", model="m", sha256="0" * 64)
    bytes_of = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with service.client(service.ada) as client:
        made = client.post(
            "/api/v1/uploads", headers={**TUS, "Upload-Length": "4", "Upload-Metadata": told}
        )
        answer = client.patch(made.headers["location"], content=b"evil", headers=bytes_of)
    entry = entered(service, service.ada, sha256="0" * 64)
    refused = 400 <= answer.status_code < 500 and entry.status_code == 404
    return "refused, not entered" if refused else f"{answer.status_code}, {entry.status_code}"


@row("look of others", "50 uploads at once for the one look that is left", "201 once, 429 else")
def one_look(service: Running) -> str:
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda _: created(service, service.ben, 4, benchmark="one"), range(50))
        )
    taken = [each for each in answers if each.status_code == 201]
    others = {each.status_code for each in answers} - {201}
    return (
        f"{201} {'once' if len(taken) == 1 else len(taken)}, {others.pop() if others else '-'} else"
    )


@row(
    "failing on purpose", "withdrawing in the sequestered run to get a look back", "look is charged"
)
def free_query(service: Running) -> str:
    submission_id = submission_of(service, service.ada, b"free query")
    for state in (State.LINTED, State.QUEUED, State.RUNNING):
        service.ledger.move(submission_id, state)
    with service.client(service.ada) as client:
        before = looks(client)
        client.post(f"/api/v1/submissions/{submission_id}/withdraw")
        return "look is charged" if looks(client) == before else "look came back"


def looks(client: httpx.Client) -> int:
    """Looks that team north used of the benchmark."""
    return int(client.get("/api/v1/quota?benchmark=chest&team=north").json()["used"])


# Guessing


@row("guessing a password", "12 wrong passwords for one account", "429 after 10")
def guessing(service: Running) -> str:
    seen = []
    with service.client() as client:
        for number in range(12):
            answer = client.post(
                "/api/v1/sessions", json={"email": "goal@example.org", "password": f"{number}" * 12}
            )
            seen.append(answer.status_code)
    return f"429 after {seen.index(429)}" if 429 in seen else "never 429"


RATES = Rates(
    token="100000/minute",
    team="100000/minute",
    peer="100000/minute",
    refused_peer="100000/minute",
    sign_in_peer="100000/minute",
)
"""Rates in which the rows do not disturb each other; that of the account stays."""


@contextmanager
def attacked() -> Iterator[Running]:
    """The service that all rows are tried on."""
    many = replace(CHEST, quota=Quota(per_team=1000, days=7))
    one = replace(CHEST, name="one", quota=Quota(per_team=1, days=7))
    with (
        tempfile.TemporaryDirectory() as folder,
        running(
            Path(folder) / "home", offered=(many, one), rates=RATES, patience_seconds=2.0
        ) as service,
    ):
        yield service


def table(seen: list[tuple[Row, str]]) -> str:
    """The rows with what was seen, in Markdown."""
    lines = ["| row | tried | expected | seen |", "| --- | --- | --- | --- |"]
    lines += [f"| {each.name} | {each.tried} | {each.expected} | {text} |" for each, text in seen]
    return "\n".join(lines)


if __name__ == "__main__":
    with attacked() as service:
        results = [(each, each.act(service)) for each in ROWS]
    sys.stdout.write(table(results) + "\n")
    sys.exit(any(each.expected != text for each, text in results))
