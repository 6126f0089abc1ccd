"""Words of the figures of ordinal grades, for the glossary."""

from __future__ import annotations

GRADES = "Agreement of grades"

GRADED: dict[str, tuple[str, str, str, str, str, str]] = {
    "quadratic_weighted_kappa": (
        "Quadratic-weighted kappa",
        "Kappa, quadratic",
        GRADES,
        "higher",
        "Agreement beyond chance; a grade twice as far off counts four times. 0 is chance.",
        "1",
    ),
    "linear_weighted_kappa": (
        "Linear-weighted kappa",
        "Kappa, linear",
        GRADES,
        "higher",
        "Agreement beyond chance; a grade twice as far off counts twice. 0 is chance.",
        "1",
    ),
    "prediction_probability": (
        "Prediction probability",
        "P\N{LATIN SUBSCRIPT SMALL LETTER K}",
        GRADES,
        "higher",
        "Chance that of two cases of different reference the higher one is graded higher; 0.5 is "
        "chance.",
        "1",
    ),
    "mean_absolute_error": (
        "Mean absolute error, grades",
        "MAE",
        GRADES,
        "lower",
        "Mean distance of grade and reference.",
        "0",
    ),
    "mean_difference": (
        "Mean difference, grades",
        "Bias",
        GRADES,
        "",
        "Mean of grade less reference (Bland & Altman 1986); above 0, grades are too high.",
        "0",
    ),
    "limit_of_agreement_low": (
        "Lower limit of agreement, grades",
        "Lower limit",
        GRADES,
        "",
        "With the upper limit it holds 95 % of normal differences (Bland & Altman 1986).",
        "0",
    ),
    "limit_of_agreement_high": (
        "Upper limit of agreement, grades",
        "Upper limit",
        GRADES,
        "",
        "With the lower limit it holds 95 % of normal differences (Bland & Altman 1986).",
        "0",
    ),
}
"""Figure -> name, short name, section, which way is better, meaning, ideal value."""
