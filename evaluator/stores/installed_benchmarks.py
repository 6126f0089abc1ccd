"""The benchmarks of an installation for a process that stays: read again once a file changes."""

from __future__ import annotations

import logging
import threading

from evaluator.benchmark.specification import Benchmark
from evaluator.stores.installation import Installation

_LOG = logging.getLogger(__name__)


class InstalledBenchmarks:
    """Reads what is installed, and keeps it as long as no benchmark's file is another."""

    def __init__(self, installation: Installation) -> None:
        """Read once; raise what a file that cannot be read raises."""
        self._installation = installation
        self._lock = threading.Lock()
        self._files = installation.benchmark_files()
        self._read = tuple(installation.benchmarks())

    @property
    def installation(self) -> Installation:
        """Where they are installed."""
        return self._installation

    def now(self) -> tuple[Benchmark, ...]:
        """The benchmarks, by name; the former ones while a changed file cannot be read."""
        with self._lock:
            files = self._installation.benchmark_files()
            if files != self._files:
                self._files = files
                try:
                    self._read = tuple(self._installation.benchmarks())
                except (ValueError, OSError) as error:
                    _LOG.error("benchmarks stay as they were read before: %s", error)
            return self._read
