"""Prints the table of states for docs/queue.md: ``python -m submissions.states_page``."""

from __future__ import annotations

import sys
from pathlib import Path

from submissions.submission import ENDED, STEPS, Owner, State

BEGIN = "<!-- The table of states: `python -m submissions.states_page docs/queue.md` -->"
END = "<!-- End of the table of states -->"

_ORDER = tuple(Owner)


def table() -> str:
    """Each change of state, who may make it, and when, as a table of Markdown."""
    lines = ["| from | to | who | when |", "| --- | --- | --- | --- |"]
    for step in STEPS:
        before = "(new)" if step.before is None else f"`{step.before.value}`"
        who = ", ".join(owner.value for owner in _ORDER if owner in step.owners)
        lines.append(f"| {before} | `{step.after.value}` | {who} | {step.when} |")
    ends = ", ".join(f"`{state.value}`" for state in State if state in ENDED)
    return "\n".join([*lines, "", f"A submission ends as one of {ends}."])


def inserted(document: str) -> str:
    """A document with the table between its two marks; ValueError where they are missing."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the line {BEGIN!r} or {END!r}; put both in")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(inserted(path.read_text()))
