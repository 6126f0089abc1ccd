"""The dry run on practice cases unlocks the sequestered run, and costs nothing when it fails."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pydicom
import pytest

from evaluator.queue.practice_run import expected_seconds
from evaluator.sandbox.engine import Engine
from evaluator.stores.enclave import Event
from submissions.host.base_image import docker
from submissions.submission import Failure, State
from tests.support.engine import ImageBuilder
from tests.support.engine_events import DIE, START, engine_events
from tests.support.entered import enter, in_drop, practice, states
from tests.support.installation import Installed, assert_true_state, copied, until
from tests.support.programs import HONEST, READ, SECOND, seal_second

pytestmark = pytest.mark.engine

CASES = 6
WHOLE = ["received", "linted", "dry-run", "queued", "running", "scoring", "released"]

TELLS = READ + "print(*(f'line {n}' for n in range(300)), sep='\\n', flush=True)\n"
"""More lines than the steward keeps of a sequestered run."""

CALLS = READ + "print(len(rows), 'cases', *sorted(rows[0]), sep=' | ', flush=True)\n" + HONEST
FAILS_IN_PRACTICE = TELLS + "sys.exit(3)\n"


@pytest.fixture(scope="module")
def practised(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation with a second benchmark, which has practice cases."""
    folder = tmp_path_factory.mktemp("practised")
    made = copied(sealed, folder / "home")
    lines = {
        "[quota]": f"[practice]\ncases = {CASES}\n\n[quota]",
        "per_team = 20": "per_team = 3\nconcurrent = 1",
        "replicates = 2000": "replicates = 200",
        "repeat_share = 0.1": "repeat_share = 0.0",
    }
    seal_second(made, sealed, folder, lines)
    return made.home


@pytest.fixture
def installed(practised: Path, tmp_path: Path) -> Installed:
    """An installation of the test's own, with practice cases."""
    return copied(practised, tmp_path / "home")


def test_sealing_lays_out_practice_cases_that_are_open_and_copied_as_sealed_ones(
    practised: Path, sealed: Path
) -> None:
    table = practised / "practice" / SECOND / "open.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == CASES
    assert {row["label"] for row in rows} == {"0", "1"}
    assert all(row["case_id"].startswith("practice-") for row in rows)
    open_rows = list(csv.DictReader((sealed.parent / "open.csv").read_text().splitlines()))
    pictures = {
        pydicom.dcmread(sealed.parent / file).PixelData
        for row in open_rows
        for file in row["files"].split(";")
    }
    for row in rows:
        for file in row["files"].split(";"):
            copy = pydicom.dcmread(table.parent / file)
            assert copy.PixelData in pictures
            assert "PatientName" not in copy or str(copy.PatientName) == ""
            assert "StudyDescription" not in copy
            assert copy.DeidentificationMethod == "Sequestra allow-list 2"


def test_a_dry_run_that_passes_unlocks_the_run_and_tells_its_team_all(
    installed: Installed, image_of: ImageBuilder, engine: Engine, tmp_path: Path
) -> None:
    digest = image_of(TELLS + CALLS)
    archive = tmp_path / "image.tar"
    engine.save(digest, archive)
    submission = enter(installed, SECOND, "Honest", archive=archive)
    with engine_events(tmp_path) as events:
        installed.run()
        assert events.starts(submission) == 2
    assert states(installed, submission) == WHOLE
    told = practice(installed, submission)
    assert (told["failure"], told["n_cases"]) == (None, CASES)
    lines = told["log"].splitlines()
    assert lines[:300] == [f"line {n}" for n in range(300)]
    assert lines[300] == f"{CASES} | cases | case_id | n_files"
    scores = told["scores"]
    assert scores["n_positive"] + scores["n_negative"] == CASES
    assert 0 <= scores["lowest"] < scores["highest"] <= 1
    assert 0 <= scores["auroc"] <= 1
    assert told["expected_seconds"] in [2**n for n in range(10)]
    # The steward alone reads of the sequestered run, and of it no more than the end.
    (ended,) = [each for each in installed.attempts(submission) if each.event is Event.ENDED]
    assert "line 150" in ended.log
    assert "line 50" not in ended.log.splitlines()
    assert_true_state(installed)


def test_a_dry_run_that_fails_costs_nothing_and_leaves_its_whole_log_alone(
    installed: Installed, image_of: ImageBuilder, engine: Engine, tmp_path: Path
) -> None:
    digest = image_of(FAILS_IN_PRACTICE + f"# {tmp_path}\n")
    archive = tmp_path / "image.tar"
    engine.save(digest, archive)
    docker("image", "rm", "--force", digest)
    submission = enter(installed, SECOND, "Crashes", archive=archive)
    installed.run()
    assert states(installed, submission) == ["received", "linted", "dry-run", "rejected"]
    told = practice(installed, submission)
    assert told["failure"] == "crashed"
    assert told["log"].splitlines() == [f"line {n}" for n in range(300)]
    assert told["expected_seconds"] is None
    assert installed.ledger.charged("A team", SECOND) == []
    assert Event.STARTED not in installed.events(submission)
    assert not engine.has(digest)
    assert in_drop(installed) == []
    assert_true_state(installed, {"Crashes": Failure.CRASHED})


