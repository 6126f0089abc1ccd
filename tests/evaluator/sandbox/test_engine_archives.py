"""An image as a file: saved from one engine, taken in by another, under the same digest."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.sandbox.images import KEPT, LOADED
from evaluator.sandbox.staging import stage
from evaluator.workers.shard import clean_host
from submissions.contract import Contract
from submissions.host.base_image import docker
from submissions.image.archive import lint_archive
from submissions.image.lint import MAX_LAYERS, ImageConfiguration
from submissions.predictions import read_predictions
from submissions.submission import ContractBroken, Failure
from tests.attacks.archives import Image, tar_of
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.attacks.catalogue import MILD, PRELUDE
from tests.support import image_layouts
from tests.support.commands import sequestra
from tests.support.engine import ImageBuilder
from tests.support.image_layouts import own_layout
from tests.support.own_docker import OwnDocker, needs_own_docker
from tests.support.repository import REPOSITORY

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
            assert other.has(digest)
            assert set(names(other)) == {LOADED}
        assert found == replace(engine.images.inspect(digest), size_bytes=found.size_bytes)
        assert found.digest == digest
        assert not other.has(digest)
        assert docker("image", "ls", "--quiet", "--all").stdout == ""
        assert other.load(archive, MILD) == digest
        assert other.has(digest)
        assert names(other) == [LOADED]
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
        assert by_name == by_digest == engine.images.inspect(digest)


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

    def too_large(image: ImageConfiguration, contract: Contract) -> None:
        assert engine.has(image.digest)
        raise REFUSED

    with monkeypatch.context() as patched:
        patched.setattr("evaluator.sandbox.images.lint", too_large)
        with pytest.raises(ContractBroken, match="as the engine sees it"):
            engine.load(archive, MILD)
    assert not engine.has(digest)
    assert engine.load(archive, MILD) == digest
    with pytest.raises(ContractBroken):
        refuse(engine, archive)
    assert engine.has(digest)  # as it was before
    docker("image", "rm", digest)


def names(engine: Engine) -> list[str]:
    """Repositories of the names that an engine has, one a name."""
    found = engine.client.api.images()
    return [name.rpartition(":")[0] for each in found for name in each["RepoTags"] or ()]


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


def test_of_two_that_have_the_image_at_once_neither_takes_it_from_the_other(
    engine: Engine, unknown: tuple[Path, str]
) -> None:
    archive, digest = unknown
    with engine.receive(str(archive), MILD) as first:
        with engine.receive(str(archive), MILD) as second:
            assert first == second
        assert engine.has(digest)
    assert not engine.has(digest)


def test_a_name_that_was_given_before_names_told_digests_is_known(
    engine: Engine, unknown: tuple[Path, str]
) -> None:
    archive, digest = unknown
    with engine.receive(str(archive), MILD):
        assert docker("tag", digest, f"{KEPT}:test-former").returncode == 0
    assert engine.has(digest)
    assert "test-former" in engine.kept()
    assert engine.forget("test-former")
    assert not engine.has(digest)


def test_an_image_that_was_there_under_no_name_stays_there(
    engine: Engine, unknown: tuple[Path, str]
) -> None:
    archive, digest = unknown
    assert docker("load", "-i", str(archive)).returncode == 0
    for name in engine.client.images.get(digest).tags:
        assert docker("tag", digest, "sequestra/test:to-be-untagged").returncode == 0
        assert docker("image", "rm", name).returncode == 0
    assert engine.has(digest)
    with engine.receive(str(archive), MILD) as found:
        assert found.digest == digest
    assert engine.has(digest)
    docker("image", "rm", "--force", digest)


def test_what_a_killed_process_had_loaded_goes_with_the_next(
    engine: Engine, unknown: tuple[Path, str], tmp_path: Path
) -> None:
    archive, digest = unknown
    program = (
        "import os, signal, sys\n"
        "from evaluator.sandbox.engine import Engine\n"
        "from tests.attacks.catalogue import MILD\n"
        "with Engine.connect().receive(sys.argv[1], MILD):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, archive], cwd=REPOSITORY)
    assert killed.returncode == -signal.SIGKILL
    assert engine.has(digest)
    other = tmp_path / "other.tar"
    other.write_bytes(tar_of(Image(layer=tar_of({"other": str(tmp_path).encode()})).files()))
    with engine.receive(str(other), MILD):
        assert not engine.has(digest)


def test_what_a_killed_worker_had_loaded_goes_as_its_host_is_cleaned(
    engine: Engine, unknown: tuple[Path, str], tmp_path: Path
) -> None:
    archive, digest = unknown
    staging = tmp_path / "staging"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import evaluator.sandbox.images\n"
        "from evaluator.workers.shard import Shard, run_shard\n"
        "from tests.attacks.catalogue import MILD\n"
        "evaluator.sandbox.images.lint = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "_, archive, digest, staging = sys.argv\n"
        "run_shard(Shard('killed', digest, (), MILD, Path(staging), Path(archive)))\n"
    )
    given = (sys.executable, "-c", program, str(archive), digest, str(staging))
    assert subprocess.run(given, cwd=REPOSITORY).returncode == -signal.SIGKILL
    assert engine.has(digest)
    clean_host(staging)
    assert not engine.has(digest)
    assert not list(staging.glob("run-*"))


@pytest.mark.parametrize("layers", [125, 126])
def test_as_many_layers_as_the_contract_allows_can_be_stacked(
    layers: int, engine: Engine, tmp_path: Path
) -> None:
    each = [tar_of({f"{index}": str(tmp_path).encode()}) for index in range(layers)]
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar_of(own_layout(image_layouts.Image(layers=each))))
    if layers > MAX_LAYERS:
        with (
            pytest.raises(ContractBroken, match="use at most 125"),
            engine.receive(str(archive), MILD),
        ):
            pass
    else:
        with engine.receive(str(archive), MILD) as found:
            engine.let_in(found, MILD)


def test_an_oci_archive_of_zstd_layers_runs(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    """Of the base image's own layers, packed as no engine of 2020 can read them."""
    saved, archive = tmp_path / "saved.tar", tmp_path / "image.tar"
    engine.save(image_of(f"{PRELUDE}\nanswer('0.125')\n"), saved)
    with tarfile.open(saved) as tar:
        held = {member.name: tar.extractfile(member) for member in tar}
        files = {name: file.read() for name, file in held.items() if file is not None}
    (listed,) = json.loads(files["manifest.json"])
    config = json.loads(files[listed["Config"]])
    image = image_layouts.Image([files[name] for name in listed["Layers"]], more=config)
    layout = image_layouts.Layout()
    layout.listed = [layout.index([layout.image(image, "zstd")])]
    archive.write_bytes(tar_of(layout.files()))
    cases, root = stage_cases(tmp_path, MILD)
    with engine.receive(str(archive), MILD) as found, stage(cases, MILD, root) as staged:
        assert found.digest == f"sha256:{image_layouts.digest(image.configuration())}"
        engine.let_in(found, MILD)
        engine.run(found.digest, staged, MILD, submission_id="test-zstd")
        predicted = read_predictions(staged.predictions, CASE_IDS, MILD)
    assert set(predicted.values.values()) == {(0.125,)}
    assert not engine.has(found.digest)


