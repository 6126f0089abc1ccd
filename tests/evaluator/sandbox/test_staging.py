from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cohort_selection.cases import BlindedCase
from evaluator.sandbox import staging
from evaluator.sandbox.staging import MTIME, is_alive, remove_leftovers, stage
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
        "import sys, time\nfrom pathlib import Path\nfrom evaluator.sandbox.staging import stage\n"
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


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system than the temporary one."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == Path("/tmp").stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    folder = memory / f"sequestra-test-{os.getpid()}"
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def test_sealed_files_on_another_file_system_are_refused_not_copied(
    elsewhere: Path, tmp_path: Path
) -> None:
    cases = [BlindedCase("p", (sealed(elsewhere, "x"),), {})]
    root = tmp_path / "staging"
    with pytest.raises(OSError, match="sealed images are not copied; keep the whole enclave on"):
        stage(cases, Contract(), root).__enter__()
    assert list(root.glob("run-*")) == []
    with stage(cases, Contract(), root, copying=True) as staged:
        (copy,) = (staged.input / "images" / "p").iterdir()
        assert copy.read_bytes() == b"pixels"
        assert (copy.stat().st_mtime, stat.S_IMODE(copy.stat().st_mode)) == (MTIME, 0o444)


def test_when_a_file_was_read_in_an_earlier_run_is_not_told(
    cases: list[BlindedCase], tmp_path: Path
) -> None:
    os.utime(cases[0].files[0], (1_700_000_000, MTIME))
    with stage(cases, CONTRACT, tmp_path / "staging") as staged:
        assert {file.stat().st_atime for file in (staged.input / "images").rglob("*.dcm")} == {
            MTIME
        }


def test_a_link_in_the_sealed_store_is_followed(tmp_path: Path) -> None:
    file = sealed(tmp_path / "sealed", "x")
    (tmp_path / "link").symlink_to(file)
    with stage([BlindedCase("p", (tmp_path / "link",), {})], CONTRACT, tmp_path / "s") as staged:
        (linked,) = (staged.input / "images" / "p").iterdir()
        assert not linked.is_symlink()
        assert linked.samefile(file)


def test_a_removal_that_takes_long_goes_on_behind_and_nobody_else_takes_it_up(
    cases: list[BlindedCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "staging"
    slow = threading.Event()
    rmtree = shutil.rmtree

    def waits(folder: Path, *, ignore_errors: bool) -> None:
        slow.wait(60)
        rmtree(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr(staging, "REMOVAL_SECONDS", 0.01)
    monkeypatch.setattr(shutil, "rmtree", waits)
    with stage(cases, CONTRACT, root) as staged:
        assert is_alive(staged.folder)
    assert staged.folder.is_dir()
    assert remove_leftovers(root) == 0
    with stage(cases, CONTRACT, root):
        pass  # the next run need not wait
    slow.set()
    for thread in threading.enumerate():
        if thread.name.startswith("remove run-"):
            thread.join()
    assert list(root.glob("run-*")) == []
    assert not is_alive(staged.folder)


def test_a_process_does_not_end_before_its_runs_are_removed(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\nfrom evaluator.sandbox import staging\n"
        "from cohort_selection.cases import BlindedCase\n"
        "from submissions.contract import Contract\n"
        "staging.REMOVAL_SECONDS = 0.0\n"
        "cases = [BlindedCase(f'c{index}', (), {}) for index in range(2000)]\n"
        f"with staging.stage(cases, Contract(), Path({str(tmp_path)!r})):\n    pass\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert list(tmp_path.glob("run-*")) == []


def test_a_folder_without_a_lock_was_left_and_another_users_was_not(tmp_path: Path) -> None:
    (tmp_path / "run-cut").mkdir()
    (tmp_path / "run-theirs").mkdir()
    (tmp_path / "run-theirs" / "lock").mkdir()  # cannot be opened for writing, even by root
    assert remove_leftovers(tmp_path) == 1
    assert [folder.name for folder in tmp_path.glob("run-*")] == ["run-theirs"]


def test_the_process_waits_for_a_removal_that_a_daemon_thread_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's thread is a daemon: one that it starts would end with the process, half done."""
    removers: list[bool] = []

    def removed(folder: Path, ignore_errors: bool) -> None:
        removers.append(threading.current_thread().daemon)

    monkeypatch.setattr(shutil, "rmtree", removed)

    def run() -> None:
        with staging.own_folder(tmp_path):
            pass

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join()
    assert removers == [False]
