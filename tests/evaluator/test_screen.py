"""What the commands print: at any width, in a pipe, in a terminal that lacks the characters."""

from __future__ import annotations

import fcntl
import io
import itertools
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import RenderableType
from rich.text import Text

from cohort_selection.eligibility.criteria import FlowStep
from cohort_selection.matching.achievable import Largest
from cohort_selection.matching.draw import Margin
from cohort_selection.matching.feasibility import (
    GapProspect,
    LevelGap,
    PlannedGap,
    Precision,
    Prospect,
    Subgroup,
)
from cohort_selection.representativeness.distance import Deviation
from evaluator.leaderboard.board.kept import OfReleases
from evaluator.leaderboard.board.terminal import render_terminal
from evaluator.scoring.results import OVERALL
from evaluator.screen import Screen, Sheet, shown
from evaluator.steward.steward import Sequestered
from evaluator.terminal import printing, score_screen
from tests.support.commands import PROGRAM, environment
from tests.support.hand_made import TABLES, evaluation, released

LEVEL = "Native Hawaiian or Other Pacific Islander [of 2 or more] : x :"


def flow() -> tuple[RenderableType, set[str]]:
    rule = f"race is not {LEVEL} and the view is one of AP, PA"
    step = FlowStep(rule=rule, excluded=123456, unknown=98765, remaining=4321, patients=1234)
    done = Sequestered((step,), 11, 22, 33, 44, 0)
    return printing.sequestered(done, Path("open.csv")), {"123456", "98765", "4321", "1234", "33"}


def deviations() -> tuple[RenderableType, set[str]]:
    row = Deviation(
        attribute="age_at_imaging x race",
        jsd=0.1234,
        jsd_without_not_reported=0.2345,
        maximum=0.345,
        worst_level=LEVEL,
        mean=0.456,
        standardised=0.567,
        chance_median=0.0678,
        chance_high=0.0789,
    )
    numbers = {"0.1234", "0.2345", "34.5%", "45.6%", "0.567", "0.0678", "0.0789"}
    return printing.distances([row]), numbers


def margins() -> tuple[RenderableType, set[str]]:
    margin = Margin(
        attribute="race x sex",
        level=LEVEL,
        target=0.123,
        achievable=0.234,
        cohort=0.345,
        pool=0.456,
        n_cohort=1234,
    )
    return printing._margins("A cohort", "one draw", [margin]), {
        *("12.3%", "23.4%", "34.5%", "45.6%", "1234"),
    }


def figures() -> tuple[RenderableType, set[str]]:
    scored = evaluation(TABLES)
    everybody = [r for r in scored.results if (r.attribute, r.level) == OVERALL]
    groups = [r for r in scored.results if r.metric == "auroc" and r not in everybody]
    kept = [r for r in everybody if r.metric in score_screen.HEADLINES]
    numbers = {
        f"{value:.4f}"
        for result in (*kept, *groups[: score_screen.MOST_GROUPS])
        for value in (result.estimate.value, result.estimate.low, result.estimate.high)
        if value is not None
    }
    assert len(numbers) > 20
    return score_screen.summary({"opacity [1]": scored}, "auroc", ["a [note] : x :"]), numbers


def plan() -> tuple[RenderableType, set[str]]:
    """The tables of `match --plan`: one gap is found in some levels, one in all."""
    rows = (LevelGap(LEVEL, 11.5, 22.5, 0.123, ""), LevelGap("White", 33.5, 44.5, None, "no power"))
    whole = (LevelGap("Male", 10.5, 20.5, 0.135, ""), LevelGap("Female", 30.5, 40.5, 0.246, ""))
    found = Prospect(
        n_patients=9876,
        size=1234,
        largest=Largest(5432, ()),
        drawable=4321,
        margins=(
            Margin(
                attribute="race x sex",
                level=LEVEL,
                target=0.123,
                achievable=0.234,
                cohort=0.345,
                pool=0.456,
                n_cohort=1234,
            ),
        ),
        subgroups=(
            Subgroup("race", LEVEL, 55.5, 66.5, 0.077),
            Subgroup("race", "Asian", 7.5, 8.5, 0.3, "withheld: fewer than 10 positives"),
        ),
        binding=(),
        helped=(),
        refusal="",
        notes=(),
        precision=Precision(0.9, 0.925, "score", 0.85),
        gaps=(
            GapProspect(PlannedGap("sensitivity", "race", 0.05, 0.8), rows),
            GapProspect(PlannedGap("auroc", "sex", 0.05, 0.8), whole),
        ),
    )
    numbers = {"12.3%", "23.4%", "34.5%", "45.6%", "55.5", "66.5", "0.077", "7.5", "8.5"}
    numbers |= {"0.925", "0.9;", "85%"}
    of_gaps = {"11.5", "22.5", "0.123", "33.5", "44.5", "0.135", "0.246"}
    return printing.prospect(found), numbers | of_gaps | {"1234"}


