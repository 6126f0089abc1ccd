"""Classes each released figure by its kind, with the risks of the kind and the check of each risk.

The kinds are the classes of statistics of the SACRO guide to statistical output checking (Ritchie,
Green, Smith, Tilbrook & White 2023, doi 10.5281/zenodo.10054629), as are the risks, but for
predictions that set cases apart, which only a hidden test set has. A check is a part of the rule
that heads ``evaluator/disclosure/control.py``.

This is the one home of the table; ``covered`` reads off it what a release holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from metrics.figure_name import FigureName
from metrics.figure_name import Kind as Made

if TYPE_CHECKING:
    from evaluator.disclosure.control import Release, ReleasedPart


class Risk(StrEnum):
    """How a figure can tell something of single patients."""

    LOW_COUNT = "low count"
    DOMINANCE = "dominance"
    DIFFERENCING = "differencing"
    IMPLICIT_TABLE = "implicit table"
    CLASS_DISCLOSURE = "class disclosure"
    FEW_DEGREES = "few degrees of freedom"


class Check(StrEnum):
    """A part of the disclosure rule, in words for a reader."""

    MINIMUM = "groups under the minimum of cases or patients are withheld"
    CLASSES = "groups under the minimum of positive or negative cases show no figure"
    ATTACKER = "an attacker's linear programme bounds no withheld count under its protection"
    SUMS = "no withheld group is the one solution of the sums that are shown"
    BESIDE = "the attacker has the team's earlier releases too"
    WEIGHTED = "weighted figures go where any level of the target is withheld"
    PROBING = "predictions that set few cases apart get no figure that reads them"
    GRID = "points of a curve rest on the minimum of cases on either side"
    BINS = "bins under the minimum are left out, and one beside a single one"
    ROUNDED = "values keep the decimals of a tenth of their standard error"
    TAINTED = "a comparison goes with any withheld group that took part in it"
    FROZEN = "comparisons are made at declared times, of figures that are released"
    CLOSED = "nothing of it is told while a look of any team at the cases is open"
    BETWEEN = "a bound goes where few of a class lie between its threshold and the submission's own"
    READERS = "the mean of three readers or more is told, and no reader's own figure"
    BOTH = "neither part shows a figure where one has fewer than the minimum of a class"


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A class of figures, and the checks that cover each of its risks."""

    name: str
    checks: Mapping[Risk, tuple[Check, ...]]


_SMALL = (Check.MINIMUM, Check.CLASSES)
_FOLLOWS = (Check.ATTACKER, Check.SUMS, Check.BESIDE)

FREQUENCY = FigureKind(
    "frequencies and shares of cases",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DIFFERENCING: _FOLLOWS,
        Risk.IMPLICIT_TABLE: (Check.ATTACKER,),
        Risk.CLASS_DISCLOSURE: (Check.CLASSES, Check.PROBING),
    },
)
MEAN = FigureKind(
    "means over cases",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED),
        Risk.DIFFERENCING: (Check.SUMS,),
    },
)
RATIO = FigureKind(
    "ratios of shares or means",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED),
        Risk.IMPLICIT_TABLE: (Check.ATTACKER,),
    },
)
RANK = FigureKind(
    "areas under rank curves",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED),
        Risk.DIFFERENCING: (Check.SUMS,),
    },
)
PART_OF_CURVE = FigureKind(
    "figures read off a part of the ROC curve",
    {Risk.LOW_COUNT: (*_SMALL, Check.GRID), Risk.DOMINANCE: (Check.PROBING, Check.GRID)},
)
COEFFICIENT = FigureKind(
    "coefficients of association and of regression",
    {Risk.FEW_DEGREES: _SMALL, Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED)},
)
POSITION = FigureKind(
    "positions in a distribution",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DOMINANCE: (Check.PROBING,),
        Risk.CLASS_DISCLOSURE: (Check.CLASSES, Check.PROBING),
    },
)
END_POINT = FigureKind(
    "largest values",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED),
        Risk.CLASS_DISCLOSURE: (Check.CLASSES, Check.PROBING),
    },
)
SHAPE = FigureKind(
    "roots of mean squares",
    {Risk.FEW_DEGREES: _SMALL, Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED)},
)
TEST = FigureKind("p-values", {Risk.FEW_DEGREES: (*_SMALL, Check.TAINTED)})
LINKED = FigureKind(
    "differences between groups",
    {Risk.LOW_COUNT: (Check.TAINTED,), Risk.DIFFERENCING: (Check.TAINTED, Check.SUMS)},
)
WEIGHTED = FigureKind(
    "figures weighted to a target",
    {Risk.LOW_COUNT: _SMALL, Risk.DIFFERENCING: (Check.WEIGHTED,)},
)
CURVE = FigureKind(
    "points of curves",
    {
        Risk.LOW_COUNT: (*_SMALL, Check.GRID, Check.BINS),
        Risk.IMPLICIT_TABLE: (Check.GRID, Check.BINS),
        Risk.DOMINANCE: (Check.PROBING, Check.GRID),
    },
)
RANKING = FigureKind(
    "comparisons of submissions",
    {
        Risk.LOW_COUNT: (*_SMALL, Check.TAINTED),
        Risk.DIFFERENCING: (Check.FROZEN, Check.ROUNDED),
        Risk.DOMINANCE: (Check.PROBING,),
    },
)
BOUND = FigureKind(
    "bounds of declared claims",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DIFFERENCING: (Check.CLOSED, Check.BETWEEN),
        Risk.DOMINANCE: (Check.PROBING,),
        Risk.CLASS_DISCLOSURE: (Check.CLASSES, Check.PROBING),
    },
)
APART = FigureKind(
    "figures of cases that a team met before, or never",
    {
        Risk.LOW_COUNT: (Check.BOTH,),
        Risk.DIFFERENCING: (Check.CLOSED, Check.BOTH),
        Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED),
    },
)
BESIDE_READERS = FigureKind(
    "differences from a panel of readers",
    {
        Risk.LOW_COUNT: _SMALL,
        Risk.DIFFERENCING: (Check.ROUNDED,),
        Risk.DOMINANCE: (Check.PROBING, Check.ROUNDED, Check.READERS),
    },
)
NO_KIND = FigureKind("figures without a class", {})
"""Of documents that a person or another build wrote; no check is claimed for them."""

