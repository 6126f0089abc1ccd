"""Patients and the part that each belongs to, as columns: millions of them fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from cohort_selection.coded import place_of


class SequestrationError(ValueError):
    """The split was asked for something it cannot do."""


class Part(StrEnum):
    """Where a patient belongs, for ever."""

    OPEN = "open"
    SEQUESTERED = "sequestered"


@dataclass(frozen=True, slots=True, eq=False)
class Parts(Mapping[str, Part]):
    """Parts of ``patients``, sorted and distinct; ``sequestered`` (patients,) marks those."""

    patients: pa.LargeStringArray
    sequestered: NDArray[np.bool_]

    @classmethod
    def of(cls, parts: Mapping[str, Part]) -> Parts:
        """The columns of a mapping; raise SequestrationError where it holds what is no part."""
        if isinstance(parts, Parts):
            return parts
        unknown = [part for part in set(parts.values()) if part not in set(Part)]
        if unknown:
            raise SequestrationError(
                f"an assignment is {unknown[0]!r}; expected open or sequestered"
            )
        patients = sorted(parts)
        hidden = (parts[patient] == Part.SEQUESTERED for patient in patients)
        return cls(
            pa.array(patients, pa.large_string()), np.fromiter(hidden, np.bool_, len(patients))
        )

    def __len__(self) -> int:
        """Number of patients."""
        return len(self.sequestered)

    def __iter__(self) -> Iterator[str]:
        """Each patient, in order."""
        return iter(self.patients.to_pylist())

    def __getitem__(self, patient: str) -> Part:
        """The part of one patient."""
        place = place_of(self.patients, patient)
        if place is None:
            raise KeyError(patient)
        return Part.SEQUESTERED if self.sequestered[place] else Part.OPEN

    def take(self, which: NDArray[np.bool_]) -> Parts:
        """The patients where a mask is true."""
        return Parts(self.patients.filter(pa.array(which)), self.sequestered[which])


def in_order(texts: pa.LargeStringArray) -> bool:
    """Whether texts are sorted and distinct."""
    n = len(texts)
    return n < 2 or bool(pc.all(pc.less(texts.slice(0, n - 1), texts.slice(1))).as_py())


def places(texts: pa.LargeStringArray, among: pa.LargeStringArray) -> NDArray[np.int64]:
    """Where each of the sorted ``texts`` stands among other sorted ones; -1 where it does not."""
    return _places(*_raw(texts), *_raw(among))


def merged(columns: Sequence[pa.LargeStringArray]) -> NDArray[np.int64]:
    """In which order sorted columns, put one after the other, are sorted."""
    starts = np.cumsum([0, *map(len, columns)])
    found = [
        (column, start + np.arange(len(column)))
        for column, start in zip(columns, starts.tolist(), strict=False)
    ]
    while len(found) > 1:
        found.sort(key=lambda each: -len(each[0]))
        (one, here), (other, there) = found.pop(), found.pop()
        order = _merged(*_raw(one), *_raw(other))
        both = pa.concat_arrays([one, other]).take(pa.array(order))
        found.append((both, np.concatenate([here, there])[order]))
    return found[0][1] if found else np.zeros(0, np.int64)


def _raw(texts: pa.LargeStringArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """(n + 1,) where each text starts, and the bytes of all."""
    _, offsets, data = texts.buffers()
    if not len(texts):
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    starts = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return starts, np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)


@njit(cache=True)  # pragma: no cover - compiled
def _compared(
    starts: NDArray[np.int64],
    data: NDArray[np.uint8],
    i: int,
    other_starts: NDArray[np.int64],
    other_data: NDArray[np.uint8],
    j: int,
) -> np.int64:
    """Below 0 where text i comes before text j, above where after; bytes of UTF-8 sort as marks."""
    a, b = starts[i], other_starts[j]
    n, m = starts[i + 1] - a, other_starts[j + 1] - b
    for k in range(min(n, m)):
        difference = np.int64(data[a + k]) - np.int64(other_data[b + k])
        if difference != 0:
            return np.int64(difference)
    return np.int64(n - m)


@njit(cache=True)  # pragma: no cover - compiled
def _places(
    starts: NDArray[np.int64],
    data: NDArray[np.uint8],
    other_starts: NDArray[np.int64],
    other_data: NDArray[np.uint8],
) -> NDArray[np.int64]:
    n, m = len(starts) - 1, len(other_starts) - 1
    found = np.full(n, -1, np.int64)
    j = 0
    for i in range(n):
        while j < m:
            order = _compared(starts, data, i, other_starts, other_data, j)
            if order == 0:
                found[i] = j
            if order <= 0:
                break
            j += 1
    return found


@njit(cache=True)  # pragma: no cover - compiled
def _merged(
    starts: NDArray[np.int64],
    data: NDArray[np.uint8],
    other_starts: NDArray[np.int64],
    other_data: NDArray[np.uint8],
) -> NDArray[np.int64]:
    n, m = len(starts) - 1, len(other_starts) - 1
    order = np.empty(n + m, np.int64)
    i = j = 0
    while i + j < n + m:
        if j == m or (i < n and _compared(starts, data, i, other_starts, other_data, j) <= 0):
            order[i + j] = i
            i += 1
        else:
            order[i + j] = n + j
            j += 1
    return order
