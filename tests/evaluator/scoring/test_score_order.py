"""The order of the rows changes no bit of a report, with or without patient ids."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluator.scoring.results import Evaluation
from evaluator.scoring.score import AnalysisPlan, score
from metrics import arrays
from metrics.calibration.ece_interval import ece_interval
from metrics.comparison.ranking import Ranked, Submitted, ranked

N = 300
PLAN = AnalysisPlan(
    subgroups=("sex", "view"),
    intersections=(("sex", "view"),),
    replicates=200,
    specificities=(0.9,),
    sensitivities=(0.9,),
    partial_auroc=(0.0, 0.2),
    smooth_calibration="all",
)
Ints = NDArray[np.int64]
Cases = tuple[NDArray[np.bool_], NDArray[np.float64], dict[str, NDArray[np.str_]]]


def cases(digits: int) -> Cases:
    generator = np.random.default_rng(digits)
    y = generator.random(N) < 0.4
    s = np.clip(0.4 + 0.25 * (y - 0.4) + 0.2 * generator.standard_normal(N), 0.01, 0.99)
    attributes = {
        "sex": np.where(generator.random(N) < 0.5, "Female", "Male"),
        "view": np.where(generator.random(N) < 0.5, "AP", "PA"),
    }
    return y, np.round(s, digits), attributes


def scored(
    given: Cases, order: NDArray[np.int64], patients: NDArray[np.int64] | None
) -> Evaluation:
    y, s, attributes = given
    mine = None if patients is None else patients[order]
    moved = {name: column[order] for name, column in attributes.items()}
    return score(y[order], s[order], mine, moved, PLAN, threshold=0.4)


@pytest.mark.parametrize("digits", [1, 2, 12])  # many ties, some, none
@pytest.mark.parametrize("repeated", [False, True])
def test_permuted_rows_give_the_same_report(digits: int, repeated: bool) -> None:
    given = cases(digits)
    generator = np.random.default_rng(7)
    patients = generator.integers(0, 150, N) if repeated else None
    first = scored(given, np.arange(N), patients)
    assert any(r.estimate.low is not None for r in first.results if r.metric == "f1")
    assert scored(given, generator.permutation(N), patients) == first
    assert scored(given, np.arange(N)[::-1], patients) == first


def test_a_subgroup_more_changes_no_other_figure() -> None:
    y, s, attributes = cases(1)
    few = AnalysisPlan(subgroups=("sex",), replicates=200)
    more = AnalysisPlan(subgroups=("sex", "view"), replicates=200)
    before = score(y, s, None, attributes, few, threshold=0.4)
    after = score(y, s, None, attributes, more, threshold=0.4)

    def bounds(found: Evaluation) -> dict[tuple[str, ...], tuple[float | None, float | None]]:
        return {
            (r.metric, r.attribute, r.level): (r.estimate.low, r.estimate.high)
            for r in found.results
            if r.attribute in ("overall", "sex")
        }

    assert bounds(before) == bounds(after)


def test_cases_are_ordered_by_what_is_known_of_them() -> None:
    s = np.array([0.2, 0.7, 0.2, 0.2, 0.7])
    y = np.array([True, False, False, True, False])
    key = np.array([1, 1, 0, 0, 0])
    # 0.7: key 0 then 1; 0.2: the negative, then the positives by key
    assert arrays.canonical_order(s, y, [key]).tolist() == [4, 1, 2, 3, 0]
    assert arrays.canonical_order(np.zeros(0), np.zeros(0, dtype=bool), []).size == 0


def test_many_keys_do_not_overflow() -> None:
    generator = np.random.default_rng(3)
    keys = [generator.integers(0, 1000, 500) * 10**6 for _ in range(5)]
    s, y = np.round(generator.random(500), 1), generator.random(500) < 0.5
    expected = np.lexsort((*reversed(keys), y, -s))
    assert arrays.canonical_order(s, y, keys).tolist() == expected.tolist()


@pytest.mark.parametrize("repeated", [False, True])
def test_a_board_ranks_alike_in_every_order(repeated: bool) -> None:
    generator = np.random.default_rng(8)
    y = generator.random(200) < 0.4
    patients = generator.integers(0, 90, 200) if repeated else None
    scores = {name: np.round(0.3 * y + generator.random(200), 1) for name in "abc"}

    def board(order: Ints, names: str) -> Ranked:
        given = {name: Submitted(scores=scores[name][order], team="one") for name in names}
        mine = None if patients is None else patients[order]
        return ranked(y[order], given, mine, replicates=200)

    first = board(np.arange(200), "abc")
    assert board(generator.permutation(200), "abc") == first
    fewer, pair = board(np.arange(200), "ab").pairs[0], first.pairs[0]
    for field in ("difference", "low", "high", "p_value"):
        assert getattr(fewer, field) == pytest.approx(getattr(pair, field), rel=1e-12)


def test_the_interval_of_ece_does_not_follow_the_rows() -> None:
    y, s, _ = cases(2)
    order = np.random.default_rng(9).permutation(N)
    assert ece_interval(y[order], s[order]) == pytest.approx(ece_interval(y, s), abs=1e-9)
