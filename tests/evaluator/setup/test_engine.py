from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.setup import engine as engine_setup
from submissions.addresses import engine as engine_address
from submissions.addresses.engine import EngineUnavailable
from submissions.host import base_image as base_image_module
from submissions.host import linux_packages
from submissions.host.base_image import BaseImageUnavailable, build, ensure_base_image, image_id
from tests.support.repository import REPOSITORY


def test_a_socket_on_which_nobody_answers_is_no_engine(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    assert not engine_address.answers(path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        assert not engine_address.answers(path)
        sock.listen()
        assert not engine_address.answers(path, seconds=0.1)


def test_what_is_configured_but_down_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(EngineUnavailable, match=r"DOCKER_HOST is .* start that engine, or unset"):
        engine_setup.ensure_engine(lambda _: None)


def test_without_an_engine_and_without_root_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine_address, "sockets", lambda: (tmp_path / "docker.sock",))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineUnavailable, match=r"apt-get install docker\.io\) or Podman"):
        engine_setup.ensure_engine(lambda _: None)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_socket_that_this_user_may_not_open_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = Path("/tmp") / f"sequestra-test-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        try:
            path.chmod(0o600)
            child = os.fork()
            if child == 0:
                os.setuid(65_534)
                engine_address.sockets = lambda: (path,)
                os._exit(0 if "may not open it" in engine_address.no_engine() else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        finally:
            path.unlink()


@pytest.mark.engine
def test_two_at_once_find_the_same_engine(engine: Engine) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "evaluator.setup.engine"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in started]
    assert said == [f"Using the container engine at {engine.connection.address}.\n"] * 2
    assert [process.returncode for process in started] == [0, 0]


@pytest.mark.engine
def test_the_base_image_is_made_once(
    engine: Engine, base_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = image_id(base_image)
    assert before is not None

    def never(*_: object) -> bool:
        raise AssertionError("the base image is there")

    monkeypatch.setattr(base_image_module, "_pulled", never)
    monkeypatch.setattr(base_image_module, "_bootstrap", never)
    assert ensure_base_image() == base_image
    assert image_id(base_image) == before
    assert 50 * 2**20 < engine.images.inspect(base_image).size_bytes < 250 * 2**20


@pytest.mark.engine
def test_a_build_that_fails_says_why(base_image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY not-there /app\n", encoding="utf-8"
    )
    with pytest.raises(BaseImageUnavailable, match=r"`docker build` failed: .*not-there"):
        build(tmp_path, "sequestra/test:fails", base_image)


# What apt says in sid, whose os-release has VERSION_CODENAME=forky (base-files 14.2).
SID = """base-files:
  Installed: 14.2
  Candidate: 14.3
  Version table:
     14.3 500
        500 http://deb.debian.org/debian forky/main amd64 Packages
 *** 14.2 500
        500 http://deb.debian.org/debian unstable/main amd64 Packages
        100 /var/lib/dpkg/status
"""
TARGETS = [
    ["http://mirror/debian/", "sid", "unstable", "main"],
    ["http://mirror/debian/", "sid", "unstable", "contrib"],
    ["http://elsewhere/", "nodistro", "nodistro", "main"],
    ["http://mirror/security/", "trixie-security", "stable-security", "main"],
    ["http://mirror/debian/", "trixie", "stable", "main"],
]


def test_the_release_is_the_one_that_the_installed_version_comes_from() -> None:
    assert linux_packages.base_release(SID) == "unstable"
    upgradable = SID.replace(
        "        500 http://deb.debian.org/debian unstable/main amd64 Packages\n", ""
    )
    assert linux_packages.base_release(upgradable) == "forky"
    assert linux_packages.base_release("base-files:\n  Installed: 14.2\n") == ""


def test_sources_are_found_by_the_codename_and_by_the_name_in_apt_s_own_list() -> None:
    sid = tuple(f"deb http://mirror/debian/ sid {part}" for part in ("main", "contrib"))
    assert linux_packages.lines_of("unstable", TARGETS) == sid
    assert linux_packages.lines_of("sid", TARGETS) == sid
    assert linux_packages.lines_of("forky", TARGETS) == ()
    assert linux_packages.lines_of("", TARGETS) == ()
    # A release's own packages come first: mmdebstrap takes the release from that line.
    assert linux_packages.lines_of("trixie", TARGETS) == (
        "deb http://mirror/debian/ trixie main",
        "deb http://mirror/security/ trixie-security main",
    )


def apt_of_sid(folder: Path) -> None:
    """Programs that say what apt says in sid."""
    rows = "\n".join("|".join(row) for row in TARGETS[:2])
    for name, said in (("apt-get", rows), ("apt-cache", SID), ("apt-config", "")):
        (folder / name).write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("codename", ["forky", "", "sid"])
def test_apt_is_asked_where_os_release_names_another_release(
    codename: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt_of_sid(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert linux_packages.sources(codename) == (
        "deb http://mirror/debian/ sid main",
        "deb http://mirror/debian/ sid contrib",
    )


@pytest.mark.skipif(not linux_packages.is_debian_like(), reason="needs Debian or Ubuntu")
def test_the_mirrors_are_those_of_this_machine() -> None:
    codename = linux_packages.codename()
    lines = linux_packages.sources(codename)
    assert lines
    suites = set()
    for line in lines:
        kind, address, suite, _component = line.split()
        assert kind == "deb"
        assert "://" in address
        suites.add(suite.partition("-")[0])
    assert len(suites) == 1  # one release and its updates


def only(folder: Path, *names: str) -> str:
    """A PATH on which there is nothing but programs of these names."""
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(("engine_there", "expected"), [(True, "docker-cli"), (False, "docker.io")])
def test_the_package_that_brings_the_command_is_named(
    engine_there: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", only(tmp_path, *(["dockerd"] if engine_there else [])))
    monkeypatch.setattr(linux_packages, "system_path", lambda: os.environ["PATH"])
    monkeypatch.setattr(base_image_module, "engine_address", lambda: None)
    with pytest.raises(EngineUnavailable) as said:
        base_image_module.docker("version")
    assert expected in str(said.value)
    assert ("install docker.io" in str(said.value)) is not engine_there
    assert "docker-cli" in str(said.value)


def test_a_base_image_that_takes_too_long_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt_of_sid(tmp_path)
    slow = tmp_path / "mmdebstrap"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(base_image_module, "BUILD_SECONDS", 0.5)
    with pytest.raises(BaseImageUnavailable, match="mmdebstrap did not end in"):
        base_image_module._bootstrap("forky", tmp_path / "base.tar", lambda _: None)
    assert not (tmp_path / "base.tar").exists()


@pytest.mark.parametrize("there", [["dockerd"], ["dockerd", "docker"], ["dockerd", "podman"], []])
def test_an_engine_without_its_command_gets_it(
    there: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setenv("PATH", only(tmp_path, *there))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(linux_packages, "system_path", lambda: os.environ["PATH"])
    monkeypatch.setattr(engine_setup, "engine_address", lambda: "unix:///an/engine.sock")
    monkeypatch.setattr(
        linux_packages, "install", lambda *packages, progress: asked.extend(packages)
    )
    said = engine_setup.ensure_engine(lambda _: None)
    assert said == "Using the container engine at unix:///an/engine.sock."
    assert asked == (["docker-cli"] if there == ["dockerd"] else [])
