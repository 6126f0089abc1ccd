"""Reader studies by hand, by other ways of computing them, and what must not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from metrics.discrimination.curves import auroc
from metrics.discrimination.delong import clustered_covariance, delong_covariance, placements
from metrics.estimate import UndefinedMetric
from metrics.readers import covariances, figures
from metrics.readers.covariances import DELONG, JACKKNIFE
from metrics.readers.mean_interval import NearLimits, mean_bounds, of_share
from metrics.readers.obuchowski_rockette import analyse
from metrics.readers.panel import against_panel
from metrics.readers.pseudovalues import dorfman_berbaum_metz
from metrics.readers.reads import Reads, reads

RNG = np.random.default_rng(20)


def study(t: int = 2, r: int = 4, m: int = 12, n: int = 15, *, clustered: bool = False) -> Reads:
    rng = np.random.default_rng(7)
    y = np.r_[np.ones(m, bool), np.zeros(n, bool)]
    case = y * 1.2 + rng.normal(size=m + n)
    scores = np.round(case + rng.normal(size=(t, r, m + n)), 1)
    patients = rng.integers(0, 14, m + n) if clustered else None
    return reads(y, scores, patients)


def brute(given: Reads) -> figures.Jackknifed:
    return figures.any_figure(lambda y, s: auroc(y, s))(given)


@pytest.mark.parametrize("clustered", [False, True])
def test_closed_form_is_that_of_leaving_out(*, clustered: bool) -> None:
    given = study(clustered=clustered)
    found, wanted = figures.auroc(given), brute(given)
    assert found.values == pytest.approx(wanted.values, abs=1e-13)
    assert found.without == pytest.approx(wanted.without, abs=1e-12)


@pytest.mark.parametrize("clustered", [False, True])
def test_delong_matrix_is_that_of_each_pair(*, clustered: bool) -> None:
    given = study(clustered=clustered)
    found = covariances.delong(given)
    each = {place: placements(given.y, given.values[place]) for place in np.ndindex(2, 4)}
    for a, one in each.items():
        for b, other in each.items():
            wanted = (
                clustered_covariance(one, other, given.y, given.patient)
                if clustered
                else delong_covariance(one, other)
            )
            assert found[(*a, *b)] == pytest.approx(wanted, abs=1e-14)


def test_sensitivity_and_specificity_by_hand() -> None:
    # Reader 1 finds 3 of 4 and calls 1 of 2 negatives; reader 2 finds 2 of 4 and calls none.
    y = [1, 1, 1, 1, 0, 0]
    calls = [[[1, 1, 1, 0, 1, 0], [1, 0, 1, 0, 0, 0]]]
    found = figures.sensitivity(reads(y, calls))
    assert found.values.tolist() == [[0.75, 0.5]]
    assert found.without[0, 0].tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1.0])
    assert found.limits.effective == 4
    # Variance of a share: p (1 - p) / (n - 1).
    matrix = covariances.jackknife(found)
    assert matrix[0, 0, 0, 0] == pytest.approx(0.75 * 0.25 / 3)
    assert matrix[0, 1, 0, 1] == pytest.approx(0.5 * 0.5 / 3)
    found = figures.specificity(reads(y, calls))
    assert found.values.tolist() == [[0.5, 1.0]]


def test_clustered_sensitivity_leaves_out_patients() -> None:
    y, patients = [1, 1, 1, 0, 0], ["a", "a", "b", "c", "b"]
    calls = [[[1, 0, 1, 0, 0], [1, 1, 0, 0, 1]]]
    found = figures.sensitivity(reads(y, calls, patients))
    assert found.without[0].tolist() == [[1.0, 0.5], [0.0, 1.0]]


def test_fixed_cases_with_two_modalities_is_the_paired_t_test() -> None:
    given = study()
    values = figures.auroc(given).values
    wanted = stats.ttest_rel(values[0], values[1])
    found = analyse(given).fixed_cases
    assert found.p == pytest.approx(wanted.pvalue, abs=1e-12)
    low, high = wanted.confidence_interval(0.95)
    (difference,) = found.differences
    assert (difference.spread.low, difference.spread.high) == pytest.approx((low, high))


def test_f_and_difference_agree_with_two_modalities() -> None:
    finding = analyse(study()).finding
    (difference,) = finding.differences
    assert difference.p == pytest.approx(finding.p, abs=1e-12)
    assert difference.spread.estimate == pytest.approx(
        finding.means[0].estimate - finding.means[1].estimate
    )


@pytest.mark.parametrize("covariance", [JACKKNIFE, DELONG])
def test_order_of_readers_cases_and_scale_of_scores_change_nothing(covariance: str) -> None:
    given = study(clustered=True)
    first = analyse(given, covariance=covariance)
    cases, readers = RNG.permutation(given.y.size), [2, 0, 3, 1]
    other = reads(
        given.y[cases],
        np.exp(given.values[:, readers][:, :, cases]),
        [f"p{number}" for number in given.patient[cases]],
    )
    again = analyse(other, covariance=covariance)
    assert again.finding.p == pytest.approx(first.finding.p, abs=1e-12)
    assert again.fixed_readers.p == pytest.approx(first.fixed_readers.p, abs=1e-12)
    assert again.finding.differences[0].spread.low == pytest.approx(
        first.finding.differences[0].spread.low, abs=1e-12
    )


def test_modalities_swapped_turn_the_difference() -> None:
    given = study()
    turned = Reads(given.y, given.values[::-1], given.patient, given.n_patients)
    one, other = (analyse(each).finding.differences[0].spread for each in (given, turned))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_pseudovalues_agree_where_patients_have_several_cases_too() -> None:
    given = study(clustered=True)
    test = dorfman_berbaum_metz(figures.auroc(given))
    wanted = analyse(given).finding
    assert [test.statistic, test.df2, test.p] == pytest.approx(
        [wanted.statistic, wanted.df2, wanted.p]
    )


def test_modality_read_twice_alike_has_no_test() -> None:
    given = study(t=1)
    twice = Reads(given.y, np.repeat(given.values, 2, axis=0), given.patient, given.n_patients)
    found = analyse(twice).finding
    assert (found.statistic, found.p) == (None, None)
    assert found.why is not None
    assert "beyond rounding" in found.why


def test_means_stay_between_0_and_1_where_the_published_interval_passes_1() -> None:
    t4 = float(stats.t.ppf(0.975, 4))
    assert 0.97 + t4 * 0.03 > 1.0
    low, high = mean_bounds(0.97, 0.03, 4.0, readers=5, limits=NearLimits(20.0))
    reach, middle = t4 * 0.03 / (0.97 * 0.03), math.log(0.97 / 0.03)
    assert (low, high) == pytest.approx(
        (special.expit(middle - reach), special.expit(middle + reach))
    )


def test_shares_near_1_take_half_a_case_of_the_binomial_variance() -> None:
    # 0.95 of 40: two on the wrong side; V = .95 .05 / 40, five readers share half: times 3 / 5.
    variance = (2 * 0.02**2 + 0.5 * 0.95 * 0.05 / 40 * 0.6) / 2.5
    reach, middle = 1.959964 * math.sqrt(variance) / (0.95 * 0.05), math.log(19)
    found = mean_bounds(0.95, 0.02, math.inf, readers=5, limits=of_share(40.0))
    wanted = (special.expit(middle - reach), special.expit(middle + reach))
    assert found == pytest.approx(wanted, abs=1e-6)


def test_readers_without_an_error_get_wilson_s_interval() -> None:
    low, high = mean_bounds(1.0, 0.0, math.inf, readers=5, limits=of_share(20.0))
    t = float(stats.t.ppf(0.975, 19)) ** 2
    assert low == pytest.approx(20 / (20 + t))
    assert high == 1.0


def test_model_against_a_panel_is_a_sample_of_differences() -> None:
    given = study(t=1, r=5)
    model = given.y * 2.0 + np.random.default_rng(3).normal(size=given.y.size)
    found = against_panel(given, model)
    values = figures.auroc(given).values[0]
    own = auroc(given.y, model)
    assert found.model == pytest.approx(own)
    assert found.difference.estimate == pytest.approx(own - values.mean())
    # The same by the differences of the leave-one-out figures, one modality of five "readers".
    kept = brute(given).without[0]
    alone = brute(Reads(given.y, model[None, None], given.patient, given.n_patients)).without[0]
    spread = np.cov(alone - kept) * (given.y.size - 1) ** 2 / given.y.size
    cov2 = spread[~np.eye(5, dtype=bool)].mean()
    ms = values.var(ddof=1)
    error = ms + 5 * max(cov2, 0.0)
    assert found.published.standard_error == pytest.approx(math.sqrt(error / 5))
    df = (error / ms) ** 2 * 4
    assert found.published.freedom == pytest.approx(df)
    reach = stats.t.ppf(0.975, df) * math.sqrt(error / 5)
    middle = found.difference.estimate
    assert (found.published.low, found.published.high) == pytest.approx(
        (middle - reach, middle + reach)
    )


def test_difference_to_a_panel_joins_both_intervals() -> None:
    given = study(t=1, r=5, m=40, n=50)
    model = given.y * 2.0 + np.random.default_rng(3).normal(size=given.y.size)
    found = against_panel(given, model)
    both = figures.auroc(reads(given.y, np.concatenate([given.values, model[None, None]], axis=1)))
    matrix = covariances.jackknife(both)[0, :, 0, :]
    se = math.sqrt(matrix[5, 5])
    own = mean_bounds(found.model, se, 39.0, readers=1, limits=both.limits)
    r = matrix[5, :5].mean() / (se * found.panel.standard_error)
    # Zou & Donner 2008, equation 9.
    below, above = found.model - own[0], found.panel.high - found.panel.estimate
    low = found.difference.estimate - math.sqrt(below**2 + above**2 - 2 * r * below * above)
    assert found.difference.low == pytest.approx(low)


def test_p_values_are_those_of_the_interval() -> None:
    given = study(t=1, r=5, m=40, n=50)
    model = given.y * 2.0 + np.random.default_rng(3).normal(size=given.y.size)
    found = against_panel(given, model, margin=0.1)
    at = against_panel(given, model, confidence=1.0 - found.p)
    assert at.difference.low == pytest.approx(0.0, abs=1e-9)
    assert found.p_noninferior is not None
    at = against_panel(given, model, confidence=1.0 - 2.0 * found.p_noninferior)
    assert at.difference.low == pytest.approx(-0.1, abs=1e-9)
    assert found.superior == (found.p < 0.05)
    turned = against_panel(given, -model, margin=0.1)
    assert turned.difference.high < 0.0
    assert not turned.superior
    assert not turned.noninferior
    assert turned.p_noninferior is not None
    assert turned.p_noninferior > 0.975


def test_model_that_reads_as_all_readers_do_differs_by_nothing() -> None:
    given = study(t=1, r=1)
    alike = Reads(given.y, np.repeat(given.values, 3, axis=1), given.patient, given.n_patients)
    found = against_panel(alike, given.values[0, 0])
    assert found.difference.estimate == pytest.approx(0.0, abs=1e-12)
    assert found.difference.low <= 0.0 <= found.difference.high


def test_model_and_readers_without_an_error_are_not_known_to_be_equal() -> None:
    y = np.arange(30) < 12
    found = against_panel(reads(y, np.array([[y, y, y]], dtype=float)), y.astype(float))
    assert found.difference.estimate == 0.0
    assert found.difference.low < -0.1
    assert found.p == 1.0


def refused(message: str, y: object, values: object, patients: object = None) -> None:
    with pytest.raises(UndefinedMetric, match=message):
        analyse(reads(y, values, patients))  # type: ignore[arg-type]


def test_what_cannot_be_analysed_is_said() -> None:
    rng = np.random.default_rng(1)
    refused("needs two readers", [1, 1, 0, 0], rng.normal(size=(2, 1, 4)))
    refused("needs both classes", [1, 1, 1, 1], rng.normal(size=(2, 2, 4)))
    refused("each reader must read each case", [1, 0], [[[1.0, math.nan], [0.0, 1.0]]])
    refused(r"\(modalities, readers, 2 cases\)", [1, 0], [[1.0, 2.0]])
    refused("two patients of each class", [1, 0, 0], rng.normal(size=(1, 2, 3)))
    with pytest.raises(UndefinedMetric, match="calls of 0 or 1"):
        figures.sensitivity(reads([1, 1, 0], [[[0.5, 1.0, 0.0]]]))
    with pytest.raises(UndefinedMetric, match="two negative patients; got 1"):
        figures.specificity(reads([1, 1, 0], [[[0, 1, 0]]]))
    with pytest.raises(UndefinedMetric, match="two readers or more in one modality"):
        against_panel(study(), np.zeros(27))
