from __future__ import annotations

from dataclasses import replace

import pytest

from submissions.contract import Contract
from submissions.image import ImageConfiguration, lint
from submissions.submission import ContractBroken, Failure

GOOD = ImageConfiguration(
    digest="sha256:00",
    system="linux",
    architecture="amd64",
    size_bytes=150 * 2**20,
    layers=3,
    entrypoint=("python3", "/app/predict.py"),
    command=(),
    volumes=(),
    on_build=(),
)


def test_an_image_within_the_contract_passes() -> None:
    lint(GOOD, Contract())
    lint(replace(GOOD, entrypoint=(), command=("python3",)))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (replace(GOOD, architecture="arm64"), "for linux/arm64; build it with --platform"),
        (replace(GOOD, system="windows"), "for windows/amd64"),
        (replace(GOOD, volumes=("/data",)), "declares VOLUME '/data'; remove the VOLUME line"),
        (replace(GOOD, on_build=("RUN true",)), "ONBUILD"),
        (replace(GOOD, entrypoint=()), "neither ENTRYPOINT nor CMD; give it one"),
        (replace(GOOD, layers=128), "has 128 layers; use at most 127"),
    ],
)
def test_an_image_that_breaks_the_contract_is_refused_with_the_remedy(
    image: ImageConfiguration, said: str
) -> None:
    with pytest.raises(ContractBroken, match=said) as broken:
        lint(image)
    assert broken.value.failure is Failure.IMAGE_INVALID


def test_an_image_over_the_limit_is_too_large() -> None:
    with pytest.raises(ContractBroken, match="has 150 MB; at most 149 MB") as broken:
        lint(GOOD, Contract(image_mb=149))
    assert broken.value.failure is Failure.IMAGE_TOO_LARGE
    lint(GOOD, Contract(image_mb=150))