def test_the_sentence_about_a_folder_of_libraries_can_be_followed(
    engine: Engine, image_of: ImageBuilder
) -> None:
    """What the sentence says to write, the builder turns into what the lint takes."""
    broken = image_of(extra="ENV LD_LIBRARY_PATH=/x:$LD_LIBRARY_PATH\n")
    with pytest.raises(ContractBroken, match="whose last colon makes an empty folder"):
        engine.images.resolve(broken)
    line = "ENV LD_LIBRARY_PATH=/x${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n"
    engine.images.resolve(image_of(extra=line))
    engine.images.resolve(image_of(extra=f"ENV LD_LIBRARY_PATH=/y\n{line}"))


def test_the_sentence_about_an_inherited_volume_can_be_followed(
    engine: Engine, image_of: ImageBuilder
) -> None:
    script = "print(1)\n"
    inherited = image_of(script, extra="VOLUME /data\n")
    with pytest.raises(ContractBroken, match="`FROM scratch`, `COPY --from=IMAGE / /`"):
        engine.images.resolve(inherited)
    tag = engine.client.images.get(inherited).tags[0]
    again = image_of(
        script,
        dockerfile=f"FROM scratch\nCOPY --from={tag} / /\n"
        'ENTRYPOINT ["python3", "/app/predict.py"]\n',
    )
    engine.images.resolve(again)


def test_doctor_names_the_store_of_the_engine(engine: Engine, tmp_path: Path) -> None:
    said = " ".join(sequestra("doctor", "--home", tmp_path / "home").printed.split())
    driver = docker("info", "--format", "{{.Driver}}").stdout.strip()
    assert f"images in its {driver} store" in said


def test_a_folder_in_the_place_of_an_archive_is_told(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "index.json").touch()
    told = rf"is a folder; pack it, `tar -C {tmp_path} -cf image.tar .`"
    with pytest.raises(ContractBroken, match=told), engine.receive(str(tmp_path), MILD):
        pass
