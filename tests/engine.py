"""A real container engine for the tests, the base image, and images built from a few lines."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import pytest

from evaluator.engine import Engine
from evaluator.engine_setup import ensure_engine
from submissions.base_image import BaseImageUnavailable, build, ensure_base_image
from submissions.engine_address import EngineUnavailable

ImageBuilder = Callable[..., str]

DOCKERFILE = """ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY predict.py /app/predict.py
ENTRYPOINT ["python3", "/app/predict.py"]
"""


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


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    """Tag of the Python base image."""
    try:
        return ensure_base_image()
    except BaseImageUnavailable as error:
        _give_up(str(error))
        raise


@pytest.fixture(scope="session")
def image_of(base_image: str, tmp_path_factory: pytest.TempPathFactory) -> ImageBuilder:
    """Build an image whose program is ``script``; returns its digest.

    ``dockerfile`` replaces the usual one; ``extra`` is appended to it.
    """

    def built(script: str = "", *, dockerfile: str = DOCKERFILE, extra: str = "") -> str:
        context = tmp_path_factory.mktemp("context")
        (context / "predict.py").write_text(script, encoding="utf-8")
        (context / "predict.py").chmod(0o755)
        (context / "Dockerfile").write_text(dockerfile + extra, encoding="utf-8")
        content = hashlib.sha256(f"{script}{dockerfile}{extra}".encode()).hexdigest()[:12]
        return build(context, f"sequestra/test:{content}", base_image)

    return built
