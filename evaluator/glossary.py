"""The names, directions and one-line meanings of figures, in one table for every page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evaluator.figures_of_outputs import CALLS, OF_OUTPUTS
from evaluator.graded_figures import GRADED, GRADES
from evaluator.localised_figures import (
    LOCALISED,
    LOCALISED_FAMILIES,
    LOCALISED_MEANINGS,
    MARKS,
    MASKS,
)
from metrics.figure_name import FigureName, Kind


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is called and read.

    ``better`` is "higher", "lower", or "" where a figure has a target (``ideal``) and cannot rank.
    """

    name: str
    short: str
    section: str
    better: str
    meaning: str
    ideal: str = ""

    @property
    def within(self) -> str:
        """The name within a sentence; an abbreviation at its beginning stays as it is."""
        plain = self.name[1:2].islower() or self.name[1:2] == " "
        return self.name[:1].lower() + self.name[1:] if plain else self.name


DISCRIMINATION = "Discrimination"
CALIBRATION = "Calibration"
OPERATING = "At the declared threshold"
OTHER = "Other figures"
SECTIONS = (DISCRIMINATION, CALIBRATION, OPERATING, GRADES, CALLS, MASKS, MARKS, OTHER)

FIGURES: dict[str, Figure] = {
    "auroc": Figure(
        "Area under the ROC curve",
        "AUROC",
        DISCRIMINATION,
        "higher",
        "Chance that a positive case is scored above a negative one; 0.5 is chance.",
        "1",
    ),
    "average_precision": Figure(
        "Average precision",
        "AP",
        DISCRIMINATION,
        "higher",
        "Precision averaged over recall, step-wise; chance level is the prevalence.",
        "1",
    ),
    "brier": Figure(
        "Brier score",
        "Brier",
        CALIBRATION,
        "lower",
        "Mean squared difference between prediction and outcome.",
        "0",
    ),
    "scaled_brier": Figure(
        "Scaled Brier score",
        "Scaled Brier",
        CALIBRATION,
        "higher",
        "Share of the Brier score of a constant prevalence that the model removes.",
        "1",
    ),
    "log_loss": Figure(
        "Log loss",
        "Log loss",
        CALIBRATION,
        "lower",
        "Mean negative log-likelihood of the outcomes, predictions clipped.",
        "0",
    ),
    "ece": Figure(
        "Expected calibration error",
        "ECE",
        CALIBRATION,
        "lower",
        "Mean distance between predicted and observed share over bins; biased upward by noise.",
        "0",
    ),
    "calibration_slope": Figure(
        "Calibration slope",
        "Slope",
        CALIBRATION,
        "",
        "Logistic recalibration; under 1, predictions are too extreme.",
        "1",
    ),
    "calibration_intercept": Figure(
        "Calibration intercept",
        "Intercept",
        CALIBRATION,
        "",
        "Intercept of the logistic recalibration that gives the slope.",
        "0",
    ),
    "calibration_in_the_large": Figure(
        "Calibration in the large",
        "In the large",
        CALIBRATION,
        "",
        "Logistic intercept with the slope held at 1; above 0, risk is underestimated.",
        "0",
    ),
    "observed_expected_ratio": Figure(
        "Observed / expected",
        "O/E",
        CALIBRATION,
        "",
        "Positive cases over the sum of predictions; above 1, risk is underestimated.",
        "1",
    ),
    "observed_minus_expected": Figure(
        "Observed minus expected",
        "O \N{MINUS SIGN} E",
        CALIBRATION,
        "",
        "Prevalence less the mean prediction; above 0, risk is underestimated.",
        "0",
    ),
    "ici": Figure(
        "Integrated calibration index",
        "ICI",
        CALIBRATION,
        "lower",
        "Mean distance between prediction and smoothed observed share (Austin & Steyerberg 2019).",
        "0",
    ),
    "e50": Figure(
        "Median calibration error",
        "E50",
        CALIBRATION,
        "lower",
        "Half of the cases are nearer to the smoothed observed share than this.",
        "0",
    ),
    "e90": Figure(
        "90th percentile of calibration error",
        "E90",
        CALIBRATION,
        "lower",
        "Nine cases of ten are nearer to the smoothed observed share than this.",
        "0",
    ),
    "smooth_ece": Figure(
        "Smooth calibration error",
        "Smooth ECE",
        CALIBRATION,
        "lower",
        "Calibration error by kernel smoothing, without bins.",
        "0",
    ),
    "rms_calibration_error_debiased": Figure(
        "Root mean square calibration error, debiased",
        "RMS CE, debiased",
        CALIBRATION,
        "lower",
        "Root mean square of the bins' gaps, less what noise alone would give; ECE is their mean.",
        "0",
    ),
    "corp_miscalibration": Figure(
        "Miscalibration (CORP)",
        "MCB",
        CALIBRATION,
        "lower",
        "Part of the Brier score that isotonic recalibration would remove (Dimitriadis 2021).",
        "0",
    ),
    "corp_discrimination": Figure(
        "Discrimination (CORP)",
        "DSC",
        CALIBRATION,
        "higher",
        "Part of the Brier score that the recalibrated ranking removes (Dimitriadis 2021).",
    ),
    "spiegelhalter_p": Figure(
        "Spiegelhalter's test, p-value",
        "Spiegelhalter p",
        CALIBRATION,
        "",
        "Small where the Brier score is not that of calibrated predictions.",
    ),
    "sensitivity": Figure(
        "Sensitivity",
        "Sens.",
        OPERATING,
        "higher",
        "Share of positive cases called positive.",
        "1",
    ),
    "specificity": Figure(
        "Specificity",
        "Spec.",
        OPERATING,
        "higher",
        "Share of negative cases called negative.",
        "1",
    ),
    "ppv": Figure(
        "Positive predictive value",
        "PPV",
        OPERATING,
        "higher",
        "Share of positive calls that are right, at this cohort's prevalence.",
        "1",
    ),
    "npv": Figure(
        "Negative predictive value",
        "NPV",
        OPERATING,
        "higher",
        "Share of negative calls that are right, at this cohort's prevalence.",
        "1",
    ),
    "accuracy": Figure(
        "Accuracy", "Accuracy", OPERATING, "higher", "Share of calls that are right.", "1"
    ),
    "balanced_accuracy": Figure(
        "Balanced accuracy",
        "Bal. acc.",
        OPERATING,
        "higher",
        "Mean of sensitivity and specificity.",
        "1",
    ),
    "f1": Figure(
        "F1 score",
        "F1",
        OPERATING,
        "higher",
        "Harmonic mean of sensitivity and positive predictive value.",
        "1",
    ),
    "mcc": Figure(
        "Matthews correlation",
        "MCC",
        OPERATING,
        "higher",
        "Correlation between call and outcome; 0 is chance.",
        "1",
    ),
    "youden_j": Figure(
        "Youden's J",
        "Youden J",
        OPERATING,
        "higher",
        "Sensitivity plus specificity less 1; 0 is chance.",
        "1",
    ),
    "lr_positive": Figure(
        "Positive likelihood ratio",
        "LR+",
        OPERATING,
        "higher",
        "How much a positive call raises the odds.",
    ),
    "lr_negative": Figure(
        "Negative likelihood ratio",
        "LR\N{MINUS SIGN}",
        OPERATING,
        "lower",
        "How much a negative call lowers the odds.",
        "0",
    ),
    "selection_rate": Figure(
        "Selection rate", "Selected", OPERATING, "", "Share of cases called positive."
    ),
    "false_positive_rate": Figure(
        "False positive rate",
        "FPR",
        OPERATING,
        "lower",
        "Share of negative cases called positive.",
        "0",
    ),
    "false_negative_rate": Figure(
        "False negative rate",
        "FNR",
        OPERATING,
        "lower",
        "Share of positive cases called negative.",
        "0",
    ),
    "ppv_at_cohort_prevalence": Figure(
        "Positive predictive value at the cohort's prevalence",
        "PPV, one prevalence",
        OPERATING,
        "higher",
        "Groups can be compared by it: their own prevalences are taken out.",
        "1",
    ),
    "selection_rate_at_cohort_prevalence": Figure(
        "Selection rate at the cohort's prevalence",
        "Selected, one prevalence",
        OPERATING,
        "",
        "Groups can be compared by it: their own prevalences are taken out.",
    ),
    "brier_at_cohort_prevalence": Figure(
        "Brier score at the cohort's prevalence",
        "Brier, one prevalence",
        CALIBRATION,
        "lower",
        "Groups can be compared by it: their own prevalences are taken out.",
        "0",
    ),
    "kendall_tau_b": Figure(
        "Kendall's tau-b",
        "Tau-b",
        DISCRIMINATION,
        "higher",
        "Rank agreement with the label, or with the reference grade; 0 is chance.",
    ),
    "emax": Figure(
        "Largest calibration error",
        "Emax",
        CALIBRATION,
        "lower",
        "The case that is farthest from the smoothed observed share.",
        "0",
    ),
    "bnsp_auroc": Figure(
        "AUROC, positives of the group against negatives of the others",
        "BNSP AUROC",
        OTHER,
        "higher",
        "Low where the group's positive cases are scored too low (Borkan 2019).",
        "1",
    ),
    "bpsn_auroc": Figure(
        "AUROC, negatives of the group against positives of the others",
        "BPSN AUROC",
        OTHER,
        "higher",
        "Low where the group's negative cases are scored too high (Borkan 2019).",
        "1",
    ),
    "net_benefit": Figure(
        "Net benefit",
        "Net benefit",
        OPERATING,
        "higher",
        "True positives less false positives weighted by the odds of the threshold, per case.",
    ),
    **{name: Figure(*words) for name, words in (GRADED | OF_OUTPUTS | LOCALISED).items()},
}


