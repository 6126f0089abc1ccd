"""Notices by real SMTP and HTTP servers on loopback, from a real ledger and accounts."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from submissions.ledger.database.audit_chain import digest_of
from submissions.ledger.ledger import Ledger
from submissions.ledger.voting.votes import Choice, Vote, Votes
from submissions.notices.channels import Channels, Hook, Mail, NoticeError, read_channels
from submissions.notices.notices import WAITS, Notices
from submissions.quota import Quota
from submissions.receiving import ArchiveInDrop, Entry, receive
from submissions.service.store import Store
from submissions.submission import Failure, State

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
KEY = "a key of the steward"


class Letters:
    """A mail server that keeps what it takes, and may refuse."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Message]] = []
        self.refuses = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses:
            return "451 try again later"
        (to,) = envelope.rcpt_tos
        self.taken.append((to, message_from_bytes(envelope.content, policy=default)))
        return "250 taken"


@pytest.fixture
def letters() -> Iterator[tuple[Letters, Mail]]:
    controller = pytest.importorskip(
        "aiosmtpd.controller", reason="aiosmtpd, a mail server for tests, is not installed"
    )
    kept = Letters()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = controller.Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    yield kept, Mail("127.0.0.1", port, "Sequestra <sequestra@example.org>")
    server.stop()


class Hooked(BaseHTTPRequestHandler):
    """A web hook that keeps what it is told."""

    told: ClassVar[list[tuple[bytes, str]]] = []
    status: ClassVar[int] = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).told.append((body, self.headers["X-Sequestra-Signature"] or ""))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[type[Hooked], str]]:
    handler = type("Handler", (Hooked,), {"told": [], "status": 204})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_port}/sequestra"
        server.shutdown()
        thread.join()


