"""An image in a registry, pinned by digest: brought as an archive, linted, run as any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evaluator.queue.registry import RegistryUnavailable, pulled
from evaluator.sandbox.engine import Engine
from submissions.contract import Contract
from submissions.image.archive import lint_archive
from submissions.submission import ContractBroken, Failure, State
from tests.support.entered import enter
from tests.support.installation import Installed
from tests.support.registry import registry
from tests.support.walkthrough import BENCHMARK

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not on this machine"),
]


@pytest.fixture
def archive(engine: Engine, images: dict[str, str], tmp_path: Path) -> Path:
    """An archive of an honest image."""
    path = tmp_path / "image.tar"
    engine.save(images["honest"], path)
    return path


def test_a_reference_becomes_the_archive_of_the_same_image(
    archive: Path, images: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry(archive, tmp_path) as there:
        for name, value in there.settings.items():
            monkeypatch.setenv(name, value)
        with pulled(there.reference, Contract()) as brought:
            assert lint_archive(brought, Contract()).digest == images["honest"]
        assert not brought.exists()
        absent = f"{there.address}/team/model@sha256:{'0' * 64}"
        with (
            pytest.raises(ContractBroken, match=r"cannot be pulled .*; see that it is public"),
            pulled(absent, Contract()),
        ):
            pass
        with pytest.raises(ContractBroken) as large, pulled(there.reference, Contract(image_mb=1)):
            pass
        assert large.value.failure is Failure.IMAGE_TOO_LARGE
    with (
        pytest.raises(RegistryUnavailable, match="the registry"),
        pulled(there.reference, Contract()),
    ):
        pass


def test_a_reference_that_was_entered_is_pulled_run_and_released(
    archive: Path, images: dict[str, str], installed: Installed, tmp_path: Path
) -> None:
    with registry(archive, tmp_path) as there:
        submission = enter(installed, BENCHMARK, "Referred", reference=there.reference)
        elsewhere = f"r.example.org/m@sha256:{'0' * 64}"
        refused = enter(installed, BENCHMARK, "Elsewhere", reference=elsewhere)
        Installed(installed.home, there.settings).run()
    assert installed.state(submission) is State.RELEASED
    assert installed.ledger.submission(submission).image_digest == images["honest"]
    assert installed.state(refused) is State.REJECTED
    told = f"'r.example.org', and images are pulled from: {there.address}; send an archive"
    assert told in str(installed.ledger.finding(refused))


def test_a_registry_that_is_silent_lets_its_submission_wait(
    archive: Path, installed: Installed, tmp_path: Path
) -> None:
    with registry(archive, tmp_path) as there:
        submission = enter(installed, BENCHMARK, "Waits", reference=there.reference)
    said = Installed(installed.home, there.settings).refused()
    assert "the registry does not give the image" in said
    assert installed.state(submission) is State.RECEIVED


@pytest.mark.parametrize("allowed", ["", "another.example.org"])
def test_no_registry_is_asked_that_the_steward_did_not_name(
    allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQUESTRA_REGISTRIES", allowed)
    with (
        pytest.raises(
            ContractBroken, match=r"images are pulled from: (none|another\.example\.org);"
        ),
        pulled(f"127.0.0.1:1/m@sha256:{'0' * 64}", Contract()),
    ):
        pass
