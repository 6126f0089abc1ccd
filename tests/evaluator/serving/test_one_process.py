"""An installation has one web process: what limits rates is counted in one memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.stores.installation import Installation, InstallationError


def test_a_second_web_process_is_refused_in_one_sentence(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    with (
        installation.serving(),
        pytest.raises(
            InstallationError,
            match=r"^another `sequestra serve` answers for .*, and limits of requests are counted "
            r"in one process; stop it first$",
        ),
        Installation(tmp_path / "home").serving(),
    ):
        pytest.fail("two processes serve")
    with installation.serving():  # the lock went with the first
        pass
