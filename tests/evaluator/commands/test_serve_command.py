"""`sequestra serve`: it tells an address that answers, or one sentence."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.support.commands import PROGRAM, environment, refused


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation without a benchmark."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_address_that_it_says_answers(host: str, home: Path) -> None:
    if host == "::1":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6")
    with subprocess.Popen(
        [*PROGRAM, "serve", "--host", host, "--port", "0", "--home", str(home)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            found = re.search(r"serving (http://\S+:(\d+)) ", said)
            assert found is not None, said
            assert int(found[2]) > 0
            with urllib.request.urlopen(found[1], timeout=60) as page:  # asked but once
                assert b"Benchmarks" in page.read()
        finally:
            server.terminate()


def test_a_port_that_is_taken_is_told_and_no_address_is(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refused("serve", "--port", port, "--home", home)
    assert f"port {port} of 127.0.0.1 is taken by another program" in said
    assert "serving" not in said
    for host, sentence in (
        ("192.0.2.1", "is no address of this machine"),  # of those that RFC 5737 keeps for books
        ("name-that-nobody-has.invalid", "name-that-nobody-has.invalid' is unknown"),
    ):
        assert sentence in refused("serve", "--host", host, "--home", home)
