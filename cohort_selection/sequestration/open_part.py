"""Copies the open part for researchers by the rules for sequestered cases."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from cohort_selection.atomic_files import replaced
from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import CohortError
from cohort_selection.sequestration.open_list import read_open, read_open_task, write_open
from cohort_selection.task.declaration import ONE_PROBABILITY, Task

TABLE = "open.csv"
_IMAGES = "images"


@dataclass(frozen=True, slots=True)
class OpenPart:
    """The copies: their list, their counts, and how many may still hold text.

    ``burned_in`` files say that text is in their picture; ``commented`` ones have a comment of
    somebody's own within their compressed pixels.
    """

    table: Path
    n_cases: int
    n_patients: int
    n_files: int
    burned_in: int
    commented: int


def copy_cases(
    cases: Sequence[Case],
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[tuple[Case, ...], tuple[int, int]]:
    """Copy the files of ``cases`` below ``folder``, just as a seal does, under a key drawn now.

    Returns the cases with their copies in place of their files, in the same order, and how many
    files say that text is in their picture and how many have a comment of somebody's own.
    ``progress`` is called with the cases copied and all cases. Raises DeidentificationError that
    names every file that cannot be copied.
    """
    from cohort_selection.deidentification.copy import Copies  # slow, and only copying needs it

    copies = Copies(secrets.token_bytes(32))
    copied = []
    for i, case in enumerate(cases, start=1):
        into = folder / f"case-{i:06d}"
        into.mkdir(parents=True)
        files = tuple(into / f"{j:04d}.dcm" for j in range(1, len(case.files) + 1))
        regions = tuple(replace(r, source=copies.new_uid(r.source)) for r in case.regions)
        copied.append(replace(case, files=files, regions=regions))
    pairs = [
        pair
        for case, copy in zip(cases, copied, strict=True)
        for pair in zip(case.files, copy.files, strict=True)
    ]
    ends = list(accumulate(len(case.files) for case in cases))
    with closing(copies.add(pairs)) as made:
        for done, _ in enumerate(made, start=1):
            if progress is not None and done == ends[0]:
                progress(len(cases) - len(ends) + 1, len(cases))
                ends.pop(0)
    copies.refuse_where_one_failed()
    return tuple(copied), (copies.burned_in, copies.commented)


def copy_open_part(
    open_list: Path, output: Path, *, progress: Callable[[int, int], None] | None = None
) -> OpenPart:
    """Copy the open part that ``open_list`` names into the new folder ``output``.

    ``output/open.csv`` lists the copies, with labels and attributes as in ``open_list``; cases and
    patients have ids of their own there. The folder appears whole or not at all. Raises CohortError
    where it is there already or no case is listed, DeidentificationError as :func:`copy_cases`.
    """
    if output.exists():
        raise CohortError(f"{output} is already there; give a new folder to copy the open part to")
    cases = read_open(open_list)
    if not cases:
        raise CohortError(
            f"{open_list} lists no case; give the list that `sequestra sequester` wrote"
        )
    return write_copies(cases, output, task=read_open_task(open_list), progress=progress)


def write_copies(
    cases: Sequence[Case],
    output: Path,
    *,
    task: Task = ONE_PROBABILITY,
    named: str = "open",
    progress: Callable[[int, int], None] | None = None,
) -> OpenPart:
    """Copy open cases into the folder ``output``, which takes the place of one that is there.

    Their ids begin with ``named``. The folder appears whole or not at all. Raises
    DeidentificationError as :func:`copy_cases`.
    """
    patients = {name: i for i, name in enumerate(dict.fromkeys(c.patient_id for c in cases), 1)}
    with replaced(output) as fresh:
        copied, (burned_in, commented) = copy_cases(cases, fresh / _IMAGES, progress=progress)
        renamed = [
            replace(
                case,
                case_id=f"{named}-{i:06d}",
                patient_id=f"{named}-patient-{patients[case.patient_id]:06d}",
            )
            for i, case in enumerate(copied, start=1)
        ]
        write_open(fresh / TABLE, renamed, tuple(cases[0].attributes), task)
    return OpenPart(
        output / TABLE,
        len(cases),
        len(patients),
        sum(len(case.files) for case in cases),
        burned_in,
        commented,
    )
