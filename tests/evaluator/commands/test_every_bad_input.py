"""Each command with each kind of bad value: one sentence, exit code 2, nothing written.

The commands and their parameters are those of the program. A parameter that is in none of the
tables below fails here: put it where it belongs.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from typer.core import TyperGroup
from typer.utils import get_params_from_function

from evaluator.commands import main
from evaluator.commands.options import HOME
from tests.support.commands import refused, succeed
from tests.support.walkthrough import BENCHMARK, small_benchmark

FILES = """
benchmark metadata clinical loinc_map fhir ca_file table other open_list file pilot redirect
fact_sheet predictions truth plan claims readers key head open_csv check_on prevalence weights
"""
FOLDERS = "directory catalog model downloads"
WRITTEN_FILES = "flow json_file suspects report_file"
WRITTEN_FOLDERS = "output store folder cache"
NAMES = """
benchmark submission_id submission request_id person team_id token_id submission_ids image
"""
WORDS = """
modality platform role scope vote flavour uncertain blank missing design covariances task baseline
network imbalance calibration precision age_bands column assume json_input first last source
"""
ADDRESSES = "server scheduler address host tracking_uri"
ANY_TEXT = """
batch accept_shortcuts accept_look_alikes tag socket output_name label attribute score_column
case_column patient_column subgroup list_column weight_column who reason name email team_name
affiliation proxy part event team agree device base key_name submission_filter
"""
"""Texts that only a whole installation, or the tables of a person, can refuse."""

KEPT = ("world", "benchmarks")
LATE = {
    # Looked at after what these tests do not have: a server, a sealed cohort, an engine, torch.
    *("open-part output", "export check_on", "package prevalence", "train weights", "train cache"),
    *("train network", "train imbalance", "train precision", "train calibration", "train baseline"),
    *("train output", "adapt redirect", "adapt json_input", "adapt missing", "adapt column"),
    *("check image", "check open_list", "submit fact_sheet"),
    *("submit image", "submit threshold", "plan pilot", "plan assume", "plan output"),
    *("score covariances", "score readers", "send-metrics tracking_uri", "train tracking_uri"),
    *(
        "index store",
        "index downloads",
        "index ca_file",
        "index first",
        "index last",
        "index fhir",
        "index loinc_map",
    ),
    *("demo folder", "run scheduler", "audit verify head", "audit verify key"),
    *("draw bridge submission", "audit show submission", "card catalog", "seal catalog"),
    *("match catalog", "draw next catalog", "benchmark add-claims file", "init directory"),
    *("up host", "up address", "user reset address", "index home", "submit model"),
    *("review vote vote", "init flavour", "export flavour", "package model"),
    *("status submission_id", "simulate output", "plan catalog"),
}
"""Parameters whose tests stand elsewhere, by their commands."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as the command declares it."""

    name: str
    option: str  # "" of an argument
    kind: type[Any]
    required: bool


