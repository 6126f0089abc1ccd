"""A received image is linted, loaded and looked at by the queue, or rejected without a trace."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from evaluator.queue.admission_thread import Admissions, _Looked
from evaluator.sandbox.engine import Engine
from evaluator.stores.installation import Installation
from submissions.drop import Drop
from submissions.host.base_image import docker
from submissions.quota import Quota
from submissions.receiving import ArchiveInDrop, Entry, receive
from submissions.submission import Failure, State
from tests.attacks.archives import Image, tar_of
from tests.support.engine import ImageBuilder
from tests.support.entered import TEAM_ID, enter, in_drop, states
from tests.support.installation import Installed, assert_true_state
from tests.support.programs import HONEST, READ
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine

WHOLE = ["received", "linted", "queued", "running", "scoring", "released"]


@pytest.fixture
def nameless(engine: Engine, image_of: ImageBuilder, tmp_path: Path) -> tuple[Path, str]:
    """An archive of an image that the engine does not have, and its digest."""
    digest = image_of(READ + HONEST + f"# {tmp_path}\n")
    archive = tmp_path / "image.tar"
    engine.save(digest, archive)
    docker("image", "rm", "--force", digest)
    return archive, digest


def refused_archive(folder: Path) -> tuple[Path, str]:
    """An archive whose image declares a volume, and its digest."""
    files = Image(config={"config": {"Entrypoint": ["python3"], "Volumes": {"/data": {}}}}).files()
    (config,) = (name for name in files if len(name) == 69)
    archive = folder / "refused.tar"
    archive.write_bytes(tar_of(files))
    return archive, f"sha256:{config.removesuffix('.json')}"


def test_an_archive_in_the_drop_folder_is_admitted_run_and_released(
    installed: Installed, engine: Engine, nameless: tuple[Path, str]
) -> None:
    archive, digest = nameless
    submission = enter(installed, BENCHMARK, "Dropped", archive=archive)
    installed.run()
    assert installed.ledger.submission(submission).image_digest == digest
    assert states(installed, submission) == WHOLE
    assert submission in engine.kept()
    assert len(in_drop(installed)) == 1  # the team need not send it again
    assert_true_state(installed)
    pruned = installed.command("prune", "--days", "0")
    assert pruned.code == 0, pruned.complained
    assert in_drop(installed) == []
    assert not engine.has(digest)


def test_what_breaks_the_contract_is_rejected_with_a_finding_and_leaves_no_trace(
    installed: Installed, engine: Engine, nameless: tuple[Path, str], tmp_path: Path
) -> None:
    broken, digest = refused_archive(tmp_path)
    refused = enter(installed, BENCHMARK, "Refused", archive=broken)
    goes = enter(installed, BENCHMARK, "Goes", archive=nameless[0])
    torn = tmp_path / "torn.tar"
    torn.write_bytes(nameless[0].read_bytes()[:20_000])
    cut = enter(installed, BENCHMARK, "Cut", archive=torn)
    installed.run()
    assert installed.ledger.submission(refused).failure is Failure.IMAGE_INVALID
    finding = installed.ledger.finding(refused)
    assert finding is not None
    assert "the image declares VOLUME '/data'; remove the VOLUME line" in finding
    assert "cut short or damaged" in str(installed.ledger.finding(cut))
    assert installed.ledger.finding(goes) is None
    assert states(installed, refused) == ["received", "rejected"]
    assert installed.state(goes) is State.RELEASED
    assert len(installed.ledger.charged("A team", BENCHMARK)) == 1
    assert len(in_drop(installed)) == 1
    assert not engine.has(digest)
    assert engine.kept().isdisjoint({refused, cut})
    assert_true_state(installed, {"Refused": Failure.IMAGE_INVALID, "Cut": Failure.IMAGE_INVALID})


def test_withdrawn_before_its_admission_it_costs_nothing_and_is_not_loaded(
    installed: Installed, engine: Engine, nameless: tuple[Path, str]
) -> None:
    archive, digest = nameless
    submission = enter(installed, BENCHMARK, "Regretted", archive=archive)
    assert len(installed.ledger.charged("A team", BENCHMARK)) == 1
    assert installed.command("cancel", submission).code == 0
    assert installed.ledger.charged("A team", BENCHMARK) == []
    installed.run()
    assert not engine.has(digest)
    assert states(installed, submission) == ["received", "failed"]


def test_an_archive_that_is_gone_or_changed_is_nobodys_failure(
    installed: Installed, nameless: tuple[Path, str], tmp_path: Path
) -> None:
    first = enter(installed, BENCHMARK, "Gone", archive=nameless[0])
    other = tmp_path / "other.tar"
    other.write_bytes(nameless[0].read_bytes() + bytes(1024))
    second = enter(installed, BENCHMARK, "Changed", archive=other)
    drop = Installation(installed.home).drop / "archives" / TEAM_ID
    one, two = (installed.ledger.arrival(each) for each in (first, second))
    assert one is not None
    assert two is not None
    (drop / str(one.archive_sha256)).unlink()
    (drop / str(two.archive_sha256)).write_bytes(nameless[0].read_bytes())
    ended = installed.command("run", "--wait")
    assert "send it again" in ended.complained
    assert "Traceback" not in ended.complained
    for each in (first, second):
        assert installed.ledger.submission(each).failure is Failure.HARNESS_ERROR
    assert installed.ledger.charged("A team", BENCHMARK) == []


def test_a_drop_folder_elsewhere_is_found_by_its_variable(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQUESTRA_DROP", str(tmp_path / "elsewhere"))
    broken, _ = refused_archive(tmp_path)
    submission = enter(installed, BENCHMARK, "Refused", archive=broken)
    drop = Drop(tmp_path / "elsewhere")
    arrival = installed.ledger.arrival(submission)
    assert arrival is not None
    assert drop.size(TEAM_ID, str(arrival.archive_sha256)) is not None
    Installed(installed.home, {"SEQUESTRA_DROP": str(tmp_path / "elsewhere")}).run()
    assert installed.ledger.submission(submission).failure is Failure.IMAGE_INVALID
    assert drop.size(TEAM_ID, str(arrival.archive_sha256)) is None


def test_a_rejected_archive_that_another_entry_waits_for_stays_until_its_turn(
    installed: Installed, tmp_path: Path
) -> None:
    broken, _ = refused_archive(tmp_path)
    first = enter(installed, BENCHMARK, "First name", archive=broken)
    second = enter(installed, BENCHMARK, "Second name", archive=broken)
    installed.run()
    for each in (first, second):
        assert "VOLUME" in str(installed.ledger.finding(each))
    assert in_drop(installed) == []


KILLED = (
    ("evaluator.sandbox.engine:Engine.let_in", "before", State.RECEIVED),
    ("evaluator.sandbox.images:Images.keep", "before", State.RECEIVED),
    ("submissions.ledger.ledger:Ledger.admitted", "before", State.RECEIVED),
    ("submissions.ledger.ledger:Ledger.admitted", "after", State.QUEUED),
)


@pytest.mark.faults
def test_a_queue_that_is_killed_in_an_admission_takes_it_up_again(
    installed: Installed, engine: Engine, nameless: tuple[Path, str]
) -> None:
    archive, digest = nameless
    submission = enter(installed, BENCHMARK, "Dropped", archive=archive)
    for where, when, state in KILLED:
        installed.dies(where, when)
        assert installed.state(submission) is state, (where, when)
    installed.run()
    assert states(installed, submission) == WHOLE
    names = json.loads(docker("image", "inspect", digest).stdout)[0]["RepoTags"]
    assert [name for name in names if "loaded" in name] == []
    assert_true_state(installed)


@pytest.mark.faults
def test_a_queue_that_is_killed_in_a_rejection_rejects_once(
    installed: Installed, engine: Engine, tmp_path: Path
) -> None:
    broken, digest = refused_archive(tmp_path)
    submission = enter(installed, BENCHMARK, "Refused", archive=broken)
    installed.dies("submissions.ledger.ledger:Ledger.reject", "before")
    assert installed.state(submission) is State.RECEIVED
    installed.dies("submissions.ledger.ledger:Ledger.reject", "after")
    assert installed.state(submission) is State.REJECTED
    installed.run()
    assert states(installed, submission) == ["received", "rejected"]
    assert installed.ledger.charged("A team", BENCHMARK) == []
    assert not engine.has(digest)
    assert installed.command("prune", "--days", "0").code == 0
    assert in_drop(installed) == []


def test_an_image_of_no_tar_is_told_so(installed: Installed, tmp_path: Path) -> None:
    empty = tmp_path / "empty.tar"
    with tarfile.open(empty, "w"):
        pass
    submission = enter(installed, BENCHMARK, "Empty", archive=empty)
    installed.run()
    assert installed.state(submission) is State.REJECTED
    assert installed.ledger.finding(submission)


def test_an_archive_that_goes_with_its_withdrawal_does_not_stop_the_queue(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    installation.root.mkdir()
    ledger = installation.ledger()
    archive = ArchiveInDrop(TEAM_ID, "a" * 64)
    entry = Entry(team="North", model="m", benchmark="chest", archive=archive)
    submission = receive(ledger, entry=entry, quota=Quota())
    unasked: Any = None
    admissions = Admissions(installation, ledger, unasked, unasked)
    gone = _Looked(submission, FileNotFoundError("image.tar"))
    with pytest.raises(FileNotFoundError):
        admissions._settle(gone)
    ledger.withdraw(submission.submission_id, "ba9876543210")
    assert admissions._settle(gone) == [submission.submission_id]
    ledger.close()
