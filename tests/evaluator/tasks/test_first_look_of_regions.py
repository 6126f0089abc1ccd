"""What a check says of masks and marks."""

from __future__ import annotations

import io

from rich.console import Console

from cohort_selection.cases import Case
from evaluator.queue.dry_run import Practised
from evaluator.tasks.first_look import Scores, look_of
from evaluator.terminal import dry_run
from submissions.predictions import Predictions


def test_a_check_says_in_which_cases_something_is_drawn() -> None:
    cases = {name: Case(name, name, (), int(name in "ab"), {}) for name in "abcde"}
    amounts = {"a": 12.0, "b": 0.0, "c": 5.0, "d": 0.0, "e": 0.0}
    rows = {name: "2.25.1,1,1 5" if amount else "" for name, amount in amounts.items()}
    predictions = Predictions({name: (each,) for name, each in amounts.items()}, rows)
    look = look_of(cases, predictions, ("sop_instance_uid", "frame", "runs"))
    assert Scores.read(look.as_document()) == look
    shown = io.StringIO()
    found = Practised(5, 1.0, None, "", "", look)
    Console(file=shown, width=200).print(dry_run.practised(found))
    said = "something is drawn in 1 of 2 cases with a lesion, and in 1 of 3 without one"
    assert said in shown.getvalue()
    plain = look_of(cases, Predictions(dict.fromkeys(cases, (0.5,))))
    assert "drawn" not in plain.as_document()
