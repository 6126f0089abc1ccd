"""Lists what headers contradict, a line a study and doubt."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import ExitStack
from heapq import merge
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cohort_selection.dicom.doubts import MEANING, Doubt, lines


class DoubtList:
    """Gathers doubts of studies from several parts, each by study UID, in a file for each."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in a folder until they are one list."""
        self._folder = folder
        self._parts: list[Path] = []

    def begin(self) -> None:
        """Begin with another part."""
        self._parts.append(self._folder / f"doubts-{len(self._parts)}.csv")
        self._parts[-1].touch()

    def begin_again(self) -> None:
        """Begin the present part from its first study."""
        self._parts[-1].write_text("")

    def add(self, studies: pa.Table) -> None:
        """Take rows of the catalog."""
        doubted = studies.select(["patient_id", "study_uid", "doubts"]).filter(
            pc.greater(pc.list_value_length(studies.column("doubts")), 0)
        )
        columns = (column.to_pylist() for column in doubted.columns)
        with self._parts[-1].open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [patient, study, doubt, *MEANING[Doubt(doubt)]]
                for patient, study, doubts in zip(*columns, strict=True)
                for doubt in doubts
            )

    def write(self, path: Path) -> tuple[str, ...]:
        """Write the list of all parts by study UID; give the summary of it."""
        counts: Counter[Doubt] = Counter()
        n_studies, last = 0, ""
        with ExitStack() as stack, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["patient_id", "study_uid", "doubt", "found", "done"])
            parts = [
                csv.reader(stack.enter_context(part.open(newline="", encoding="utf-8")))
                for part in self._parts
            ]
            for row in merge(*parts, key=itemgetter(1)):
                writer.writerow(row)
                counts[Doubt(row[2])] += 1
                n_studies += row[1] != last
                last = row[1]
        return lines(counts, n_studies, path.name)
