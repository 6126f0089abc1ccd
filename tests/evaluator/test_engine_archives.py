"""An image as a file: saved from one engine, taken in by another, under the same digest."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.engine import Engine, EngineUnavailable
from submissions.archive import lint_archive
from submissions.base_image import docker
from submissions.submission import ContractBroken, Failure
from tests.attacks.catalogue import MILD
from tests.engine import ImageBuilder
from tests.own_docker import OwnDocker, needs_own_docker

pytestmark = pytest.mark.engine

SCRIPT = "print('an image that travels')\n"


@needs_own_docker
def test_an_image_keeps_its_digest_on_the_way_to_another_engine(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = image_of(SCRIPT)
    archive = tmp_path / "image.tar"
    engine.save(digest, archive)
    assert lint_archive(archive, MILD).digest == digest
    assert [file.name for file in tmp_path.iterdir()] == ["image.tar"]
    own = OwnDocker(tmp_path.parents[1] / f"a{os.getpid()}")
    own.folder.mkdir()
    own.start()
    try:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{own.socket}")
        other = Engine.connect()
        assert not other.has(digest)
        found = other.receive(str(archive), MILD)
        assert found == replace(engine.inspect(digest), size_bytes=found.size_bytes)
        assert found.digest == digest
        assert docker("image", "ls", "--quiet", "--filter", "dangling=false").stdout == ""
        other.close()
    finally:
        own.stop()


def test_what_cannot_be_saved_leaves_no_file(engine: Engine, tmp_path: Path) -> None:
    kept = tmp_path / "image.tar"
    kept.write_bytes(b"as it was")
    with pytest.raises(EngineUnavailable, match="failed while saving the image"):
        engine.save(f"sha256:{'0' * 64}", kept)
    assert [file.name for file in tmp_path.iterdir()] == ["image.tar"]
    assert kept.read_bytes() == b"as it was"


def test_a_name_and_a_digest_are_taken_as_they_are(engine: Engine, image_of: ImageBuilder) -> None:
    digest = image_of(SCRIPT)
    tag = engine.client.images.get(digest).tags[0]
    assert engine.receive(tag, MILD) == engine.receive(digest, MILD) == engine.inspect(digest)


@pytest.mark.parametrize(
    "image", ["", "./gone.tar", "/no/gone.tar", "UPPER:x", "a b", "a\nb", "-x", "x" * 5000]
)
def test_what_is_neither_an_image_nor_a_file_is_refused_in_one_sentence(
    image: str, engine: Engine
) -> None:
    with pytest.raises(ContractBroken, match="there is no such file; give") as broken:
        engine.receive(image, MILD)
    assert broken.value.failure is Failure.IMAGE_INVALID
    assert "\n" not in broken.value.detail


def test_a_file_that_is_no_archive_is_refused(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"no archive" * 100)
    with pytest.raises(ContractBroken, match="the archive is cut short or damaged"):
        engine.receive(str(file), MILD)
