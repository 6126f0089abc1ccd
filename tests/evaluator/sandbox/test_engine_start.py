"""A container that does not start: an image of ours says whose fault that is."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from evaluator.sandbox import probe_image
from evaluator.sandbox.engine import LABEL, Engine, EngineUnavailable
from evaluator.sandbox.staging import stage
from submissions.host.base_image import docker
from submissions.image.archive import lint_archive
from submissions.image.lint import ENVIRONMENT_BYTES, WORD_BYTES
from submissions.predictions import read_predictions
from submissions.submission import ContractBroken, Failure
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.attacks.catalogue import MILD, PRELUDE
from tests.support.engine import ImageBuilder
from tests.support.own_docker import OwnDocker, needs_own_docker

pytestmark = pytest.mark.engine

ANSWER = f"{PRELUDE}\nanswer()\n"

SICK = """#!/bin/sh
echo "no such file or directory: exec" >&2
exit 1
"""
"""An OCI runtime that fails in the very words that a missing program gets."""

SICK_ONCE = """#!/bin/sh
for word in "$@"; do
    if [ "$word" = create ] && [ ! -e {marker} ]; then
        touch {marker}
        echo "resource temporarily unavailable" >&2
        exit 1
    fi
done
exec {runc} "$@"
"""


def test_our_image_is_one_that_our_own_lint_takes_and_ends_well(tmp_path: Path) -> None:
    good = probe_image.known_good(lambda _: "sequestra/test:known-good")
    path = tmp_path / "image.tar"
    path.write_bytes(good.archive)
    found = lint_archive(path, MILD)
    assert (found.digest, found.size_bytes) == (good.digest, good.size_bytes)
    with tarfile.open(fileobj=BytesIO(good.archive)) as outer:
        manifest = outer.extractfile(f"blobs/sha256/{good.manifest_digest[7:]}")
        assert manifest is not None
        (described,) = json.load(manifest)["layers"]
        layer = outer.extractfile(f"blobs/sha256/{described['digest'][7:]}")
        assert layer is not None
        with tarfile.open(fileobj=layer) as inner:
            program = inner.extractfile(probe_image.PROGRAM[1:])
            assert program is not None
            content = program.read()
    assert len(content) == 129
    (tmp_path / "program").write_bytes(content)
    (tmp_path / "program").chmod(0o755)
    assert subprocess.run([tmp_path / "program"]).returncode == 0


@pytest.mark.parametrize(
    "extra",
    [
        'ENTRYPOINT ["/no/such/program"]\n',
        'ENTRYPOINT ["/etc"]\n',
        'RUN chmod 644 /app/predict.py\nENTRYPOINT ["/app/predict.py"]\n',
        'ENV PATH=/nowhere\nENTRYPOINT ["python3"]\n',
    ],
    ids=["no program", "a folder", "not executable", "no path"],
)
def test_what_only_this_image_cannot_do_is_the_teams_fault(
    extra: str, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged, pytest.raises(ContractBroken) as broken:
        engine.run(image_of(ANSWER, extra=extra), staged, MILD, submission_id="test-start")
    assert broken.value.failure is Failure.START_FAILED
    assert broken.value.detail
    assert not engine.client.containers.list(all=True, filters={"label": f"{LABEL}=test-start"})


@contextmanager
def docker_with_runtime(
    tmp_path: Path, script: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """An engine of the test's own with ``image``, whose containers ``script`` starts."""
    archive = tmp_path / "image.tar"
    assert docker("save", "-o", str(archive), image).returncode == 0
    runtime = tmp_path / "runtime"
    runtime.write_text(script)
    runtime.chmod(0o755)
    # A Unix socket's path may have 107 characters at most.
    short = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]
    own = OwnDocker(tmp_path.parents[1] / f"s{short}", f"--add-runtime=sick={runtime}")
    own.folder.mkdir()
    own.start()
    try:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{own.socket}")
        monkeypatch.setenv("SEQUESTRA_RUNTIME", "sick")
        assert docker("load", "-i", str(archive)).returncode == 0
        engine = Engine.connect()
        yield engine
        assert engine.client.containers.list(all=True) == []
        engine.close()
    finally:
        own.stop()


@needs_own_docker
def test_an_engine_that_starts_nothing_charges_nobody_whatever_it_says(
    image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_of(ANSWER)
    cases, root = stage_cases(tmp_path, MILD)
    with (
        docker_with_runtime(tmp_path, SICK, image, monkeypatch) as engine,
        stage(cases, MILD, root) as staged,
        pytest.raises(EngineUnavailable, match="the container engine cannot start containers"),
    ):
        engine.run(image, staged, MILD, submission_id="test-sick")


@needs_own_docker
def test_an_engine_that_fails_for_a_moment_is_asked_again(
    image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_of(ANSWER)
    marker = tmp_path / "failed-once"
    script = SICK_ONCE.format(marker=marker, runc=shutil.which("runc"))
    cases, root = stage_cases(tmp_path, MILD)
    with (
        docker_with_runtime(tmp_path, script, image, monkeypatch) as engine,
        stage(cases, MILD, root) as staged,
    ):
        engine.run(image, staged, MILD, submission_id="test-moment")
        assert set(read_predictions(staged.predictions, CASE_IDS, MILD).values) == set(CASE_IDS)
    assert marker.exists()


def test_the_longest_environment_and_command_that_the_lint_lets_through_do_start(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    longest = "x" * (WORD_BYTES - 8)
    words = (ENVIRONMENT_BYTES - 4096) // WORD_BYTES
    extra = "".join(f"ENV A{index}={longest}\n" for index in range(words))
    image = image_of(ANSWER, extra=f'{extra}CMD ["{longest}", "{longest[:20_000]}"]\n')
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged:
        engine.run(image, staged, MILD, submission_id="test-longest")
        assert read_predictions(staged.predictions, CASE_IDS, MILD)
