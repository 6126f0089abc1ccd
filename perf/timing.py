"""Interleaved rounds, medians, wall and CPU seconds, and what the machine was doing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Timed:
    """Median seconds of one program; ``factor`` times what was run, where extrapolated."""

    work: str
    program: str
    version: str
    wall: float | None
    cpu: float | None
    rounds: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """One way to do a piece of work: how much of it a call does, 1 where all."""

    name: str
    run: Callable[[], object]
    package: str = ""
    factor: float = 1.0
    rounds: int = 5
    note: str = ""


def side_by_side(work: str, programs: Sequence[Program]) -> list[Timed]:
    """Run the programs in turn, round after round, after one call each to warm up."""
    seconds: Mapping[str, list[tuple[float, float]]] = {program.name: [] for program in programs}
    failed: dict[str, str] = {}
    for program in programs:
        try:
            program.run()
        except Exception as problem:  # a peer's failure is a finding
            failed[program.name] = f"{type(problem).__name__}: {problem}"
    for turn in range(max(program.rounds for program in programs)):
        for program in programs:
            if program.name in failed or turn >= program.rounds:
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            program.run()
            took = time.perf_counter() - wall, time.process_time() - cpu
            seconds[program.name].append(took)
    found = []
    for program in programs:
        runs = seconds[program.name]
        note = failed.get(program.name, program.note)
        wall_, cpu_ = (
            (None, None)
            if not runs
            else (
                statistics.median(w for w, _ in runs) * program.factor,
                statistics.median(c for _, c in runs) * program.factor,
            )
        )
        found.append(
            Timed(work, program.name, version(program.package), wall_, cpu_, len(runs), note)
        )
    return found


def missing(work: str, program: str) -> Timed:
    """A peer that is not installed here."""
    return Timed(work, program, "", None, None, 0, "not installed")


def version(package: str) -> str:
    """Version of an installed package, empty where it has none."""
    try:
        return importlib.metadata.version(package) if package else ""
    except importlib.metadata.PackageNotFoundError:
        return ""


def machine() -> dict[str, object]:
    """Processor, cores, load and versions, for the head of the results."""
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else ""
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "numba", "scipy", "scikit-learn")},
        "time": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
    }


def peak_memory() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(rows: Sequence[Timed], reference: str) -> str:
    """A plain table: seconds, and how many times the reference program's."""
    lines = []
    for work in dict.fromkeys(row.work for row in rows):
        mine = [row for row in rows if row.work == work]
        base = next((row.wall for row in mine if row.program == reference), None)
        lines += [work, f"  {'program':<44}{'wall s':>11}{'CPU s':>11}{'x':>10}  note"]
        for row in mine:
            name = f"{row.program} {row.version}".strip()
            wall = "-" if row.wall is None else f"{row.wall:.4g}"
            cpu = "-" if row.cpu is None else f"{row.cpu:.4g}"
            times = "-" if row.wall is None or not base else f"{row.wall / base:.1f}"
            lines.append(f"  {name:<44}{wall:>11}{cpu:>11}{times:>10}  {row.note}")
        lines.append("")
    return "\n".join(lines)
