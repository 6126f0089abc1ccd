"""`sequestra leaderboard` loads what it prints with, and nothing that draws pages or computes."""

from __future__ import annotations

import subprocess
import sys

from tests.support.repository import REPOSITORY

COSTLY = ("jinja2", "numba", "scipy", "fastapi", "evaluator.disclosure.control")


def test_a_board_on_a_terminal_loads_nothing_that_draws_or_computes() -> None:
    program = (
        "import sys, evaluator.leaderboard.printed, evaluator.stores.installation;"
        f"print([name for name in {COSTLY} if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    assert printed.stdout == "[]\n"
