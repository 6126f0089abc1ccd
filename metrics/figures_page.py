"""Prints docs/figures.md, the list of every figure: ``python -m metrics.figures_page``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

from metrics.calibration import curve_intervals, curves, ece_interval, errors, recalibration, smooth
from metrics.comparison import all_pairs, pairs, ranking, selection, standings
from metrics.discrimination import curves as discrimination
from metrics.discrimination import delong, multiclass, roc_intervals
from metrics.gaps import differences, fairness, multiplicity, tests
from metrics.grades import agreement
from metrics.grades import figures as grade_figures
from metrics.grades import intervals as ordinal_intervals
from metrics.intervals import linearised, mover, near_limits, no_variance, proportions
from metrics.marks import areas as mark_areas
from metrics.marks import figures as mark_figures
from metrics.marks import intervals as mark_intervals
from metrics.marks import matching, nearness
from metrics.marks import study as marks_study
from metrics.masks import distances, measures, surfaces
from metrics.masks import figures as mask_figures
from metrics.operating_points import intervals as rates
from metrics.operating_points import rates as operating_point
from metrics.operating_points import utility
from metrics.outputs import classes, findings, mean_areas
from metrics.readers import mean_interval, obuchowski_rockette, panel, pseudovalues
from metrics.resampling import bootstrap
from metrics.target_population import divergence, raking, weighted

CHAPTERS: tuple[tuple[str, ModuleType, tuple[str, ...]], ...] = (
    (
        "Discrimination",
        discrimination,
        (
            "auroc",
            "partial_auroc",
            "partial_auroc_sensitivity",
            "average_precision",
            "sensitivity_at",
            "specificity_at",
        ),
    ),
    ("Discrimination, several classes or labels", multiclass, ()),
    (
        "Operating point",
        operating_point,
        (
            "sensitivity",
            "specificity",
            "false_positive_rate",
            "false_negative_rate",
            "ppv",
            "npv",
            "ppv_at_prevalence",
            "npv_at_prevalence",
            "accuracy",
            "selection_rate",
            "balanced_accuracy",
            "youden_j",
            "f1",
            "mcc",
            "lr_positive",
            "lr_negative",
        ),
    ),
    ("Utility", utility, ()),
    (
        "Calibration",
        errors,
        (
            "brier",
            "scaled_brier",
            "log_loss",
            "ece",
            "ece_equal_mass",
            "mce",
            "observed_minus_expected",
            "observed_expected_ratio",
        ),
    ),
    (
        "Recalibration",
        recalibration,
        ("calibration_in_the_large", "calibration_slope", "calibration_intercept"),
    ),
    ("Calibration curves and tests", curves, ()),
    (
        "Ordinal grades",
        agreement,
        (
            *("quadratic_weighted_kappa", "linear_weighted_kappa", "nearest_grades"),
            *("mean_absolute_error", "kendall_tau_b", "kendall_tau_b_test", "bland_altman"),
        ),
    ),
    ("Ordinal grades: a group of cases", grade_figures, ("grade_figures",)),
    ("Several findings", findings, ("finding_figures",)),
    (
        "Classes that exclude each other",
        classes,
        ("class_figures", "hand_till", "one_against_rest", "cohen_kappa"),
    ),
    (
        "Means of several areas",
        mean_areas,
        ("mean_auroc", "mean_average_precision", "area_interval"),
    ),
    ("Masks: one case", measures, ("measure_pair",)),
    ("Masks: surfaces", surfaces, ("areas",)),
    ("Masks: distances", distances, ("both_ways",)),
    ("Masks: a group of cases", mask_figures, ("mask_figures",)),
    (
        "Marks: which may hit which lesions",
        nearness,
        ("near_centres", "inside_masks", "overlapping_boxes"),
    ),
    ("Marks: matching", matching, ("matched",)),
    ("Marks: the FROC curve", marks_study, ("froc",)),
    ("Marks: areas", mark_areas, ()),
    ("Marks: a group of cases", mark_figures, ("mark_figures",)),
    ("Marks: intervals", mark_intervals, ()),
    ("Fairness", fairness, ()),
    ("Comparison of submissions", pairs, ()),
    ("Ranks of a board", ranking, ("ranked",)),
    ("All pairs of a board", all_pairs, ("delong_pairs", "replicate_pairs")),
    ("Tiers, rank intervals, first places", standings, ("tiers", "rank_intervals", "first_shares")),
    ("The best of several looks", selection, ("tails_of_best",)),
    ("Differences without variance", no_variance, ("mover", "mover_p_value", "least_p_value")),
    ("Distance of populations", divergence, ()),
    (
        "Intervals",
        proportions,
        ("wilson", "score_bounds", "symmetric", "logit_symmetric", "logit_bounds"),
    ),
    ("One variance for smooth figures", linearised, ("error", "effective_patients")),
    ("Intervals of figures made of others", mover, ("combine", "difference", "ratio")),
    ("Rates of the 2x2 table", rates, ("rate", "at_prevalence")),
    ("Figures at another prevalence", smooth, ("brier_at_prevalence",)),
    ("Differences between groups", differences, ("gaps", "figure_gaps")),
    ("Tests of declared gaps", tests, ("gap_test",)),
    ("Several declared gaps", multiplicity, ("gap_weights", "fallback")),
    ("Weights to a target population", raking, ("rake", "jackknife_variance")),
    ("Weighted figures", weighted, ("estimates", "effective_patients")),
    (
        "Intervals near a limit",
        near_limits,
        ("logit_share", "mixed_variance", "score_area", "binormal_variance", "equal_patients"),
    ),
    ("Interval of the expected calibration error", ece_interval, ("interval_of_ece",)),
    ("Intervals of calibration curves", curve_intervals, ("curve_intervals", "local_lines")),
    (
        "Intervals of curves",
        roc_intervals,
        (
            "average_precision_interval",
            "partial_auroc_interval",
            "partial_auroc_sensitivity_interval",
            "sensitivity_at_interval",
            "specificity_at_interval",
        ),
    ),
    ("Ordinal grades: prediction probability and intervals", ordinal_intervals, ()),
    ("Variance of the AUROC", delong, ("auroc_estimate", "clustered_covariance")),
    (
        "Intervals and tests from replicates",
        bootstrap,
        ("percentile", "null_p_value", "holm"),
    ),
    ("Several readers", obuchowski_rockette, ("analyse",)),
    ("Several readers by pseudovalues", pseudovalues, ()),
    ("A model and several readers", panel, ("against_panel",)),
    ("Interval of the mean reader", mean_interval, ("mean_bounds",)),
)
"""Chapter, module, and its figures in order; none named means every public function."""


def page() -> str:
    """Write the whole page in Markdown; the same text for the same docstrings."""
    lines = [
        "# Every figure, with its formula and source",
        "",
        "Made from the docstrings by `python -m metrics.figures_page`; do not edit. Labels `y` are",
        "0/1, `s` scores, `p` probabilities, `w` weights (default 1), all of shape (cases,). A",
        "figure that the data cannot support is undefined and says why. A case is called positive",
        "where its score is at or above the threshold. A score within 1e-6 of the threshold or of",
        "a bin edge, relative to it, lies on it, so that scores stored as float32 are called and",
        "binned as they are meant (`metrics.edges`).",
        "",
    ]
    for title, module, names in CHAPTERS:
        lines += [f"## {title}", "", f"`metrics.{module.__name__.rsplit('.', 1)[-1]}`. "]
        lines[-1] += _text(module)[0]
        lines.append("")
        for name, function in _figures(module, names):
            first, *rest = _text(function)
            lines += [f"### `{name}`", "", first, ""]
            for paragraph in rest:
                lines += [paragraph, ""]
    return "\n".join(lines).rstrip() + "\n"


def _figures(
    module: ModuleType, names: tuple[str, ...]
) -> Iterator[tuple[str, Callable[..., object]]]:
    public = {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }
    for name in names or tuple(public):
        yield name, public[name]


def _text(documented: object) -> list[str]:
    """Paragraphs of a docstring, with Formula and Source on lines of their own."""
    documentation = inspect.getdoc(documented) or ""
    paragraphs = [" ".join(part.split()) for part in documentation.split("\n\n")]
    texts: list[str] = []
    for paragraph in paragraphs:
        text = paragraph.replace("``", "`")
        for word in ("Formula:", "Source:"):
            text = text.replace(f" {word}", f"\n\n**{word[:-1]}.**", 1)
            if text.startswith(word):
                text = text.replace(word, f"**{word[:-1]}.**", 1)
        texts += text.split("\n\n")
    return texts


if __name__ == "__main__":
    sys.stdout.write(page())
