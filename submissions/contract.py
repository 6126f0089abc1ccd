"""The contract between a submitted container and the harness, version 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CONTRACT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Contract:
    """Limits and outputs of one benchmark; read from the [contract] table of its file."""

    outputs: tuple[str, ...] = ("probability",)
    visible: tuple[str, ...] = ()
    start_seconds: float = 60.0
    case_seconds: float = 2.0
    memory_mb: int = 2048
    cpus: float = 1.0
    pids: int = 128
    tmp_mb: int = 256
    shm_mb: int = 64
    output_bytes: int = 4_000_000
    image_mb: int = 4096
    log_kb: int = 256

    def seconds(self, n_cases: int) -> float:
        """Wall-clock limit in seconds for a run over ``n_cases`` cases."""
        return self.start_seconds + self.case_seconds * n_cases


@dataclass(frozen=True, slots=True)
class Predictions:
    """Values a case, in the order of the contract's outputs; every case exactly once."""

    values: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
