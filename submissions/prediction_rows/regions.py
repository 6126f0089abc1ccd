"""Reads rows of regions: masks as runs, or marks with a score, in pictures named by their UID.

The rules, for a file that a container wrote:

- the header is exactly ``case_id,sop_instance_uid,frame`` and the columns of the form: ``runs`` of
  masks, ``x,y,score`` of points, ``x,y,width,height,score`` of boxes;
- every case is named at least once. A row whose other cells are all empty says that nothing was
  found in the case; it is then the only row of the case. A case that no row names is missing;
- ``sop_instance_uid`` is that of a picture of the same case, ``frame`` counts from 1. Order and
  place of a picture say nothing;
- a mask has at most one row a frame. Its runs lie within the frame. Runs may be empty;
- a mark lies within its frame: x from 0 to the number of columns, y from 0 to the number of rows,
  in pixels from the upper left corner of the upper left pixel, so that the middle of that pixel is
  (0.5, 0.5), as in DICOM's structured reports. A box has x and y of its upper left corner, and
  neither leaves the frame. Scores are from 0 to 1. A case has at most ``MOST_MARKS`` marks.

Time and memory grow with the length of the file alone, which the kernel bounds. What is kept of a
case is a text of its own: rows ``uid,frame,...`` in order, written again, ended by line ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cohort_selection.task.declaration import BOXES, COLUMNS, MASKS
from cohort_selection.task.runs import RunsError, read_runs
from submissions.prediction_rows.cells import cells_of, lines_of, number, shown
from submissions.submission import ContractBroken, Failure

if TYPE_CHECKING:
    from submissions.contract import Contract

MOST_MARKS = 1000
"""Marks of one case."""

_ROUNDING = 1e-6
"""How far x and width, each rounded, may add up to more than they do unrounded, in pixels."""

Pictures = Mapping[str, tuple[int, int, int]]
"""SOPInstanceUID of each picture of a case -> its rows, columns and frames."""

_NO_PICTURES: Pictures = {}


@dataclass(slots=True)
class CaseRegions:
    """What a container marked in one case.

    ``summary`` is the number of pixels drawn, or the highest score of a mark, 0 without.
    """

    summary: float = 0.0
    empty: bool = False
    rows: dict[tuple[str, int, int], str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The rows in order, whatever the order was in which they came."""
        ordered = sorted(self.rows.items(), key=lambda row: (row[0][:2], row[1]))
        return "\n".join(row for _, row in ordered)


def read_regions(
    text: str, case_ids: Collection[str], contract: Contract, pictures: Mapping[str, Pictures]
) -> dict[str, CaseRegions]:
    """What was marked in each case, by the rules that head this module.

    Raises ContractBroken with the failure of the first line that is wrong.
    """
    form = contract.form.regions
    columns = ("case_id", *COLUMNS[form])
    known = {case_id: pictures.get(case_id, _NO_PICTURES) for case_id in case_ids}
    rows = lines_of(text)
    header = next(rows)
    if cells_of(header, 1, len(columns)) != columns:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED,
            f"line 1 is {shown(header)}; expected {','.join(columns)}",
        )
    regions: dict[str, CaseRegions] = {}
    for line, row in enumerate(rows, start=2):
        case_id, *cells = cells_of(row, line, len(columns))
        if case_id not in known:
            raise ContractBroken(
                Failure.PREDICTIONS_UNKNOWN_CASE, f"line {line}: no case {shown(case_id)}"
            )
        of_case = regions.setdefault(case_id, CaseRegions())
        if of_case.empty or (of_case.rows and not any(cells)):
            raise ContractBroken(
                Failure.PREDICTIONS_UNKNOWN_CASE,
                f"line {line}: {case_id} has a row that says that nothing was found, and another",
            )
        if any(cells):
            _Row(line, known[case_id], form).into(of_case, cells)
        of_case.empty = not any(cells)
    if len(regions) < len(known):
        raise ContractBroken(
            Failure.PREDICTIONS_INCOMPLETE, f"{len(regions)} of {len(known)} cases"
        )
    return regions


@dataclass(frozen=True, slots=True)
class _Row:
    """A line that marks something: its number, the pictures of its case, and the form."""

    line: int
    pictures: Pictures
    form: str

    def into(self, regions: CaseRegions, cells: list[str]) -> None:
        """Read the cells after the case's id, and add them to what is known of the case."""
        uid, frame_text, *rest = cells
        if uid not in self.pictures:
            raise ContractBroken(
                Failure.PREDICTIONS_UNKNOWN_CASE,
                f"line {self.line}: the case has no picture {shown(uid)}",
            )
        rows, columns, frames = self.pictures[uid]
        frame = self._frame(frame_text, frames)
        if self.form == MASKS:
            if (uid, frame, 0) in regions.rows:
                raise ContractBroken(
                    Failure.PREDICTIONS_UNKNOWN_CASE,
                    f"line {self.line}: a second mask of the same frame",
                )
            regions.summary += self._mask(rest[0], rows * columns)
            regions.rows[uid, frame, 0] = f"{uid},{frame},{rest[0]}"
            return
        if len(regions.rows) >= MOST_MARKS:
            raise ContractBroken(
                Failure.PREDICTIONS_MALFORMED,
                f"line {self.line}: the case has more than {MOST_MARKS} marks",
            )
        values = self._mark(rest, rows, columns)
        regions.summary = max(regions.summary, values[-1])
        shown_values = ",".join(f"{value!r}" for value in values)
        regions.rows[uid, frame, len(regions.rows)] = f"{uid},{frame},{shown_values}"

    def _frame(self, text: str, frames: int) -> int:
        number_of = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
        if not 1 <= number_of <= frames:
            raise ContractBroken(
                Failure.PREDICTIONS_OUT_OF_RANGE,
                f"line {self.line}: frame is {shown(text)}; the picture has {frames}, from 1",
            )
        return number_of

    def _mask(self, text: str, pixels: int) -> float:
        try:
            return float(read_runs(text, pixels)[:, 1].sum())
        except RunsError as wrong:
            raise ContractBroken(
                Failure.PREDICTIONS_OUT_OF_RANGE, f"line {self.line}: {wrong}"
            ) from None

    def _mark(self, cells: list[str], rows: int, columns: int) -> list[float]:
        x, y = number(cells[0], self.line, 0, columns), number(cells[1], self.line, 0, rows)
        if self.form != BOXES:
            return [x, y, number(cells[2], self.line, 0.0, 1.0)]
        width = number(cells[2], self.line, 0, columns - x + _ROUNDING)
        height = number(cells[3], self.line, 0, rows - y + _ROUNDING)
        return [x, y, width, height, number(cells[4], self.line, 0.0, 1.0)]
