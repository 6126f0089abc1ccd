"""Runs while an adapted image is built: has the program read and write below /tmp instead.

The contract mounts its own /input and leaves /output closed but for one file, so a program that
names these folders must name others. Needs Python 3.7 or newer and no library.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).resolve().parent
ROOT = "/tmp/elsewhere"
FOLDERS = re.compile(r"(?<![\w./~-])/(input|output|scratch|mnt/in|mnt/out)(?![\w.-])")
"""Folders that other platforms mount, where a path begins with one."""

TEXTS = {".py", ".sh", ".bash", ".json", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".conf"}
MODEL = "/opt/ml/model"
"""Where grand-challenge unpacks the weights that come beside an image."""

LARGEST = 1_000_000
"""Bytes of a file that may be a program or its settings."""


def redirected(text: str) -> str:
    """A text in which each path below such a folder leads below ROOT."""
    return FOLDERS.sub(ROOT + r"/\1", text)


def within(folder: Path) -> Iterator[Path]:
    """What lies in a folder and below; of the root, which holds the whole system, its files."""
    if folder == Path("/"):
        return (path for path in folder.glob("*") if path.is_file())
    return folder.rglob("*")


def files_below(places: list[str]) -> Iterator[Path]:
    """Files with a program's endings; installed libraries are left alone."""
    for place in places:
        path = Path(place)
        if path.is_file():
            yield path
        for file in sorted(within(path)):
            inner = file.relative_to(path).parts
            if "site-packages" in inner or "dist-packages" in inner or file.is_symlink():
                continue
            if file.suffix in TEXTS and file.is_file() and file.stat().st_size <= LARGEST:
                yield file


def rewrite(file: Path) -> Iterator[str]:
    """Redirect the paths of one file; each line that changed, with its place."""
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return
    fresh = redirected(text)
    if fresh == text:
        return
    file.write_bytes(fresh.encode("utf-8"))
    for number, (old, new) in enumerate(zip(text.splitlines(), fresh.splitlines()), start=1):
        if old != new:
            yield "%s:%d: %s" % (file, number, new.strip())


def open_to_all(places: list[str]) -> None:
    """Let everybody read the program: the contract's user is a number that owns nothing."""
    for place in places:
        for path in (Path(place), *within(Path(place))):
            if path.is_symlink() or not path.exists():
                continue
            mode = path.stat().st_mode
            needed = mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444)
            if needed != mode:
                path.chmod(needed)


def main() -> None:
    """Move the working folder where the run hides it, then redirect the program's files."""
    settings = json.loads((HERE / "adapter.json").read_text(encoding="utf-8"))
    source, target = settings["working_directory"], settings["runs_in"]
    if source != target:
        shutil.copytree(source, target, symlinks=True)
    open_to_all([target, MODEL, *settings["redirect"]])
    lines = [
        line for file in files_below([target, *settings["redirect"]]) for line in rewrite(file)
    ]
    words = [*settings["command"], *settings["environment"]]
    report = {"lines": lines, "any": bool(lines or any(FOLDERS.search(word) for word in words))}
    (HERE / "redirected.json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