_OF_BASE: dict[str, FigureKind] = {
    **dict.fromkeys(
        (
            *("sensitivity", "specificity", "ppv", "npv", "accuracy", "balanced_accuracy"),
            *("youden_j", "selection_rate", "false_positive_rate", "false_negative_rate"),
            *("ppv_at_cohort_prevalence", "selection_rate_at_cohort_prevalence", "net_benefit"),
            *("ppv_at_prevalence", "npv_at_prevalence", "accuracy_at_prevalence"),
            "selection_rate_at_prevalence",
            *("missed_masks", "false_masks", "lesion_sensitivity"),
            *("multiclass_accuracy", "macro_sensitivity", "findings_with_data"),
        ),
        FREQUENCY,
    ),
    **dict.fromkeys(
        (
            *("brier", "log_loss", "ece", "observed_minus_expected", "ici", "smooth_ece"),
            *("corp_miscalibration", "corp_discrimination", "brier_at_cohort_prevalence"),
            "brier_at_prevalence",
            *("mean_dice", "mean_iou", "mean_nsd_at_tolerance", "mean_hd95", "mean_hd"),
            *("mean_assd", "mean_masd", "mean_volume_difference", "false_marks_per_image"),
            *("mean_absolute_error", "mean_difference"),
            *("multiclass_log_loss", "multiclass_brier", "top_label_calibration_error"),
        ),
        MEAN,
    ),
    **dict.fromkeys(
        (
            *("scaled_brier", "observed_expected_ratio", "f1", "lr_positive", "lr_negative"),
            "f1_at_prevalence",
        ),
        RATIO,
    ),
    **dict.fromkeys(
        (
            *("auroc", "average_precision", "bnsp_auroc", "bpsn_auroc"),
            *("wafroc", "afroc", "wafroc1", "afroc1", "case_auroc"),
            "prediction_probability",
            *("macro_auroc", "macro_average_precision", "hand_till_auroc"),
        ),
        RANK,
    ),
    **dict.fromkeys(
        (
            *("sensitivity_at_specificity", "specificity_at_sensitivity", "partial_auroc"),
            *("sensitivity_at_false_marks", "froc_score"),
        ),
        PART_OF_CURVE,
    ),
    **dict.fromkeys(
        (
            *("mcc", "kendall_tau_b", "calibration_slope", "calibration_intercept"),
            *("quadratic_weighted_kappa", "linear_weighted_kappa"),
            *("calibration_in_the_large", "mcc_at_prevalence", "cohen_kappa"),
        ),
        COEFFICIENT,
    ),
    **dict.fromkeys(
        (
            *("average_absolute_odds_difference", "demographic_parity_difference"),
            *("demographic_parity_ratio", "equal_opportunity_difference"),
            *("equalized_odds_difference", "equalized_odds_ratio", "predictive_parity_difference"),
        ),
        LINKED,
    ),
    **dict.fromkeys(("e50", "e90"), POSITION),
    "emax": END_POINT,
    "rms_calibration_error_debiased": SHAPE,
    **dict.fromkeys(("limit_of_agreement_low", "limit_of_agreement_high"), SHAPE),
    "spiegelhalter_p": TEST,
}
_OF_MADE = {
    Made.STANDARDIZED: WEIGHTED,
    Made.GAP: LINKED,
    Made.GAP_P: TEST,
    Made.GAP_P_ADJUSTED: TEST,
}
CURVES = {"roc": CURVE, "reliability": CURVE, "decision": CURVE}
"""Each curve that is released, by name."""

