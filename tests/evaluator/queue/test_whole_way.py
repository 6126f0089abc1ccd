"""From a starter kit to a released report, by commands alone: a team, a server, a queue."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from submissions.host.base_image import docker
from tests.support.commands import PROGRAM, environment
from tests.support.installation import Installed, process
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine
TAG = "sequestra-test/whole-way:1"


@pytest.fixture
def address(installed: Installed) -> Iterator[str]:
    """The address of the installation's web process."""
    command = (*PROGRAM, "serve", "--port", "0", "--home", str(installed.home))
    with process(*command, env=environment()) as served:
        assert served.stdout is not None
        line = served.stdout.readline()
        found = re.search(r"serving (http://\S+)", line)
        assert found is not None, line
        yield found[1]


def test_a_team_gets_from_a_kit_to_its_report(
    installed: Installed, address: str, base_image: str, tmp_path: Path
) -> None:
    ada = tmp_path / "ada"
    ada.mkdir()
    variables = {
        "HOME": str(ada),
        "XDG_CONFIG_HOME": str(ada / "config"),
        "XDG_STATE_HOME": str(ada / "state"),
        "BASE_IMAGE": base_image,
    }

    def types(*words: str, given: str = "") -> str:
        ended = subprocess.run(
            [*PROGRAM, *words],
            check=False,
            capture_output=True,
            text=True,
            cwd=ada,
            input=given,
            env=environment(variables),
            timeout=300,
        )
        assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    steward = installed.command("user", "add", "Ada", "ada@example.org", "--team", "North")
    assert steward.code == 0, steward.complained
    made = installed.command("token", "new", "ada@example.org")
    token = made.printed.split()[-1]
    shown = types("login", address, given=f"{token}\n")
    (version,) = re.findall(r"--agree ([0-9a-f]{16})", shown)
    types("login", address, "--agree", version, given=f"{token}\n")
    types("init", "kit", "--benchmark", BENCHMARK, "--server", address)
    built = subprocess.run(
        ["sh", "build.sh", TAG],
        check=False,
        cwd=ada / "kit",
        env=environment(variables),
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    try:
        printed = types("submit", TAG, "--benchmark", BENCHMARK, "--model", "Size")
    finally:
        docker("rmi", "--force", TAG)
    (submission_id,) = re.findall(r"^([0-9a-f]{12})  North / Size", printed, re.MULTILINE)
    installed.run()
    told = types("status", submission_id, "--watch", "--every", "0.2")
    assert f"{submission_id}  North / Size  {BENCHMARK}  released" in told
    types("report", submission_id, "--output", "report.html")
    assert "<h1>" in (ada / "report.html").read_text()
