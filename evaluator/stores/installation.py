"""Where an installation keeps its two stores: one folder, or what the environment says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cohort_selection.atomic_files import write_bytes
from submissions.addresses.tracker import configured_tracker
from submissions.ledger.database.locks import Taken, file_lock, is_held
from submissions.ledger.ledger import Ledger

if TYPE_CHECKING:
    from cohort_selection.sealing.cohort import Cohort
    from evaluator.benchmark.specification import Benchmark
    from evaluator.stores.enclave import Enclave

BENCHMARK_DIGEST = "benchmark_digest"
"""Where a cohort's seal names the file it was made for."""


class InstallationError(ValueError):
    """The folder is not an installation, or another dispatcher works in it."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The folder ``root``: public store, enclave, benchmark files and MLflow store.

    ``SEQUESTRA_LEDGER`` (a database URL) and ``MLFLOW_TRACKING_URI`` take the ledger and the
    tracking elsewhere.
    """

    root: Path

    @classmethod
    def existing(cls, root: Path) -> Self:
        """The installation that is in a folder; raise InstallationError where there is none."""
        if not root.is_dir():
            raise InstallationError(
                f"no installation in {root}; name its folder with --home, or make one: "
                f"`sequestra sequester FILE.toml`"
            )
        return cls(root)

    @property
    def ledger_url(self) -> str:
        """The database URL of the public store."""
        file = self.root.resolve() / "public" / "ledger.sqlite"
        return os.environ.get("SEQUESTRA_LEDGER", "").strip() or f"sqlite:///{file}"

    @property
    def drop(self) -> Path:
        """Where the service leaves the archives that teams sent."""
        configured = os.environ.get("SEQUESTRA_DROP", "").strip()
        return Path(configured) if configured else self.root.resolve() / "drop"

    @property
    def accounts_url(self) -> str:
        """The database URL of the service's own store: people, teams, tokens, sessions."""
        file = self.root.resolve() / "service" / "accounts.sqlite"
        return os.environ.get("SEQUESTRA_ACCOUNTS", "").strip() or f"sqlite:///{file}"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps the runs."""
        file = self.root.resolve() / "mlflow" / "mlflow.db"
        return configured_tracker() or f"sqlite:///{file}"

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps reports when no tracking server is named."""
        return self.root.resolve() / "mlflow" / "artifacts"

    def ledger(self, *, examine: bool = False) -> Ledger:
        """Open the public store; to ``examine`` it, also where its rows are not guarded."""
        return Ledger(self.ledger_url, examine=examine)

    def enclave(self) -> Enclave:
        """Open the hidden store."""
        from evaluator.stores.enclave import Enclave  # which the public store does without

        return Enclave(self.root / "enclave")

    def install(self, benchmark: Benchmark) -> None:
        """Keep a benchmark's file and the tables it names; once sealed, others are refused."""
        enclave = self.enclave()
        if enclave.is_sealed(benchmark.name):
            self._same_as_sealed(benchmark, enclave.cohort(benchmark.name))
        self._benchmarks.mkdir(parents=True, exist_ok=True)
        tables = self._tables(benchmark.name)
        for path in benchmark.cohort.target_files:
            tables.mkdir(parents=True, exist_ok=True)
            write_bytes(tables / path.name, path.read_bytes())
        write_bytes(self._benchmarks / f"{benchmark.name}.toml", benchmark.path.read_bytes())

    def take_away(self, benchmark: Benchmark) -> None:
        """Take away the file of a benchmark that was installed for a draw which was refused."""
        benchmark.path.unlink()
        shutil.rmtree(self._tables(benchmark.name), ignore_errors=True)

    def sealed(self, name: str) -> tuple[Benchmark, Cohort]:
        """A benchmark and its cohort, both checked against the seal, ready to run on.

        Raises InstallationError where the benchmark's file, or any byte of the cohort, is not what
        was sealed.
        """
        from cohort_selection.sealing.cohort import verify

        benchmark = self.benchmark(name)
        cohort = self.enclave().cohort(name)
        self._same_as_sealed(benchmark, cohort)
        if problems := verify(cohort):
            raise InstallationError(
                f"the cohort of {name!r} has changed since it was sealed: {problems[0]}; restore "
                f"it from a copy (`sequestra verify {name}` lists all)"
            )
        return benchmark, cohort

    def _same_as_sealed(self, benchmark: Benchmark, cohort: Cohort) -> None:
        if cohort.report.get(BENCHMARK_DIGEST) != benchmark.digest:
            raise InstallationError(
                f"{benchmark.path.name} is not the file that benchmark {benchmark.name!r} was "
                f"sealed with; restore it, or give the changed benchmark a new name"
            )

    def benchmark(self, name: str) -> Benchmark:
        """Read an installed benchmark by name; raise InstallationError naming those there are."""
        from cohort_selection.benchmark_keys.meant import did_you_mean
        from evaluator.benchmark.specification import read_benchmark

        names = self.names()
        file = self._benchmarks / f"{name}.toml"
        if name not in names:
            present = ", ".join(names) or "none"
            raise InstallationError(
                f"no benchmark {name!r} in {self.root}{did_you_mean(name, names)}; installed: "
                f"{present}. "
                f"`sequestra sequester FILE.toml` installs one"
            )
        return read_benchmark(file, self._tables(name), installed=True)

    def benchmarks(self) -> list[Benchmark]:
        """Read every installed benchmark, by name."""
        return [self.benchmark(name) for name in self.names()]

    def benchmark_files(self) -> tuple[tuple[str, int, int], ...]:
        """Name, time of change (ns) and size (bytes) of each installed benchmark's file."""
        files = ((path.name, path.stat()) for path in sorted(self._benchmarks.glob("*.toml")))
        return tuple((name, status.st_mtime_ns, status.st_size) for name, status in files)

    def names(self) -> list[str]:
        """The installed benchmarks' names, in order."""
        return sorted(path.stem for path in self._benchmarks.glob("*.toml"))

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """Hold the one dispatcher's lock; the kernel frees it however the process ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            try:
                # A process that only looks holds it for a moment.
                held.enter_context(file_lock(self.root / "dispatcher.lock", attempts=20))
            except Taken as error:
                raise InstallationError(
                    f"another `sequestra run` works in {self.root}; wait for it or stop it"
                ) from error
            yield

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Be the one web process over the drop folder: one of others sweeps this one's uploads."""
        self.drop.mkdir(parents=True, exist_ok=True, mode=0o770)
        with ExitStack() as held:
            try:
                held.enter_context(file_lock(self.drop / "receiving.lock", attempts=20))
            except Taken as error:
                raise InstallationError(
                    f"another `sequestra serve` takes uploads into {self.drop}; stop it first, or "
                    f"name another folder in SEQUESTRA_DROP"
                ) from error
            yield

    def is_dispatching(self) -> bool:
        """Whether a dispatcher of this machine works in the installation now."""
        return is_held(self.root / "dispatcher.lock")

    def _tables(self, name: str) -> Path:
        return self._benchmarks / name

    @property
    def _benchmarks(self) -> Path:
        return self.root / "benchmarks"
