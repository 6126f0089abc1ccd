"""The command line shows its help without libraries that compute, a queue's state without numba."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evaluator.stores.installation import Installation
from tests.support.repository import REPOSITORY

OF_HELP = ("numpy", "pandas", "pyarrow", "pydantic", "sqlalchemy", "numba", "scipy", "torch")
OF_STATUS = ("numpy", "pandas", "pyarrow", "numba", "scipy", "torch", "matplotlib")
CALLED = """
import sys
from evaluator.cli import main
try:
    main()
except SystemExit as ended:
    print("ended", ended.code, [name for name in {unwanted} if name in sys.modules])
"""


def called(unwanted: tuple[str, ...], *arguments: str, cwd: Path = REPOSITORY) -> list[str]:
    """What a command prints, and in the last line which libraries it loaded."""
    return subprocess.run(
        [sys.executable, "-c", CALLED.format(unwanted=unwanted), *arguments],
        cwd=cwd,
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
    ).stdout.splitlines()


@pytest.mark.parametrize("plugged_in", ["train", "export", "package"])
def test_the_help_lists_plugged_in_commands_and_loads_nothing_that_computes(
    plugged_in: str,
) -> None:
    *lines, last = called(OF_HELP, "--help")
    assert last == "ended 0 []"
    assert any(line.strip("│ ").startswith(f"{plugged_in} ") for line in lines), lines


def test_a_queue_s_state_is_told_without_what_computes(tmp_path: Path) -> None:
    Installation(tmp_path / "home").ledger()
    *_, last = called(OF_STATUS, "status", "--home", str(tmp_path / "home"))
    assert last == "ended 0 []"


def test_ctrl_c_while_the_program_loads_leaves_no_traceback() -> None:
    code = (
        "import builtins\n"
        "from evaluator.cli import main\n"
        "load = builtins.__import__\n"
        "def interrupted(name, *rest, **named):\n"
        "    if name == 'evaluator.commands.main':\n"
        "        raise KeyboardInterrupt\n"
        "    return load(name, *rest, **named)\n"
        "builtins.__import__ = interrupted\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
