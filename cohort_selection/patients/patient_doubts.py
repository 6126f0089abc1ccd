"""Finds patients whose studies contradict each other, by columns."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cohort_selection.clinical.vocabulary import TOP_CODED
from cohort_selection.coded import hashes, of_arrow
from cohort_selection.dicom.doubts import DAYS_A_YEAR, Doubt

OF_PATIENT = (Doubt.SEXES_OF_PATIENT, Doubt.BIRTH_DATES_OF_PATIENT, Doubt.AGES_OF_PATIENT)
"""The doubts that follow from several studies of one patient, in order."""

_MOST_APART = (0, 0, round(2 * DAYS_A_YEAR))
_SEXES = ("Female", "Male", "Other")
_UNSAID = np.iinfo(np.int64).min


class PatientDoubts:
    """Gathers what studies say of their patients, in 32 bytes a study."""

    def __init__(self) -> None:
        """Begin with no study."""
        self._patients: list[NDArray[np.uint64]] = []
        self._said: list[tuple[NDArray[np.int64], ...]] = []  # sex, birth date, birth by age

    def add(self, studies: pa.Table) -> None:
        """Take studies by the columns patient_id (the header's), sex, born, acquired and age."""
        sex = _by_text(studies.column("sex"), _SEXES.index, _SEXES)
        born = _by_text(studies.column("born"), lambda text: int(text, 16))
        day = _by_text(
            studies.column("acquired"), lambda text: date.fromisoformat(text).toordinal()
        )
        age = pc.fill_null(studies.column("age"), TOP_CODED).to_numpy().astype(np.int64)
        known = (day != _UNSAID) & (age < TOP_CODED - 1)
        birth = np.where(known, day - np.rint(age * DAYS_A_YEAR).astype(np.int64), _UNSAID)
        self._patients.append(hashes(studies.column("patient_id")))
        self._said.append((sex, born, birth))

    def found(self, patients: Mapping[str, str]) -> Contradicted:
        """The patients in doubt; ``patients`` are header ids that stand for another patient."""
        if not self._patients:
            return Contradicted([])
        keys = np.concatenate(self._patients)
        if patients:
            before = hashes(pa.array(list(patients), pa.large_string()))
            after = hashes(pa.array(list(patients.values()), pa.large_string()))
            order = np.argsort(before)
            place = np.minimum(np.searchsorted(before[order], keys), len(before) - 1)
            moved = before[order][place] == keys
            keys[moved] = after[order][place[moved]]
        return Contradicted(
            [
                _spread(keys, np.concatenate([said[k] for said in self._said]), most)
                for k, most in enumerate(_MOST_APART)
            ]
        )


class Contradicted:
    """Patients whose studies contradict each other, by each of the doubts of a patient."""

    def __init__(self, keys: Sequence[NDArray[np.uint64]]) -> None:
        """Take the hashes of the ids of the patients of each doubt."""
        self._keys = keys

    def of(self, patients: pa.Array) -> NDArray[np.bool_]:
        """Which doubts each of these patients has, (studies, doubts)."""
        found = np.zeros((len(patients), len(OF_PATIENT)), np.bool_)
        if any(map(len, self._keys)):
            keys = hashes(patients)
            for k, contradicted in enumerate(self._keys):
                found[:, k] = np.isin(keys, contradicted)
        return found


def _by_text(
    column: pa.ChunkedArray, number: Callable[[str], int], known: Container[str] | None = None
) -> NDArray[np.int64]:
    """A number for each text, made once for all that are alike; none for an empty one."""
    texts = of_arrow(column)
    levels = [
        number(text) if (text in known if known is not None else text) else _UNSAID
        for text in texts.levels
    ]
    return np.array(levels, np.int64)[texts.codes]


def _spread(keys: NDArray[np.uint64], said: NDArray[np.int64], most: int) -> NDArray[np.uint64]:
    """The keys whose values lie more than ``most`` apart."""
    known = said != _UNSAID
    keys, said = keys[known], said[known]
    order = np.lexsort((said, keys))
    keys, said = keys[order], said[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.array([], int)
    ends = np.r_[starts[1:], len(keys)] - 1 if len(keys) else starts
    return keys[starts][said[ends] - said[starts] > most]
