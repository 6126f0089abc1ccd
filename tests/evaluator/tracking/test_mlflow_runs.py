"""MLflow's names of figures, on a real store: any level there may be, and none keeps others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evaluator.scoring.results import OVERALL, Result
from evaluator.stores.installation import Installation
from evaluator.tracking.keys import KEYS_FILE, keys, named
from evaluator.tracking.mlflow_runs import prepare, track, track_releases
from evaluator.tracking.process import TrackingError
from metrics.estimate import Estimate
from submissions.fact_sheet import FactSheet, template
from submissions.ledger.ledger import PublishedRelease
from tests.support.hand_made import evaluation, released

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
    run_id = track(published(1, UGLY), installation, sheet)
    client = MlflowClient(tracking_uri=installation.tracking_uri)
    metrics = client.get_run(run_id).data.metrics
    told = json.loads(Path(client.download_artifacts(run_id, KEYS_FILE, str(tmp_path))).read_text())
    by_name = {(each["figure"], each["attribute"], each["level"]): k for k, each in told.items()}
    for number, level in enumerate(UGLY):
        key = by_name["auroc", "site", level]
        value = 0.5 + number / 1000
        assert metrics[key] == pytest.approx(value)
        assert metrics[f"{key}.low"] == pytest.approx(value - 0.0001)
        assert metrics[f"{key}.high"] == pytest.approx(value + 0.0001)
    assert set(told) == {key for key in metrics if not key.endswith((".low", ".high"))}
    assert named(next(figures(()))) in by_name
    kept = Path(client.download_artifacts(run_id, "fact-sheet.json", str(tmp_path))).read_text()
    assert FactSheet.from_json(kept) == sheet


class _Waiting:
    """The part of a ledger that tracking asks."""

    def __init__(self, *waiting: PublishedRelease) -> None:
        self._waiting = waiting
        self.runs: dict[int, str] = {}

    def fact_sheet(self, submission_id: str) -> None:
        """These came without one."""

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
