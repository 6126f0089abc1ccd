"""Finds where the clinical table says of a patient something else than the header."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cohort_selection.clinical.vocabulary import NOT_REPORTED, TOP_CODED
from cohort_selection.study_table.study_rows import Met


def disagreements(studies: pa.Table, met: Met) -> dict[str, NDArray[np.bool_]]:
    """Where the record of a study says another ``patient``, ``sex`` or ``age`` than its header.

    Each array is (studies,). Ages may be a year apart: one counts from the index event, the other
    from the picture. An age withheld as above 89 contradicts none above it.
    """
    none = np.zeros(studies.num_rows, np.bool_)
    if not (met.place >= 0).any():
        return {"patient": none, "sex": none, "age": none}
    said = met.rows(["record.sex", "record.age"])
    named = met.among.patients.take(pa.array(met.named, mask=met.named < 0))
    other = _true(pc.not_equal(named, studies.column("patient_id")))
    sexes = said.column("record.sex"), studies.column("sex").cast(pa.string())
    sex = _true(pc.not_equal(*sexes))
    for column in sexes:
        sex &= _true(pc.not_equal(column, NOT_REPORTED))
    ages = said.column("record.age"), studies.column("age")
    apart = _true(pc.greater(pc.abs(pc.subtract(*ages)), 1))
    old = _true(pc.greater_equal(pc.min_element_wise(*ages, skip_nulls=False), TOP_CODED))
    return {
        "patient": (met.own >= 0) & other & _true(pc.not_equal(named, "")),
        "sex": sex,
        "age": apart & ~old,
    }


def _true(column: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    filled = pc.fill_null(column, False)
    if isinstance(filled, pa.ChunkedArray):
        filled = filled.combine_chunks()
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.bool_)
