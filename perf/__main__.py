"""``python -m perf``: run every timing and write a JSON and a plain table to perf/results."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from perf import (
    auroc_bootstrap,
    auroc_interval,
    claims,
    decoding,
    inference,
    mask_measures,
    radiographs,
    staging,
    whole_report,
)
from perf.timing import Timed, machine, table

RESULTS = Path(__file__).resolve().parent / "results"

SUITES = {
    "auroc-interval": lambda _: auroc_interval.run(),
    "auroc-bootstrap": lambda _: auroc_bootstrap.run(),
    "claims": lambda _: claims.run(),
    "report": lambda _: whole_report.run(),
    "parts": lambda _: whole_report.limit(),
    "first-call": lambda _: whole_report.first_calls(),
    "radiographs": lambda _: radiographs.run(),
    "masks": lambda _: mask_measures.run(),
    "decoding": lambda quick: decoding.run(rounds=3 if quick else 9),
    "inference": lambda quick: inference.run(rounds=1 if quick else 3),
    "staging": lambda quick: staging.run(rounds=2 if quick else 3),
    "million": lambda quick: whole_report.large(replicates=128 if quick else 2_000),
}
REFERENCE = {
    "auroc-interval": auroc_interval.OURS,
    "auroc-bootstrap": auroc_bootstrap.OURS,
    "claims": claims.OURS,
    "report": whole_report.OURS,
    "masks": mask_measures.OURS,
    "decoding": decoding.OURS,
}


def main() -> None:
    """Run the suites named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(SUITES)}; none named: all")
    parser.add_argument("--quick", action="store_true", help="fewer replicates in the long runs")
    options = parser.parse_args()
    for name in options.suites:
        if name not in SUITES:
            parser.error(f"no suite {name!r}; the suites are {', '.join(SUITES)}")
    RESULTS.mkdir(exist_ok=True)
    for name in options.suites or SUITES:
        before = machine()
        rows: list[Timed] = SUITES[name](options.quick)
        text = table(rows, REFERENCE.get(name, rows[0].program))
        print(text, flush=True)
        (RESULTS / f"{name}.txt").write_text(text)
        found = {"machine": before, "rows": [asdict(row) for row in rows]}
        (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