class Desk:
    """An installation's ledger and accounts, with one team of two people."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        self.store = Store(f"sqlite:///{folder / 'accounts.sqlite'}")
        self.north = self.store.people.add_team("North")
        self.people = {}
        for name in ("ada", "bea"):
            person = self.store.people.add_person(name.title(), f"{name}@example.org", None)
            self.store.people.join(person, self.north)
            self.people[name] = person
        self.now = NOW

    def enter(self, by: str | None = "ada", model: str = "Dense") -> str:
        archive = ArchiveInDrop(self.north, hashlib.sha256(model.encode()).hexdigest())
        entry = Entry(
            team="North",
            model=model,
            benchmark="opacity",
            threshold=0.5,
            archive=archive,
            submitted_by=None if by is None else self.people[by],
        )
        return receive(self.ledger, entry=entry, quota=Quota()).submission_id

    def notices(self, channels: Channels) -> Notices:
        return Notices(
            channels, self.ledger, self.store, "https://s.example", clock=lambda: self.now
        )

    def fail(self, submission_id: str, failure: Failure = Failure.TIMED_OUT) -> None:
        for state in (State.LINTED, State.QUEUED, State.RUNNING):
            self.ledger.move(submission_id, state)
        self.ledger.move(submission_id, State.FAILED, failure)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()
    made.ledger.close()


def test_the_person_who_entered_it_gets_one_letter(
    desk: Desk, letters: tuple[Letters, Mail]
) -> None:
    kept, mail = letters
    notices = desk.notices(Channels(mail=mail))
    submission_id = desk.enter()
    assert notices.round() == 0  # received: nothing to tell yet
    desk.fail(submission_id)
    assert [notices.round(), notices.round()] == [1, 0]
    ((to, letter),) = kept.taken
    assert to == "ada@example.org"
    assert letter["Subject"] == "Sequestra: North / Dense (opacity): failed"
    assert letter["From"] == "Sequestra <sequestra@example.org>"
    text = letter.get_content()  # type: ignore[attr-defined]
    assert "The container was ended at its time limit" in text
    assert f"https://s.example/team/submissions/{submission_id}" in text


def test_the_team_is_told_where_nobody_of_it_entered_it(
    desk: Desk, letters: tuple[Letters, Mail]
) -> None:
    kept, mail = letters
    notices = desk.notices(Channels(mail=mail))
    first, second = desk.enter(by=None), desk.enter(by="bea", model="Other")
    desk.store.people.delete(desk.people["bea"])
    desk.fail(first)
    desk.fail(second)
    assert notices.round() == 2
    assert [to for to, _ in kept.taken] == ["ada@example.org"] * 2


def test_a_server_that_refuses_is_asked_again_and_given_up_at_last(
    desk: Desk, letters: tuple[Letters, Mail], caplog: pytest.LogCaptureFixture
) -> None:
    kept, mail = letters
    kept.refuses = True
    notices = desk.notices(Channels(mail=mail))
    desk.fail(desk.enter())
    assert notices.round() == 0
    assert notices.round() == 0
    assert "try 1: mail to the server" in caplog.text
    assert "try 2" not in caplog.text  # not due yet
    desk.now += WAITS[0]
    kept.refuses = False
    assert notices.round() == 1
    assert len(kept.taken) == 1
    kept.refuses = True
    desk.fail(desk.enter(model="Other"))
    for wait in (timedelta(0), *WAITS, timedelta(days=30), timedelta(days=30)):
        desk.now += wait
        assert notices.round() == 0
    assert caplog.text.count("it is given up") == 1
    kept.refuses = False
    desk.now += timedelta(days=30)
    assert notices.round() == 0


def test_a_mail_server_that_is_not_there_stops_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    notices = desk.notices(Channels(mail=Mail("127.0.0.1", 9, "sequestra@example.org")))
    submission_id = desk.enter()
    desk.fail(submission_id)
    assert notices.round() == 0
    assert desk.ledger.submission(submission_id).state is State.FAILED
    assert "Connection refused" in caplog.text


def test_what_was_to_be_sent_is_sent_after_a_restart_and_once(
    desk: Desk, letters: tuple[Letters, Mail]
) -> None:
    kept, mail = letters
    old = desk.enter(model="Old")
    desk.fail(old)
    kept.refuses = True
    notices = desk.notices(Channels(mail=mail))  # nobody is told of earlier states
    desk.fail(desk.enter())
    notices.round()
    kept.refuses = False
    while_down = desk.enter(model="Third")
    desk.fail(while_down)
    desk.now += WAITS[0]
    again = desk.notices(Channels(mail=mail))
    assert again.round() == 2
    assert again.round() == 0
    subjects = [letter["Subject"].split(" / ")[1] for _, letter in kept.taken]
    assert sorted(subjects) == ["Dense (opacity): failed", "Third (opacity): failed"]


def test_a_web_hook_gets_signed_json(desk: Desk, hook: tuple[type[Hooked], str]) -> None:
    handler, address = hook
    notices = desk.notices(Channels(hook=Hook(KEY), hook_address=address))
    submission_id = desk.enter()
    desk.ledger.move(submission_id, State.REJECTED, Failure.IMAGE_INVALID)
    assert notices.round() == 1
    ((body, signature),) = handler.told
    digest = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    assert signature == f"sha256={digest}"
    assert json.loads(body) == {
        "event": "submission",
        "submission_id": submission_id,
        "benchmark": "opacity",
        "team": "North",
        "model": "Dense",
        "state": "rejected",
        "failure": "image-invalid",
        "meaning": Failure.IMAGE_INVALID.meaning,
        "page": f"https://s.example/team/submissions/{submission_id}",
    }
    handler.status = 302  # it goes nowhere else
    desk.ledger.move(desk.enter(model="Other"), State.REJECTED, Failure.IMAGE_INVALID)
    assert notices.round() == 0
    handler.status = 200
    desk.now += WAITS[0]
    assert notices.round() == 1


def test_a_refusal_is_told_with_its_reason(desk: Desk, hook: tuple[type[Hooked], str]) -> None:
    handler, address = hook
    notices = desk.notices(Channels(hook=Hook(KEY), hook_address=address))
    name = desk.enter()
    for state in (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING, State.HELD):
        desk.ledger.move(name, state)
    assert notices.round() == 1
    cast = Vote(
        submission_id=name,
        evaluation_key="k",
        document=digest_of("{}"),
        reviewer="ann",
        choice=Choice.REFUSE,
        reason="trained on these cases",
    )
    Votes(desk.ledger).cast(cast, 1)
    Votes(desk.ledger).refuse(name, "{}")
    assert notices.round() == 1
    told = [json.loads(body) for body, _ in handler.told]
    assert [(each["state"], each["meaning"]) for each in told] == [
        ("held", "The run has ended well; reviewers look at the result before it is released."),
        ("refused", "Reviewers refused to release the result. Trained on these cases."),
    ]


def test_the_thread_works_and_ends(desk: Desk, hook: tuple[type[Hooked], str]) -> None:
    handler, address = hook
    notices = desk.notices(Channels(hook=Hook(), hook_address=address))
    notices.start(every=0.01)
    desk.ledger.move(desk.enter(), State.REJECTED, Failure.IMAGE_INVALID)
    for _ in range(3000):
        if handler.told:
            break
        threading.Event().wait(0.01)
    notices.stop()
    assert [signature for _, signature in handler.told] == [""]


def test_no_mail_address_is_kept_with_a_notice(
    desk: Desk, letters: tuple[Letters, Mail], tmp_path: Path
) -> None:
    kept, mail = letters
    kept.refuses = True
    notices = desk.notices(Channels(mail=mail))
    desk.fail(desk.enter())
    notices.round()
    desk.store.people.delete(desk.people["ada"])
    desk.now += WAITS[0]
    kept.refuses = False
    assert notices.round() == 0
    assert kept.taken == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"SMTP": "mail.example.org"}, "give the mail server as smtp://HOST:587"),
        ({"SMTP": "http://mail.example.org"}, "give the mail server as smtp://HOST:587"),
        ({"SMTP": "smtp://h:99999"}, "give the mail server as smtp://HOST:587"),
        ({"SMTP": "smtp://mail.example.org"}, "give the address that mails come from"),
        ({"SMTP": "smtp://h", "SMTP_FROM": "nobody"}, "give the address that mails come from"),
        ({"WEB_HOOK": "http://hook.example.org"}, "give an https address"),
        ({"WEB_HOOK": "https://user:x@hook.example.org"}, "give an https address"),
        ({"WEB_HOOK": "file:///etc/passwd"}, "give an https address"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, str], told: str) -> None:
    with pytest.raises(NoticeError, match=told):
        read_channels({f"SEQUESTRA_{name}": value for name, value in settings.items()})


def test_settings_are_read_and_a_password_is_not_shown() -> None:
    assert not read_channels({}).any
    given = {
        "SEQUESTRA_SMTP": "smtps://ada:p%40ss@mail.example.org",
        "SEQUESTRA_SMTP_FROM": "sequestra@example.org",
        "SEQUESTRA_WEB_HOOK": "https://hook.example.org/a",
        "SEQUESTRA_WEB_HOOK_KEY": KEY,
    }
    channels = read_channels(given)
    assert channels.mail == Mail(
        "mail.example.org", 465, "sequestra@example.org", True, "ada", "p@ss"
    )
    assert (channels.hook, channels.hook_address) == (Hook(KEY), "https://hook.example.org/a")
    with pytest.raises(NoticeError) as refused:
        read_channels({"SEQUESTRA_SMTP": "smtp://ada:secret@h:99999"})
    assert "secret" not in str(refused.value)


def test_a_password_is_not_sent_without_tls(
    desk: Desk, letters: tuple[Letters, Mail], caplog: pytest.LogCaptureFixture
) -> None:
    kept, mail = letters
    with_password = Mail(mail.host, mail.port, mail.sender, user="ada", password="secret")
    notices = desk.notices(Channels(mail=with_password))
    desk.fail(desk.enter())
    assert notices.round() == 0
    assert "it offers no TLS, so the password was not sent" in caplog.text
    assert kept.taken == []


@pytest.mark.parametrize("gone", ["left", "disabled"])
def test_who_left_the_team_or_may_not_sign_in_is_not_told(
    desk: Desk, letters: tuple[Letters, Mail], gone: str
) -> None:
    kept, mail = letters
    notices = desk.notices(Channels(mail=mail))
    submission_id = desk.enter()
    if gone == "left":
        desk.store.people.leave(desk.people["ada"], desk.north)
    else:
        desk.store.people.enable(desk.people["ada"], enabled=False)
    desk.ledger.move(submission_id, State.REJECTED, Failure.IMAGE_INVALID)
    notices.round()
    assert [to for to, _ in kept.taken] == ["bea@example.org"]
