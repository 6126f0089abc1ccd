"""The console's process reads the enclave's one database and cannot write it; guards stand."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from evaluator.console.console_process import COOKIE
from evaluator.console.desk import REALM
from evaluator.stores.held_results import HeldResults, HeldUnavailable
from submissions.ledger.voting.votes import Votes
from submissions.service.principal import COOKIE as TEAM_COOKIE
from submissions.service.principal import Role, Scope
from submissions.service.settings import Provider
from submissions.service.store import Store
from tests.evaluator.console.conftest import Console, served
from tests.support.commands import environment, refused
from tests.support.held_home import PASSWORD, HeldHome
from tests.support.imports import imported, modules
from tests.support.repository import REPOSITORY
from tests.support.services import free_port


def browser(
    console: Console, who: str, *, cookie: str = COOKIE, realm: str = REALM
) -> httpx.Client:
    """A client with a session's cookie, as a browser on pages of the console sends it."""
    store = Store(console.held.installation.accounts_url, realm=realm)
    secret = store.sessions.open(console.held.people[who], 1)
    store.close()
    headers = {
        "Cookie": f"{cookie}={secret}",
        "Origin": console.url,
        "Sec-Fetch-Site": "same-origin",
    }
    return httpx.Client(base_url=console.url, headers=headers, timeout=30)


def test_the_process_opens_one_file_of_the_enclave_and_no_label(
    held: HeldHome, tmp_path: Path
) -> None:
    name = held.hold("Net")
    written = tmp_path / "opened.txt"
    before = {path: path.stat().st_mtime_ns for path in (held.home / "enclave").rglob("*")}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.watched_web", held.home, written, "console"],
        env=environment({"PYTHONPATH": str(REPOSITORY)}),
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout is not None
        try:
            address = re.search(r"serving (http://\S+)/console ", process.stdout.readline())
            assert address is not None
            with browser(Console(address[1], held), "ann") as ann:
                for path in ("", f"/held/{name}", f"/held/{name}/report", "/decisions"):
                    assert ann.get(f"/console{path}").status_code == 200, path
                cast = ann.post(f"/console/held/{name}", data={"choice": "release"})
                assert cast.status_code == 303
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    seen = written.read_text().splitlines()
    enclave = str((held.home / "enclave").resolve())
    of_enclave = {line for line in seen if enclave in line}
    assert of_enclave == {f"sqlite3.connect file:{enclave}/enclave.sqlite?mode=ro"}
    after = {path: path.stat().st_mtime_ns for path in (held.home / "enclave").rglob("*")}
    assert after == before
    (round_,) = Votes(held.ledger).rounds(name)
    assert [vote.reviewer for vote in round_.votes] == [held.people["ann"]]


def test_the_enclave_cannot_be_written_through_what_the_console_holds(held: HeldHome) -> None:
    name = held.hold("Net")
    results = HeldResults(held.home / "enclave")
    assert results.document(name) is not None
    for statement in ("DELETE FROM held", "CREATE TABLE other (x)", "UPDATE held SET document=''"):
        with pytest.raises(HeldUnavailable, match="readonly database"), results._reading() as link:
            link.execute(text(statement))
    results.close()


def test_an_enclave_that_is_not_there_is_not_made(tmp_path: Path, held: HeldHome) -> None:
    results = HeldResults(tmp_path / "nowhere")
    with pytest.raises(HeldUnavailable, match="cannot be read"):
        results.refuse_unreadable()
    results.close()
    assert not (tmp_path / "nowhere").exists()
    with sqlite3.connect(held.home / "enclave" / "enclave.sqlite") as former:
        former.execute("DROP TABLE held")
    former.close()
    sentence = refused("console", "--home", held.home, "--port", "0")
    assert "start `sequestra run` once" in sentence


KILLED = """
import os, sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute("PRAGMA cache_size=1")
store.execute("BEGIN")
for number in range(2000):
    values = ("other", str(number), "2026-01-01 00:00:00.000000", "y" * 1000)
    columns = "held (submission_id, evaluation_key, at, document)"
    store.execute(f"INSERT INTO {columns} VALUES (?, ?, ?, ?)", values)
os._exit(9)
"""
"""A process that ends in the middle of a transaction that has spilled into the file."""


def test_a_write_that_was_cut_off_is_left_to_the_queue(console: Console) -> None:
    held = console.held
    name = held.hold("Net")
    file = held.home / "enclave" / "enclave.sqlite"
    subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False, timeout=60)
    assert file.with_name("enclave.sqlite-journal").exists()
    with browser(console, "ann") as ann:
        answer = ann.get(f"/console/held/{name}")
        assert answer.status_code == 503
        assert "start <code>sequestra run</code>, which puts the enclave in order" in answer.text
        assert file.with_name("enclave.sqlite-journal").exists()  # nothing was written
        assert held.installation.enclave().held(name) is not None  # as the queue opens it
        assert ann.get(f"/console/held/{name}").status_code == 200


