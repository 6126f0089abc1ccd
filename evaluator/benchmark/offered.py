"""A benchmark as the pages of teams know it."""

from __future__ import annotations

from evaluator.benchmark.specification import Benchmark
from submissions.service.offered import Offered


def offered(benchmark: Benchmark) -> Offered:
    """What a benchmark's file says to teams: dates, quota, contract; no file is read."""
    return Offered(
        name=benchmark.name,
        title=benchmark.title,
        description=benchmark.description,
        primary=benchmark.analysis.primary,
        contract=benchmark.contract,
        quota=benchmark.quota,
        opens=benchmark.period.opens,
        closes=benchmark.period.closes,
        practice=benchmark.practice.cases > 0,
        threshold=benchmark.threshold,
    )
