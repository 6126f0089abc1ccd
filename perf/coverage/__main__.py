"""``python -m perf.coverage``: continue the study of intervals and tests, or write its tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from perf.coverage import claims_table, study, table


def main() -> None:
    """Run what is missing of the cells that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m perf.coverage", description=__doc__)
    parser.add_argument("--runs", type=float, default=1.0, help="share of the full number (1)")
    parser.add_argument("--only", default="", help="the cells whose name holds this")
    parser.add_argument("--workers", type=int, help="processes (one a core)")
    parser.add_argument(
        "--kept",
        type=Path,
        default=study.KEPT,
        help="file of the results; another than the project's has its tables printed",
    )
    parser.add_argument("--list", action="store_true", help="name the cells, run none")
    parser.add_argument("--table", action="store_true", help="write the tables, run nothing")
    options = parser.parse_args()
    if not 0.0 < options.runs <= 1.0:
        parser.error(f"--runs is {options.runs:g}; give a share above 0, at most 1")
    cells = [cell for cell in study.all_cells() if options.only in cell.name]
    if not cells:
        parser.error(f"no cell's name holds {options.only!r}; --list names them")
    if options.list:
        print(*(cell.name for cell in cells), sep="\n")
        return
    if not options.table:
        study.run(
            cells,
            options.kept,
            share=options.runs,
            workers=options.workers,
            say=lambda line: print(line, flush=True),
        )
    kept = study.read(options.kept)
    for document, block in (
        (table.DOCUMENT, table.block(kept)),
        (claims_table.DOCUMENT, claims_table.block(kept)),
    ):
        if options.kept == study.KEPT:
            document.write_text(table.replaced(document.read_text(), block))
        else:
            print(block)


if __name__ == "__main__":
    main()
