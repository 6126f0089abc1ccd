"""An image as a file: saved from one engine, taken in by another, under the same digest."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.engine import Engine, EngineUnavailable
from evaluator.images import Images
from submissions.archive import lint_archive
from submissions.base_image import docker
from submissions.contract import Contract
from submissions.submission import ContractBroken, Failure
from tests.attacks.archives import Image, tar_of
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
        with other.receive(str(archive), MILD) as found:
            pass
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
    with engine.receive(tag, MILD) as by_name, engine.receive(digest, MILD) as by_digest:
        assert by_name == by_digest == engine.inspect(digest)


@pytest.mark.parametrize(
    "image", ["", "./gone.tar", "/no/gone.tar", "UPPER:x", "a b", "a\nb", "-x", "x" * 5000]
)
def test_what_is_neither_an_image_nor_a_file_is_refused_in_one_sentence(
    image: str, engine: Engine
) -> None:
    missing = pytest.raises(ContractBroken, match="there is no such file; give")
    with missing as broken, engine.receive(image, MILD):
        pass
    assert broken.value.failure is Failure.IMAGE_INVALID
    assert "\n" not in broken.value.detail


def test_a_file_that_is_no_archive_is_refused(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"no archive" * 100)
    damaged = pytest.raises(ContractBroken, match="the archive is cut short or damaged")
    with damaged, engine.receive(str(file), MILD):
        pass


@pytest.fixture
def unknown(engine: Engine, tmp_path: Path) -> tuple[Path, str]:
    """An archive of an image that the engine does not have, and its digest."""
    files = Image(layer=tar_of({"app": str(tmp_path).encode()})).files()
    (config,) = (files[name] for name in files if len(name) == 69)
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar_of(files))
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    assert not engine.has(digest)
    return archive, digest


REFUSED = ContractBroken(Failure.IMAGE_TOO_LARGE, "as the engine sees it")


def test_an_image_that_is_refused_once_it_is_loaded_is_not_left_in_the_engine(
    engine: Engine, unknown: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, digest = unknown

    def too_large(images: Images, image: str, contract: Contract | None = None) -> str:
        assert images.has(image)
        raise REFUSED

    with monkeypatch.context() as patched:
        patched.setattr(Images, "resolve", too_large)
        with pytest.raises(ContractBroken, match="as the engine sees it"):
            engine.load(archive, MILD)
    assert not engine.has(digest)
    assert engine.load(archive, MILD) == digest
    with pytest.raises(ContractBroken):
        refuse(engine, archive)
    assert engine.has(digest)  # as it was before
    docker("image", "rm", digest)


def refuse(engine: Engine, archive: Path) -> None:
    with engine.receive(str(archive), MILD):
        raise REFUSED


def test_an_image_that_another_enters_meanwhile_stays_when_it_is_refused(
    engine: Engine, unknown: tuple[Path, str]
) -> None:
    archive, digest = unknown

    def refused() -> None:
        with engine.receive(str(archive), MILD):
            with engine.receive(str(archive), MILD) as found:
                engine.keep(found.digest, "test-another")
            raise REFUSED

    with pytest.raises(ContractBroken):
        refused()
    assert engine.has(digest)
    assert engine.forget("test-another")
    assert not engine.has(digest)


def test_of_two_that_are_refused_at_once_the_one_that_loaded_the_image_removes_it(
    engine: Engine, unknown: tuple[Path, str]
) -> None:
    archive, digest = unknown
    with pytest.raises(ContractBroken), engine.receive(str(archive), MILD):
        refuse(engine, archive)
    assert not engine.has(digest)
