"""The population that a filed report names is the one that its figures are of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluator.filing.content import Contents, parts
from evaluator.filing.independence import Independence
from evaluator.scoring.results import TargetComparison, TargetLevel
from tests.support.hand_made import evaluation, released

LEVELS = (
    TargetLevel("sex", "Female", 0.9, 0.5, 150, 150, 75),
    TargetLevel("sex", "Male", 0.1, 0.5, 150, 150, 75),
)


@pytest.mark.parametrize(
    ("target", "of_target"),
    [
        (None, False),
        (TargetComparison(LEVELS, case_control=True), False),
        (TargetComparison(LEVELS, note="raking gave one patient a weight of 40"), False),
        (TargetComparison(LEVELS, effective_patients=120.0), True),
        (TargetComparison(LEVELS, note="every margin is within one point of the target"), True),
    ],
    ids=["none", "case-control", "missed", "standardised", "met"],
)
def test_the_target_is_named_where_figures_of_it_stand(
    target: TargetComparison | None, of_target: bool
) -> None:
    made = parts(
        Contents(
            release=released(scored=replace(evaluation(), target=target)),
            primary="auroc",
            independence=Independence((), 0, 0, 0),
            signed=None,
            document_sha256="",
            evaluation_key="",
            release_number=1,
            sheet=None,
            charts={},
        )
    )
    (said,) = (str(each["text"]) for each in made if "The report estimates" in str(each))
    assert ("the population that the benchmark's target describes" in said) == of_target
    assert ("of the pool from which" in said) == (target is None)
