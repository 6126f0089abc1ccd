"""A folder of links to chosen files, for an index that reads every file of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cohort_selection.atomic_files import replaced

_OURS = ".sequestra-links"


class NotOurs(ValueError):
    """A folder that would be lost is not one of links."""


def link_files(folder: Path, files: Iterable[tuple[str, Path]]) -> int:
    """Replace ``folder`` by one of links: name below it, and file; give their number.

    Raises ``NotOurs`` where the folder holds something else than links of a former run.
    """
    if folder.exists() and not (folder / _OURS).is_file() and any(folder.iterdir()):
        raise NotOurs(f"{folder} holds files that are no links; give another folder with --store")
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    count = 0
    with replaced(folder, durable=False) as fresh:
        (fresh / _OURS).touch()
        for name, path in files:
            link = fresh / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
            count += 1
    return count
