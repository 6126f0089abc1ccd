from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cohort_selection.cohort import BlindedCase
from evaluator.staging import MTIME, remove_leftovers, stage
from submissions.contract import Contract

CONTRACT = Contract(visible=("sex", "age"))


def sealed(folder: Path, name: str, content: bytes = b"pixels", mode: int = 0o644) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(content)
    file.chmod(mode)
    os.utime(file, (MTIME, MTIME))
    return file


@pytest.fixture
def cases(tmp_path: Path) -> list[BlindedCase]:
    files = [sealed(tmp_path / "sealed", f"{index}", f"{index}".encode()) for index in range(3)]
    return [
        BlindedCase("q", (files[2],), {"sex": "Female", "age": "60", "race": "White"}),
        BlindedCase("p", (files[0], files[1]), {"sex": 'a "b", c'}),
    ]


def test_the_table_shows_the_visible_attributes_in_the_order_drawn(
    cases: list[BlindedCase], tmp_path: Path
) -> None:
    with stage(cases, CONTRACT, tmp_path / "staging") as staged:
        table = (staged.input / "cases.csv").read_text(encoding="utf-8")
        assert staged.n_cases == 2
    assert table == 'case_id,n_files,sex,age\nq,1,Female,60\np,2,"a ""b"", c",\n'


def test_files_bear_names_that_say_nothing(cases: list[BlindedCase], tmp_path: Path) -> None:
    with stage(cases, CONTRACT, tmp_path / "staging") as staged:
        folders = {folder.name: folder for folder in (staged.input / "images").iterdir()}
        assert set(folders) == {"p", "q"}
        names = [file.name for folder in folders.values() for file in folder.iterdir()]
        contents = {file.read_bytes() for file in folders["p"].iterdir()}
    assert contents == {b"0", b"1"}
    assert len(set(names)) == 3
    assert all(len(name) == 20 and name.endswith(".dcm") for name in names)


def test_nothing_but_the_input_can_be_told_from_the_files_times_and_modes(
    cases: list[BlindedCase], tmp_path: Path
) -> None:
    with stage(cases, CONTRACT, tmp_path / "staging") as staged:
        found = [staged.input, *staged.input.rglob("*")]
        assert {file.stat().st_mtime for file in found} == {MTIME}
        assert all(file.stat().st_mode & stat.S_IROTH for file in found)
        assert staged.predictions.read_bytes() == b""
        assert not staged.predictions.is_relative_to(staged.input)
        assert stat.S_IMODE(staged.predictions.stat().st_mode) == 0o666
        assert stat.S_IMODE(staged.predictions.parent.stat().st_mode) == 0o700


def test_sealed_files_are_linked_not_copied(cases: list[BlindedCase], tmp_path: Path) -> None:
    with stage(cases, CONTRACT, tmp_path / "staging") as staged:
        (staged_file,) = (staged.input / "images" / "q").iterdir()
        assert staged_file.samefile(cases[0].files[0])


@pytest.mark.parametrize("what", ["mode", "time"])
def test_a_file_that_may_not_be_shared_as_it_is_is_copied(what: str, tmp_path: Path) -> None:
    file = sealed(tmp_path / "sealed", "x", mode=0o600 if what == "mode" else 0o644)
    if what == "time":
        os.utime(file, (1, 1))
    before = file.stat()
    with stage([BlindedCase("p", (file,), {})], Contract(), tmp_path / "staging") as staged:
        (copy,) = (staged.input / "images" / "p").iterdir()
        assert not copy.samefile(file)
        assert copy.read_bytes() == b"pixels"
        assert copy.stat().st_mtime == MTIME
    assert file.stat() == before or file.stat().st_mtime == before.st_mtime


def test_a_failure_leaves_nothing_and_the_sealed_files_as_they_were(
    cases: list[BlindedCase], tmp_path: Path
) -> None:
    root = tmp_path / "staging"
    with pytest.raises(RuntimeError), stage(cases, CONTRACT, root):
        raise RuntimeError
    assert list(root.glob("run-*")) == []
    assert [case.files[0].read_bytes() for case in cases] == [b"2", b"0"]
    with (
        pytest.raises(FileNotFoundError),
        stage([BlindedCase("p", (tmp_path / "gone",), {})], CONTRACT, root),
    ):
        pass
    assert list(root.glob("run-*")) == []


def test_what_a_killed_run_left_is_removed_and_a_live_one_is_not(
    cases: list[BlindedCase], tmp_path: Path
) -> None:
    root = tmp_path / "staging"
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom evaluator.staging import stage\n"
        "from submissions.contract import Contract\n"
        f"with stage([], Contract(), Path({str(root)!r})):\n"
        "    print('staged', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"staged\n"
        assert remove_leftovers(root) == 0
        killed.kill()
    with stage(cases, CONTRACT, root) as alive:
        assert remove_leftovers(root) == 1
        assert alive.input.is_dir()
    assert remove_leftovers(root) == 0
    assert remove_leftovers(tmp_path / "never") == 0


def test_a_thousand_cases_take_little_time_and_no_room(tmp_path: Path) -> None:
    file = sealed(tmp_path / "sealed", "x", b"x" * 100_000)
    cases = [BlindedCase(f"case{index}", (file,), {}) for index in range(1000)]
    began = time.process_time()
    with stage(cases, Contract(), tmp_path / "staging") as staged:
        seconds = time.process_time() - began
        assert file.stat().st_nlink == 1001
        assert len(list((staged.input / "images").iterdir())) == 1000
    assert seconds < 2  # of this process, not of a busy machine
