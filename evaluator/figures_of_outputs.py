"""Words of the figures of several findings or classes, for the glossary."""

from __future__ import annotations

DISCRIMINATION = "Discrimination"
CALIBRATION = "Calibration"
CALLS = "Called class"

OF_OUTPUTS: dict[str, tuple[str, str, str, str, str, str]] = {
    "macro_auroc": (
        "Mean AUROC",
        "Mean AUROC",
        DISCRIMINATION,
        "higher",
        "AUROC of each finding, or of each class against the rest, averaged with equal weight.",
        "1",
    ),
    "macro_average_precision": (
        "Mean average precision",
        "Mean AP",
        DISCRIMINATION,
        "higher",
        "Average precision of each finding, averaged with equal weight.",
        "1",
    ),
    "findings_with_data": (
        "Findings with data",
        "With data",
        DISCRIMINATION,
        "",
        "Share of the findings known in enough patients with them and without them.",
        "1",
    ),
    "hand_till_auroc": (
        "AUROC over pairs of classes (Hand & Till)",
        "Hand & Till",
        DISCRIMINATION,
        "higher",
        "How well each class is told from each other one, averaged over pairs; 0.5 is chance.",
        "1",
    ),
    "multiclass_accuracy": (
        "Accuracy",
        "Accuracy",
        CALLS,
        "higher",
        "Share of the cases whose most probable class is their own.",
        "1",
    ),
    "macro_sensitivity": (
        "Balanced accuracy",
        "Bal. accuracy",
        CALLS,
        "higher",
        "Share of right calls in each class, averaged over classes with equal weight.",
        "1",
    ),
    "cohen_kappa": (
        "Cohen's kappa",
        "Kappa",
        CALLS,
        "higher",
        "Agreement of called and true class beyond chance; 0 is chance.",
        "1",
    ),
    "multiclass_log_loss": (
        "Log loss",
        "Log loss",
        CALIBRATION,
        "lower",
        "Mean negative log probability of each case's own class.",
        "0",
    ),
    "multiclass_brier": (
        "Brier score over classes",
        "Brier",
        CALIBRATION,
        "lower",
        "Squared differences of probability and outcome, summed over classes; from 0 to 2.",
        "0",
    ),
    "top_label_calibration_error": (
        "Calibration error of the called class",
        "Top-label ECE",
        CALIBRATION,
        "lower",
        "Mean distance between the probability of the called class and the share called right.",
        "0",
    ),
}
"""Name of a figure -> its name in words, short name, section, better, meaning and ideal."""
