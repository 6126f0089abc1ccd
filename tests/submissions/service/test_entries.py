"""Entering, following, withdrawing a submission; looks and what belongs to others."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from typer.testing import CliRunner

from cohort_selection.task.declaration import PredictionForm
from evaluator.commands.audit import app
from submissions.ledger.ledger import SignedRelease
from submissions.quota import Quota
from submissions.signatures import RELEASE, Signed, stated
from submissions.submission import Failure, State
from submissions.verifying_key import VerifyingKey
from tests.support.postgresql import raw
from tests.support.service_entries import created, entered, released, sent, submission_of
from tests.support.service_running import CHEST, Account, Running, running


def quota(service: Running, account: Account) -> dict[str, object]:
    with service.client(account) as client:
        answer = client.get("/api/v1/quota", params={"benchmark": "chest", "team": account.team})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_archive_is_sent_entered_and_followed(service: Running) -> None:
    upload_id, sha256 = sent(service, service.ada, b"an archive")
    answer = entered(service, service.ada, upload_id=upload_id)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    place = f"/api/v1/submissions/{shown['submission_id']}"
    assert answer.headers["location"] == place
    assert (shown["state"], shown["image_digest"]) == ("received", f"archive:{sha256}")
    assert shown["threshold"] == 0.5
    assert [step["state"] for step in shown["timeline"]] == ["received"]
    with service.client(service.ada) as client:
        assert client.get(place).json() == shown
        listed = client.get("/api/v1/submissions").json()["submissions"]
    assert [each["submission_id"] for each in listed] == [shown["submission_id"]]
    arrival = service.ledger.arrival(shown["submission_id"])
    assert arrival is not None
    assert arrival.submitted_by == service.ada.person_id
    assert arrival.archive_team == service.ada.team_id


def test_the_same_upload_is_entered_once(service: Running) -> None:
    upload_id, _ = sent(service, service.ada, b"an archive")
    first, second = (entered(service, service.ada, upload_id=upload_id) for _ in range(2))
    assert first.json()["submission_id"] == second.json()["submission_id"]
    assert quota(service, service.ada)["used"] == 1


def test_an_archive_that_the_team_sent_is_entered_by_its_digest(service: Running) -> None:
    _, sha256 = sent(service, service.ada, b"an archive")
    theirs = entered(service, service.ben, sha256=sha256)
    assert (theirs.status_code, theirs.json()["type"]) == (404, "archive-unknown")
    assert entered(service, service.ada, sha256=sha256, model="other").status_code == 201


def test_looks_are_told_before_and_uploads_hold_them(service: Running) -> None:
    before = quota(service, service.ada)
    assert (before["used"], before["held"], before["remaining"]) == (0, 0, 2)
    assert before["renews"] is None
    upload_id, _ = sent(service, service.ada, b"an archive")
    held = quota(service, service.ada)
    assert (held["used"], held["held"], held["remaining"]) == (0, 1, 1)
    entered(service, service.ada, upload_id=upload_id)
    after = quota(service, service.ada)
    assert (after["used"], after["held"], after["remaining"]) == (1, 0, 1)
    renews = datetime.fromisoformat(str(after["renews"]))
    assert abs(renews - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=5)


def test_teams_of_one_person_share_their_looks(service: Running) -> None:
    service.store.people.join(service.ben.person_id, service.ada.team_id)
    submission_of(service, service.ada)
    told = quota(service, service.ben)
    assert (told["team"], told["used"], told["remaining"]) == ("south", 1, 1)
    assert told["shared_with"] == ["north"]


def test_without_a_look_nothing_is_entered_or_sent(service: Running) -> None:
    for content in (b"one", b"two"):
        submission_of(service, service.ada, content)
    refused = created(service, service.ada, 10)
    assert (refused.status_code, refused.json()["type"]) == (429, "quota-used")
    reference = f"registry.example.org/team/model@sha256:{'0' * 64}"
    by_reference = entered(service, service.ada, reference=reference)
    assert (by_reference.status_code, by_reference.json()["type"]) == (429, "quota-used")
    assert "the next is free on" in by_reference.json()["detail"]


def test_of_many_entries_at_once_only_the_last_look_is_taken(tmp_path: Path) -> None:
    one = replace(CHEST, quota=Quota(per_team=1, days=7))
    with running(tmp_path / "home", offered=(one,)) as service:
        statuses: list[int] = []

        def enter(number: int) -> None:
            reference = f"registry.example.org/team/model@sha256:{number:064x}"
            statuses.append(entered(service, service.ada, reference=reference).status_code)

        threads = [threading.Thread(target=enter, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [201] + [429] * 29
        assert len(service.ledger.submissions()) == 1


def test_an_upload_holds_its_look_against_an_entry_by_reference(tmp_path: Path) -> None:
    one = replace(CHEST, quota=Quota(per_team=1, days=7))
    with running(tmp_path / "home", offered=(one,)) as service:
        upload_id, _ = sent(service, service.ada, b"an archive")
        reference = f"registry.example.org/team/model@sha256:{'0' * 64}"
        refused = entered(service, service.ada, reference=reference)
        assert (refused.status_code, refused.json()["type"]) == (429, "quota-used")
        assert entered(service, service.ada, upload_id=upload_id).status_code == 201


def test_a_withdrawn_submission_costs_no_look_before_its_run(service: Running) -> None:
    submission_id = submission_of(service, service.ada)
    with service.client(service.ada) as client:
        answer = client.post(f"/api/v1/submissions/{submission_id}/withdraw")
        assert answer.status_code == 200
        failure = answer.json()["failure"]
        assert failure["code"] == "cancelled"
        assert failure["meaning"]
        assert failure["advice"]
        again = client.post(f"/api/v1/submissions/{submission_id}/withdraw")
    assert (again.status_code, again.json()["type"]) == (409, "submission-ended")
    assert quota(service, service.ada)["used"] == 0


def test_a_release_is_given_byte_for_byte_once_it_is_released(service: Running) -> None:
    submission_id = submission_of(service, service.ada)
    place = f"/api/v1/submissions/{submission_id}"
    with service.client(service.ada) as client:
        for part in ("release", "report", "practice"):
            early = client.get(f"{place}/{part}")
            assert early.status_code == 409
            assert early.json()["state"] == "received"
        document = '{ "b":1.50,\n "a": 2}'
        released(service, submission_id, document)
        assert client.get(f"{place}/release").text == document
        report = client.get(f"{place}/report")
        assert submission_id in report.text
        assert "attachment" in report.headers["content-disposition"]
        assert client.get(place).json()["state"] == "released"


def test_a_signed_release_is_a_file_that_verifies(
    service: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission_id = submission_of(service, service.ada)
    place = f"/api/v1/submissions/{submission_id}/release/signed"
    with service.client(service.ada) as client:
        early = client.get(place)
        assert (early.status_code, early.json()["type"]) == (409, "not-released")
        released(service, submission_id)
        unsigned = client.get(place)
        assert (unsigned.status_code, unsigned.json()["type"]) == (409, "not-signed")
    key = Ed25519PrivateKey.generate()
    verifying = VerifyingKey(key.public_key())
    statement = stated({"format": RELEASE, "submission": submission_id})
    message = f"{statement}\n".encode()
    signed = Signed(statement=statement, key_id=verifying.key_id, signature=key.sign(message))
    service.ledger.sign([], [SignedRelease(release_number=1, signed=signed)])
    saved, pem = tmp_path / "release.json", tmp_path / "key.pem"
    pem.write_text(verifying.pem)
    monkeypatch.setenv("SEQUESTRA_TOKEN", service.ada.token)
    asked = ["release-file", submission_id, "-o", str(saved), "--server", service.url]
    assert CliRunner().invoke(app, asked).exit_code == 0
    verified = CliRunner().invoke(app, ["verify-release", str(saved), "--key", str(pem)])
    assert verified.exit_code == 0, verified.output
    assert f"submission: {submission_id}" in verified.output


def test_the_chain_names_the_person_who_withdraws(service: Running) -> None:
    submission_id = submission_of(service, service.ada)
    with service.client(service.ada) as client:
        assert client.post(f"/api/v1/submissions/{submission_id}/withdraw").status_code == 200
    (entry,) = service.ledger.chain.entries(event="withdrawn")
    assert (entry.subject, entry.content) == (submission_id, service.ada.person_id)


def test_withdrawing_again_and_again_leaves_nothing_on_the_disk(service: Running) -> None:
    archives = service.folder / "drop" / "archives" / service.ada.team_id
    for content in (b"one", b"two", b"three"):
        submission_id = submission_of(service, service.ada, content)
        with service.client(service.ada) as client:
            assert client.post(f"/api/v1/submissions/{submission_id}/withdraw").status_code == 200
        assert list(archives.iterdir()) == []


def test_an_archive_stays_while_another_entry_or_upload_needs_it(service: Running) -> None:
    first = submission_of(service, service.ada)
    _, sha256 = sent(service, service.ada, b"an archive")
    with service.client(service.ada) as client:
        assert client.post(f"/api/v1/submissions/{first}/withdraw").status_code == 200
        assert service.drop.archive(service.ada.team_id, sha256).read_bytes() == b"an archive"
        second = entered(service, service.ada, sha256=sha256, model="second").json()
        third = entered(service, service.ada, sha256=sha256, model="third").json()
        client.post(f"/api/v1/submissions/{second['submission_id']}/withdraw")
        assert service.drop.archive(service.ada.team_id, sha256).is_file()
        client.post(f"/api/v1/submissions/{third['submission_id']}/withdraw")
    assert service.drop.size(service.ada.team_id, sha256) is None


@pytest.mark.parametrize("part", ["", "/release", "/release/signed", "/report", "/practice"])
def test_another_team_s_submission_is_not_there(service: Running, part: str) -> None:
    submission_id = submission_of(service, service.ada)
    released(service, submission_id)
    with service.client(service.ben) as client:
        theirs = client.get(f"/api/v1/submissions/{submission_id}{part}")
        nothing = client.get(f"/api/v1/submissions/000000000000{part}")
        assert theirs.status_code == nothing.status_code == 404
        assert theirs.json() == nothing.json()
        assert client.get("/api/v1/submissions").json() == {"submissions": []}
        assert client.get("/api/v1/submissions", params={"team": "north"}).status_code == 404


def test_another_team_s_submission_cannot_be_withdrawn(service: Running) -> None:
    submission_id = submission_of(service, service.ada)
    with service.client(service.ben) as client:
        assert client.post(f"/api/v1/submissions/{submission_id}/withdraw").status_code == 404
    assert service.ledger.submission(submission_id).state is State.RECEIVED


def test_a_reviewer_reads_every_team_s_submissions_and_changes_none(service: Running) -> None:
    from submissions.service.principal import Role

    submission_id = submission_of(service, service.ada)
    service.store.people.grant(service.ben.person_id, Role.REVIEWER, granted=True)
    place = f"/api/v1/submissions/{submission_id}"
    with service.client(service.ben) as client:
        assert client.get(place).json()["team"] == "north"
        assert client.post(f"{place}/withdraw").status_code == 404
        assert client.get(f"{place}/practice").status_code == 404


def test_a_failed_submission_says_what_to_do(service: Running) -> None:
    submission_id = submission_of(service, service.ada)
    service.ledger.move(submission_id, State.REJECTED, Failure.IMAGE_INVALID)
    with service.client(service.ada) as client:
        shown = client.get(f"/api/v1/submissions/{submission_id}").json()
    assert shown["failure"]["code"] == "image-invalid"
    assert "change the image" in shown["failure"]["advice"]


@pytest.mark.parametrize(
    ("members", "status", "said"),
    [
        ({}, 422, "0 of upload_id, sha256 and reference"),
        ({"sha256": "0" * 64, "upload_id": "x"}, 422, "2 of upload_id"),
        ({"sha256": "0" * 63}, 422, "sha256"),
        ({"upload_id": "000000000000"}, 404, "No upload"),
        ({"reference": "registry.example.org/a/b:latest"}, 422, "with its digest"),
        ({"sha256": "0" * 64, "benchmark": "knee"}, 404, "No benchmark"),
        ({"sha256": "0" * 64, "team": "south"}, 404, "No team"),
        ({"sha256": "0" * 64, "threshold": 2}, 422, "threshold"),
        (
            {"reference": f"r.example.org/t/m@sha256:{'0' * 64}", "threshold": 0.3},
            422,
            "declares 0.5",
        ),
        ({"sha256": "0" * 64, "model": "<b>\u202e</b>"}, 422, "U+202E"),
        ({"sha256": "0" * 64, "fact_sheet": {"intended_use": 3}}, 422, "fact_sheet"),
        ({"sha256": "0" * 64, "colour": "red"}, 422, "colour"),
    ],
)
def test_an_unfit_entry_is_refused_in_one_sentence(
    unchanged: Running, members: dict[str, object], status: int, said: str
) -> None:
    answer = entered(unchanged, unchanged.ada, **members)
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert said in detail
    assert detail.endswith(".")
    assert unchanged.ledger.submissions() == []


def test_an_upload_that_is_not_complete_cannot_be_entered(service: Running) -> None:
    upload_id = created(service, service.ada, 10).json()["upload_id"]
    answer = entered(service, service.ada, upload_id=upload_id)
    assert (answer.status_code, answer.json()["type"]) == (409, "upload-incomplete")


def test_a_closed_benchmark_takes_no_entry(tmp_path: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    closed = replace(CHEST, closes=yesterday)
    with running(tmp_path / "home", offered=(closed,)) as service:
        reference = f"registry.example.org/team/model@sha256:{'0' * 64}"
        answer = entered(service, service.ada, reference=reference)
        assert (answer.status_code, answer.json()["type"]) == (409, "benchmark-closed")
        with service.client() as client:
            shown = client.get("/api/v1/benchmarks/chest").json()
        assert shown["open"] is False
        assert shown["closes"] == str(yesterday)


def test_a_threshold_lies_on_the_scale_of_the_scores(tmp_path: Path) -> None:
    contract = replace(CHEST.contract, outputs=("score",), form=PredictionForm(None, None))
    free = replace(CHEST, contract=contract, threshold=None)
    with running(tmp_path / "home", offered=(free,)) as service:
        reference = f"registry.example.org/team/model@sha256:{'0' * 64}"
        answer = entered(service, service.ada, reference=reference)
        assert answer.status_code == 422
        assert "No threshold is given" in answer.json()["detail"]
        answer = entered(service, service.ada, reference=reference, threshold=-312.5)
        assert answer.status_code == 201
        assert answer.json()["threshold"] == -312.5


def test_benchmarks_are_shown_to_anyone_with_limits_and_file(unchanged: Running) -> None:
    with unchanged.client() as client:
        (shown,) = client.get("/api/v1/benchmarks").json()["benchmarks"]
        assert shown == client.get("/api/v1/benchmarks/chest").json()
        file = client.get("/api/v1/benchmarks/chest/file")
        assert client.get("/api/v1/benchmarks/knee").status_code == 404
    assert shown["contract"]["memory_mb"] == 2048
    assert shown["quota"]["per_team"] == 2
    assert file.content == CHEST.toml


def test_a_ledger_that_does_not_answer_is_no_missing_submission(service: Running) -> None:
    submission_id = submission_of(service, service.ada)
    with raw(f"sqlite:///{service.folder}/public/ledger.sqlite", unguarded=True) as connection:
        for table in ("submissions", "audit"):
            connection.execute(text(f"ALTER TABLE {table} RENAME TO away_{table}"))
    with service.client(service.ada) as client:
        answer = client.get(f"/api/v1/submissions/{submission_id}")
    assert (answer.status_code, answer.json()["type"]) == (503, "not-ready")
