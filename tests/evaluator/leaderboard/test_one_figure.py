"""Board, report, terminal, MLflow's files and the filed report of releases of one figure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from evaluator.benchmark.board import Freezes
from evaluator.benchmark.specification import read_benchmark
from evaluator.disclosure.control import Release
from evaluator.disclosure.rule import Disclosure
from evaluator.feedback import answering
from evaluator.filing.model_card import model_card
from evaluator.leaderboard.about import render_about
from evaluator.leaderboard.board.kept import OfReleases
from evaluator.leaderboard.board.ranking import placed
from evaluator.leaderboard.board.terminal import render_terminal
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.reports.report import render_report
from evaluator.leaderboard.web import create_app
from evaluator.scoring.results import OVERALL, Result
from evaluator.screen import console
from evaluator.tracking import artifacts
from metrics.estimate import Estimate
from submissions.quota import Quota
from tests.support.repository import REPOSITORY
from tests.support.serving import serving

AUROC = Estimate(
    value=0.81,
    low=0.75,
    high=0.86,
    n_cases=200,
    n_patients=150,
    n_positive=80,
    method="DeLong; first step of the ladder",
)


def release(name: str, model: str, told: Estimate, kind: str) -> Release:
    return answering._alone(
        Release(
            submission_id=name,
            team="North",
            model=model,
            benchmark="simulated-opacity",
            received=datetime(2026, 1, 2, int(name[-1]), tzinfo=UTC),
            image_digest="sha256:" + "1" * 64,
            cohort_digest="sha256:" + "2" * 64,
            plan_digest="3" * 64,
            code_version="0.1.0+0",
            threshold=0.5,
            confidence=0.95,
            n_cases=200,
            n_patients=150,
            n_positive=80,
            results=(Result.named("auroc", *OVERALL, told),),
            curves=(),
            withheld=(),
            rule=Disclosure(feedback=kind),
        ),
        replace(told, n_positive=0),
    )


REPEATED = replace(
    AUROC, method="no improvement that the data support; the value is that of submission s1"
)
NOISY = replace(AUROC, low=None, high=None, value=0.77, method="Thresholdout, no interval")
NONE = replace(NOISY, value=None, undefined=answering.BUDGET_SPENT)
KINDS = {
    "ladder": [release("s1", "A", AUROC, "ladder"), release("s2", "B", REPEATED, "ladder")],
    "thresholdout": [
        release("s1", "A", NOISY, "thresholdout"),
        release("s2", "B", NONE, "thresholdout"),
    ],
}


def words(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).replace("\u00a0", " ").split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_tells_the_figure_how_it_is_told_and_nothing_untrue(kind: str) -> None:
    for each in KINDS[kind]:
        shown = words(render_report(each, exposure=("Look 2 of 5 of the team at this cohort.",)))
        assert "Look 2 of 5" in shown
        assert ("last step" if kind == "ladder" else "practice cases") in shown
        assert each.results[0].estimate.method.split(";")[0] in shown or each is KINDS[kind][1]
        for untrue in (
            "too small in one class",
            "Subgroups",
            "0 of the cases positive",
            "None",
            "the model scores the positive one higher",  # it may be another's, or of other cases
        ):
            assert untrue not in shown, untrue
    repeated = words(render_report(KINDS["ladder"][1]))
    assert "no improvement that the data support; the value is that of submission s1." in repeated
    assert "budget of answers is spent" in words(render_report(KINDS["thresholdout"][1]))


def test_an_inverted_step_is_no_alarm_for_a_later_submission() -> None:
    low = replace(AUROC, value=0.2, low=0.15, high=0.26)
    later = release("s2", "B", replace(low, method=REPEATED.method), "ladder")
    assert "The model is inverted" not in words(render_report(later))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_card_says_how_the_figure_is_told(kind: str) -> None:
    card = model_card(KINDS[kind][0], datetime(2026, 1, 3, tzinfo=UTC), None)
    assert ("last step" if kind == "ladder" else "practice cases") in card


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("open", "every result is shown whole, as soon as it is there."),
        ("held", "a result is shown after it has been reviewed."),
        ("ladder", "a team is told the AUROC of its last step alone."),
        ("thresholdout", "unless the one on sequestered cases differs by more than about 0.04"),
    ],
)
def test_the_page_of_a_benchmark_says_how_much_is_told(kind: str, said: str) -> None:
    task = read_benchmark(REPOSITORY / "benchmarks" / "simulated-opacity.toml")
    task = replace(
        task,
        disclosure=Disclosure(feedback=kind),
        quota=Quota(lifetime=5, cohort_looks=40),
        board=Freezes(freeze_on=(date(2026, 6, 30),), freeze_every=10),
    )
    listing = Listing(task.name, task.title, task.description, benchmark=task)
    kept = OfReleases(lambda _: [])
    page = words(
        render_about(listing, kept.board(task.name, "auroc"), None, kept, date(2026, 1, 1))
    )
    assert said in page
    assert "All teams together have 40 looks at this cohort." in page
    assert "compared with one another as of 30 June 2026 (UTC)." in page
    assert "after every 10 new releases of two teams or more." in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_board_says_how_its_values_are_told(kind: str) -> None:
    task = read_benchmark(REPOSITORY / "benchmarks" / "simulated-opacity.toml")
    task = replace(task, disclosure=Disclosure(feedback=kind), quota=Quota(lifetime=5))
    listing = Listing(task.name, task.title, task.description, benchmark=task)
    app = create_app(
        lambda _: KINDS[kind], [listing], exposures=lambda name: (f"Look 1 of 5, {name}.",)
    )
    with serving(app) as address:
        board = words(httpx.get(f"{address}/benchmarks/{task.name}").text)
        report = words(httpx.get(f"{address}/submissions/s2").text)
        about = words(httpx.get(f"{address}/benchmarks/{task.name}/about").text)
    # The first look is told, better than another or not; practice cases are told without noise.
    assert ("AUROC of its last step" if kind == "ladder" else "practice cases, unless") in about
    assert ("last step" if kind == "ladder" else "with noise (Thresholdout)") in board
    assert "Look 1 of 5, s2." in report
    assert [place.rank for place in placed(KINDS[kind])] == (
        [1, 1] if kind == "ladder" else [1, None]
    )


def test_terminal_and_mlflow_files_hold_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, releases in KINDS.items():
        kept = OfReleases(lambda _, of=releases: of)  # type: ignore[misc]
        board = kept.board("simulated-opacity", "auroc")
        console.print(render_terminal(board, kept, told="Each value is told so."))
        assert "Each value is told so." in capsys.readouterr().out
        for each in releases:
            folder = tmp_path / kind / each.submission_id
            folder.mkdir(parents=True)
            artifacts.write(folder, each.to_json(), each, "auroc", None, ("Look 2 of 5.",))
            assert "Look 2 of 5." in words((folder / artifacts.REPORT).read_text())
            assert (folder / artifacts.FIGURES).read_text().count("\n") == 2
