"""The command line shows its help without libraries that compute, a queue's state without numba."""

from __future__ import annotations

import subprocess
import sys

from tests.support.repository import REPOSITORY

OF_HELP = ("numpy", "pandas", "pydantic", "sqlalchemy", "numba", "scipy", "torch")
OF_STATUS = ("numba", "scipy", "torch", "matplotlib")


def test_help_and_status_load_nothing_that_computes() -> None:
    program = (
        "import sys, evaluator.commands.main;"
        f"print([name for name in {OF_HELP} if name in sys.modules]);"
        "import evaluator.entering.local;"
        f"print([name for name in {OF_STATUS} if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    assert printed.stdout == "[]\n[]\n"
