"""Prints the result of a researcher's check, and of a copy of the open part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding

from evaluator.screen import styled
from submissions.submission import Failure

if TYPE_CHECKING:
    from cohort_selection.sequestration.open_part import OpenPart
    from evaluator.queue.dry_run import Practised
    from evaluator.tasks.first_look import Scores

MOST_LOG_LINES = 20


def practised(found: Practised, cases: str = "open") -> RenderableType:
    """The result of a run on open or practice cases, its scores, the end of the log."""
    lines: list[RenderableType]
    if found.failure is None:
        done = f"{found.n_cases} {cases} cases in {found.seconds:.1f} s"
        told = f": {done}, predictions as the contract asks"
        lines = [styled(("passed", "green"), told)]
    else:
        # Without the advice to run what is running.
        meaning = found.failure.meaning.partition("; run `sequestra check`")[0].rstrip(".")
        lines = [styled((found.failure.value, "red"), f": {meaning}."), found.detail]
    if found.scores is not None:
        lines.append(_scores(found.scores))
    said = found.log.rstrip().splitlines()
    if said:
        shown = said[-MOST_LOG_LINES:]
        of = "" if len(shown) == len(said) else f"the last {len(shown)} lines of "
        lines.append(f"{of}the container's log:")
        lines += shown
    elif found.failure not in (None, Failure.IMAGE_INVALID):  # else none was run
        lines.append("the container's log is empty")
    return Group(*lines)


def _scores(found: Scores) -> RenderableType:
    """The AUROC of a check, and a warning where the scores are constant or inverted."""
    if found.of_outputs:
        return Group(*(_of_output(name, each) for name, each in found.of_outputs.items()))
    return _of_one(found)


def _of_output(name: str, found: Scores) -> RenderableType:
    """One of several outputs, after its name."""
    return Group(name, Padding(_of_one(found), (0, 0, 0, 2), expand=False))


def _of_one(found: Scores) -> RenderableType:
    if found.drawn:
        of_positive, of_negative = found.drawn
        return (
            f"something is drawn in {of_positive} of {found.n_positive} cases with a lesion, and "
            f"in {of_negative} of {found.n_negative} without one"
        )
    cases = f"{found.n_positive} positive and {found.n_negative} negative cases"
    if found.constant:
        return styled(
            ("constant", "yellow"),
            f": all {found.n_positive + found.n_negative} cases have the score "
            f"{found.lowest:g}; the model does not tell one from another",
        )
    spread = f"scores from {found.lowest:g} to {found.highest:g}"
    if found.prediction_probability is not None:
        spread += f"; prediction probability of the grades {found.prediction_probability:.3f}"
    if found.auroc is None:
        return f"{spread}; no AUROC, since there are {cases}: give more cases with --cases"
    told = f"AUROC {found.auroc:.3f} on {cases}; {spread}"
    if found.inverted:
        return styled(
            f"{told}\n",
            ("inverted", "yellow"),
            ": positive cases score lower than negative ones; a higher score must mean that the "
            "label is 1",
        )
    if found.auroc < 0.5:
        told += "; below 0.5, which may be chance with so few cases"
    return told


def copied(found: OpenPart) -> RenderableType:
    """The counts of a copy of the open part, and warnings."""
    lines: list[RenderableType] = [
        f"{found.n_cases} cases of {found.n_patients} patients, {found.n_files} files, "
        f"copied as sequestered cases are; listed in {found.table}"
    ]
    if found.burned_in:
        lines.append(
            styled((f"{found.burned_in} files say that text is burned into them", "yellow"))
        )
    if found.commented:
        lines.append(
            styled((f"{found.commented} files have a comment in their pixel data", "yellow"))
        )
    return Group(*lines)
