"""Agreement with published reader studies and with independent implementations.

Van Dyke et al. 1993 as OR-DBM MRMC 2.51 prints it; made studies analysed by a separate program
whose figures agree with OR-DBM MRMC and RJafroc.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metrics.readers import figures
from metrics.readers.covariances import COVARIANCES, DELONG, JACKKNIFE
from metrics.readers.each_reader import each_reader
from metrics.readers.mean_interval import of_area
from metrics.readers.obuchowski_rockette import (
    Finding,
    StudyResult,
    analyse,
    from_covariances,
    mean_squares,
)
from metrics.readers.pseudovalues import dorfman_berbaum_metz
from metrics.readers.reads import Reads, reads

MADE = ("two_tests_four_readers_grades", "three_tests_three_readers_scores", "cov2_below_cov3")
SCENARIOS = {
    "random_readers_random_cases": "finding",
    "fixed_readers_random_cases": "fixed_readers",
    "random_readers_fixed_cases": "fixed_cases",
}


@pytest.fixture(scope="module")
def known(refvals: Path) -> Any:
    return json.loads((refvals / "tasks" / "readers.json").read_text())


def of_components(values: Any, variance: float, *cov: float) -> StudyResult:
    """The analysis of figures (2, readers) whose mean covariances are all that is published."""
    r = len(values[0])
    matrix = np.empty((2, r, 2, r))
    for i, j, k, m in np.ndindex(matrix.shape):
        same_modality, same_reader = i == k, j == m
        if same_modality and same_reader:
            matrix[i, j, k, m] = variance
        else:
            matrix[i, j, k, m] = cov[0 if same_reader else 1 if same_modality else 2]
    return from_covariances(np.array(values), matrix, JACKKNIFE, limits=of_area(45, 69))


def test_van_dyke_is_as_it_was_published() -> None:
    # 114 cases, 45 of them positive; spin echo and cine MRI; OR-DBM MRMC 2.51, jackknife.
    found = of_components(
        [
            [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
            [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
        ],
        *(0.00080229, 0.00034661, 0.00034407, 0.00023903),
    )
    assert found.squares.modality == pytest.approx(0.00479617, abs=5e-9)
    assert found.squares.reader == pytest.approx(0.0038362, abs=5e-8)
    assert found.squares.both == pytest.approx(0.00055103, abs=5e-9)
    assert found.var_reader == pytest.approx(0.001535, abs=5e-7)
    assert found.var_both == pytest.approx(0.0002004, abs=5e-8)
    finding = found.finding
    assert finding.statistic == pytest.approx(4.46, abs=0.005)
    assert finding.df1 == 1
    assert finding.df2 == pytest.approx(15.26, abs=0.005)
    assert finding.p == pytest.approx(0.0517, abs=5e-5)
    assert found.fixed_readers.statistic == pytest.approx(5.47595, abs=2e-4)
    assert found.fixed_readers.p == pytest.approx(0.0193, abs=5e-5)
    assert found.fixed_cases.statistic == pytest.approx(8.70, abs=0.005)
    assert found.fixed_cases.p == pytest.approx(0.0420, abs=5e-5)
    (difference,) = finding.differences
    assert difference.spread.low == pytest.approx(-0.08796, abs=1e-5)
    assert difference.spread.high == pytest.approx(0.00036, abs=1e-5)
    assert difference.p == pytest.approx(0.0517, abs=5e-5)


def test_delong_components_of_van_dyke_give_their_own_p(known: Any) -> None:
    entry = next(v for name, v in known["van_dyke"].items() if "DeLong" in name)
    mean = entry["components"]
    found = of_components(
        entry["auc"], *(mean[name] for name in ("var_error", "cov1", "cov2", "cov3"))
    )
    assert found.finding.p == pytest.approx(0.0512, abs=5e-5)
    assert found.finding.df2 == pytest.approx(15.066107938873085)
    assert found.fixed_readers.p == pytest.approx(0.0185, abs=5e-5)


def made(known: Any, name: str) -> tuple[Reads, Any]:
    entry = known["made_studies"][name]
    return reads(entry["truth"], entry["ratings[test][reader][case]"]), entry


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_made_studies_agree(known: Any, name: str, covariance: str) -> None:
    study, entry = made(known, name)
    found, wanted = analyse(study, covariance=covariance), entry[covariance.lower()]
    assert found.covariances == covariance
    assert found.values == pytest.approx(np.array(wanted["auc"]), abs=1e-12)
    mean = wanted["components"]
    own = found.components
    assert [own.variance, own.cov1, own.cov2, own.cov3] == pytest.approx(
        [mean["var_error"], mean["cov1"], mean["cov2"], mean["cov3"]], abs=1e-12
    )
    assert [found.var_reader, found.var_both] == pytest.approx(
        [mean["var_R"], mean["var_TR"]], abs=1e-12
    )
    for key, attribute in SCENARIOS.items():
        agrees(getattr(found, attribute), wanted[key])


def test_each_reader_alone_is_as_published(known: Any) -> None:
    assert known["van_dyke"]["published (jackknife)"]["per_reader_p"][0] == 0.2693
    entry = known["van_dyke"]["by or_mrmc.py, jackknife"]
    values, rows = np.array(entry["auc"]), entry["per_reader"]
    matrix = np.zeros((2, 5, 2, 5))
    for reader, row in enumerate(rows):
        matrix[:, reader, :, reader] = row["cov1"]
        matrix[[0, 1], reader, [0, 1], reader] = row["var_error"]
    found = each_reader(values, matrix)
    published = known["van_dyke"]["published (jackknife)"]["per_reader_p"]
    assert [each.p for each in found] == pytest.approx(published, abs=5e-5)
    assert [each.low for each in found] == pytest.approx([row["low"] for row in rows], abs=1e-9)


@pytest.mark.parametrize("name", [MADE[0], MADE[2]])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_each_reader_of_made_studies_agrees(known: Any, name: str, covariance: str) -> None:
    study, entry = made(known, name)
    found, wanted = analyse(study, covariance=covariance), entry[covariance.lower()]["per_reader"]
    assert len(wanted) == study.values.shape[1]
    assert [each.p for each in found.each_reader] == pytest.approx([row["p"] for row in wanted])
    assert [each.high for each in found.each_reader] == pytest.approx(
        [min(row["high"], 1.0) for row in wanted]
    )


def agrees(found: Finding, wanted: Any) -> None:
    assert found.statistic == pytest.approx(wanted.get("F", wanted.get("chi2")), abs=1e-9)
    assert found.p == pytest.approx(wanted["p"], abs=1e-9)
    if wanted["df2"] is not None:
        assert found.df2 == pytest.approx(wanted["df2"], rel=1e-9)
    for one, (pair, other) in zip(found.differences, wanted["differences"].items(), strict=True):
        assert f"{one.one + 1}-{one.other + 1}" == pair
        spread = one.spread
        assert [spread.estimate, spread.low, spread.high] == pytest.approx(
            [other["estimate"], other["low"], other["high"]], abs=1e-9
        )
    for mean, other in zip(found.means, wanted["single"], strict=True):
        assert mean.estimate == pytest.approx(other["auc"], abs=1e-12)
        assert mean.standard_error == pytest.approx(other["se"], abs=1e-12)
        if other["df"] is not None:
            assert mean.freedom == pytest.approx(other["df"], rel=1e-9)
        assert 0.0 <= mean.low <= mean.estimate <= mean.high <= 1.0


@pytest.mark.parametrize("name", MADE)
def test_pseudovalues_give_the_same_test(known: Any, name: str) -> None:
    study, entry = made(known, name)
    found, wanted = dorfman_berbaum_metz(figures.auroc(study)), entry["dbm_by_pseudovalues"]
    assert [found.statistic, found.df2, found.p] == pytest.approx(
        [wanted["F"], wanted["df2"], wanted["p"]], rel=1e-9
    )
    squares = wanted["ms"]
    assert [found.square_t, found.square_tr, found.square_tc, found.square_trc] == pytest.approx(
        [squares["T"], squares["TR"], squares["TC"], squares["TRC"]], rel=1e-9
    )
    same = analyse(study, covariance=JACKKNIFE).finding
    assert found.p == pytest.approx(same.p, abs=1e-12)


def test_delong_is_refused_for_another_figure(known: Any) -> None:
    study, _ = made(known, MADE[0])
    with pytest.raises(ValueError, match="take the jackknife"):
        analyse(study, figures.any_figure(lambda y, s: 0.5), covariance=DELONG)


def test_squares_of_a_two_by_two_table_by_hand() -> None:
    # Means by modality .8 and .7, by reader .7 and .8; grand .75; residuals +-.05.
    found = mean_squares(np.array([[0.8, 0.8], [0.6, 0.8]]))
    assert [found.modality, found.reader, found.both] == pytest.approx([0.01, 0.01, 0.01])
