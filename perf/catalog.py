"""Sequesters a commons and draws a cohort from a catalog, this build beside a former one.

    python -m perf.catalog 1e5 FOLDER --former CHECKOUT

The catalogs come from ``perf.catalogs``, once in either format. Each run is a whole process of one
build, in turns: the split of simulated-opacity, then a draw of SIZE patients. Prints wall, CPU and
peak memory of both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from perf.catalogs import write_catalog, write_former_catalog

REPOSITORY = Path(__file__).parents[1]
BENCHMARK = REPOSITORY / "benchmarks" / "simulated-opacity.toml"
SIZE = 10_000
RUN = """
import json, resource, sys, time
from dataclasses import replace
from pathlib import Path
from evaluator.benchmark.specification import read_benchmark
from evaluator.steward import steward
from evaluator.stores.installation import Installation
act, home, file, catalog, opened = sys.argv[1], *map(Path, sys.argv[2:6])
start = time.perf_counter()
benchmark, installation = read_benchmark(file), Installation(home)
if act == "sequester":
    steward.sequester(installation, benchmark, catalog, opened)
else:
    steward.match(installation, benchmark, catalog)
wall, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20]))
"""


def run(checkout: Path, catalog: Path, file: Path, home: Path) -> dict[str, list[float]]:
    """Wall seconds, CPU seconds and GiB at most of both acts, each a process of its own."""
    found = {}
    for act in ("sequester", "match"):
        command = [sys.executable, "-c", RUN, act, home, file, catalog, home / "open.csv"]
        done = subprocess.run(
            list(map(str, command)),
            env={**os.environ, "PYTHONPATH": str(checkout)},
            cwd=checkout,
            check=True,
            capture_output=True,
            text=True,
        )
        found[act] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", type=float)
    parser.add_argument("folder", type=Path, help="where the catalogs lie, or are written")
    parser.add_argument("--former", type=Path, help="a checkout of the former build")
    parser.add_argument("--times", type=int, default=1)
    arguments = parser.parse_args()
    builds = [("present", REPOSITORY, write_catalog)]
    if arguments.former is not None:
        builds.append(("former", arguments.former, write_former_catalog))
    results: dict[tuple[str, str], list[list[float]]] = {}
    for _ in range(arguments.times):
        for name, checkout, write in builds:
            catalog = arguments.folder / f"{name}-{int(arguments.studies)}"
            if not catalog.exists():
                write(catalog, int(arguments.studies))
            with tempfile.TemporaryDirectory(dir=arguments.folder) as home:
                file = Path(home) / "benchmark.toml"
                file.write_text(BENCHMARK.read_text().replace("size = 200", f"size = {SIZE}"))
                found = run(checkout, catalog, file, Path(home))
            for act, figures in found.items():
                results.setdefault((name, act), []).append(figures)
    print("| build | act | wall, s | CPU, s | memory, GiB |\n| --- | --- | --- | --- | --- |")
    for (name, act), rows in results.items():
        cells = (f"{median(column):.2f}" for column in zip(*rows, strict=True))
        print(f"| {name} | {act} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
