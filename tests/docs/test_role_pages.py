"""The worked examples of docs/roles/ run as a reader would run them, page after page.

Of a page are run: blocks in the language ``console``, whose lines after ``$`` are commands and
whose other lines are what they print (``...`` for anything, line breaks as they fit); and code
blocks with a caption, which are written into the file of that name. Identifiers of submissions on
a page stand for those of the run, in the order in which both appear; digests, dates and seconds
may be any.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser

from tests.support.commands import PROGRAM, environment
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import always_the_same_draw

ROLES = REPOSITORY / "docs" / "roles"
WRITTEN = ("toml", "python", "dockerfile", "text")
"""Languages of the files that a page has its reader write."""
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
IDENTIFIER = re.compile(r"\b[0-9a-f]{12}\b")
COMMAND = re.compile(r"((?:.*\\\n)*.*)\n([\s\S]*)")
"""A command, over several lines if they end in a backslash, and what it prints."""
VARIES = re.compile(
    r"sha256:[0-9a-f]{64}|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\b\d+(\.\d+)? s\b|under \d+ s"
)


@dataclass(slots=True)
class Reader:
    """A person in a folder who does what the pages say."""

    folder: Path
    base_image: str = ""
    identifiers: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def read(self, page: str) -> None:
        """Do what a page says; an AssertionError names the first command that went otherwise."""
        parsers = [
            CodeBlockParser("console", self._run),
            *(CodeBlockParser(language, self._write) for language in WRITTEN),
        ]
        document = Sybil(parsers=parsers).parse(ROLES / f"{page}.md")
        for example in document.examples():
            example.evaluate()

    def _write(self, example: Example) -> None:
        name = example.region.lexemes.get("options", {}).get("caption")
        if name is not None:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(example.parsed), encoding="utf-8")

    def _run(self, example: Example) -> None:
        first, *steps = re.split(r"^\$ ", str(example.parsed), flags=re.MULTILINE)
        assert not first, f"{example.path}:{example.line}: a line before the first command"
        for step in steps:
            parts = COMMAND.fullmatch(step)
            assert parts is not None
            command, expected = parts.groups()
            printed = self._printed(IDENTIFIER.sub(self._known, command))
            for on_page, here in zip(
                IDENTIFIER.findall(expected), IDENTIFIER.findall(printed), strict=False
            ):
                self.identifiers.setdefault(on_page, here)
            expected = IDENTIFIER.sub(self._known, expected)
            want, got = (VARIES.sub("(varies)", text) for text in (expected, printed))
            if not doctest.OutputChecker().check_output(want, got, LIKE):
                pytest.fail(
                    f"{example.path}:{example.line}: {command}\n"
                    f"the page says:\n{expected}\nit printed:\n{printed}"
                )

    def _known(self, match: re.Match[str]) -> str:
        return self.identifiers.get(match[0], match[0])

    def _printed(self, command: str) -> str:
        self.commands.append(command)
        path = f"{self.folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(
            ["sh", "-euc", command],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment({"PATH": path, "COLUMNS": "100", "BASE_IMAGE": self.base_image}),
            timeout=300,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout


def ran(reader: Reader, command: str) -> bool:
    return any(each.startswith(f"sequestra {command}") for each in reader.commands)


@pytest.fixture(scope="module")
def steward(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A reader at the end of the steward's page."""
    root = tmp_path_factory.mktemp("roles")
    program = root / "bin" / "sequestra"
    program.parent.mkdir()
    here = f"PYTHONPATH={shlex.quote(str(REPOSITORY))}"
    program.write_text(f'#!/bin/sh\n{here} exec {shlex.join(PROGRAM)} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    reader = Reader(root / "work")
    always_the_same_draw(reader.folder / "sequestra-home")
    reader.read("steward")
    return reader


@pytest.fixture(scope="module")
def researcher(steward: Reader, base_image: str) -> Reader:
    """The same reader, who has entered a model."""
    steward.base_image = base_image
    steward.read("researcher")
    return steward


@pytest.fixture(scope="module")
def operator(researcher: Reader) -> Reader:
    """The same reader, who has run the queue."""
    researcher.read("operator")
    return researcher


def test_the_stewards_example_ends_with_a_sealed_cohort_and_an_open_part(steward: Reader) -> None:
    assert ran(steward, "seal")
    opened = (steward.folder / "open" / "open.csv").read_text().splitlines()
    images = list((steward.folder / "open" / "images").rglob("*.dcm"))
    assert len(images) == len(opened) - 1 > 0


@pytest.mark.engine
def test_the_researchers_example_enters_a_submission(researcher: Reader) -> None:
    assert ran(researcher, "check")
    assert ran(researcher, "submit")


@pytest.mark.engine
def test_the_operators_example_leaves_a_backup_that_opens(operator: Reader) -> None:
    assert ran(operator, "run")
    (backup,) = operator.folder.glob("backup*/sequestra-home")
    assert (backup / "public" / "ledger.sqlite").is_file()


@pytest.mark.engine
def test_the_reviewers_example_writes_the_reports(operator: Reader) -> None:
    operator.read("reviewer")
    assert ran(operator, "report")
    for name in ("report.html", "own.html"):
        assert "<h1>" in (operator.folder / name).read_text()