FAMILIES = {
    "sensitivity_at_specificity": ("Sensitivity at specificity", "Sens. at spec.", DISCRIMINATION),
    "specificity_at_sensitivity": ("Specificity at sensitivity", "Spec. at sens.", DISCRIMINATION),
    "partial_auroc": ("Partial area, false positive rates", "Partial AUROC", DISCRIMINATION),
    "ppv_at_prevalence": ("Positive predictive value at prevalence", "PPV at", OPERATING),
    "npv_at_prevalence": ("Negative predictive value at prevalence", "NPV at", OPERATING),
    "brier_at_prevalence": ("Brier score at prevalence", "Brier at", CALIBRATION),
    "accuracy_at_prevalence": ("Accuracy at prevalence", "Accuracy at", OPERATING),
    "selection_rate_at_prevalence": ("Selection rate at prevalence", "Selected at", OPERATING),
    "f1_at_prevalence": ("F1 score at prevalence", "F1 at", OPERATING),
    "mcc_at_prevalence": ("Matthews correlation at prevalence", "MCC at", OPERATING),
    **LOCALISED_FAMILIES,
}
"""Figures that are read at values, which stand at the end of their written names."""


_UNLIKE = {"selection_rate_at_prevalence": "", "brier_at_prevalence": "lower"}
"""Which way is better for families where higher is not."""


def figure(metric: str) -> Figure:
    """Look up a figure by its written name; one that is not in the table is called by that."""
    if metric in FIGURES:
        return FIGURES[metric]
    name = FigureName.read(metric)
    if name.at and name.kind is Kind.PLAIN and name.base in FAMILIES:
        long, short, section = FAMILIES[name.base]
        at = " to ".join(name.at)
        better = _UNLIKE.get(name.base, "higher")
        ideal = {"higher": "1", "lower": "0"}.get(better, "")
        meaning = LOCALISED_MEANINGS.get(name.base, "")
        return Figure(_read_at(long, at), _read_at(short, at), section, better, meaning, ideal)
    words = metric.replace("_", " ")
    return Figure(words[:1].upper() + words[1:], words, OTHER, "", "")


def _read_at(words: str, at: str) -> str:
    """Words of a family with the value, in the place of the braces or at the end."""
    return words.format(at) if "{}" in words else f"{words} {at}"


def named(metrics: Iterable[str]) -> list[Figure]:
    """The entries of ``metrics``, in order."""
    return [figure(metric) for metric in metrics]