def board() -> tuple[RenderableType, set[str]]:
    releases = [released("a", team="Krankenhaus München-Süd [bold] :x:", model="M" * 60)]
    (found,) = [r.estimate for r in releases[0].results if (r.metric, r.level) == ("auroc", "all")]
    numbers = {str(number) for number in (found.value, found.low, found.high)}
    kept = OfReleases(lambda _: releases)
    shown = render_terminal(kept.board("chest-opacity", "auroc"), kept, title="Chest")
    return shown, numbers | {"2026-01-03"}


TABLES_SHOWN: tuple[Callable[[], tuple[RenderableType, set[str]]], ...] = (
    flow, deviations, margins, plan, figures, board
)  # fmt: skip


@pytest.mark.parametrize("width", [20, 40, 80, 200, None])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("made", TABLES_SHOWN, ids=lambda made: made.__name__)
def test_no_table_drops_a_value(
    made: Callable[[], tuple[RenderableType, set[str]]], width: int | None, encoding: str
) -> None:
    table, numbers = made()
    raw = io.BytesIO()
    screen = Screen()
    screen.file = io.TextIOWrapper(raw, encoding, errors="strict")
    if width is not None:
        screen.width = width
    screen.print(table)
    screen.file.flush()
    text = raw.getvalue().decode(encoding)
    assert screen.lost is None
    lost = {number for number in numbers if not re.search(rf"(?<![\d.]){re.escape(number)}", text)}
    assert not lost
    assert not set("…\N{REPLACEMENT CHARACTER}") & set(text)
    if width is not None:
        assert max(map(len, text.splitlines())) <= width
    if made in (flow, deviations, margins, plan) and width is None:
        assert LEVEL in text  # in one line, and neither its brackets nor its colons are markup


