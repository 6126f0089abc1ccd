"""The benchmark files that come with Sequestra: in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def benchmarks() -> dict[str, Path]:
    """The files that come along, by name; none where an installation left them out."""
    for folder in (_PACKAGE / "benchmarks", _PACKAGE.parent / "benchmarks"):
        if files := sorted(folder.glob("*.toml")):
            return {path.name: path for path in files}
    return {}


def resolved(path: Path) -> Path:
    """The file that is meant: ``benchmarks/NAME.toml`` is ours where there is no such file here."""
    if path.parts == ("benchmarks", path.name) and not path.exists():
        return benchmarks().get(path.name, path)
    return path
