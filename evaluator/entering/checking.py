"""Finds the cases for a check: practice cases of a server or of an installation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from evaluator.benchmark.specification import read_name_alone
from evaluator.entering import remote
from evaluator.entering.place import place
from evaluator.screen import console
from evaluator.stores.installation import Installation
from evaluator.stores.practice_cases import practice_folder
from submissions.client.client import Client
from submissions.client.problems import ClientError, Refused
from submissions.host.base_image import cache
from submissions.practice_archive import TABLE


def practice_list(
    benchmark: str, file: Path, server: str | None, home: Path | None, default: Path
) -> Path:
    """The list of a benchmark's practice cases; those of a server are fetched once and kept.

    ``benchmark`` is a name, or the path of the benchmark's ``file``. Raises ClientError, with what
    to give in their place.
    """
    name = read_name_alone(file) if benchmark.endswith(".toml") else benchmark
    where = place(server, home, default, anonymous=True)
    if isinstance(where, Path):
        table = practice_folder(Installation(where), name) / TABLE
        if not table.is_file():
            raise ClientError(
                f"no practice cases of {name!r} are on this machine; give a list of open cases "
                "with --open, or a server that has practice cases with --server"
            )
        return table
    with where:
        return _fetched(where, name)


def _fetched(client: Client, name: str) -> Path:
    address = client.connection.address
    try:
        with ExitStack() as shown:
            moved: list[Callable[[int, int], None]] = []  # no bar where nothing is fetched

            def progress(done: int, total: int) -> None:
                if not moved:
                    moved.append(shown.enter_context(remote.bar("fetching practice cases")))
                moved[0](done, total)

            table = client.practice_cases(name, cache() / "practice", progress=progress)
    except Refused as refused:
        if refused.status != 401:
            raise
        raise ClientError(
            f"{address} gives practice cases to people who are logged in; run "
            f"`sequestra login {address}`, or give a list of open cases with --open"
        ) from refused
    console.print(f"practice cases of {name} from {address}, kept in {table.parent}")
    return table