def test_a_table_that_fits_is_a_table_and_one_that_does_not_is_lists() -> None:
    table = Sheet(title="Two")
    table.add_column("model\nteam")
    table.add_column("AUROC", no_wrap=True)
    table.add_row(Text("one model\nthe first team"), "0.812 to 0.877")
    by_width = {}
    for width in (12, 40):
        screen = Screen()
        screen.file = io.StringIO()
        screen.width = width
        screen.print(table)
        by_width[width] = [line.strip() for line in screen.file.getvalue().splitlines()]
    assert "│ the first team │                │" in by_width[40]
    lists = " ".join(by_width[12])
    assert "model: one model team: the first team AUROC: 0.812 to 0.877" in lists


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain [x] é 日本", "plain [x] é 日本"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\u202eb", r"a\u202eb"),
        ("bell\x07", r"bell\x07"),
        ("c1\x9b", r"c1\x9b"),
        ("10%\r20%\r\nend", "10%\n20%\nend"),
        ("\ud800", r"\ud800"),
        ("wide\u00a0space", "wide\u00a0space"),
    ],
)
def test_no_character_of_a_text_acts_on_the_terminal(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_what_an_encoding_lacks_is_told_by_its_like_or_its_number() -> None:
    assert shown("0.81–0.87 −1 ±2 Müller", "ascii") == r"0.81-0.87 -1 +-2 M\xfcller"
    assert shown("0.81–0.87 Müller", "latin-1") == "0.81-0.87 Müller"


class _Broken(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space")])
def test_a_stream_that_takes_nothing_ends_no_work(error: OSError) -> None:
    screen = Screen()
    screen.file = _Broken(error)
    for _, line in zip(range(3), itertools.repeat("a line")):
        screen.print(line)
    assert screen.lost is error


def scores(folder: Path) -> list[str]:
    """A table of 300 cases of which every tenth is positive, with a long name for a group."""
    rows = [
        f"c{k},{int(k % 10 == 0)},{(k * 37 % 100) / 100},{LEVEL if k % 2 else 'White'}"
        for k in range(300)
    ]
    table = folder / "scores.csv"
    table.write_text("case_id,label,score,race\n" + "\n".join(rows) + "\n")
    return ["score", str(table), str(table), "--subgroup", "race", "--label", "label"]


def of_terminal(columns: int, command: list[str]) -> str:
    """What a command prints in a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {k: v for k, v in environment().items() if k not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [*PROGRAM, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        said = b""
        while select.select([ours], [], [], 300)[0]:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not part:
                break
            said += part
    os.close(ours)
    assert process.returncode == 0, said.decode()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode())


def intervals(text: str) -> set[str]:
    return set(re.findall(r"-?\d\.\d{4} to -?\d\.\d{4}", text))


def test_a_score_keeps_its_figures_in_a_pipe_and_in_a_narrow_terminal(tmp_path: Path) -> None:
    command = scores(tmp_path)
    piped = {
        columns: subprocess.run(
            [*PROGRAM, *command],
            env=environment({"COLUMNS": columns, **more}),
            capture_output=True,
            check=True,
        ).stdout.decode(coding)
        for columns, more, coding in (
            ("40", {}, "utf-8"),
            ("80", {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, "ascii"),
        )
    }
    known = intervals(piped["40"])
    assert len(known) == 6  # five figures of everybody, and the AUROC of one group
    assert intervals(piped["80"]) == known
    assert LEVEL in piped["40"]
    assert intervals(of_terminal(80, command)) == known


@pytest.mark.parametrize("more", [{}, {"PYTHONIOENCODING": "ascii"}])
def test_a_pipe_that_is_closed_early_ends_a_command_as_it_would_have_ended(
    more: dict[str, str], tmp_path: Path
) -> None:
    command = [*scores(tmp_path), "--output", str(tmp_path / "out.json")]
    with subprocess.Popen(
        [*PROGRAM, *command],
        env=environment(more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complained = process.stderr.read()
    assert process.returncode == 0
    assert complained == ""
    assert (tmp_path / "out.json").is_file()  # it is written after what is printed


def test_a_full_disk_behind_what_is_printed_is_told_in_one_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, *scores(tmp_path), "--output", str(tmp_path / "out.json")],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 2
    assert "could not be written (no space left on device)" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "out.json").is_file()


def test_a_submission_line_shows_every_name() -> None:
    from datetime import UTC, datetime

    from submissions.submission import State, Submission

    entered = Submission(
        "0123456789ab", "Team [bold]", ":heart: model", "b", "sha256:0", 0.5, State.QUEUED,
        datetime.now(UTC),
    )  # fmt: skip
    screen = Screen()
    screen.file = io.StringIO()
    screen.print(printing.submission_line(replace(entered, team="Team [bold] [/]")))
    assert "Team [bold] [/] / :heart: model" in screen.file.getvalue()


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (0, ""),
        (10, "sequestered_share, 0.4, was applied to the 30 who are new. Sequestered are 0.25"),
        (40, "sequestered_share, 0.4, was applied to nobody: no patient is new"),
    ],
)
def test_a_share_that_is_not_applied_is_told(before: int, told: str) -> None:
    done = Sequestered((), 30, 30, 10, 10, before, 0.4)
    screen = Screen()
    screen.file = io.StringIO()
    screen.width = 500
    screen.print(printing.sequestered(done, Path("open [1].csv")))
    text = screen.file.getvalue()
    assert "listed in open [1].csv" in text
    assert told in text
    assert ("were assigned before" in text) is bool(before)
