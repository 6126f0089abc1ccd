"""Adds to a release how its model stands beside panels of readers, under disclosure control.

A figure is compared where the release itself shows it for all cases: so it has the minimum of
cases, patients and each class, and no prediction sets few cases apart. Values are rounded to a
tenth of their standard error, bounds outward, as every figure. No reader is told apart: a panel has
three or more, and only their mean leaves, with an interval. The mean is the same in each release.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluator.disclosure.control import Release
from evaluator.disclosure.rounding import decimals, outward, plain
from evaluator.disclosure.rule import ONE_FIGURE
from evaluator.readers.declaration import Panel
from evaluator.readers.sealed_reads import panel_reads
from evaluator.readers.shown_panel import ShownPanel
from metrics.edges import called
from metrics.estimate import UndefinedMetric
from metrics.readers import figures
from metrics.readers.obuchowski_rockette import Spread
from metrics.readers.panel import AgainstPanel, against_panel
from metrics.readers.reads import reads

_OF_CALLS = {"sensitivity": figures.sensitivity, "specificity": figures.specificity}


class Cases(Protocol):
    """The cases of a cohort beside what was predicted of them, in one order; arrays are (n,)."""

    @property
    def labels(self) -> NDArray[np.bool_]:
        """The reference standard."""

    @property
    def scores(self) -> NDArray[np.float64]:
        """The first output of the predictions."""

    @property
    def patients(self) -> NDArray[np.str_]:
        """Whose case it is."""

    @property
    def comparators(self) -> Mapping[str, NDArray[np.float64]]:
        """What was sealed of comparators and readers, by name."""


def with_panels(released: Release, panels: Mapping[str, Panel], cases: Cases) -> Release:
    """The release with its model beside each panel, for the figures that it shows."""
    if not panels or released.rule.feedback in ONE_FIGURE:
        return released
    compared = tuple(
        shown
        for name, declared in panels.items()
        for shown in _of_panel(released, name, declared, cases)
    )
    return replace(released, panels=compared) if compared else released


def _of_panel(released: Release, name: str, declared: Panel, cases: Cases) -> Iterator[ShownPanel]:
    answers = panel_reads(name, cases.comparators)
    if answers.scores is not None and _is_shown(released, "auroc"):
        yield from _shown(released, name, declared, cases, "auroc", answers.scores, cases.scores)
    if answers.calls is not None:
        calls = called(cases.scores, released.threshold).astype(np.float64)
        for figure in _OF_CALLS:
            if _is_shown(released, figure):
                yield from _shown(released, name, declared, cases, figure, answers.calls, calls)


def _is_shown(released: Release, figure: str) -> bool:
    estimate = released.find(figure)
    return estimate is not None and estimate.value is not None


def _shown(
    released: Release,
    name: str,
    declared: Panel,
    cases: Cases,
    figure: str,
    values: NDArray[np.float64],
    model: NDArray[np.float64],
) -> Iterator[ShownPanel]:
    """One comparison, or none where the data do not bear it."""
    try:
        against = against_panel(
            reads(cases.labels, values[None], cases.patients),
            model,
            _OF_CALLS.get(figure, figures.auroc),
            confidence=released.confidence,
            margin=declared.margin,
        )
    except UndefinedMetric:
        return
    yield _rounded(against, released, name, figure)


def _rounded(against: AgainstPanel, released: Release, name: str, figure: str) -> ShownPanel:
    mean, mean_low, mean_high = _three(against.panel, released)
    value, low, high = _three(against.difference, released)
    return ShownPanel(
        panel=name,
        figure=figure,
        n_readers=len(against.readers),
        mean=mean,
        mean_low=mean_low,
        mean_high=mean_high,
        difference=value,
        low=low,
        high=high,
        margin=against.margin,
    )


def _three(spread: Spread, released: Release) -> tuple[float, float, float]:
    """Value and bounds with the digits that the standard error supports, bounds outward."""
    digits = decimals(
        spread.low,
        spread.high,
        released.n_cases,
        confidence=released.confidence,
        most=released.rule.maximum_digits,
    )
    low = outward(spread.low, digits, math.floor)
    high = outward(spread.high, digits, math.ceil)
    assert low is not None
    assert high is not None
    return plain(round(spread.estimate, digits)), low, high
