"""The folders of the tests mirror the rooms, and no test imports another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imports import MAY_IMPORT, imported
from tests.support.repository import REPOSITORY

TESTS = REPOSITORY / "tests"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_each_folder_of_tests_is_a_room_of_its_package(package: str) -> None:
    folders = [path.parent for path in (TESTS / package).rglob("test_*.py")]
    assert folders
    for folder in set(folders):
        room = Path(package) / folder.relative_to(TESTS / package)
        assert (REPOSITORY / room).is_dir() or (REPOSITORY / room).with_suffix(".py").is_file(), (
            f"{folder.relative_to(REPOSITORY)} has tests, and there is no room {room}"
        )


def test_no_test_imports_a_test() -> None:
    files = [path.relative_to(REPOSITORY) for path in TESTS.rglob("*.py")]
    assert len(files) > 100
    for path in files:
        tests = [name for name in imported(path) if name.split(".")[-1].startswith("test_")]
        assert not tests, f"{path} imports {tests[0]}; tests/support has what tests share"
