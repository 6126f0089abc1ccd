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
        """The name within a sentence; an abbreviation or a person at its beginning stays."""
        plain = self.name[1:2].islower() or self.name[1:2] == " "
        plain = plain and not self.name.startswith(_PERSONS)
        return self.name[:1].lower() + self.name[1:] if plain else self.name


_PERSONS = ("Brier", "Cohen", "Kendall", "Matthews", "Spiegelhalter", "Youden")

DISCRIMINATION = "Discrimination"
CALIBRATION = "Calibration"
OPERATING = "At the declared threshold"
OTHER = "Other figures"
SECTIONS = (DISCRIMINATION, CALIBRATION, OPERATING, GRADES, CALLS, MASKS, MARKS, OTHER)

FIGURES: dict[str, Figure] = {
    "auroc": Figure(
        name="Area under the ROC curve",
        short="AUROC",
        section=DISCRIMINATION,
        better="higher",
        meaning="Chance that a positive case is scored above a negative one; 0.5 is chance.",
        ideal="1",
    ),
    "average_precision": Figure(
        name="Average precision",
        short="AP",
        section=DISCRIMINATION,
        better="higher",
        meaning="Precision averaged over recall, step-wise; chance level is the prevalence.",
        ideal="1",
    ),
    "brier": Figure(
        name="Brier score",
        short="Brier",
        section=CALIBRATION,
        better="lower",
        meaning="Mean squared difference between prediction and outcome.",
        ideal="0",
    ),
    "scaled_brier": Figure(
        name="Scaled Brier score",
        short="Scaled Brier",
        section=CALIBRATION,
        better="higher",
        meaning="Share of the Brier score of a constant prevalence that the model removes.",
        ideal="1",
    ),
    "log_loss": Figure(
        name="Log loss",
        short="Log loss",
        section=CALIBRATION,
        better="lower",
        meaning="Mean negative log-likelihood of the outcomes, predictions clipped.",
        ideal="0",
    ),
    "ece": Figure(
        name="Expected calibration error",
        short="ECE",
        section=CALIBRATION,
        better="lower",
        meaning="Mean distance between predicted and observed share over bins; biased upward by "
        "noise.",
        ideal="0",
    ),
    "calibration_slope": Figure(
        name="Calibration slope",
        short="Slope",
        section=CALIBRATION,
        better="",
        meaning="Logistic recalibration; under 1, predictions are too extreme.",
        ideal="1",
    ),
    "calibration_intercept": Figure(
        name="Calibration intercept",
        short="Intercept",
        section=CALIBRATION,
        better="",
        meaning="Intercept of the logistic recalibration that gives the slope.",
        ideal="0",
    ),
    "calibration_in_the_large": Figure(
        name="Calibration in the large",
        short="In the large",
        section=CALIBRATION,
        better="",
        meaning="Logistic intercept with the slope held at 1; above 0, risk is underestimated.",
        ideal="0",
    ),
    "observed_expected_ratio": Figure(
        name="Observed / expected",
        short="O/E",
        section=CALIBRATION,
        better="",
        meaning="Positive cases over the sum of predictions; above 1, risk is underestimated.",
        ideal="1",
    ),
    "observed_minus_expected": Figure(
        name="Observed minus expected",
        short="O \N{MINUS SIGN} E",
        section=CALIBRATION,
        better="",
        meaning="Prevalence less the mean prediction; above 0, risk is underestimated.",
        ideal="0",
    ),
    "ici": Figure(
        name="Integrated calibration index",
        short="ICI",
        section=CALIBRATION,
        better="lower",
        meaning="Mean distance between prediction and smoothed observed share (Austin & "
        "Steyerberg 2019).",
        ideal="0",
    ),
    "e50": Figure(
        name="Median calibration error",
        short="E50",
        section=CALIBRATION,
        better="lower",
        meaning="Half of the cases are nearer to the smoothed observed share than this.",
        ideal="0",
    ),
    "e90": Figure(
        name="90th percentile of calibration error",
        short="E90",
        section=CALIBRATION,
        better="lower",
        meaning="Nine cases of ten are nearer to the smoothed observed share than this.",
        ideal="0",
    ),
    "smooth_ece": Figure(
        name="Smooth calibration error",
        short="Smooth ECE",
        section=CALIBRATION,
        better="lower",
        meaning="Calibration error by kernel smoothing, without bins.",
        ideal="0",
    ),
    "rms_calibration_error_debiased": Figure(
        name="Root mean square calibration error, debiased",
        short="RMS CE, debiased",
        section=CALIBRATION,
        better="lower",
        meaning="Root mean square of the bins' gaps, less what noise alone would give; ECE is "
        "their mean.",
        ideal="0",
    ),
    "corp_miscalibration": Figure(
        name="Miscalibration (CORP)",
        short="MCB",
        section=CALIBRATION,
        better="lower",
        meaning="Part of the Brier score that isotonic recalibration would remove (Dimitriadis "
        "2021).",
        ideal="0",
    ),
    "corp_discrimination": Figure(
        name="Discrimination (CORP)",
        short="DSC",
        section=CALIBRATION,
        better="higher",
        meaning="Part of the Brier score that the recalibrated ranking removes (Dimitriadis 2021).",
    ),
    "spiegelhalter_p": Figure(
        name="Spiegelhalter's test, p-value",
        short="Spiegelhalter p",
        section=CALIBRATION,
        better="",
        meaning="Small where the Brier score is not that of calibrated predictions.",
    ),
    "sensitivity": Figure(
        name="Sensitivity",
        short="Sens.",
        section=OPERATING,
        better="higher",
        meaning="Share of positive cases called positive.",
        ideal="1",
    ),
    "specificity": Figure(
        name="Specificity",
        short="Spec.",
        section=OPERATING,
        better="higher",
        meaning="Share of negative cases called negative.",
        ideal="1",
    ),
    "ppv": Figure(
        name="Positive predictive value",
        short="PPV",
        section=OPERATING,
        better="higher",
        meaning="Share of positive calls that are right, at this cohort's prevalence.",
        ideal="1",
    ),
    "npv": Figure(
        name="Negative predictive value",
        short="NPV",
        section=OPERATING,
        better="higher",
        meaning="Share of negative calls that are right, at this cohort's prevalence.",
        ideal="1",
    ),
    "accuracy": Figure(
        name="Accuracy",
        short="Accuracy",
        section=OPERATING,
        better="higher",
        meaning="Share of calls that are right.",
        ideal="1",
    ),
    "balanced_accuracy": Figure(
        name="Balanced accuracy",
        short="Bal. acc.",
        section=OPERATING,
        better="higher",
        meaning="Mean of sensitivity and specificity.",
        ideal="1",
    ),
    "f1": Figure(
        name="F1 score",
        short="F1",
        section=OPERATING,
        better="higher",
        meaning="Harmonic mean of sensitivity and positive predictive value.",
        ideal="1",
    ),
    "mcc": Figure(
        name="Matthews correlation",
        short="MCC",
        section=OPERATING,
        better="higher",
        meaning="Correlation between call and outcome; 0 is chance.",
        ideal="1",
    ),
    "youden_j": Figure(
        name="Youden's J",
        short="Youden J",
        section=OPERATING,
        better="higher",
        meaning="Sensitivity plus specificity less 1; 0 is chance.",
        ideal="1",
    ),
    "lr_positive": Figure(
        name="Positive likelihood ratio",
        short="LR+",
        section=OPERATING,
        better="higher",
        meaning="How much a positive call raises the odds.",
    ),
    "lr_negative": Figure(
        name="Negative likelihood ratio",
        short="LR\N{MINUS SIGN}",
        section=OPERATING,
        better="lower",
        meaning="How much a negative call lowers the odds.",
        ideal="0",
    ),
    "selection_rate": Figure(
        name="Selection rate",
        short="Selected",
        section=OPERATING,
        better="",
        meaning="Share of cases called positive.",
    ),
    "false_positive_rate": Figure(
        name="False positive rate",
        short="FPR",
        section=OPERATING,
        better="lower",
        meaning="Share of negative cases called positive.",
        ideal="0",
    ),
    "false_negative_rate": Figure(
        name="False negative rate",
        short="FNR",
        section=OPERATING,
        better="lower",
        meaning="Share of positive cases called negative.",
        ideal="0",
    ),
    "ppv_at_cohort_prevalence": Figure(
        name="Positive predictive value at the cohort's prevalence",
        short="PPV, one prevalence",
        section=OPERATING,
        better="higher",
        meaning="Groups can be compared by it: their own prevalences are taken out.",
        ideal="1",
    ),
    "selection_rate_at_cohort_prevalence": Figure(
        name="Selection rate at the cohort's prevalence",
        short="Selected, one prevalence",
        section=OPERATING,
        better="",
        meaning="Groups can be compared by it: their own prevalences are taken out.",
    ),
    "brier_at_cohort_prevalence": Figure(
        name="Brier score at the cohort's prevalence",
        short="Brier, one prevalence",
        section=CALIBRATION,
        better="lower",
        meaning="Groups can be compared by it: their own prevalences are taken out.",
        ideal="0",
    ),
    "kendall_tau_b": Figure(
        name="Kendall's tau-b",
        short="Tau-b",
        section=DISCRIMINATION,
        better="higher",
        meaning="Rank agreement with the label, or with the reference grade; 0 is chance.",
    ),
    "emax": Figure(
        name="Largest calibration error",
        short="Emax",
        section=CALIBRATION,
        better="lower",
        meaning="The case that is farthest from the smoothed observed share.",
        ideal="0",
    ),
    "bnsp_auroc": Figure(
        name="AUROC, positives of the group against negatives of the others",
        short="BNSP AUROC",
        section=OTHER,
        better="higher",
        meaning="Low where the group's positive cases are scored too low (Borkan 2019).",
        ideal="1",
    ),
    "bpsn_auroc": Figure(
        name="AUROC, negatives of the group against positives of the others",
        short="BPSN AUROC",
        section=OTHER,
        better="higher",
        meaning="Low where the group's negative cases are scored too high (Borkan 2019).",
        ideal="1",
    ),
    "net_benefit": Figure(
        name="Net benefit",
        short="Net benefit",
        section=OPERATING,
        better="higher",
        meaning="True positives less false positives weighted by the odds of the threshold, per "
        "case.",
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
        return Figure(
            name=_read_at(long, at),
            short=_read_at(short, at),
            section=section,
            better=better,
            meaning=meaning,
            ideal=ideal,
        )
    words = metric.replace("_", " ")
    return Figure(
        name=words[:1].upper() + words[1:], short=words, section=OTHER, better="", meaning=""
    )


def _read_at(words: str, at: str) -> str:
    """Words of a family with the value, in the place of the braces or at the end."""
    return words.format(at) if "{}" in words else f"{words} {at}"


def named(metrics: Iterable[str]) -> list[Figure]:
    """The entries of ``metrics``, in order."""
    return [figure(metric) for metric in metrics]