def test_no_module_of_the_console_reaches_for_labels_or_keys() -> None:
    hidden = (
        *("evaluator.stores.enclave", "evaluator.evaluation", "cohort_selection.sealing"),
        *("evaluator.queue", "evaluator.reviewing", "evaluator.scoring.score"),
        *("evaluator.signing", "evaluator.sandbox"),
    )
    of_console = [path for path in modules() if str(path).startswith("evaluator/console/")]
    assert len(of_console) > 5
    for path in [*of_console, Path("evaluator/stores/held_results.py")]:
        names = [name for name in imported(path) if name != "evaluator.stores.enclave_tables"]
        assert not [name for name in names if name.startswith(hidden)], path


def test_a_session_of_the_team_pages_opens_nothing_here(console: Console) -> None:
    for cookie, realm in ((TEAM_COOKIE, ""), (COOKIE, ""), (TEAM_COOKIE, REALM)):
        with browser(console, "ann", cookie=cookie, realm=realm) as client:
            assert client.get("/console").status_code == 303, (cookie, realm)
    with browser(console, "ann") as client:
        assert client.get("/console").status_code == 200
        held = console.held
        _, token = held.store.tokens.new(held.people["ann"], "t", Scope, 1)
        answer = client.get("/console", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403
        assert "An API token opens no page" in answer.text


def test_a_role_that_is_taken_away_closes_the_console_at_once(console: Console) -> None:
    with browser(console, "ann") as client:
        assert client.get("/console").status_code == 200
        console.held.store.people.grant(console.held.people["ann"], Role.REVIEWER, granted=False)
        answer = client.get("/console")
        assert answer.status_code == 403
        assert "is no reviewer" in answer.text


def test_signing_in_asks_for_the_role_and_gives_the_console_s_own_cookie(console: Console) -> None:
    with httpx.Client(base_url=console.url, headers={"Origin": console.url}) as client:
        for who, status in (("una", 403), ("ann", 303)):
            form = {"email": f"{who}@example.org", "password": PASSWORD, "next": "//evil.example"}
            answer = client.post("/console/sign-in", data=form)
            assert answer.status_code == status, who
        assert answer.headers["location"] == "/console"
        cookie = answer.headers["set-cookie"]
    for part in (f"{COOKIE}=", "HttpOnly", "Secure", "Path=/", "Max-Age=86400", "SameSite=lax"):
        assert part in cookie


def test_other_sites_cast_no_vote_and_frame_no_page(console: Console) -> None:
    name = console.held.hold("Net")
    with browser(console, "ann") as client:
        answer = client.post(
            f"/console/held/{name}",
            data={"choice": "release"},
            headers={"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"},
        )
        assert answer.status_code == 403
        assert Votes(console.held.ledger).rounds(name) == ()
        page = client.get(f"/console/held/{name}")
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert "script-src" not in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
        report = client.get(f"/console/held/{name}/report")
        policy = report.headers["Content-Security-Policy"]
        assert "sandbox allow-scripts" in policy
        assert "allow-same-origin" not in policy


def test_bad_requests_get_one_sentence(console: Console) -> None:
    name = console.held.hold("Net")
    with browser(console, "ann") as client:
        for path, status, sentence in (
            ("/console/held/x", 404, "No submission &#39;x&#39; is held here; choose one"),
            ("/console/nothing", 404, "Nothing is at /console/nothing"),
            ("/console/static/x.css", 404, "No file of this name"),
        ):
            answer = client.get(path)
            assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
        for form, sentence in (
            ({}, "No vote is chosen; choose one of the three."),
            ({"choice": "maybe"}, "No vote is chosen; choose one of the three."),
            ({"choice": "refuse"}, "The reason is empty; the team reads it, so give one."),
            ({"choice": "refuse", "reason": "a" * 2001}, "The reason has 2001 characters"),
        ):
            answer = client.post(f"/console/held/{name}", data=form)
            assert (answer.status_code, sentence in answer.text) == (422, True), form
        changed = {"choice": "release", "document": "0" * 64}
        answer = client.post(f"/console/held/{name}", data=changed)
        assert answer.status_code == 409
        assert "has changed since you opened it" in answer.text
        assert Votes(console.held.ledger).rounds(name) == ()


def test_sign_in_by_a_provider_leads_back_to_the_console(held: HeldHome) -> None:
    """The provider is the service's own part; here nobody answers at its address."""
    provider = Provider(f"http://127.0.0.1:{free_port()}", "console", "secret", "Hospital North")
    with (
        served(held, provider=provider) as console,
        httpx.Client(base_url=console.url, timeout=30) as client,
    ):
        page = client.get("/console/sign-in")
        assert 'href="/team/sign-in/provider">Sign in with Hospital North' in page.text
        answer = client.get("/team/sign-in/provider")
        assert answer.status_code == 503
        assert "The provider of the sign-in does not answer" in answer.text
        assert "Console for reviewers" in answer.text
