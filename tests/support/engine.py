"""A real container engine for the tests, the base image, and images built from a few lines."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from evaluator.sandbox.engine import LABEL, Engine
from evaluator.setup.engine import ensure_engine
from submissions.addresses.engine import EngineUnavailable
from submissions.host.base_image import BaseImageUnavailable, build, ensure_base_image, image_id

DOCKERFILE = """ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY predict.py /app/predict.py
ENTRYPOINT ["python3", "/app/predict.py"]
"""


class ImageBuilder(Protocol):
    """Builds an image whose program is ``script``; returns its digest."""

    def __call__(self, script: str = "", *, dockerfile: str = DOCKERFILE, extra: str = "") -> str:
        """``dockerfile`` replaces the usual one; ``extra`` is appended to it."""


def build_image(base: str, script: str, dockerfile: str = DOCKERFILE, extra: str = "") -> str:
    """Build an image under a tag that tells its content, once; its digest."""
    content = hashlib.sha256("\0".join((base, script, dockerfile, extra)).encode()).hexdigest()
    tag = f"sequestra/test:{content[:16]}"
    present = image_id(tag)
    if present is not None:
        return present
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "predict.py"
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
        (Path(folder) / "Dockerfile").write_text(dockerfile + extra, encoding="utf-8")
        return build(Path(folder), tag, base)


def count_containers(engine: Engine, submission_id: str) -> int:
    """How many containers of a submission the engine has, dead ones too."""
    label = f"{LABEL}={submission_id}"
    return len(engine.client.api.containers(all=True, filters={"label": label}))


def _give_up(reason: str) -> None:
    """Skip where there can be no engine; fail in CI, where there must be one."""
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"CI must run the container tests: {reason}")
    pytest.skip(f"container tests: {reason}")


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this machine, installed and started where it has none."""
    try:
        ensure_engine(lambda _: None)
        return Engine.connect()
    except EngineUnavailable as error:
        _give_up(str(error))
        raise


Creating = Callable[[Mapping[str, object]], None]


@pytest.fixture
def creating(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Creating:
    """Have the engine create containers with other words beside their flags."""
    create = engine.client.api.create_container

    def otherwise(given: Mapping[str, object]) -> None:
        monkeypatch.setattr(
            engine.client.api,
            "create_container",
            lambda digest, **asked: create(digest, **{**asked, **given}),
        )

    return otherwise


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    """Tag of the Python base image."""
    try:
        return ensure_base_image()
    except BaseImageUnavailable as error:
        _give_up(str(error))
        raise


@pytest.fixture(scope="session")
def image_of(base_image: str) -> ImageBuilder:
    """Build images from the base image."""

    def built(script: str = "", *, dockerfile: str = DOCKERFILE, extra: str = "") -> str:
        return build_image(base_image, script, dockerfile, extra)

    return built
