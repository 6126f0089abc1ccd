"""A check without an open part: practice cases from a server, from another home folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cohort_selection.cases import Case
from evaluator.commands.options import HOME
from evaluator.entering.checking import practice_list
from evaluator.stores.installation import Installation
from evaluator.stores.practice_cases import lay_out
from submissions.client.problems import ClientError
from tests.support.commands import PROGRAM, Ended, environment
from tests.support.engine import ImageBuilder
from tests.support.image_kinds import SECRET, computed_radiograph, write
from tests.support.running_service import FILE, Service

TOML = FILE.replace(b"image_mb = 512", b'image_mb = 512\nvisible = ["view"]')

SCORING = f"""
import csv, pathlib
files = sorted(pathlib.Path('/input/images').rglob('*.dcm'))
assert len(files) == 6 and all(b'{SECRET}' not in file.read_bytes() for file in files)
for i in range(100): print('line', i)
with open('/input/cases.csv') as lines, open('/output/predictions.csv', 'w') as out:
    print('case_id,probability', file=out)
    for row in csv.DictReader(lines):
        print(row['case_id'], 0.2 if row['view'] == 'PA' else 0.75, sep=',', file=out)
"""


def opened(folder: Path) -> list[Case]:
    file = write(computed_radiograph(), folder / "open.dcm")
    return [
        Case(f"study {i}", f"patient {i}", (file,), i % 2, {"view": "PA" if i % 2 else "AP"})
        for i in range(12)
    ]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    laid = lay_out(Installation(tmp_path / "home"), "opacity", opened(tmp_path), 6, seed=1)
    served = Service(tmp_path / "service", toml=TOML, practice=laid.table.parent)
    served.folder.mkdir()
    served.start()
    yield served
    served.stop()


def check(folder: Path, *options: str, **variables: str) -> Ended:
    """Type the command as somebody with a home folder of their own."""
    folder.mkdir(exist_ok=True)
    own = {
        name: str(folder / name.lower())
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    }
    ended = subprocess.run(
        [*PROGRAM, "check", *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment({**own, **variables}),
        timeout=300,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.engine
def test_a_researcher_without_an_open_part_checks_on_the_servers_cases(
    service: Service, image_of: ImageBuilder, tmp_path: Path
) -> None:
    token = {"SEQUESTRA_TOKEN": service.person("Ada", service.team("North"))}
    image = image_of(SCORING)
    asked = ("--benchmark", "opacity", "--server", service.address)
    folder = tmp_path / "ada"
    checked = check(folder, image, *asked, **token)
    assert checked.code == 0, checked.printed + checked.complained
    assert "passed: 6 practice cases" in checked.printed
    assert "AUROC 0.000 on 3 positive and 3 negative cases; scores from 0.2 to 0.75" in (
        checked.printed
    )
    assert "the last 20 lines of the container's log:" in checked.printed
    assert checked.printed.split()[-2:] == ["line", "99"]
    kept = list((folder / "xdg_cache_home/sequestra/practice").rglob("*.dcm"))
    assert len(kept) == 6
    times = [file.stat().st_mtime_ns for file in kept]
    (folder / "opacity.toml").write_bytes(TOML)
    again = ("--benchmark", "opacity.toml", "--server", service.address, "--cases", "2")
    checked = check(folder, image_of(SCORING.replace("== 6", "== 2")), *again, **token)
    assert "passed: 2 practice cases" in checked.printed, checked.printed + checked.complained
    assert "fetching" not in checked.printed
    assert [file.stat().st_mtime_ns for file in kept] == times


def refused(ended: Ended) -> str:
    assert ended.code == 2, ended.printed + ended.complained
    assert ended.complained.count("error: ") == 1
    return " ".join(ended.complained.split())


def test_a_check_without_cases_says_to_give_open(service: Service, tmp_path: Path) -> None:
    asked = ("image.tar", "--benchmark", "opacity", "--server", service.address)
    said = refused(check(tmp_path / "ada", *asked))
    assert f"run `sequestra login {service.address}`" in said
    assert "with --open" in said
    token = {"SEQUESTRA_TOKEN": service.person("Ada", service.team("North"))}
    service.stop()
    service.practice = None
    service.start()
    said = refused(check(tmp_path / "ada", *asked, **token))
    assert f"{service.address} has no practice cases for 'opacity'; give a list" in said
    assert said.endswith("with --open")
    (tmp_path / "opacity.toml").write_bytes(TOML)
    said = refused(check(tmp_path / "ada", "image.tar", "-b", str(tmp_path / "opacity.toml")))
    assert "no practice cases of 'opacity' are on this machine" in said
    assert "with --open" in said


def test_the_stewards_own_check_takes_the_installations_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SEQUESTRA_")]:
        monkeypatch.delenv(name)
    file, home = tmp_path / "opacity.toml", tmp_path / "home"
    file.write_bytes(TOML)
    laid = lay_out(Installation(home), "opacity", opened(tmp_path), 2, seed=1)
    assert practice_list(str(file), file, None, home, HOME) == laid.table
    assert practice_list("opacity", file, None, home, HOME) == laid.table
    with pytest.raises(ClientError, match="no practice cases of 'other'"):
        practice_list("other", file, None, home, HOME)
