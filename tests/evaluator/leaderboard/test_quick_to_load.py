"""What the command `leaderboard` loads: it reads no image, draws no page, tracks nothing."""

from __future__ import annotations

import subprocess
import sys

from tests.support.repository import REPOSITORY

_SLOW = {"pydicom", "jinja2", "fastapi", "mlflow", "numba", "dask", "scipy"}
_CODE = "import sys, evaluator.leaderboard.printed; print(*sys.modules)"


def test_the_leaderboard_on_a_terminal_loads_no_slow_library() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", _CODE], capture_output=True, text=True, check=True, cwd=REPOSITORY
    ).stdout.split()
    assert "evaluator.leaderboard.printed" in loaded
    assert _SLOW.isdisjoint(loaded)
