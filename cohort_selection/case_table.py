"""The cases of a benchmark as columns: millions of them fit, and a case is made where it is asked.

A :class:`CaseTable` is a sequence of cases. What reads all of them reads its columns instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cohort_selection.cases import LABEL, Case, Region, UnknownAttributeError
from cohort_selection.coded import (
    Coded,
    coded,
    compact,
    distinct,
    met,
    numbered_lists,
    order_of,
    place_of,
)

_BLOCK = 4096
"""Cases that are made at once as a table is gone through."""

FilesOf = Callable[[NDArray[np.int64]], pa.ListArray]
"""Gives the files of rows of the catalog, a list of texts each."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseTable(Sequence[Case]):
    """Cases in order of their ids, a column each; every array is (cases,).

    ``patient`` codes into ``patients``, the sorted distinct ids of the table's patients.
    ``targets`` are NaN where the reference standard says nothing. ``regions`` is empty for tasks
    without. ``rows`` are places in the catalog, from which ``files_of`` reads files.
    """

    case_id: pa.LargeStringArray
    patient: NDArray[np.int32]
    patients: pa.LargeStringArray
    label: NDArray[np.int8]
    attributes: Mapping[str, Coded]
    targets: Mapping[str, NDArray[np.float64]]
    regions: tuple[tuple[Region, ...], ...]
    rows: NDArray[np.int64]
    files_of: FilesOf

    @classmethod
    def of(cls, cases: Sequence[Case]) -> CaseTable:
        """The columns of cases; a table is given back as it is. Cases keep their order."""
        if isinstance(cases, CaseTable):
            return cases
        owners = coded([case.patient_id for case in cases])
        files = pa.array([list(map(str, c.files)) for c in cases], pa.list_(pa.string()))
        first = cases[0] if cases else None
        attributes = dict.fromkeys(name for case in cases for name in case.attributes)
        targets = first.targets if first is not None else {}
        return cls(
            case_id=pa.array([case.case_id for case in cases], pa.large_string()),
            patient=owners.codes,
            patients=pa.array(owners.levels, pa.large_string()),
            label=np.array([case.label for case in cases], np.int8),
            attributes={
                name: coded([case.attributes[name] for case in cases]) for name in attributes
            },
            targets={
                name: np.array(
                    [np.nan if case.targets[name] is None else case.targets[name] for case in cases]
                )
                for name in targets
            },
            regions=tuple(case.regions for case in cases)
            if any(case.regions for case in cases)
            else (),
            rows=np.arange(len(cases)),
            files_of=lambda rows: files.take(pa.array(rows)),
        )

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.label)

    @overload
    def __getitem__(self, index: int) -> Case: ...

    @overload
    def __getitem__(self, index: slice) -> CaseTable: ...

    def __getitem__(self, index: int | slice) -> Case | CaseTable:
        """One case, or a table of some."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._cases(np.arange(len(self))[[index]])[0]

    def __iter__(self) -> Iterator[Case]:
        """Each case in turn, made in blocks."""
        for start in range(0, len(self), _BLOCK):
            yield from self._cases(np.arange(start, min(start + _BLOCK, len(self))))

    def __eq__(self, other: object) -> bool:
        """Whether the other has equal cases, in the same order."""
        if not isinstance(other, Sequence) or len(other) != len(self):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as every sequence that is compared by its items

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.patients)

    def take(self, which: NDArray[np.integer] | NDArray[np.bool_]) -> CaseTable:
        """The cases at these places, or where a mask is true; patients without a case go."""
        places = np.flatnonzero(which) if which.dtype == np.bool_ else which
        here = self.patient[places]
        there = np.zeros(len(self.patients), np.bool_)
        there[here] = True
        number = np.cumsum(there, dtype=np.int32) - np.int32(1)
        return replace(
            self,
            case_id=self.case_id.take(pa.array(places)),
            patient=number[here],
            patients=self.patients.filter(pa.array(there)),
            label=self.label[places],
            attributes={name: column.take(places) for name, column in self.attributes.items()},
            targets={name: column[places] for name, column in self.targets.items()},
            regions=tuple(self.regions[place] for place in places.tolist()) if self.regions else (),
            rows=self.rows[places],
        )

    def of_patients(self, which: NDArray[np.bool_]) -> CaseTable:
        """The cases of those patients where a mask (patients,) is true."""
        return self if which.all() else self.take(which[self.patient])

    def in_order(self) -> CaseTable:
        """The cases in order of their ids."""
        order = order_of(self.case_id)
        return self if np.array_equal(order, np.arange(len(self))) else self.take(order)

    def variable(self, name: str) -> Coded:
        """The level of each case: its label as text, an attribute, or a joint "a x b".

        Raises UnknownAttributeError.
        """
        if name == LABEL:
            return compact(self.label, ("0", "1"))
        if name in self.attributes:
            return self.attributes[name]
        parts = name.split(" x ")
        if len(parts) > 1:
            return _crossed([self.variable(part) for part in parts])
        known = ", ".join([LABEL, *self.attributes])
        raise UnknownAttributeError(
            f"{name!r} is not an attribute of the cases; they have {known}; "
            "correct the name or add it to [cohort] attributes"
        )

    def combinations(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Variable -> its level in each combination of levels that some case has."""
        columns = [self.variable(name) for name in names]
        shape = [len(column.levels) for column in columns]
        if not names or not len(self):
            return {name: [] for name in names}
        found = np.unique(np.ravel_multi_index([column.codes for column in columns], shape))
        return {
            name: [column.levels[code] for code in codes.tolist()]
            for name, column, codes in zip(
                names, columns, np.unravel_index(found, shape), strict=True
            )
        }

    def patients_by(self, name: str) -> dict[str, int]:
        """Level of a variable -> patients who have a case of it, in the order of the cases."""
        column, n = self.variable(name), len(self.patients)
        pairs = np.unique(column.codes * np.int64(n) + self.patient)
        counts = np.bincount(pairs // max(n, 1), minlength=len(column.levels)).tolist()
        return {column.levels[code]: counts[code] for code in met(column.codes)}

    def n_of_patient(self) -> NDArray[np.int64]:
        """How many cases each of the table's patients has, in order of ``patients``."""
        return np.bincount(self.patient, minlength=len(self.patients))

    def profiles(self, variables: Sequence[str]) -> dict[str, Coded]:
        """Each patient's level of each variable, in the order of ``patients``.

        A patient whose cases differ has the sorted levels joined by "|": the profile of the
        patient, not of one arbitrary case. Without a case no variable is known.
        """
        return {name: self._profile(self.variable(name)) for name in variables if len(self)}

    def _profile(self, column: Coded) -> Coded:
        """Each patient's level; of a patient whose cases differ, their levels joined."""
        profile: NDArray[np.int64] = np.zeros(len(self.patients), np.int64)
        profile[self.patient] = column.codes
        differs: NDArray[np.bool_] = np.zeros(len(self.patients), np.bool_)
        differs[self.patient[profile[self.patient] != column.codes]] = True
        if not differs.any():
            return compact(profile, column.levels)
        mixed = differs[self.patient]
        pairs = np.unique(
            self.patient[mixed].astype(np.int64) * len(column.levels) + column.codes[mixed]
        )
        patients, codes = np.divmod(pairs, len(column.levels))
        lengths = np.bincount(patients, minlength=len(differs))[differs]
        of_patient, lists = numbered_lists(lengths, Coded(codes.astype(np.int32), column.levels))
        profile[differs] = of_patient + len(column.levels)
        return compact(profile, [*column.levels, *map("|".join, lists)])

    def _cases(self, places: NDArray[np.int64]) -> list[Case]:
        ids = self.case_id.take(pa.array(places)).to_pylist()
        owners = self.patients.take(pa.array(self.patient[places])).to_pylist()
        attributes = {name: column.codes[places] for name, column in self.attributes.items()}
        targets = {name: column[places].tolist() for name, column in self.targets.items()}
        return [
            Case(
                case_id,
                owner,
                tuple(map(Path, files)),
                label,
                {
                    name: self.attributes[name].levels[codes[i]]
                    for name, codes in attributes.items()
                },
                {name: None if np.isnan(told[i]) else told[i] for name, told in targets.items()},
                self.regions[places[i]] if self.regions else (),
            )
            for i, (case_id, owner, files, label) in enumerate(
                zip(
                    ids,
                    owners,
                    self.files_of(self.rows[places]).to_pylist(),
                    self.label[places].tolist(),
                    strict=True,
                )
            )
        ]


def _crossed(columns: Sequence[Coded]) -> Coded:
    """The joint level of each case; pair by pair, so that no product of levels grows too large."""
    whole = columns[0]
    for column in columns[1:]:
        first, number = distinct(whole.codes.astype(np.int64) * len(column.levels) + column.codes)
        pairs = zip(whole.codes[first].tolist(), column.codes[first].tolist(), strict=True)
        whole = compact(number, [f"{whole.levels[a]} x {column.levels[b]}" for a, b in pairs])
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class ByCase(Mapping[str, float]):
    """A number of each case; ``case_id`` are sorted and distinct, ``number`` is (cases,)."""

    case_id: pa.LargeStringArray
    number: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.number)

    def __iter__(self) -> Iterator[str]:
        """Each case's id, in order."""
        return iter(self.case_id.to_pylist())

    def __getitem__(self, case_id: str) -> float:
        """The number of one case."""
        place = place_of(self.case_id, case_id)
        if place is None:
            raise KeyError(case_id)
        return float(self.number[place])
