"""The demonstration: the whole path on a simulated commons, one shown command after the other."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from evaluator import shipped
from evaluator.screen import styled
from evaluator.stores.installation import Installation
from submissions.addresses.engine import EngineUnavailable, engine_address, no_engine
from submissions.host import base_image
from submissions.host.extras import need
from submissions.submission import State

_MARK = ".sequestra-demo"
_NAME = "simulated-opacity"
_STUDY = "simulated-study"
"""The benchmark with declared claims: held, judged, reviewed, released once no look is open."""
_DENSENET = "sequestra-demo/densenet"
_PREVALENCE = "sequestra-demo/prevalence"
_REVIEWER = "reviewer@example.org"


class DemoError(ValueError):
    """The demonstration cannot work where it was told to."""


def walk(folder: Path, *, patients: int, serve: bool, console: Console) -> None:
    """Run every step in an emptied ``folder``; raise DemoError at the first that fails.

    Raises what ``refuse_unprepared`` raises before anything is written.
    """
    refuse_unprepared()
    began = time.monotonic()
    _clear(folder)
    for title, command in _steps(folder, patients):
        console.rule(title, align="left")
        _run(command, console)
    console.print(f"\nthe whole path took {time.monotonic() - began:.0f} s")
    if serve:
        console.rule("The page", align="left")
        _run(["serve", "--home", str(folder / "home")], console)


def benchmark_file() -> Path:
    """The demonstration's benchmark, which comes with the project."""
    return _shipped(_NAME)


def study_file() -> Path:
    """The demonstration's study: its file declares a true claim and a false one."""
    return _shipped(_STUDY)


def _shipped(name: str) -> Path:
    file = shipped.benchmarks().get(f"{name}.toml")
    if file is None:
        raise DemoError(
            f"{name}.toml is not part of this installation; install Sequestra again, from a wheel "
            f"or a whole checkout"
        )
    return file


def refuse_unprepared() -> None:
    """Raise what the demonstration lacks, before it begins: a minute of work would be lost.

    Raises DemoError, ExtraMissing, and EngineUnavailable where no engine answers or its command
    line is missing.
    """
    benchmark_file()
    study_file()
    need("baselines", "the demonstration")
    if engine_address() is None:
        raise EngineUnavailable(no_engine())
    base_image.docker("version")


def _steps(folder: Path, patients: int) -> Iterator[tuple[str, list[str]]]:
    home = ["--home", str(folder / "home")]
    commons, catalog, opened = folder / "commons", folder / "catalog", folder / "open.csv"
    model = folder / "model"
    yield "Steward: a commons", ["simulate", str(commons), "--patients", str(patients)]
    clinical = [
        *("--clinical", str(commons / "clinical.csv")),
        *("--clinical", str(commons / "measurement.tsv")),
    ]
    yield (
        "Steward: index it",
        ["index", str(commons / "dicom"), *clinical, "--output", str(catalog)],
    )
    catalog_option = ["--catalog", str(catalog)]
    yield (
        "Steward: open and sequestered",
        ["sequester", str(benchmark_file()), *catalog_option, "--open", str(opened), *home],
    )
    yield "Steward: a matched cohort", ["match", _NAME, *catalog_option, *home]
    yield "Steward: seal it", ["seal", _NAME, *catalog_option, *home]
    yield from _study_sealed(folder, catalog_option, home)
    # Researchers train on what a container gets: copies made as the sequestered cases' are.
    handed = folder / "open"
    yield "Steward: hand out the open part", ["open-part", str(opened), "--output", str(handed)]
    opened = handed / "open.csv"
    for_benchmark = ["--benchmark", str(benchmark_file())]  # for its share of positive cases
    yield (
        "Researcher: train on the open part",
        ["train", str(opened), *for_benchmark, "--output", str(model)],
    )
    yield "Researcher: export to ONNX", ["export", str(model)]
    yield (
        "Researcher: package the model",
        ["package", "--model", str(model), "--tag", _DENSENET],
    )
    yield (
        "Researcher: package the constant model",
        ["package", "--prevalence", str(opened), "--tag", _PREVALENCE],
    )
    yield (
        "Researcher: check it with the harness's own runner",
        ["check", _DENSENET, "--benchmark", _NAME, "--open", str(opened), *home],
    )
    # The operating point was chosen on the validation part of the open data.
    threshold = str(json.loads((model / "card.json").read_text())["threshold"])
    for image, team, name, operating_point, benchmark in (
        (_DENSENET, "Demonstration lab", "DenseNet", threshold, _NAME),
        (_PREVALENCE, "Baseline", "Prevalence", "0.5", _NAME),
        (_DENSENET, "Demonstration lab", "DenseNet", threshold, _STUDY),
    ):
        yield (
            f"Researcher: submit {name} to {benchmark}",
            [
                *("submit", image, "--benchmark", benchmark, "--team", team, "--model", name),
                *("--threshold", operating_point, *home),
            ],
        )
    yield "Steward: run the queue", ["run", "--wait", *home]
    yield "Reviewer: the board", ["leaderboard", _NAME, *home]
    yield from _study_judged(folder, home)


