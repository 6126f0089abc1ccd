"""Brings two records of one patient, from header and clinical table, under one id."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cohort_selection.study_table.study_rows import Met, Records


class Linkage:
    """Finds the patients of studies, whichever names header and table gave.

    A table that names the patient of a study joins that name to the header's: header ids that
    share a patient of the table, or names in the table that share a header id, are one patient.
    A patient who is joined to others, or whom the table names differently, gets the first of the
    table's names in alphabetical order; all others keep the header's. If the table names no study
    of a header id, that id is the patient of the same name in the table, if there is one.
    """

    def __init__(self, records: Records) -> None:
        """Begin with what the tables say of studies."""
        self._records = records
        self._differing: set[tuple[str, str]] = set()
        self._same = np.zeros(len(records.records), np.bool_)

    def meet(self, patients: pa.StringArray, met: Met) -> None:
        """Take the ids that headers give the patients of some studies, and their records."""
        rows = np.flatnonzero(met.own >= 0)
        own = met.own[rows]
        names = self._records.names_patient[own]
        rows, own = rows[names], own[names]
        if not len(rows):
            return
        of_header = patients.take(pa.array(rows))
        of_table = self._records.patients.take(pa.array(own))
        same = pc.equal(of_header, of_table)
        self._same[own[same.to_numpy(zero_copy_only=False)]] = True
        differ = pc.invert(same)
        self._differing.update(
            zip(
                of_header.filter(differ).to_pylist(),
                of_table.filter(differ).to_pylist(),
                strict=True,
            )
        )

    def patients(self) -> dict[str, str]:
        """Header id -> the patient's, where that is another; once all studies have been met."""
        group = _Groups()
        headers = {header for header, _ in self._differing}
        names = {name for _, name in self._differing}
        for header, name in self._differing:
            group.join(f"header {header}", f"table {name}")
        # A table that names a patient as the header does joins two names only of such a header.
        for own in np.flatnonzero(self._same).tolist() if headers else ():
            name = self._records.records[own].patient_id
            if name in headers:
                group.join(f"header {name}", f"table {name}")
                names.add(name)
        first: dict[str, str] = {}
        for name in sorted(names):
            first.setdefault(group.of(f"table {name}"), name)
        found = {name: first[group.of(f"table {name}")] for name in names}
        found |= {header: first[group.of(f"header {header}")] for header in headers}
        return {header: name for header, name in found.items() if header != name}


class _Groups:
    """Names that are joined, by a forest whose roots stand for the groups."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, name: str) -> str:
        root = name
        while self._above.get(root, root) != root:
            root = self._above[root]
        while self._above.get(name, name) != root:
            self._above[name], name = root, self._above.get(name, name)
        return root

    def join(self, one: str, other: str) -> None:
        self._above[self.of(one)] = self.of(other)