def commands() -> dict[str, Any]:
    """Every command by its full name."""

    def below(group: TyperGroup, path: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if isinstance(command, TyperGroup):
                yield from below(command, f"{path}{name} ")
            else:
                yield f"{path}{name}", command

    program = typer.main.get_command(main.app)
    assert isinstance(program, TyperGroup)
    return dict(below(program, ""))


COMMANDS = commands()


def parameters(name: str) -> list[Parameter]:
    """What a command takes, flags left out."""
    command = COMMANDS[name]
    declared = get_params_from_function(inspect.unwrap(command.callback))
    found = []
    for each in command.params:
        if getattr(each, "is_flag", False):
            continue
        annotation = declared[str(each.name)].annotation
        kinds = [kind for kind in (*get_args(annotation), annotation) if isinstance(kind, type)]
        option = next((o for o in each.opts if o.startswith("--")), "")
        found.append(Parameter(str(each.name), option, kinds[0], bool(each.required)))
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A commons with its catalog, an installation with a benchmark, and files of all bad kinds."""
    folder = tmp_path_factory.mktemp("bad") / "world"
    folder.mkdir()
    succeed("simulate", folder / "commons", "--patients", "60")
    clinical = folder / "commons" / "clinical.csv"
    succeed("index", folder / "commons" / "dicom", "--clinical", clinical, "--output", folder / "c")
    benchmark = small_benchmark(folder, BENCHMARK, 40)
    succeed(
        *("sequester", benchmark, "--catalog", folder / "c", "--home", folder / "home"),
        *("--open", folder / "open.csv"),
    )
    (folder / "empty").write_bytes(b"")
    (folder / "binary").write_bytes(bytes(range(256)) * 8)
    (folder / "torn").write_text('case_id,probability\na,"0.9\n[cohort\nb = {"x": [1,\n')
    (folder / "folder").mkdir()
    return folder


def good(world: Path, command: str, each: Parameter) -> str:
    """A value that may pass."""
    if each.name == "benchmark":
        return str(world / f"{BENCHMARK}.toml") if each.kind is Path else BENCHMARK
    values = {
        "clinical": "commons/clinical.csv",
        "catalog": "c",
        "open_list": "open.csv",
        "open_csv": "open.csv",
        "source": "commons/dicom",
        "directory": "commons",
        "file": f"{BENCHMARK}.toml",
        "model": "folder",
        "output": "new",
    }
    if command == "sequester" and each.name == "open_list":
        return str(world / "new.csv")
    if each.name in values:
        return str(world / values[each.name])
    words = {"role": "reviewer", "vote": "release", "platform": "midrc", "address": "http://x:1"}
    return words.get(each.name, str(world / "open.csv") if each.kind is Path else "someone")


def bad(world: Path, command: str, each: Parameter) -> list[str]:
    """Values that no command may take; fails for a parameter that is in no table."""
    name = each.name
    if f"{command} {name}" in LATE:
        return []
    if each.kind in {int, float}:
        return ["many", "nan"]
    if name == "home":
        return [str(world / "empty")]
    if (command == "adapt" and name in {"output", "key"}) or (
        command == "submit" and name == "model"
    ):
        return []  # names within the image, and any text
    if each.kind is Path:
        if command == "sequester" and name == "open_list":
            return [str(world / "folder"), str(world / "empty" / "x.csv")]
        if command == "score" and name == "table":
            return [str(world / "folder"), str(world / "nowhere" / "x")]
        if name in WRITTEN_FILES.split() or _writes_a_file(command, name):
            return [str(world / "folder"), str(world / "nowhere" / "x")]
        if name in WRITTEN_FOLDERS.split():
            return [str(world / "empty")]
        if name in FOLDERS.split():
            return [str(world / "nowhere"), str(world / "empty")]
        if name in FILES.split():
            given = ("nowhere", "binary", "torn", "folder")
            return [str(world / each) for each in given]
    if name in NAMES.split():
        return ["no-such-name", "\N{SNOWMAN} x\x1b"]
    if name in WORDS.split():
        return ["no-such-word"]
    if name in ADDRESSES.split():
        return ["http://[::1"]
    if name in ANY_TEXT.split():
        return []
    pytest.fail(f"{command}: say in this file what {name} takes, and what it must refuse")


def _writes_a_file(command: str, name: str) -> bool:
    return name == "output" and command in {
        *("card", "report", "release-file", "review show", "score", "audit key", "audit head"),
    }


def line(world: Path, command: str, changed: Parameter, value: str) -> list[str]:
    """The words of a command line with one bad value."""
    words = command.split()
    for each in parameters(command):
        if each.name == changed.name:
            given: str | None = value
        elif each.required or (command == "score" and each.name == "truth"):
            given = good(world, command, each)
        else:
            given = (
                str(world / "home") if each.name == "home" and changed.name != "server" else None
            )
        if given is not None:
            words.append(f"{each.option}={given}" if each.option else given)
    return words


def everything(folder: Path) -> dict[str, bytes]:
    """All files but what any command makes of a home that it opens; and folders of benchmarks."""
    ours = [
        path for path in sorted(folder.rglob("*")) if path.parent.name in KEPT or path.is_file()
    ]
    made_once = ("sqlite", ".lock", "signing_key", "service")
    kept = [path for path in ours if not any(part in str(path) for part in made_once)]
    return {str(path): b"" if path.is_dir() else path.read_bytes() for path in kept}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_takes_a_bad_value(
    command: str,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SEQUESTRA_HOME", "SEQUESTRA_SERVER", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.parent / "config"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    tried = 0
    for each in parameters(command):
        for value in bad(world, command, each):
            before = everything(world)
            words = line(world, command, each, value)
            monkeypatch.setattr(sys, "argv", ["sequestra", *words])
            with pytest.raises(SystemExit) as ended:
                main.main()
            printed, told = capfd.readouterr()
            if command == "doctor":
                assert ended.value.code == 1, words  # it tells what is not well
                told = "error: " + told
            else:
                assert ended.value.code == 2, (words, printed, told)
            assert "Traceback" not in told
            assert told.strip(), words
            if command != "doctor" and not told.startswith("Usage:"):
                assert told.startswith("error: "), (words, told)
                assert told.count("\n") == 1, (words, told)
            assert everything(world) == before, words
            assert not list(tmp_path.iterdir()), words
            tried += 1
    assert tried or not parameters(command) or command == "demo", f"{command} has no bad input"


def test_the_parameters_that_are_tested_elsewhere_are_there() -> None:
    known = {f"{command} {each.name}" for command in COMMANDS for each in parameters(command)}
    assert not LATE - known
    assert HOME.name


def test_no_output_is_written_over_a_table_that_is_read(world: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text("case_id,probability,label\na,0.9,1\nb,0.2,0\n")
    before = scores.read_bytes()
    for option in ("--output", "--table", "--report"):
        assert "is read by this command" in refused("score", scores, scores, option, scores)
    twice = ("--output", tmp_path / "new", "--table", tmp_path / "new")
    assert "or written by it already" in refused("score", scores, scores, *twice)
    assert scores.read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_a_new_home_stays_empty_where_the_catalog_is_refused(world: Path, tmp_path: Path) -> None:
    told = refused(
        *("sequester", world / f"{BENCHMARK}.toml", "--catalog", world / "nowhere"),
        *("--open", tmp_path / "open.csv", "--home", tmp_path / "home"),
    )
    assert "is not a catalog" in told
    assert not list(tmp_path.iterdir())