def _study_sealed(
    folder: Path, catalog: Sequence[str], home: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """The study's claims are sealed with patients whom the board's cohort does not have."""
    listed = str(folder / "open-study.csv")
    yield (
        "Steward: a study that declares two claims, one true and one false",
        ["sequester", str(study_file()), *catalog, "--open", listed, *home],
    )
    yield "Steward: its cohort, of other patients", ["match", _STUDY, *catalog, *home]
    yield "Steward: seal cohort and claims", ["seal", _STUDY, *catalog, *home]


def _study_judged(folder: Path, home: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The verdict was recorded by the run; it is told whole once it was reviewed and released.

    The benchmark allows one look in all, so that no look is open after it.
    """
    submission = _held(folder / "home")
    yield (
        "Researcher: what the team is told while the result is held",
        ["status", submission, *home],
    )
    yield (
        "Steward: a reviewer",
        ["user", "add", "A. Reviewer", _REVIEWER, "--team", "Reviewers", *home],
    )
    yield "Steward: who may vote", ["user", "role", _REVIEWER, "reviewer", *home]
    yield (
        "Reviewer: vote on the held result",
        ["review", "vote", submission, "release", "--as", _REVIEWER, *home],
    )
    yield "Steward: release what was voted for", ["run", "--wait", *home]
    yield (
        "Reviewer: the verdict on both claims",
        ["report", submission, "--output", str(folder / "study.html"), *home],
    )


def _held(home: Path) -> str:
    """The id of the study's submission, which waits for its reviewer."""
    ledger = Installation.existing(home).ledger()
    try:
        waiting = [
            each for each in ledger.submissions(state=State.HELD) if each.benchmark == _STUDY
        ]
    finally:
        ledger.close()
    if not waiting:
        raise DemoError("the study's submission is not held for review; see above")
    return waiting[0].submission_id


def _environment() -> dict[str, str]:
    """The environment without what would lead the demonstration into a real installation."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SEQUESTRA_") and name != "MLFLOW_TRACKING_URI"
    }


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            raise DemoError(
                f"{folder} holds something else than an earlier demonstration; "
                f"name an empty folder with --folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()


def _run(arguments: list[str], console: Console) -> None:
    command = shlex.join(["sequestra", *arguments])
    console.print(styled((f"$ {command}", "bold")), soft_wrap=True, highlight=False)
    program = [sys.executable, "-c", "from evaluator.cli import main; main()", *arguments]
    try:
        ended = subprocess.run(program, check=False, env=_environment())
    except KeyboardInterrupt:
        return
    if ended.returncode:
        raise DemoError(f"`sequestra {arguments[0]}` ended with code {ended.returncode}; see above")
