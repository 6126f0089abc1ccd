"""The whole path through the front door: real containers, a real MLflow store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from evaluator.disclosure.control import Release
from evaluator.leaderboard.published import cohort_card
from evaluator.stores.enclave import Enclave
from evaluator.stores.installation import Installation
from submissions.host.base_image import docker
from submissions.ledger.ledger import Ledger
from submissions.submission import Failure, State
from tests.support.commands import PROGRAM, environment, sequestra, succeed
from tests.support.engine import ImageBuilder
from tests.support.walkthrough import Walked, simulated, submit

pytestmark = pytest.mark.engine

HONEST = """
import csv, os
with open('/input/cases.csv') as lines, open('/output/predictions.csv', 'w') as out:
    print('case_id,probability', file=out)
    for row in csv.DictReader(lines):
        folder = '/input/images/' + row['case_id']
        size = sum(os.path.getsize(folder + '/' + name) for name in os.listdir(folder))
        print(row['case_id'] + ',' + format(size % 1000 / 1000, '.6f'), file=out)
"""

HOSTILE = {
    "network": (
        "import socket; socket.create_connection(('1.1.1.1', 53), timeout=5)",
        Failure.CRASHED,
    ),
    "elsewhere": ("open('/stolen.csv', 'w').write('x')", Failure.CRASHED),
    "not-a-number": (
        "import csv\n"
        "rows = list(csv.DictReader(open('/input/cases.csv')))\n"
        "out = open('/output/predictions.csv', 'w')\n"
        "out.write('case_id,probability\\n')\n"
        "out.writelines(row['case_id'] + ',nan\\n' for row in rows)\n",
        Failure.PREDICTIONS_OUT_OF_RANGE,
    ),
}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Walked:
    """A sealed cohort with a trained baseline and the constant model on the board."""
    found = simulated(tmp_path_factory.mktemp("walked"))
    model = found.folder / "model"
    succeed("train", found.open_list, "--output", model, "--epochs", "1", "--size", "64")
    succeed("export", model)
    succeed("package", "--model", model, "--tag", "sequestra-test/densenet")
    succeed("package", "--prevalence", found.open_list, "--tag", "sequestra-test/prevalence")
    submit(found, "sequestra-test/densenet", "A lab", "DenseNet")
    submit(found, "sequestra-test/prevalence", "Baseline", "Prevalence")
    succeed("run", "--wait", "--home", found.home)
    return found


def releases(walked: Walked) -> dict[str, Release]:
    published = Ledger(walked.ledger_url).releases(walked.benchmark)
    found = [Release.from_json(each.document) for each in published]
    return {released.model: released for released in found}


def overall(released: Release, metric: str) -> float:
    (value,) = [
        result.estimate.value
        for result in released.results
        if (result.metric, result.attribute) == (metric, "overall")
    ]
    assert value is not None
    return value


def test_the_constant_model_has_an_auroc_of_one_half(walked: Walked) -> None:
    assert overall(releases(walked)["Prevalence"], "auroc") == 0.5


def test_the_public_card_of_the_cohort_says_what_every_release_says(walked: Walked) -> None:
    installation = Installation(walked.home)
    card = cohort_card(installation, installation.ledger(), walked.benchmark)
    assert card is not None
    assert card.flow[0].remaining >= card.flow[-1].remaining > card.n_cases
    shares = {(row.attribute, row.level): (row.target, row.achieved) for row in card.levels}
    for released in releases(walked).values():
        counts = (released.n_cases, released.n_patients, released.n_positive)
        assert (card.n_cases, card.n_patients, card.n_positive) == counts
        assert released.target is not None
        assert shares == {
            (row.attribute, row.level): (
                row.target,
                None if row.achieved is None else round(row.achieved, 4),
            )
            for row in released.target.levels
        }


def test_both_models_stand_on_the_board(walked: Walked) -> None:
    printed = succeed("leaderboard", walked.benchmark, "--home", walked.home)
    assert "DenseNet" in printed
    assert "Prevalence" in printed


def test_every_release_has_one_mlflow_run_with_bounds_and_digests(walked: Walked) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{walked.home}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name(f"sequestra/{walked.benchmark}")
    assert experiment is not None
    runs = {run.data.params["model"]: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == set(releases(walked))
    for model, released in releases(walked).items():
        run = runs[model]
        assert run.data.tags["sequestra.cohort_digest"] == released.cohort_digest
        assert run.data.metrics["auroc"] == overall(released, "auroc")
        assert {"auroc.low", "auroc.high"} <= set(run.data.metrics)
        names = {found.path for found in client.list_artifacts(run.info.run_id)}
        assert {"report.html", "release.json", "figures.csv", "charts"} <= names


def test_no_patient_or_case_of_the_cohort_is_named_where_others_may_read(walked: Walked) -> None:
    # By another process: in this one, to close the file would take SQLite's locks on it away.
    files = [str(path) for path in (walked.home / "public").rglob("*") if path.is_file()]
    public = subprocess.run(["cat", *files], check=True, capture_output=True).stdout
    assert walked.benchmark.encode() in public
    sources = Enclave(walked.home / "enclave").cohort(walked.benchmark).sources()
    opened = walked.open_list.read_text()
    assert sources
    for sealed_id, (case_id, patient_id) in sources.items():
        assert case_id not in opened
        assert f",{patient_id}," not in opened
        for name in (sealed_id, case_id, patient_id):
            assert name.encode() not in public


def test_the_report_opens_without_a_network(walked: Walked, tmp_path: Path) -> None:
    submission = releases(walked)["DenseNet"].submission_id
    succeed("report", submission, "--output", tmp_path / "r.html", "--home", walked.home)
    text = (tmp_path / "r.html").read_text()
    assert "DenseNet" in text
    assert 'src="http' not in text


def test_the_seal_is_whole_and_the_doctor_is_content(walked: Walked) -> None:
    assert "seal whole" in succeed("verify", walked.benchmark, "--home", walked.home)
    assert "not well" not in succeed("doctor", "--home", walked.home)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_container_ends_in_its_code_and_changes_no_board(
    walked: Walked, name: str, image_of: ImageBuilder
) -> None:
    program, failure = HOSTILE[name]
    before = succeed("leaderboard", walked.benchmark, "--home", walked.home)
    submission = submit(walked, image_of(program), "A stranger", name)
    succeed("run", "--wait", "--home", walked.home)
    assert failure.value in succeed("status", submission, "--home", walked.home)
    assert succeed("leaderboard", walked.benchmark, "--home", walked.home) == before


def wait_for(path: Path, submission: str, state: str) -> None:
    query = "SELECT state FROM transitions WHERE submission_id = ? ORDER BY number DESC LIMIT 1"
    for _ in range(1800):
        connection = sqlite3.connect(path)
        (found,) = connection.execute(query, (submission,)).fetchone()
        connection.close()
        if found == state:
            return
        time.sleep(0.1)
    pytest.fail(f"the submission never was {state}")


def containers(submission: str) -> list[str]:
    label = f"label=sequestra.submission={submission}"
    return docker("ps", "--all", "--quiet", "--filter", label).stdout.split()


def test_a_run_killed_half_way_ends_with_exactly_one_evaluation(
    walked: Walked, image_of: ImageBuilder
) -> None:
    tag = image_of("import time; time.sleep(8)\n" + HONEST)
    submission = submit(walked, tag, "A slow team", "Slow")
    running = subprocess.Popen(
        [*PROGRAM, "run", "--home", str(walked.home)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(walked.home / "public" / "ledger.sqlite", submission, "running")
    for _ in range(300):
        if containers(submission):
            break
        time.sleep(0.1)
    assert containers(submission), "no container was started"
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    succeed("run", "--wait", "--home", walked.home)
    assert Enclave(walked.home / "enclave").count_evaluations(submission) == 1
    ledger = Ledger(walked.ledger_url)
    assert ledger.submission(submission).state is State.RELEASED
    mine = [each for each in ledger.releases() if each.submission_id == submission]
    assert len(mine) == 1
    assert containers(submission) == []
    assert not list((walked.home / "enclave" / "staging").glob("run-*"))
    assert ledger.chain.problems() == []


def test_a_second_dispatcher_is_refused(walked: Walked, image_of: ImageBuilder) -> None:
    tag = image_of("import time; time.sleep(6)\n" + HONEST)
    submission = submit(walked, tag, "A busy team", "Busy")
    first = subprocess.Popen(
        [*PROGRAM, "run", "--home", str(walked.home)], env=environment(), stdout=subprocess.DEVNULL
    )
    wait_for(walked.home / "public" / "ledger.sqlite", submission, "running")
    second = sequestra("run", "--home", walked.home)
    assert second.code == 2
    assert "another `sequestra run` works in" in second.complained
    assert first.wait() == 0


def test_a_key_that_is_not_there_stops_the_queue_and_is_nobodys_failure(
    walked: Walked, image_of: ImageBuilder, tmp_path: Path
) -> None:
    submission = submit(walked, image_of(HONEST), "A patient team", "Patient")
    nowhere = {"SEQUESTRA_ENCLAVE_KEY": str(tmp_path / "nowhere.key")}
    stopped = sequestra("run", "--home", walked.home, env=nowhere)
    assert stopped.code == 2
    assert "nowhere.key" in stopped.complained
    assert Ledger(walked.ledger_url).submission(submission).state is State.QUEUED
    succeed("run", "--wait", "--home", walked.home)
    assert Ledger(walked.ledger_url).submission(submission).state is State.RELEASED


def test_an_image_that_only_the_engine_refuses_keeps_nobody_waiting(
    walked: Walked, image_of: ImageBuilder
) -> None:
    made = docker("create", image_of(HONEST)).stdout.strip()
    try:
        docker("commit", "--change", 'ENTRYPOINT [""]', made, "sequestra-test/refused")
    finally:
        docker("rm", made)
    ledger = Ledger(walked.ledger_url)
    entered = sequestra(
        *("submit", "sequestra-test/refused", "--benchmark", walked.benchmark),
        *("--home", walked.home, "--team", "A stranger", "--model", "Refused"),
    )
    behind = submit(walked, image_of(HONEST + "\n#"), "Next in line", "Behind")
    for _ in range(3):
        sequestra("run", "--home", walked.home)
    assert ledger.submission(behind).state is State.RELEASED
    (refused,) = [each for each in ledger.submissions() if each.model == "Refused"]
    assert refused.state is (State.FAILED if entered.code == 0 else State.REJECTED)


def test_a_file_changed_after_sealing_stops_the_queue(walked: Walked) -> None:
    kept = walked.home / "benchmarks" / f"{walked.benchmark}.toml"
    text = kept.read_text()
    try:
        kept.write_text(text.replace("minimum_cell = 10", "minimum_cell = 5"))
        doctor = sequestra("doctor", "--home", walked.home)
        assert doctor.code == 1
        assert "is not the file" in doctor.printed.replace("\n", " ")
    finally:
        kept.write_text(text)
