"""A change of the code that scores: new figures from stored predictions, and no container."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evaluator.disclosure.control import Release
from evaluator.scoring.code_version import code_version
from evaluator.stores.enclave import Event
from submissions.submission import Failure, State
from tests.support.commands import succeed
from tests.support.installation import Installed, one_sentence
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine


def copy_of_code(folder: Path, module: str, old: str, new: str, *, first: bool = False) -> Path:
    """Copy the packages to ``folder`` with one change in a module, ``first`` of several places."""
    for package in (
        "metrics",
        "cohort_selection",
        "submissions",
        "evaluator",
        "baselines",
    ):
        kept = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, folder / package, ignore=kept)
    path = folder / module
    text = path.read_text()
    assert text.count(old) == 1 or (first and old in text)
    path.write_text(text.replace(old, new, 1))
    return folder


@pytest.fixture
def changed_code(tmp_path: Path) -> Path:
    """A copy of the packages in which the Brier score is half of what it is."""
    squares = "_mean_loss(group, (1.0 - p) ** 2, p**2"
    halves = "_mean_loss(group, (1.0 - p) ** 2 / 2, p**2 / 2"
    return copy_of_code(tmp_path / "code", "metrics/calibration/smooth.py", squares, halves)


def brier(installed: Installed) -> float:
    """The Brier score on the board."""
    (published,) = installed.ledger.releases(BENCHMARK)
    (value,) = [
        result.estimate.value
        for result in Release.from_json(published.document).results
        if (result.metric, result.attribute) == ("brier", "overall")
    ]
    assert value is not None
    return value


def test_a_metric_that_changed_is_scored_without_a_container(
    installed: Installed, images: dict[str, str], changed_code: Path
) -> None:
    good = installed.submit(images["honest"], "Good")
    bad = installed.submit(images["crashing"], "Bad")
    installed.run()
    before = installed.events(good)
    whole = brier(installed)
    assert "0 submissions scored again" in installed.command("rescore", BENCHMARK).printed
    again = ("rescore", BENCHMARK, "--home", installed.home)
    assert "1 submission scored again" in succeed(*again, cwd=changed_code)
    assert "0 submissions scored again" in succeed(*again, cwd=changed_code)
    assert installed.events(good) == before
    assert before.count(Event.STARTED) == 1
    assert installed.enclave.count_evaluations(good) == 2
    (release,) = installed.ledger.releases(BENCHMARK)
    assert release.number == 2
    assert brier(installed) == pytest.approx(whole / 2, abs=0.005)  # figures are rounded
    assert "does not go back" in one_sentence(installed.command("rescore", BENCHMARK))
    assert [each.number for each in installed.ledger.releases(BENCHMARK)] == [2]
    assert installed.state(bad) is State.FAILED
    assert installed.ledger.submission(bad).failure is Failure.CRASHED
    installed.run()
    assert installed.ledger.untracked() == []
    assert installed.ledger.chain.problems() == []


def test_the_name_of_no_benchmark_is_refused(installed: Installed) -> None:
    ended = installed.command("rescore", "nowhere")
    assert ended.code == 2
    assert "no benchmark 'nowhere'" in ended.complained


def test_other_words_and_the_former_name_of_the_same_code_score_nothing_again(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    named = 'return f"{number}+{digest.hexdigest()[:12]}"'
    former = copy_of_code(
        tmp_path / "former", "evaluator/scoring/code_version.py", named, 'return "0.1.0+former"'
    )
    submission = installed.submit(images["honest"], "Good")
    home = ("--home", installed.home)
    succeed("run", *home, cwd=former)
    (release,) = installed.ledger.releases(BENCHMARK)
    assert Release.from_json(release.document).code_version == "0.1.0+former"
    present = copy_of_code(
        tmp_path / "present",
        "evaluator/scoring/code_version.py",
        "_FORMERLY: dict[str, str] = {",
        f'_FORMERLY = {{"{code_version()}": "0.1.0+former"}} or {{',
    )
    reworded = copy_of_code(
        tmp_path / "reworded",
        "metrics/calibration/smooth.py",
        '"""',
        '"""Other words. ',
        first=True,
    )
    assert "0 submissions scored again" in succeed("rescore", BENCHMARK, *home, cwd=present)
    assert "1 submission scored again" in installed.command("rescore", BENCHMARK).printed
    assert "0 submissions scored again" in succeed("rescore", BENCHMARK, *home, cwd=reworded)
    assert installed.events(submission).count(Event.STARTED) == 1
    assert [each.number for each in installed.ledger.releases(BENCHMARK)] == [2]
