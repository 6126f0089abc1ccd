"""Run the cells on every core, keep what was counted after each chunk, and continue a cut-off run.

A run has a seed of its own, so that counts do not depend on where the study was cut off. A cell
whose counts come from other code is counted from the start. The code of a cell is what its kind of
cell reaches, by name, in the project: a change of one test does not renew the study of the others.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version as package_version
from pathlib import Path

from cohort_selection.source_digest import source_digest
from metrics.gaps.tests import gap_test
from perf.coverage.claims import claim_cells
from perf.coverage.claims_power import planned_cells
from perf.coverage.counting import Cell, Counts
from perf.coverage.gaps import (
    FamilyCell,
    SizeCell,
    family_cells,
    simultaneous_cells,
    size_cells,
)
from perf.coverage.intervals import interval_cells
from perf.coverage.power import PowerCell, power_cells
from perf.coverage.standardised import standardised_cells

KEPT = Path(__file__).resolve().parent.parent / "coverage.json"
_ROOT = KEPT.parent.parent
_PACKAGES = ("cohort_selection", "evaluator", "metrics", "perf")
_COMPUTING = ("numpy", "numba", "llvmlite", "scipy")


def all_cells() -> tuple[Cell, ...]:
    """Every cell, in the order in which they are run."""
    return (
        *interval_cells(),
        *size_cells(),
        *family_cells(),
        *simultaneous_cells(),
        *power_cells(),
        *standardised_cells(),
        *claim_cells(),
        *planned_cells(),
    )


@dataclass(slots=True)
class Kept:
    """What is known of a cell: the code it comes from, runs made, counts, processor seconds."""

    code: str
    runs: int = 0
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)


@cache
def version(kind: type) -> str:
    """Digits over the code that simulates one kind of cell, and over the libraries it uses.

    Cells that declare no gap test none: they carry on where such a test has changed.
    """
    sources = [path for name in _PACKAGES for path in sorted((_ROOT / name).rglob("*.py"))]
    declares = kind in (SizeCell, FamilyCell, PowerCell)
    digest = source_digest(
        sources,
        _ROOT,
        reached_from=[(kind.__module__, kind.__name__)],
        without=() if declares else [(gap_test.__module__, gap_test.__name__)],
    )
    libraries = "".join(f"{name} {package_version(name)}\0" for name in _COMPUTING)
    return hashlib.sha256(f"{digest}\0{libraries}".encode()).hexdigest()[:12]


def read(path: Path) -> dict[str, Kept]:
    """What a file of results holds, by the cell's name; nothing where there is no file."""
    if not path.exists():
        return {}
    return {
        name: Kept(
            cell["code"],
            cell["runs"],
            cell["seconds"],
            Counts(cell["counts"], set(cell["unstudied"])),
        )
        for name, cell in json.loads(path.read_text()).items()
    }


def write(path: Path, kept: dict[str, Kept]) -> None:
    """Replace the file at one stroke, a line a cell."""
    lines = []
    for name, cell in sorted(kept.items()):
        record = {
            "code": cell.code,
            "runs": cell.runs,
            "seconds": round(cell.seconds, 1),
            "counts": dict(sorted(cell.counts.rows.items())),
            "unstudied": sorted(cell.counts.unstudied),
        }
        lines.append(f"{json.dumps(name)}:{json.dumps(record, separators=(',', ':'))}")
    fresh = path.with_suffix(".part")
    fresh.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    fresh.replace(path)


def run(
    cells: Sequence[Cell],
    path: Path = KEPT,
    *,
    share: float = 1.0,
    workers: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Kept]:
    """Bring every cell to ``share`` of its full number of runs; return all results.

    ``workers`` processes, as many as there are cores by default. Results are written after each
    chunk, in the order of the runs.
    """
    kept = read(path)
    workers = workers or os.cpu_count() or 1
    chunks = list(_missing(cells, kept, share))
    start = time.perf_counter()
    for done, (cell, last, seconds, counts) in enumerate(_made(chunks, workers), 1):
        code = version(type(cell))
        if cell.name not in kept or kept[cell.name].code != code:
            kept[cell.name] = Kept(code)
        mine = kept[cell.name]
        mine.runs = last
        mine.seconds += seconds
        mine.counts.merge(counts)
        write(path, kept)
        if last == _wanted(cell, share):
            passed = time.perf_counter() - start
            say(f"{passed:6.0f} s  {100 * done / len(chunks):5.1f} %  {cell.name}, {last} runs")
    return kept


_Chunk = tuple[Cell, int, int]
_Made = tuple[Cell, int, float, Counts]


def _wanted(cell: Cell, share: float) -> int:
    return max(1, round(cell.runs * share))


def _missing(cells: Sequence[Cell], kept: dict[str, Kept], share: float) -> Iterator[_Chunk]:
    for cell in cells:
        mine = kept.get(cell.name)
        done = mine.runs if mine is not None and mine.code == version(type(cell)) else 0
        wanted = _wanted(cell, share)
        for first in range(done, wanted, cell.chunk):
            yield cell, first, min(first + cell.chunk, wanted)


def _made(chunks: Sequence[_Chunk], workers: int) -> Iterator[_Made]:
    """Chunks in their order, made ``workers`` at a time; one worker is this process itself."""
    if workers == 1:
        for chunk in chunks:
            yield _simulate(*chunk)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"  # read by the processes that are started below
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_end_with_parent) as pool:
        waiting: deque[Future[_Made]] = deque()
        todo = iter(chunks)
        try:
            for chunk in todo:
                waiting.append(pool.submit(_simulate, *chunk))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _simulate(cell: Cell, first: int, last: int) -> _Made:
    start = time.process_time()
    counts = cell.simulate(first, last)
    return cell, last, time.process_time() - start, counts


def _end_with_parent() -> None:
    """End this process when the study is killed, so that no run goes on unseen."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            sys.stderr.flush()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
