"""Practice cases of a benchmark: open cases, drawn and copied once, that dry runs read.

They are public. Each is copied as a sequestered case is, so that a model that needs what a copy
drops fails in the dry run, which costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import read_open
from cohort_selection.sequestration.open_part import TABLE, OpenPart, write_copies
from cohort_selection.task.declaration import ONE_PROBABILITY, Task
from evaluator.stores.installation import Installation


class PracticeError(ValueError):
    """There is nothing to practise on."""


def practice_folder(installation: Installation, benchmark: str) -> Path:
    """Where the practice cases of a benchmark lie, or would."""
    return installation.root.resolve() / "practice" / benchmark


def drawn(cases: Sequence[Case], n_cases: int, seed: int) -> tuple[Case, ...]:
    """Draw practice cases, the same ones for the same ``cases`` in any order.

    Of two or more, both labels are among them where both are open, in about their open shares.
    """
    ordered = sorted(cases, key=lambda case: case.case_id)
    order = np.random.default_rng([seed, len(ordered)]).permutation(len(ordered))
    by_label: dict[int, list[Case]] = {0: [], 1: []}
    for index in order:
        by_label[ordered[index].label].append(ordered[index])
    n_cases = min(n_cases, len(ordered))
    positive = round(n_cases * len(by_label[1]) / max(1, len(ordered)))
    if n_cases > 1 and all(by_label.values()):
        positive = min(max(positive, 1), n_cases - 1)
    chosen = {
        case.case_id for case in (*by_label[1][:positive], *by_label[0][: n_cases - positive])
    }
    return tuple(ordered[index] for index in order if ordered[index].case_id in chosen)


def lay_out(
    installation: Installation,
    benchmark: str,
    opened: Sequence[Case],
    n_cases: int,
    *,
    seed: int,
    task: Task = ONE_PROBABILITY,
    progress: Callable[[int, int], None] | None = None,
) -> OpenPart:
    """Draw practice cases from the open ones and copy them; an earlier draw is replaced.

    The folder appears whole or not at all. Raises PracticeError where no case is open,
    DeidentificationError where a file cannot be copied.
    """
    cases = drawn(opened, n_cases, seed)
    if not cases:
        raise PracticeError(
            f"benchmark {benchmark!r} wants {n_cases} practice cases and no case is open; give a "
            f"list with open cases, or leave [practice] out"
        )
    folder = practice_folder(installation, benchmark)
    return write_copies(cases, folder, task=task, named="practice", progress=progress)


def read_cases(installation: Installation, benchmark: str) -> tuple[Case, ...]:
    """Read the practice cases of a benchmark; raise PracticeError where they are not there."""
    table = practice_folder(installation, benchmark) / TABLE
    if not table.is_file():
        raise PracticeError(
            f"benchmark {benchmark!r} asks for dry runs and {table} is not there; "
            f"`sequestra practice {benchmark} --open LIST` makes it from the open part's list"
        )
    cases = read_open(table)
    missing = [file for case in cases for file in case.files if not file.is_file()]
    if missing or not cases:
        raise PracticeError(
            f"{table} lists {len(cases)} cases and {len(missing)} files are missing; "
            f"`sequestra practice {benchmark} --open LIST` makes it again"
        )
    return cases
