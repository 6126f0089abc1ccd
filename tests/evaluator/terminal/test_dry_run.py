"""What `sequestra check` prints of a run on open cases."""

from __future__ import annotations

import io

from rich.console import Console

from evaluator.queue.dry_run import Practised
from evaluator.tasks.first_look import Scores
from evaluator.terminal.dry_run import practised


def test_each_output_stands_on_a_line_without_blanks_at_its_end() -> None:
    flat = Scores(3, 2, 0.4, 0.4, None, inverted=False)
    of = Scores(3, 2, 0.4, 0.4, None, inverted=False, of_outputs={"edema": flat})
    found = Practised(5, 0.5, None, "", "", of)
    paper = io.StringIO()
    Console(file=paper, width=10_000).print(practised(found))
    lines = paper.getvalue().splitlines()
    assert lines[1] == "edema"
    assert lines[2].startswith("  ")
    assert [line for line in lines if line != line.rstrip()] == []
