"""Classes that exclude each other: the whole, each class against the rest, calls of few cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluator.scoring.results import OVERALL
from evaluator.tasks.judged import judge
from evaluator.tasks.released import released
from metrics.discrimination.curves import auroc
from metrics.discrimination.multiclass import hand_till_auroc
from tests.evaluator.tasks.given import TYPES, classes_by_site, judged_by, rules

SITES = {"A": (60, 40, 30), "B": (50, 30, 40), "C": (45, 25, 20)}


def test_the_whole_and_each_class() -> None:
    given = classes_by_site(SITES)
    found = judge(given, judged_by(TYPES))
    of_class = given.targets.argmax(axis=1)
    p = given.outputs / given.outputs.sum(axis=1, keepdims=True)
    overall = {r.metric: r.estimate for r in found.results if r.group == OVERALL}
    assert overall["hand_till_auroc"].value == pytest.approx(
        hand_till_auroc(of_class, p), abs=1e-12
    )
    right = float(np.mean(p.argmax(axis=1) == of_class))
    assert overall["multiclass_accuracy"].value == pytest.approx(right)
    assert all(estimate.low is not None for estimate in overall.values())
    assert {(r.attribute, r.level) for r in found.results if r.metric == "cohen_kappa"} == {
        OVERALL,
        *(("sex", level) for level in "FM"),
        *(("site", level) for level in "ABC"),
    }
    for place, part in enumerate(found.parts):
        assert part.evaluation.n_positive == given.targets[:, place].sum()
        area = next(r.estimate for r in part.evaluation.results if r.metric == "auroc")
        assert area.value == pytest.approx(auroc(given.targets[:, place], given.outputs[:, place]))
    assert found.n_positive == 340 - 155  # not the first class


def test_a_release_finds_the_primary_figure_and_reads_as_it_was_written() -> None:
    given, by = classes_by_site(SITES), judged_by(TYPES)
    shown = released(judge(given, by), given, by, rules())
    assert shown.task == "multiclass"
    assert shown.find("hand_till_auroc") is not None
    assert [part.name for part in shown.parts] == ["normal", "bacterial", "viral"]
    assert type(shown).from_json(shown.to_json()).to_json() == shown.to_json()


def test_a_class_that_few_cases_are_called_hides_what_calls_tell() -> None:
    given, by = classes_by_site(SITES), judged_by(TYPES)
    outputs = np.full(given.outputs.shape, 0.0)
    calls = given.outputs.argmax(axis=1)
    calls[calls == 2] = 1
    calls[[3, 200]] = 2  # two cases alone
    outputs[np.arange(calls.size), calls] = 0.5
    rest = np.round(np.random.default_rng(2).uniform(0.1, 0.3, calls.size), 6)
    for place in range(3):
        outputs[calls != place, place] = np.where(place == (calls + 1) % 3, rest, 0.5 - rest)[
            calls != place
        ]
    probing = replace(given, outputs=outputs)
    shown = released(judge(probing, by), probing, by, rules())
    assert shown.find("multiclass_accuracy") is None
    assert shown.find("cohen_kappa") is None
    assert shown.find("hand_till_auroc") is not None


@pytest.mark.parametrize("of_class", range(3))
def test_a_case_that_one_rule_of_calling_sets_apart_tells_no_class(of_class: int) -> None:
    given = classes_by_site({"A": (60, 50, 50), "B": (60, 50, 50)})
    rng = np.random.default_rng(0)
    outputs = np.zeros_like(given.outputs)
    for row in outputs:  # each case is surely called one class, by the threshold too
        most = rng.uniform(0.5, 0.9)
        rest = (1 - most) * rng.uniform(0.3, 0.7)
        row[:] = np.roll([most, rest, 1 - most - rest], rng.integers(3))
    # One case is called class 0 as the most probable, and no class by the threshold of 0.5.
    outputs[np.flatnonzero(given.targets[:, of_class])[0]] = 0.42, 0.31, 0.27
    given, by = replace(given, outputs=outputs, scores=outputs[:, 0]), judged_by(TYPES)
    shown = released(judge(given, by), given, by, rules())
    # Less the hits of all classes, the cases that are called right would be that one.
    assert shown.of_part("viral").find("sensitivity") is not None
    assert shown.find("hand_till_auroc") is not None
    for figure in ("multiclass_accuracy", "macro_sensitivity", "cohen_kappa"):
        assert shown.find(figure) is None
