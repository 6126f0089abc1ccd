"""A figure's written name is read in one place, and written back as it was."""

from __future__ import annotations

import pytest

from metrics.all_figures import Choices, names
from metrics.figure_name import FigureName, Kind

CHOICES = Choices(
    threshold=0.5,
    specificities=(0.9, 0.975),
    sensitivities=(0.95,),
    prevalences=(0.02, 1e-05),
    partial_auroc=(0.0, 0.1),
    smooth_calibration=True,
)


@pytest.mark.parametrize(
    ("text", "base", "at", "kind"),
    [
        ("auroc", "auroc", (), Kind.PLAIN),
        ("auroc_standardized", "auroc", (), Kind.STANDARDIZED),
        ("auroc_gap", "auroc", (), Kind.GAP),
        ("auroc_gap_p", "auroc", (), Kind.GAP_P),
        ("auroc_gap_p_adjusted", "auroc", (), Kind.GAP_P_ADJUSTED),
        ("spiegelhalter_p", "spiegelhalter_p", (), Kind.PLAIN),
        ("e90", "e90", (), Kind.PLAIN),
        ("equalized_odds_difference", "equalized_odds_difference", (), Kind.PLAIN),
        ("ppv_at_cohort_prevalence", "ppv_at_cohort_prevalence", (), Kind.PLAIN),
        ("ppv_at_cohort_prevalence_gap", "ppv_at_cohort_prevalence", (), Kind.GAP),
        ("ppv_at_prevalence_0.02", "ppv_at_prevalence", ("0.02",), Kind.PLAIN),
        ("sensitivity_at_specificity_0.9", "sensitivity_at_specificity", ("0.9",), Kind.PLAIN),
        ("partial_auroc_0_0.1", "partial_auroc", ("0", "0.1"), Kind.PLAIN),
        ("sensitivity_at_false_marks_0.5", "sensitivity_at_false_marks", ("0.5",), Kind.PLAIN),
        ("mean_nsd_at_tolerance_2_gap", "mean_nsd_at_tolerance", ("2",), Kind.GAP),
        ("partial_auroc_0_0.1_gap", "partial_auroc", ("0", "0.1"), Kind.GAP),
    ],
)
def test_a_written_name_says_what_the_figure_is(
    text: str, base: str, at: tuple[str, ...], kind: Kind
) -> None:
    name = FigureName.read(text)
    assert (name.base, name.at, name.kind) == (base, at, kind)
    assert str(name) == text


def test_every_name_of_a_report_is_written_back_as_it_was() -> None:
    written = [*names(CHOICES), "", "_gap", "a figure of tomorrow_at_prevalence", "_"]
    assert len(written) > 40
    for text in written:
        for kind in Kind:
            name = FigureName.read(text).of_kind(kind)
            assert str(name) == text.removesuffix("_gap") + kind or text == "_gap"
            assert FigureName.read(str(name)) == name
            assert str(FigureName.read(text + kind)) == text + kind


def test_the_figure_of_a_gap_is_the_figure_that_the_groups_have() -> None:
    assert FigureName.read("ppv_gap_p_adjusted").plain == FigureName.read("ppv")
    assert FigureName.read("ppv").of_kind(Kind.GAP) == FigureName.read("ppv_gap")
