"""The researcher's commands against a server, from another home folder, as a person types them."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import stat
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.commands.options import HOME, RULE
from evaluator.entering.place import place
from submissions.client import logins
from submissions.client.logins import Login
from submissions.client.problems import ClientError
from submissions.service.principal import Role
from submissions.submission import Failure, State
from tests.support.commands import PROGRAM, Ended, environment, succeed
from tests.support.image_layouts import Image, own_layout, tar_of
from tests.support.running_service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    served = Service(tmp_path / "service")
    served.folder.mkdir()
    served.start()
    yield served
    served.stop()


class Researcher:
    """A person with a folder and settings of their own."""

    def __init__(self, folder: Path, token: str) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.token = token
        self.variables = {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def types(self, *words: str | Path, given: str = "", **variables: str) -> Ended:
        ended = subprocess.run(
            [*PROGRAM, *map(str, words)],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            input=given,
            env=environment({**self.variables, **variables}),
            timeout=300,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def succeeds(self, *words: str | Path, given: str = "", **variables: str) -> str:
        ended = self.types(*words, given=given, **variables)
        assert ended.code == 0, ended.printed + ended.complained
        return ended.printed

    def is_refused(self, *words: str | Path, given: str = "", **variables: str) -> str:
        ended = self.types(*words, given=given, **variables)
        assert ended.code == 2, ended.printed + ended.complained
        assert ended.complained.count("error: ") == 1
        return ended.complained

    @property
    def logins(self) -> Path:
        return self.folder / "config" / "sequestra" / "logins.json"


@pytest.fixture
def ada(service: Service, tmp_path: Path) -> Researcher:
    return Researcher(tmp_path / "ada", service.person("Ada", service.team("North")))


@pytest.fixture
def logged_in(ada: Researcher, service: Service) -> Researcher:
    ada.succeeds("login", service.address, given=f"{ada.token}\n")
    return ada


def archive(folder: Path, content: bytes = b"pass", **more: object) -> Path:
    layer = tar_of({"app/predict.py": content})
    file = folder / "image.tar"
    file.write_bytes(
        tar_of(
            own_layout(Image(layers=[layer], more={"config": {"Entrypoint": ["python3"], **more}}))
        )
    )
    return file


def submit(researcher: Researcher, file: Path, model: str = "Dense") -> str:
    printed = researcher.succeeds("submit", file, "--benchmark", "opacity", "--model", model)
    (submission_id,) = re.findall(r"^([0-9a-f]{12})  North / ", printed, re.MULTILINE)
    return str(submission_id)


def test_a_login_is_kept_for_this_user_alone(ada: Researcher, service: Service) -> None:
    printed = ada.succeeds("login", service.address, given=f"{ada.token}\n")
    assert f"logged in to {service.address} as Ada (North)" in printed
    assert ada.token not in printed
    assert stat.S_IMODE(ada.logins.stat().st_mode) == 0o600
    assert stat.S_IMODE(ada.logins.parent.stat().st_mode) == 0o700
    kept = json.loads(ada.logins.read_text())
    assert kept == {"current": service.address, "logins": {service.address: ada.token}}
    ada.logins.chmod(0o644)
    assert "other users may read it (mode 644)" in ada.is_refused("status")
    ada.logins.chmod(0o600)
    ada.logins.write_text("{")
    assert "delete it, then run `sequestra login ADDRESS`" in ada.is_refused("status")
    ada.logins.unlink()
    ada.succeeds("login", service.address, given=f"{ada.token}\n")
    assert "forgot the login" in ada.succeeds("login", service.address, "--forget")
    assert "there was no login" in ada.succeeds("login", service.address, "--forget")
    assert json.loads(ada.logins.read_text())["logins"] == {}


def test_a_pasted_token_is_not_shown(ada: Researcher, service: Service) -> None:
    near, far = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "login", service.address],
        stdin=far,
        stdout=far,
        stderr=far,
        cwd=ada.folder,
        env=environment(ada.variables),
        start_new_session=True,
    )
    os.close(far)
    seen, sent = b"", False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([near], [], [], 0.2)[0]:
            try:
                piece = os.read(near, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        elif process.poll() is not None:
            break
        if not sent and b"token" in seen and not termios.tcgetattr(near)[3] & termios.ECHO:
            sent = True
            os.write(near, f"{ada.token}\n".encode())
    os.close(near)
    assert process.wait(timeout=60) == 0, seen
    assert b"logged in to" in seen
    assert ada.token.encode() not in seen
    assert ada.logins.is_file()


@pytest.mark.parametrize(
    ("address", "token", "told"),
    [
        ("sequestra.example", "sqst_x", "is not the address of a server"),
        ("http://sequestra.example", "sqst_x", "would send your token unencrypted"),
        ("SERVICE", "nonsense", "does not begin with 'sqst_'"),
        ("SERVICE", "sqst_" + "a" * 38, "The token is unknown, expired or revoked"),
        ("http://127.0.0.1:9", "sqst_x", "http://127.0.0.1:9 cannot be reached"),
    ],
)
def test_a_login_that_cannot_be_is_refused_and_not_kept(
    ada: Researcher, service: Service, address: str, token: str, told: str
) -> None:
    where = service.address if address == "SERVICE" else address
    assert told in ada.is_refused("login", where, given=f"{token}\n")
    assert not ada.logins.exists()


def test_the_agreement_is_shown_and_accepted_by_its_version(
    service: Service, tmp_path: Path
) -> None:
    cleo = Researcher(tmp_path / "cleo", service.person("Cleo", service.team("West"), agreed=False))
    printed = cleo.succeeds("login", service.address, given=f"{cleo.token}\n")
    (version,) = re.findall(r"--agree (\w+)", printed)
    entry = ("submit", archive(tmp_path), "--benchmark", "opacity", "--model", "Dense")
    assert "agreement is not accepted yet; read and accept it with" in cleo.is_refused(*entry)
    again = ("login", service.address, "--agree")
    assert "read that and accept it" in cleo.is_refused(*again, "other", given=f"{cleo.token}\n")
    cleo.succeeds(*again, version, given=f"{cleo.token}\n")
    assert "received" in cleo.succeeds(*entry)


def test_a_team_enters_an_image_and_follows_it(
    logged_in: Researcher, service: Service, tmp_path: Path
) -> None:
    file = archive(tmp_path)
    printed = logged_in.succeeds(
        *("submit", file, "--benchmark", "opacity", "--model", "Dense", "--threshold", "0.3")
    )
    lines = printed.splitlines()
    assert lines[0] == "North, opacity: 2 of 2 submissions of 7 days are left"
    submission_id = lines[-2].split()[0]
    assert lines[-2] == f"{submission_id}  North / Dense  opacity  received"
    assert f"sequestra status {submission_id} --watch" in lines[-1]
    assert service.ledger.submission(submission_id).threshold == 0.3
    assert logged_in.succeeds("status").splitlines() == [lines[-2]]
    for state in (State.LINTED, State.QUEUED, State.RUNNING):
        service.ledger.move(submission_id, state)
    service.ledger.move(submission_id, State.FAILED, Failure.TIMED_OUT)
    ended = logged_in.types("status", submission_id, "--watch", "--every", "0.2")
    assert ended.code == 1
    assert "failed: timed-out. The container was ended at its time limit" in ended.printed
    assert "what to do: Compare the seconds a case" in ended.printed
    assert re.findall(r"UTC  (\S+)$", ended.printed, re.MULTILINE) == [
        "received", "linted", "queued", "running", "failed"
    ]  # fmt: skip
    assert "has no released result" in logged_in.is_refused(
        "report", submission_id, "--output", "x.html"
    )
    assert not (logged_in.folder / "x.html").exists()


def test_the_same_archive_is_entered_twice_and_sent_once(
    logged_in: Researcher, service: Service, tmp_path: Path
) -> None:
    file = archive(tmp_path)
    first, second = submit(logged_in, file), submit(logged_in, file, "Another")
    assert first != second
    sent = [path for path in (service.folder / "drop").rglob("*") if path.is_file()]
    assert [path.stat().st_size for path in sent if path.parent.name != "incoming"] == [
        file.stat().st_size
    ]


def test_a_withdrawn_submission_is_over(
    logged_in: Researcher, service: Service, tmp_path: Path
) -> None:
    submission_id = submit(logged_in, archive(tmp_path))
    assert "failed: cancelled" in logged_in.succeeds("withdraw", submission_id)
    assert "only one without a result can be withdrawn" in logged_in.is_refused(
        "withdraw", submission_id
    )


def test_an_image_that_breaks_the_contract_is_refused_before_a_byte_is_sent(
    logged_in: Researcher, service: Service, tmp_path: Path
) -> None:
    entry = ("--benchmark", "opacity", "--model", "Dense")
    bad = archive(tmp_path, Volumes={"/data": {}})
    assert "declares VOLUME" in logged_in.is_refused("submit", bad, *entry)
    bad.write_bytes(b"no archive")
    assert "image-invalid" in logged_in.is_refused("submit", bad, *entry)
    assert "is not a file" in logged_in.is_refused("submit", "nowhere.tar", *entry)
    assert not [path for path in (service.folder / "drop").rglob("*") if path.is_file()]
    good = archive(tmp_path)
    assert "No benchmark of this name" in logged_in.is_refused(
        "submit", good, "--benchmark", "other", "--model", "Dense"
    )
    assert "No team of this name" in logged_in.is_refused("submit", good, *entry, "--team", "x")
    (tmp_path / "sheet.json").write_text("{")
    sheet = ("--fact-sheet", tmp_path / "sheet.json")
    assert "the fact sheet is no JSON" in logged_in.is_refused("submit", good, *entry, *sheet)


def test_a_finding_of_the_server_is_shown_to_the_team_alone(
    logged_in: Researcher, service: Service, tmp_path: Path
) -> None:
    submission_id = submit(logged_in, archive(tmp_path))
    sentence = "declares VOLUME '/data'; remove the VOLUME line"
    service.ledger.reject(submission_id, Failure.IMAGE_INVALID, sentence)
    shown = logged_in.succeeds("status", submission_id)
    assert "rejected: image-invalid" in shown
    assert f"finding: {sentence}" in shown
    reviewer = Researcher(tmp_path / "rosa", service.person("Rosa"))
    service.store.people.grant(
        service.store.people.named("rosa@example.org").person_id, Role.REVIEWER, granted=True
    )
    token = {"SEQUESTRA_TOKEN": reviewer.token}
    shown = reviewer.succeeds("status", submission_id, "--server", service.address, **token)
    assert "rejected: image-invalid" in shown
    assert "VOLUME" not in shown


def test_without_a_look_nothing_is_sent_and_the_renewal_is_told(
    logged_in: Researcher, service: Service, tmp_path: Path
) -> None:
    for model in ("One", "Two"):
        submission_id = submit(logged_in, archive(tmp_path), model)
        for state in (State.LINTED, State.QUEUED, State.RUNNING):
            service.ledger.move(submission_id, state)
        service.ledger.move(submission_id, State.FAILED, Failure.CRASHED)
    entry = ("--benchmark", "opacity", "--model", "Three")
    said = logged_in.is_refused("submit", archive(tmp_path, b"other"), *entry)
    assert "nothing was sent, since no submission is left of 2 in 7 days; the next one" in said
    assert re.search(r"comes back on \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)


def test_the_place_of_a_command_follows_one_rule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def where(server: str | None = None, home: Path | None = None, **variables: str) -> str:
        """The address or folder that options and variables lead to."""
        with monkeypatch.context() as set_here:
            set_here.setenv("XDG_CONFIG_HOME", str(tmp_path))
            for name in ("SEQUESTRA_SERVER", "SEQUESTRA_HOME", "SEQUESTRA_TOKEN"):
                set_here.delenv(name, raising=False)
            for name, value in variables.items():
                set_here.setenv(name, value)
            found = place(server, home, HOME)
        if isinstance(found, Path):
            return str(found)
        with found:
            return found.connection.address

    steward, one, two = Path("/srv/home"), "https://one.example", "https://two.example"
    assert where() == "sequestra-home"
    with pytest.raises(ClientError, match=r"login https://one\.example` first"):
        where(one)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    logins.keep(Login(one, "sqst_one"))
    logins.keep(Login(two, "sqst_two"))
    assert where() == two  # the last login
    assert where(one) == one
    assert where(home=steward) == str(steward)
    assert where(SEQUESTRA_HOME="/srv/other") == "/srv/other"
    assert where(SEQUESTRA_HOME="/srv/other", SEQUESTRA_SERVER=one) == one
    assert where(home=steward, SEQUESTRA_SERVER=one) == str(steward)
    assert where("https://three.example", SEQUESTRA_TOKEN="sqst_x") == "https://three.example"
    with pytest.raises(ClientError, match=r"would go to http://three\.example unencrypted"):
        where("http://three.example", SEQUESTRA_TOKEN="sqst_x")
    with pytest.raises(ClientError, match="both --server and --home are given"):
        where(one, steward)


def test_the_rule_stands_in_the_help_of_each_command_that_follows_it() -> None:
    for name in ("submit", "status", "report"):
        help_text = " ".join(succeed(name, "--help", env={"COLUMNS": "60"}).split())
        assert RULE in help_text


def test_a_kit_is_written_for_a_servers_benchmark_without_a_login(
    ada: Researcher, service: Service
) -> None:
    ada.succeeds("init", "kit", "--benchmark", "opacity", "--server", service.address)
    text = (ada.folder / "kit" / "README.md").read_text()
    assert text.startswith("# Airspace opacity\n")
    assert "| 512 MB |" in text
    assert "No benchmark of this name" in ada.is_refused(
        "init", "other", "--benchmark", "other", "--server", service.address
    )


def test_completion_is_offered_for_the_shell() -> None:
    asked = {
        "_SEQUESTRA_COMPLETE": "complete_bash",
        "COMP_WORDS": "sequestra wi",
        "COMP_CWORD": "1",
    }
    ended = subprocess.run(
        PROGRAM, check=False, capture_output=True, text=True, env=environment(asked)
    )
    assert ended.stdout.split() == ["withdraw"]