COUNTS = {
    "n_cases": FREQUENCY,
    "n_patients": FREQUENCY,
    "n_positive": FREQUENCY,
    "effective_patients": RATIO,
    "achieved": FREQUENCY,
    "unrepresented": FREQUENCY,
}
"""Numbers that stand beside the figures of a release."""

COMPARED = {
    **dict.fromkeys(("rank_low", "rank_high", "tier", "first_share"), RANKING),
    **dict.fromkeys(("value", "low", "high", "corrected_low", "corrected_high"), RANKING),
    **dict.fromkeys(("difference", "adjusted_p"), RANKING),
}
"""Figures of a comparison of submissions, by the field that holds them."""

JUDGED = {
    **dict.fromkeys(("bound", "value"), BOUND),
    "spread": SHAPE,
    **dict.fromkeys(("n_cases", "n_patients", "n_positive"), FREQUENCY),
}
"""Figures of a verdict on declared claims, by the field that holds them."""

PANEL = dict.fromkeys(
    ("n_readers", "mean", "mean_low", "mean_high", "difference", "low", "high"), BESIDE_READERS
)
"""Figures of a model beside readers, by the field that holds them."""

MET_OR_NOT = dict.fromkeys(("value", "n_cases", "n_positive"), APART)
"""Figures of cases met before or never, by the field that holds them."""


@dataclass(frozen=True, slots=True)
class Covered:
    """A kind of figure that a release holds, its figures, and the checks that cover each risk."""

    kind: str
    figures: tuple[str, ...]
    checks: Mapping[Risk, tuple[Check, ...]]


def kind_of(figure: FigureName) -> FigureKind:
    """The kind of a figure, or of what was made of it; NO_KIND where the table has none."""
    if figure.base not in _OF_BASE:
        return NO_KIND
    return _OF_MADE.get(figure.kind, _OF_BASE[figure.base])


def covered(release: Release) -> tuple[Covered, ...]:
    """What a release holds, by kind, and which check covered each risk of the kind.

    Counts stand in every release. Nothing is stored: any release that can be read is classed.
    """
    held: dict[str, tuple[FigureKind, set[str]]] = {}

    def add(kind: FigureKind, name: str) -> None:
        held.setdefault(kind.name, (kind, set()))[1].add(name)

    for name in ("n_cases", "n_patients"):
        add(COUNTS[name], name)
    for name in ("n_positive", "effective_patients"):
        if getattr(release, name) is not None:
            add(COUNTS[name], name)
    if release.target is not None and any(row.achieved for row in release.target.levels):
        add(COUNTS["achieved"], "achieved")
    bodies: tuple[Release | ReleasedPart, ...] = (release, *release.parts)
    for figure in {result.figure for body in bodies for result in body.results}:
        add(kind_of(figure), str(figure))
    for curve in (curve for body in bodies for curve in body.curves):
        add(CURVES.get(curve.name, NO_KIND), f"{curve.name} curve")
    for shown in release.panels:
        add(PANEL["difference"], f"{shown.figure} less {shown.panel}")
    if release.verdict is not None:
        for judged in (part for claim in release.verdict.claims for part in claim.parts):
            if judged.bound is not None:
                add(JUDGED["bound"], f"{judged.part.figure} bound")
            if judged.spread is not None:
                add(JUDGED["spread"], "spread of scores")
        for each in release.verdict.apart:
            add(MET_OR_NOT["value"], f"{each.figure}, {each.cases}")
    return tuple(
        Covered(name, tuple(sorted(figures)), kind.checks)
        for name, (kind, figures) in sorted(held.items())
    )
