"""An archive of `docker save` goes where the name of an image goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.engine import Engine
from submissions.submission import State
from tests.queue.installation import Installed, one_sentence
from tests.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine


def test_an_archive_is_checked_entered_and_run_as_its_image_would_be(
    installed: Installed, images: dict[str, str], sealed: Path, engine: Engine, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    engine.save(images["honest"], archive)
    open_list = ("--open", sealed.parent / "open.csv")
    checked = installed.command("check", archive, "--benchmark", BENCHMARK, *open_list)
    assert checked.code == 0, checked.complained
    assert "passed" in checked.printed
    submission = installed.submit(str(archive), "by archive")
    assert installed.ledger.submission(submission).image_digest == images["honest"]
    installed.run()
    assert installed.state(submission) is State.RELEASED


def test_a_file_that_is_no_archive_is_refused_and_nothing_is_entered(
    installed: Installed, sealed: Path, tmp_path: Path
) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"not an archive" * 1000)
    who = ("--team", "A team", "--model", "A model")
    refused = one_sentence(installed.command("submit", file, "--benchmark", BENCHMARK, *who))
    assert "the archive is cut short or damaged" in refused
    assert installed.ledger.submissions() == []
    open_list = ("--open", sealed.parent / "open.csv")
    checked = installed.command("check", file, "--benchmark", BENCHMARK, *open_list)
    assert checked.code == 1
    assert "image-invalid" in checked.printed
    assert "the archive is cut short or damaged" in checked.printed
