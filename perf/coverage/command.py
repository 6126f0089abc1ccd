"""The command line of a study whose cells are kept in a file of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from perf.coverage import study
from perf.coverage.counting import Cell
from perf.coverage.study import Kept


def continued(
    program: str, description: str | None, cells: Callable[[], Sequence[Cell]], path: Path
) -> dict[str, Kept]:
    """Run the cells that ``path`` lacks, as the command line says; give all that it then holds."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--runs", type=float, default=1.0, help="share of the full number (1)")
    parser.add_argument("--only", default="", help="the cells whose name holds this")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    parser.add_argument("--table", action="store_true", help="write the tables, run nothing")
    options = parser.parse_args()
    if not options.table:
        study.run(
            [cell for cell in cells() if options.only in cell.name],
            path,
            share=options.runs,
            workers=options.workers,
            say=lambda line: print(line, flush=True),
        )
    return study.read(path)
