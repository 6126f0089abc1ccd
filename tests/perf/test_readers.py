"""The kept simulation of reader studies says what the page tells of it."""

from __future__ import annotations

import json
import re

import pytest
from scipy import stats

from perf import readers as study
from tests.support.repository import REPOSITORY

TABLE = {
    "rejects, random readers and cases, jackknife": "finding: a difference where none is",
    "rejects, random readers and cases, DeLong": "the same with DeLong's covariances",
    "rejects, sensitivity": "the same for the sensitivity",
    "rejects, fixed readers": "fixed readers, read as a finding",
    "rejects, fixed cases": "fixed cases, read as a finding",
    "cover, difference": "interval of the difference holds the truth",
    "cover, mean": "interval of one modality's mean holds it",
    "cover, mean, published": "the published interval of the mean holds it",
    "cover, mean sensitivity": "interval of the mean sensitivity holds it",
    "cover, model less mean reader": "interval of a model less the mean reader holds it",
    "model superior, one-sided": "a model that is equal is called better (2.5 % intended)",
    "model superior, symmetric interval": "the same by the published interval",
}


def kept() -> dict[str, object]:
    found = json.loads(study.KEPT.read_text())
    assert isinstance(found, dict)
    return found


def test_the_page_has_the_figures_that_are_kept() -> None:
    whole = kept()["smallest, mean and largest over all settings"]
    assert isinstance(whole, dict)
    page = (REPOSITORY / "docs" / "readers.md").read_text()
    for name, told in TABLE.items():
        numbers = " | ".join(f"{value:.3f}" for value in whole[name])
        assert f"| {told} | {numbers} |" in page


def test_the_finding_errs_as_often_as_it_says() -> None:
    document = kept()
    cells = document["settings"]
    assert isinstance(cells, list)
    assert len(cells) == 36
    for cell in cells:
        assert cell["studies"] == 2000
        for name in ("jackknife", "DeLong"):
            assert cell[f"rejects, random readers and cases, {name}"] < 0.075
        assert cell["cover, mean"] > 0.93
        assert cell["cover, difference"] > 0.93
        assert cell["model superior, one-sided"] < 0.045
    assert max(cell["rejects, fixed cases"] for cell in cells) > 0.2  # why it is no finding


def test_the_model_of_scores_has_the_auroc_that_was_published() -> None:
    # Roe & Metz 1997: mean AUROC 0.702, 0.855 and 0.962 without a spread of readers.
    for shift, printed in ((0.75, 0.702), (1.5, 0.855), (2.5, 0.961)):
        assert stats.norm.cdf(shift / 2**0.5) == pytest.approx(printed, abs=0.001)
        assert study.true_auroc("HL", shift) == pytest.approx(printed, abs=0.002)


def test_a_setting_run_again_agrees_with_what_is_kept() -> None:
    cells = kept()["settings"]
    assert isinstance(cells, list)
    (wanted,) = (
        each
        for each in cells
        if (each["structure"], each["cases"]) == ("LH", [25, 25])
        and each["auroc"] == round(study.true_auroc("LH", 1.5), 4)
    )
    found = study.cell("LH", 1.5, (25, 25), 40, seed=1)
    for name, share in wanted.items():
        if re.match(r"rejects|cover|model|published", name):
            low, high = stats.binom.interval(0.99999, 40, share)
            assert low <= float(str(found[name])) * 40 <= high, name