def test_predictions_that_are_wrong_are_told_with_line_and_log(
    installed: Installed, image_of: ImageBuilder
) -> None:
    wrong = READ + "print('before', flush=True)\nwrite((row['case_id'], 'nan') for row in rows)\n"
    submission = enter(installed, SECOND, "Wrong", image_digest=image_of(wrong))
    installed.run()
    told = practice(installed, submission)
    assert told["failure"] == "predictions-out-of-range"
    assert "line 2: 'nan' is not a number" in told["detail"]
    assert told["log"] == "before\n"


def test_entered_on_the_stewards_machine_it_waits_linted_for_its_dry_run(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["honest"], "Steward's", benchmark=SECOND)
    assert states(installed, submission) == ["received", "linted"]
    installed.run()
    assert states(installed, submission) == WHOLE


def test_a_team_runs_no_more_at_once_than_its_benchmark_says_and_no_dry_run_beside(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    mine = [
        enter(installed, SECOND, f"Number {n}", image_digest=images[name])
        for n, name in enumerate(("slow", "other", "honest"))
    ]
    with engine_events(tmp_path) as events:
        installed.run()
        told = sorted(
            (each.at, each.action) for submission in mine for each in events.of(submission)
        )
    running = most = 0
    for _, action in told:
        running += {START: 1, DIE: -1}[action]
        most = max(most, running)
    assert [action for _, action in told].count(START) == 6
    assert most == 1
    assert_true_state(installed)


def test_lost_practice_cases_let_their_benchmark_wait_until_they_are_made_again(
    installed: Installed, images: dict[str, str], sealed: Path
) -> None:
    shutil.rmtree(installed.home / "practice")
    submission = enter(installed, SECOND, "Waits", image_digest=images["honest"])
    said = installed.refused()
    assert f"`sequestra practice {SECOND} --open LIST` makes it" in said
    assert installed.state(submission) is State.LINTED
    made = installed.command("practice", SECOND, "--open", sealed.parent / "open.csv")
    assert made.code == 0, made.complained
    assert f"{CASES} cases" in made.printed
    installed.run()
    assert installed.state(submission) is State.RELEASED


def test_cancelled_in_its_dry_run_it_costs_nothing(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = enter(installed, SECOND, "Regretted", image_digest=images["slower"])
    with installed.running() as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        assert installed.state(submission) is State.DRY_RUN
        assert installed.command("cancel", submission).code == 0
        until(lambda: not installed.containers(submission), 30)  # it would sleep for 45
        said = dispatcher.communicate(timeout=120)[0]
    assert dispatcher.returncode == 0, said
    assert installed.ledger.charged("A team", SECOND) == []
    assert_true_state(installed, {"Regretted": Failure.CANCELLED})


DRY_RUN = (
    ("submissions.ledger.ledger:Ledger.move", "before", State.LINTED),
    ("submissions.ledger.ledger:Ledger.move", "after", State.DRY_RUN),
    ("docker.api:APIClient.create_container", "after", State.DRY_RUN),
    ("docker.models.containers:Container.start", "after", State.DRY_RUN),
    ("evaluator.workers.shard:read_predictions", "after", State.DRY_RUN),
    ("submissions.ledger.ledger:Ledger.practised", "before", State.DRY_RUN),
    ("submissions.ledger.ledger:Ledger.practised", "after", State.QUEUED),
)


@pytest.mark.faults
def test_a_queue_that_is_killed_in_a_dry_run_does_it_again_and_charges_once(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["honest"], "Honest", benchmark=SECOND)
    for where, when, state in DRY_RUN:
        installed.dies(where, when)
        assert installed.state(submission) is state, (where, when)
    assert Event.STARTED not in installed.events(submission)
    installed.run()
    assert installed.state(submission) is State.RELEASED
    assert len(installed.ledger.charged("A team", SECOND)) == 1
    assert_true_state(installed)


def test_the_expected_time_grows_with_the_cases_of_a_container() -> None:
    """By hand: 10 s once, and 2 s a case of 5; 100 cases in 4 containers are 25 each."""
    assert expected_seconds(10.0, 10.0, 5, 100, 1) == 210.0
    assert expected_seconds(10.0, 10.0, 5, 100, 4) == 60.0
    assert expected_seconds(10.0, 10.0, 5, 2, 4) == 12.0
