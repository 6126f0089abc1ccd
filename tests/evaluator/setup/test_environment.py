"""Which build of torch set-up takes, asked of a real pip and an index made here."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from evaluator.setup.environment import SetUpError, announced, choose, has_card

PIN = "torch==2.13.0"


def wheel(index: Path, name: str, version: str, *requires: str) -> None:
    """Write an empty wheel that any Python takes."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(index / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n{needs}",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is all that pip may look into."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def with_cuda(index: Path, version: str = "2.13.0") -> None:
    """What PyPI has for Linux: the plain version brings CUDA's libraries."""
    wheel(index, "torch", version, "nvidia-cublas; python_version >= '3'")
    wheel(index, "nvidia_cublas", "13.0")


def test_without_a_card_the_build_for_processors_is_taken_where_it_is_offered(index: Path) -> None:
    with_cuda(index)
    wheel(index, "torch", "2.13.0+cpu")
    with_cuda(index, "2.13.0+cu130")  # which pip would prefer: its label sorts last
    assert choose(PIN, card=False).requirement == "torch==2.13.0+cpu"
    assert choose(PIN, card=True).requirement == PIN


def test_where_only_cuda_is_offered_its_size_is_said_and_what_to_do(index: Path) -> None:
    with_cuda(index)
    build = choose(PIN, card=False)
    assert build.requirement == PIN
    said = announced(build, card=False)
    assert "3.2 GB to fetch, 6.9 GB on disk" in said
    assert "though this machine has none" in said
    assert "torch==2.13.0+cpu" in said
    assert "though" not in announced(build, card=True)


def test_an_index_whose_plain_build_has_no_cuda_needs_nothing_more(index: Path) -> None:
    wheel(index, "torch", "2.13.0")
    build = choose(PIN, card=False)
    assert build.requirement == PIN
    assert "0.7 GB to fetch, 3.2 GB on disk" in announced(build, card=False)


def test_an_index_without_torch_is_said(index: Path) -> None:
    with pytest.raises(SetUpError, match=r"pip finds no torch==2\.13\.0 for Python 3"):
        choose(PIN, card=False)


@pytest.mark.parametrize("place", ["proc/driver/nvidia/version", "dev/nvidiactl"])
def test_a_card_is_known_by_its_driver(place: str, tmp_path: Path) -> None:
    assert not has_card(tmp_path)
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    assert has_card(tmp_path)
