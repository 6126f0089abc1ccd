"""Debians of two releases with their builders and engines, made once and kept in the cache."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.sandbox.probe_image import known_good
from submissions.host.base_image import cache
from tests.evaluator.queue.conftest import closed_ledgers, installed, sealed
from tests.support.machine import KEPT, Machine, machine

__all__ = ["closed_ledgers", "installed", "sealed"]

Start = Callable[[str, str], str]


@pytest.fixture(scope="session")
def short() -> Iterator[Path]:
    """A folder with a short name: that of a Unix socket may have 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="sq"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def machines(short: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Machine]:
    """Give the Debian of a release."""
    made: dict[str, Machine] = {}

    def give(release: str) -> Machine:
        if release not in made:
            made[release] = machine(release, short, tmp_path_factory.getbasetemp())
        return made[release]

    return give


@pytest.fixture(scope="session")
def start(machines: Callable[[str], Machine], short: Path) -> Iterator[Start]:
    """Have the engine of a release run until the session's end, once; its address."""
    addresses: dict[tuple[str, str], str] = {}
    with ExitStack() as running:

        def give(release: str, engine: str) -> str:
            if (release, engine) not in addresses:
                folder = short / f"{release[0]}{engine[0]}"
                folder.mkdir()
                if engine == "podman":
                    service = machines(release).podman(folder)
                else:
                    service = machines(release).docker(folder, containerd=engine == "containerd")
                addresses[release, engine] = running.enter_context(service)
            return addresses[release, engine]

        yield give


@pytest.fixture
def connect(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str, str], Engine]]:
    """Connect to the engine of a release, with a cache of the test's own that it sees too."""
    opened: list[Engine] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for each in (*KEPT.parent.glob("python-base-*.tar"), KEPT.parent / "pull-refused"):
        if each.exists():
            (cache() / each.name).symlink_to(each)

    def give(release: str, engine: str) -> Engine:
        monkeypatch.setenv("DOCKER_HOST", start(release, engine))
        opened.append(Engine.connect())
        return opened[-1]

    yield give
    for engine in opened:
        engine.close()


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder to work in, with the folder `context` of an image whose program ends well."""
    import io
    import tarfile

    folder = tmp_path / "work"
    (folder / "context").mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(known_good(lambda _: "t:known").archive)) as outer:
        largest = max(outer.getmembers(), key=lambda member: member.size)
        layer = outer.extractfile(largest)
        with tarfile.open(fileobj=layer) as inner:
            inner.extractall(folder / "context", filter="data")
    (folder / "context" / "Dockerfile").write_text(
        'FROM scratch\nCOPY ends-well /ends-well\nENTRYPOINT ["/ends-well"]\n'
    )
    return folder
