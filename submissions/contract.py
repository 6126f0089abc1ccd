"""The contract between a submitted container and the harness, version 1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

CONTRACT_VERSION = 1


class ContractError(ValueError):
    """The [contract] table of a benchmark file is not one that the harness can keep."""


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
    gpus: int = 0
    repeat_share: float = 0.0
    repeat_tolerance: float = 1e-4

    def seconds(self, n_cases: int) -> float:
        """Wall-clock limit in seconds for a run over ``n_cases`` cases."""
        return self.start_seconds + self.case_seconds * n_cases


_BOUNDS = {
    "start_seconds": (1, 86_400),
    "case_seconds": (0, 86_400),
    "memory_mb": (16, 4_194_304),
    "cpus": (0.1, 1024),
    "pids": (1, 65_536),
    "tmp_mb": (1, 1_048_576),
    "shm_mb": (1, 1_048_576),
    "output_bytes": (1024, 1_073_741_824),
    "image_mb": (1, 1_048_576),
    "log_kb": (1, 1_048_576),
    "gpus": (0, 64),
    "repeat_share": (0, 1),
    "repeat_tolerance": (0, 0.1),
}
"""Smallest and largest value of each limit that makes sense to an engine."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def read_contract(table: Mapping[str, object], path: Path) -> Contract:
    """Read the [contract] table of the benchmark file ``path``; what it leaves out is default.

    Raises ContractError for an unknown key, a wrong type or a value out of bounds.
    """
    defaults = Contract()
    unknown = sorted(set(table) - {field.name for field in fields(Contract)})
    if unknown:
        known = ", ".join(field.name for field in fields(Contract))
        raise ContractError(f"{path}: [contract] has no key {unknown[0]!r}; known keys: {known}")
    given: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{path}: [contract] {key}"
        if key in ("outputs", "visible"):
            given[key] = _names(value, where, at_least=1 if key == "outputs" else 0)
        else:
            whole = isinstance(getattr(defaults, key), int)
            given[key] = _number(value, where, *_BOUNDS[key], whole=whole)
    return Contract(**given)


def _names(value: object, where: str, at_least: int) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, list) else None
    if (
        names is None
        or len(names) < at_least
        or len(set(names)) < len(names)
        or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        or {"case_id", "n_files"} & set(names)
    ):
        raise ContractError(
            f"{where} is {value!r}; give a list of different names of small letters, digits and _"
            f"{' (at least one)' if at_least else ''}, without case_id and n_files"
        )
    return names


def _number(value: object, where: str, low: float, high: float, *, whole: bool) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise ContractError(f"{where} is {value!r}; give a {'whole ' if whole else ''}number")
    if not low <= value <= high:
        raise ContractError(f"{where} is {value!r}; give a number from {low:g} to {high:g}")
    return value if whole else float(value)
