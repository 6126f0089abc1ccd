"""MLflow's names of figures, on a real store: any level there may be, and none keeps others."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evaluator.disclosure.rule import Disclosure
from evaluator.scoring.results import OVERALL, Result
from evaluator.stores.installation import Installation
from evaluator.tracking.headline import HEADLINE, MOST_GROUPS, WORST_GROUP
from evaluator.tracking.keys import KEYS_FILE, keys, named
from evaluator.tracking.mlflow_runs import prepare, track, track_releases
from evaluator.tracking.page import page
from evaluator.tracking.process import TrackingError
from metrics.estimate import Estimate
from submissions.fact_sheet import FactSheet, template
from submissions.ledger.ledger import PublishedRelease
from submissions.submission import Owner, State
from tests.support.filed_home import publish
from tests.support.hand_made import evaluation, released
from tests.support.repository import REPOSITORY
from tests.support.services import TrackingServer, started
from tests.support.verdicts import DIGEST, SEALED, verdict

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:DeprecationWarning"  # mlflow 3.17 with SQLAlchemy 2.1
)

LONG = " x ".join(["Native Hawaiian or Other Pacific Islander and two more"] * 5)
UGLY = (
    *("North/", "/North", "North", "North//South", "..", ".", "", " ", "North ", " North", "../up"),
    *("<50", ">50", "under 50", "over 50", "≤50", "≥50", "50+", "50 plus", "50-", "50–60"),
    "50-60",
    *("a:b", "a;b", "a=b", "a'b", 'a"b', "a`b", "a\\b", "a%b", "a_b", "a b", "a\tb", "a\nb"),
    "a\x00b",
    *("male", "Male", "MALE", "é", "e\u0301", "e", "日本", "中国", "\U0001f3e5", "\u202e"),
    "'; DROP --",
    *("x", "x.low", "x.high", "x 0123456789ab", "x.low.high", "NaN", "None", "metrics", "-1"),
    *(LONG, LONG + "!", LONG + "?", "é" * 300, "/" * 300, "." * 300),
)  # fmt: skip


def test_a_name_that_mlflow_takes_is_its_own_key() -> None:
    names = [
        ("auroc", "", ""),
        ("auroc", "age_group", "<50"),
        ("auroc", "age_group", "85+"),
        ("sensitivity_at_specificity_0.9", "race x sex", "Black or African American x Female"),
        ("auroc", "race", "White - Black or African American"),
    ]
    assert list(keys(names).values()) == [
        "auroc",
        "auroc/age_group/under 50",
        "auroc/age_group/85 plus",
        "sensitivity_at_specificity_0.9/race x sex/Black or African American x Female",
        "auroc/race/White - Black or African American",
    ]


def test_a_key_is_the_same_in_every_run_whatever_else_there_is() -> None:
    alone = {name: keys([name])[name] for name in [("auroc", "site", level) for level in UGLY]}
    together = keys([*alone, ("auroc", "site", "nobody else")])
    others = {name for name in alone if together[name] != alone[name]}
    # Only those that would differ in their case alone, which some databases take for the same.
    assert {level for _, _, level in others} <= {"male", "Male", "MALE"}


def test_keys_are_short_and_differ_with_what_is_added_to_them() -> None:
    names = [("auroc", "site", level) for level in UGLY]
    names += [("auroc", level, "site") for level in UGLY if level != "site"]
    found = keys(names)
    assert len(found) == len(set(names))
    whole = [f"{key}{end}".casefold() for key in found.values() for end in ("", ".low", ".high")]
    assert len(set(whole)) == len(whole)
    assert max(map(len, whole)) <= 250


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose MLflow store is made."""
    made = Installation(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        prepare(made)
    return made


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # empty is unset


def published(number: int, levels: tuple[str, ...]) -> PublishedRelease:
    found = replace(released(f"s{number}", team="Team"), results=tuple(figures(levels)))
    return PublishedRelease(
        number=number,
        submission_id=found.submission_id,
        benchmark=found.benchmark,
        evaluation_key=f"key {number}",
        document=found.to_json(),
        published=datetime(2026, 1, 3, 12, tzinfo=UTC),
    )


def figures(levels: tuple[str, ...]) -> Iterator[Result]:
    """The overall figures, and an AUROC of its own for each level."""
    yield from (each for each in evaluation({}).results if (each.attribute, each.level) == OVERALL)
    for number, level in enumerate(levels):
        value = 0.5 + number / 1000
        found = Estimate(
            value=value,
            low=value - 0.0001,
            high=value + 0.0001,
            n_cases=300,
            n_patients=300,
            n_positive=150,
            method="DeLong",
        )
        yield Result.named("auroc", "site", level, found)


def test_the_ugliest_levels_each_have_their_figures_in_mlflow(
    installation: Installation, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    sheet = FactSheet.from_toml(template())
    client = MlflowClient(tracking_uri=installation.tracking_uri)
    for number, first in enumerate(range(0, len(UGLY), MOST_GROUPS), start=10):
        levels = UGLY[first : first + MOST_GROUPS]
        run_id = track(published(number, levels), installation, sheet)
        metrics = client.get_run(run_id).data.metrics
        place = tmp_path / str(number)
        place.mkdir()
        told = json.loads(
            Path(client.download_artifacts(run_id, KEYS_FILE, str(place))).read_text()
        )
        by_name = {(e["figure"], e["attribute"], e["level"]): k for k, e in told.items()}
        for step, level in enumerate(levels):
            key = by_name["auroc", "site", level]
            value = 0.5 + step / 1000
            assert metrics[key] == pytest.approx(value)
            assert f"{key}.low" not in metrics
        assert set(told) | {WORST_GROUP} == {
            key for key in metrics if not key.endswith((".low", ".high"))
        }
        assert named(next(figures(()))) in by_name
        kept = client.download_artifacts(run_id, "fact-sheet.json", str(place))
        assert FactSheet.from_json(Path(kept).read_text()) == sheet


def test_however_many_levels_a_run_has_a_bounded_number_of_metrics_and_every_figure_as_a_file(
    installation: Installation, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=installation.tracking_uri)
    run_id = track(published(1, UGLY), installation)
    assert len(UGLY) > 2 * MOST_GROUPS
    shown = {key for key in client.get_run(run_id).data.metrics if "." not in key[-5:]}
    assert len([key for key in shown if key.startswith("auroc/")]) == MOST_GROUPS
    assert len(shown) <= len(HEADLINE) + MOST_GROUPS + 3
    with Path(client.download_artifacts(run_id, "figures.csv", str(tmp_path))).open(
        newline=""
    ) as lines:
        rows = {
            (row["figure"], row["attribute"], row["level"]): row for row in csv.DictReader(lines)
        }
    for number, level in enumerate(UGLY):
        if level.strip() and "\x00" not in level:
            assert float(rows["auroc", "site", level]["value"]) == 0.5 + number / 1000


def test_a_real_server_shows_people_what_they_compare_by_and_open(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = TrackingServer(tmp_path / "server", installation.root / "mlflow" / "mlflow.db")
    scored = replace(evaluation(), declared_gaps=(("auroc", "sex"),))
    found = replace(released("s-77", team="Équipe", model="日本 2", scored=scored))
    release = replace(published(77, ()), submission_id="s-77", document=found.to_json())
    with started(server):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        run_id = track(release, installation)
        assert track(release, installation) == run_id

        def asked(path: str) -> bytes:
            with urllib.request.urlopen(f"{server.uri}/{path}", timeout=60) as answer:
                return bytes(answer.read())

        run = json.loads(asked(f"api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]
        report = asked(f"get-artifact?path=report.html&run_uuid={run_id}").decode()
        drawn = asked(f"get-artifact?path=charts/roc.svg&run_uuid={run_id}").decode()
        kept = asked(f"get-artifact?path=release.json&run_uuid={run_id}").decode()
    tags = {each["key"]: each["value"] for each in run["data"]["tags"]}
    assert (tags["team"], tags["model"], tags["benchmark"]) == ("Équipe", "日本 2", "chest-opacity")
    # Received on 3 January at 09:30, published at 12: whole hours, whatever the run took.
    assert datetime.fromtimestamp(run["info"]["start_time"] / 1000, UTC).hour == 9
    assert run["info"]["start_time"] % 3_600_000 == 0
    assert run["info"]["end_time"] - run["info"]["start_time"] == 3 * 3_600_000
    metrics = {each["key"]: each for each in run["data"]["metrics"]}
    gap = found.find("auroc_gap", "sex", "max - min")
    assert gap is not None
    assert metrics["primary_gap"]["value"] == gap.value
    assert {each["timestamp"] for each in metrics.values()} == {run["info"]["start_time"]}
    (dataset,) = run["inputs"]["dataset_inputs"]
    assert dataset["dataset"]["name"] == "chest-opacity"
    assert found.cohort_digest.removeprefix("sha256:").startswith(dataset["dataset"]["digest"])
    assert report.startswith("<!doctype html>")
    assert drawn.startswith("<svg")
    assert kept == release.document


def test_the_page_of_names_is_that_of_the_names() -> None:
    assert (REPOSITORY / "docs" / "mlflow.md").read_text() == page()


def test_a_held_result_has_no_run_and_a_withheld_group_is_in_none(
    installation: Installation, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    ledger = installation.ledger()
    found = released("s-held")
    publish(installation, ledger, released("s-held"), hold=True)
    assert ledger.untracked() == []
    ledger.move("s-held", State.RELEASED, by=Owner.STEWARD)
    (waiting,) = ledger.untracked()
    ledger.close()
    run_id = track(waiting, installation)
    client = MlflowClient(tracking_uri=installation.tracking_uri)
    names = " ".join(client.get_run(run_id).data.metrics)
    kept = Path(client.download_artifacts(run_id, "figures.csv", str(tmp_path))).read_text()
    hidden = {each.level for each in found.withheld if each.attribute == "race"}
    assert hidden == {"American Indian or Alaska Native", "Not Reported"}
    assert not [level for level in hidden if level in names or f",race,{level}," in kept]


def test_a_run_of_the_ladder_says_whose_figure_it_has(installation: Installation) -> None:
    from mlflow import MlflowClient

    ledger = installation.ledger()
    publish(installation, ledger, replace(released("s-step"), rule=Disclosure(feedback="ladder")))
    (waiting,) = (each for each in ledger.untracked() if each.submission_id == "s-step")
    run_id = track(waiting, installation)
    ledger.tracked(waiting.number, run_id)
    ledger.close()
    run = MlflowClient(tracking_uri=installation.tracking_uri).get_run(run_id)
    assert "the AUROC of the team's last step" in run.data.tags["how values are told"]


def test_a_run_has_the_verdict_and_the_declaration_as_tags(installation: Installation) -> None:
    from mlflow import MlflowClient

    ledger = installation.ledger()
    publish(installation, ledger, replace(released("s-claims"), verdict=verdict()))
    (waiting,) = (each for each in ledger.untracked() if each.submission_id == "s-claims")
    run_id = track(waiting, installation)
    ledger.tracked(waiting.number, run_id)
    ledger.close()
    tags = MlflowClient(tracking_uri=installation.tracking_uri).get_run(run_id).data.tags
    assert tags["verdict"] == "1 of 2 claims met"
    assert tags["claim 2"] == "AUROC above 0.90: not shown"
    assert tags["sequestra.claims_digest"] == DIGEST
    assert tags["sequestra.claims_declared"] == SEALED


def test_a_run_that_a_former_build_finished_stays_as_it_is(installation: Installation) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=installation.tracking_uri)
    release = published(500, ())
    experiment = client.get_experiment_by_name(f"sequestra/{release.benchmark}")
    assert experiment is not None
    tags = {"sequestra.release": f"{release.submission_id}/{release.number}"}
    former = client.create_run(experiment.experiment_id, tags=tags).info.run_id
    client.log_metric(former, "f1/site/North", 0.25)
    client.set_terminated(former, "FINISHED")
    assert track(release, installation) == former
    assert client.get_run(former).data.metrics == {"f1/site/North": 0.25}


class _Waiting:
    """The part of a ledger that tracking asks."""

    def __init__(self, *waiting: PublishedRelease) -> None:
        self._waiting = waiting
        self.runs: dict[int, str] = {}

    def fact_sheet(self, submission_id: str) -> None:
        """These came without one."""

    def read(self, question: object) -> None:
        """Nobody's looks were counted."""

    def untracked(self) -> list[PublishedRelease]:
        return [each for each in self._waiting if each.number not in self.runs]

    def tracked(self, number: int, run_id: str) -> None:
        self.runs[number] = run_id


def test_a_release_that_cannot_be_tracked_keeps_no_other_waiting(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = replace(published(2, ("A",)), document="{}")
    ledger = _Waiting(published(3, ("A",)), unreadable, published(4, ("North/",)))
    monkeypatch.setattr(
        "evaluator.tracking.mlflow_runs.untracked", lambda _, ledger: ledger.untracked()
    )
    with pytest.raises(TrackingError, match=r"submission s2 .*; 1 wait in the ledger"):
        track_releases(installation, ledger)  # type: ignore[arg-type]
    assert set(ledger.runs) == {3, 4}
