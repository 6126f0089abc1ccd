"""What the web process offers: benchmarks that are sealed, also those sealed while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from dataclasses import replace

from evaluator.benchmark.offered import offered
from evaluator.benchmark.specification import Benchmark
from evaluator.stores.installation import Installation
from evaluator.stores.installed_benchmarks import InstalledBenchmarks
from evaluator.stores.practice_cases import practice_folder
from submissions.ledger.ledger import Ledger
from submissions.service.offered import Offered

_ASK_SECONDS = 1.0
"""How seldom the ledger is asked whether a benchmark has been sealed meanwhile."""


def _with_files(installation: Installation, benchmark: Benchmark) -> Offered:
    """What the web process knows of a benchmark, with the files that it gives away."""
    offer = offered(benchmark)
    folder = practice_folder(installation, benchmark.name) if offer.practice else None
    return replace(offer, toml=benchmark.path.read_bytes(), practice_folder=folder)


class OfferedBenchmarks(Mapping[str, Offered]):
    """The benchmarks that teams may enter, by name, as they are now."""

    def __init__(
        self, installation: Installation, ledger: Ledger, installed: InstalledBenchmarks
    ) -> None:
        """Read what is sealed now."""
        self._installation = installation
        self._installed = installed
        self._ledger = ledger
        self._lock = threading.Lock()
        self._seen: tuple[Benchmark, ...] | None = None
        self._sealed: set[str] = set()
        self._ask_at = 0.0
        self._offered: dict[str, Offered] = {}
        self._now()

    def _now(self) -> dict[str, Offered]:
        benchmarks = self._installed.now()
        with self._lock:
            waiting = [each.name for each in benchmarks if each.name not in self._sealed]
            changed = benchmarks is not self._seen
            if waiting and (changed or time.monotonic() >= self._ask_at):
                sealed = {name for name in waiting if self._ledger.is_recorded("seal", name)}
                self._sealed |= sealed
                self._ask_at = time.monotonic() + _ASK_SECONDS
                changed = changed or bool(sealed)
            if changed:
                self._offered = {
                    each.name: _with_files(self._installation, each)
                    for each in benchmarks
                    if each.name in self._sealed
                }
                self._seen = benchmarks
            return self._offered

    def __getitem__(self, name: str) -> Offered:
        """One benchmark; raise KeyError."""
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        """The names, in order."""
        return iter(self._now())

    def __len__(self) -> int:
        """How many are offered."""
        return len(self._now())

    def values(self) -> ValuesView[Offered]:
        """The benchmarks of one moment."""
        return self._now().values()

    def items(self) -> ItemsView[str, Offered]:
        """Names and benchmarks of one moment."""
        return self._now().items()
