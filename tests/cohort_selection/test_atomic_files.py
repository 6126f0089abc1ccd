"""A file is there whole or not at all, and nothing stays of a writer that was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cohort_selection.atomic_files import sweep, write_bytes, written
from tests.support.repository import REPOSITORY


def killed_writer(path: Path) -> None:
    program = (
        "import os, signal\nfrom pathlib import Path\n"
        "from cohort_selection.atomic_files import written\n"
        f"with written(Path({str(path)!r})) as stream:\n"
        "    stream.write(b'half')\n    stream.flush()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False)


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(TypeError), written(tmp_path / "a") as stream:
        stream.write("no bytes")  # type: ignore[call-overload]
    assert (tmp_path / "a").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_the_next_writer_removes_what_a_killed_one_left_of_the_same_file(tmp_path: Path) -> None:
    killed_writer(tmp_path / "a [1]")
    killed_writer(tmp_path / "b")
    assert len(list(tmp_path.iterdir())) == 2
    write_bytes(tmp_path / "a [1]", b"whole")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left[1:] == ["a [1]"]
    assert left[0].startswith(".b.new-")


def test_a_sweep_spares_what_a_living_writer_writes(tmp_path: Path) -> None:
    killed_writer(tmp_path / "a")
    with written(tmp_path / "b") as stream:
        sweep(tmp_path)
        assert [path.name.split(".")[1] for path in tmp_path.iterdir()] == ["b"]
        stream.write(b"whole")
    assert (tmp_path / "b").read_bytes() == b"whole"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    """And not the one beside it, unknown to everybody."""
    (tmp_path / "folder").mkdir()
    for path, wrong in (
        (tmp_path / "nowhere" / "file", FileNotFoundError),
        (tmp_path / "folder", IsADirectoryError),
    ):
        with pytest.raises(wrong) as refused:
            write_bytes(path, b"content")
        assert refused.value.filename == str(path)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
