"""What the command line says of a researcher's check, and of the open part handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape

if TYPE_CHECKING:
    from cohort_selection.open_part import OpenPart
    from evaluator.practice import Practised, Scores

MOST_LOG_LINES = 20


def practised(found: Practised) -> RenderableType:
    """What a check on open cases ended in, how its scores look, and the end of what it said."""
    if found.failure is None:
        lines = [
            f"[green]passed[/]: {found.n_cases} open cases in {found.seconds:.1f} s, "
            f"predictions as the contract asks"
        ]
    else:
        # Without the advice to run what is running.
        meaning = found.failure.meaning.partition("; run `sequestra check`")[0].rstrip(".")
        lines = [f"[red]{found.failure.value}[/]: {escape(meaning)}.", escape(found.detail)]
    if found.scores is not None:
        lines.append(_scores(found.scores))
    said = found.log.rstrip().splitlines()
    if said:
        shown = said[-MOST_LOG_LINES:]
        of = "" if len(shown) == len(said) else f"the last {len(shown)} lines of "
        lines.append(f"{of}what the container said:")
        lines += map(escape, shown)
    elif found.failure is not None:
        lines.append("the container said nothing")
    return Group(*lines)


def _scores(found: Scores) -> str:
    """The AUROC of a check with what is odd about its scores."""
    cases = f"{found.n_positive} positive and {found.n_negative} negative cases"
    if found.constant:
        return (
            f"[yellow]constant[/]: all {found.n_positive + found.n_negative} cases have the score "
            f"{found.lowest:g}; the model does not tell one from another"
        )
    spread = f"scores from {found.lowest:g} to {found.highest:g}"
    if found.auroc is None:
        return f"{spread}; no AUROC, since there are {cases}: give more with --cases"
    told = f"AUROC {found.auroc:.3f} on {cases}; {spread}"
    if found.inverted:
        told += (
            "\n[yellow]inverted[/]: positive cases score lower than negative ones; a higher score "
            "must mean that the label is 1"
        )
    elif found.auroc < 0.5:
        told += "; below 0.5, as chance may have it with so few cases"
    return told


def copied(found: OpenPart) -> str:
    """What became of the open part."""
    lines = [
        f"{found.n_cases} cases of {found.n_patients} patients, {found.n_files} files, "
        f"copied as sequestered cases are; listed in {found.table}"
    ]
    if found.burned_in:
        lines.append(f"[yellow]{found.burned_in} files say that text is burned into them[/]")
    if found.commented:
        lines.append(f"[yellow]{found.commented} files have a comment in their pixel data[/]")
    return "\n".join(lines)
