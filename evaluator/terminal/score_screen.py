"""Prints the result of `score`: one screen of headline figures, groups and gaps that matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType

from evaluator.glossary import figure
from evaluator.scoring.results import OVERALL, Evaluation, Result
from evaluator.screen import Sheet
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from metrics.gaps.differences import MAX_MIN

HEADLINES = (
    "auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "brier",
    "observed_minus_expected", "calibration_slope",
    "macro_auroc", "macro_average_precision", "findings_with_data",
    "hand_till_auroc", "multiclass_accuracy", "macro_sensitivity", "cohen_kappa",
    "multiclass_log_loss", "multiclass_brier", "top_label_calibration_error",
    "quadratic_weighted_kappa", "linear_weighted_kappa", "prediction_probability",
    "kendall_tau_b", "mean_absolute_error", "mean_difference",
    "limit_of_agreement_low", "limit_of_agreement_high",
    "mean_dice", "mean_iou", "mean_hd95", "mean_assd", "missed_masks", "false_masks",
    "wafroc", "froc_score", "lesion_sensitivity", "false_marks_per_image", "case_auroc",
)  # fmt: skip
"""Figures of everybody that the screen has; all others stand in the files."""

COMPARED = (
    "auroc", "sensitivity", "specificity", "ppv", "brier", "observed_minus_expected",
    "macro_auroc", "hand_till_auroc", "multiclass_accuracy", "cohen_kappa",
    "quadratic_weighted_kappa", "mean_absolute_error", "mean_difference",
    "mean_dice", "wafroc", "lesion_sensitivity",
)  # fmt: skip
"""Figures whose gaps the screen has, where an interval leaves out 0."""

MOST_GROUPS, MOST_GAPS = 14, 6


def summary(found: Mapping[str, Evaluation], primary: str, notes: Sequence[str]) -> RenderableType:
    """One label's figures, groups and gaps, or one line a label where there are several.

    ``primary`` is the figure that groups are shown with.
    """
    parts: list[RenderableType] = []
    if len(found) == 1:
        ((label, scored),) = found.items()
        parts += whole_screen(label, scored, primary)
    else:
        parts.append(labels_table(found, primary))
        parts.append(
            "--label NAME shows one label with its groups and gaps; --table, --output and --report "
            "write everything"
        )
    return Group(*parts, *(f"note: {note}" for note in notes))


def whole_screen(label: str, scored: Evaluation, primary: str) -> list[RenderableType]:
    """The figures, groups and gaps of one evaluation under its ``label``."""
    title = (
        f"{label}: {scored.n_cases} cases, {scored.n_patients} patients, "
        f"{scored.n_positive} positive"
    )
    if scored.threshold is not None:
        title += f"; positive from {scored.threshold:g}"
    head = _table(scored, "figure")
    overall = {r.metric: r.estimate for r in scored.results if _is_overall(r)}
    for name in dict.fromkeys((primary, *HEADLINES)):
        if name in overall and not _is_of_threshold_alone(overall[name]):
            head.add_row(figure(name).name, *_shown(overall[name]))
    shown: list[RenderableType] = [title, head]
    lacking = next((e.undefined for e in overall.values() if e.undefined), None)
    if all(estimate.value is None for estimate in overall.values()) and lacking:
        shown.append(lacking)
    shown += _groups(scored, primary)
    shown += _gaps(scored)
    every = len(scored.results)
    shown.append(f"--table CSV, --output JSON or --report HTML write all {every} figures")
    return shown


def _is_overall(result: Result) -> bool:
    return result.group == OVERALL


def _is_of_threshold_alone(estimate: Estimate) -> bool:
    """Whether nothing can be said for want of a threshold, which is no news."""
    return estimate.value is None and "threshold" in (estimate.undefined or "")


def _table(scored: Evaluation, first: str) -> Sheet:
    """A table of figures to four decimals."""
    table = Sheet(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(first)
    for name in ("estimate", f"{scored.confidence:.0%} interval"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _shown(estimate: Estimate) -> tuple[str, str]:
    if estimate.value is None:
        return "-", "too few" if "insufficient" in (estimate.undefined or "") else "undefined"
    value = f"{estimate.value:.4f}"
    if estimate.low is None or estimate.high is None:
        return value, ""
    return value, f"{estimate.low:.4f} to {estimate.high:.4f}"


def _groups(scored: Evaluation, primary: str) -> list[RenderableType]:
    rows = [r for r in scored.results if r.metric == primary and not _is_overall(r)]
    if not rows:
        return []
    table = _table(scored, f"{figure(primary).short} of")
    for name in ("patients", "positive"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in rows[:MOST_GROUPS]:
        estimate = result.estimate
        table.add_row(
            f"{result.attribute}: {result.level}",
            *_shown(estimate),
            str(estimate.n_patients),
            str(estimate.n_positive),
        )
    more = len(rows) - MOST_GROUPS
    return [table, f"and {more} more groups in the files"] if more > 0 else [table]


def _gaps(scored: Evaluation) -> list[RenderableType]:
    gaps = [r for r in scored.results if r.figure.kind is Kind.GAP]
    if not gaps:
        return []
    tested = {(name, attribute) for name, attribute in scored.declared_gaps}
    p_of = {
        (str(r.figure.plain), r.attribute): r.estimate.value
        for r in scored.results
        if r.figure.kind is Kind.GAP_P_ADJUSTED
    }
    table = _table(scored, "gaps that matter")
    if tested:
        table.add_column("p", justify="right", no_wrap=True)
    for result in gaps:
        of = (str(result.figure.plain), result.attribute)
        if of in tested and result.level == MAX_MIN:
            p = p_of.get(of)
            table.add_row(_named(result), *_shown(result.estimate), "" if p is None else f"{p:.4f}")
    apart = _apart(gaps)
    for result in apart[:MOST_GAPS]:
        table.add_row(_named(result), *_shown(result.estimate))
    if not table.row_count:
        compared = sum(_is_pair(result) and result.estimate.low is not None for result in gaps)
        if not compared:
            return ["no group can be compared with its reference level"]
        return [f"of {compared} differences from a reference level, each interval includes 0"]
    said = "the intervals exclude 0; the plan names no gap to be tested"
    if tested:
        said = "rows with p: gaps the plan names, p adjusted; other rows: the interval excludes 0"
    if len(apart) > MOST_GAPS:
        said += f", {len(apart) - MOST_GAPS} more of them in the files"
    return [table, said]


def _is_pair(result: Result) -> bool:
    """Whether it is a level against the reference, of a figure that the screen compares."""
    of_screen = str(result.figure.plain) in COMPARED
    return of_screen and not result.level.startswith(MAX_MIN)


def _apart(gaps: Iterable[Result]) -> list[Result]:
    """Levels whose difference from the reference has an interval without 0, the widest first.

    Figures are on one scale, from 0 to 1, but for the Brier score, which seldom leads.
    """
    found = []
    for result in gaps:
        low, high = result.estimate.low, result.estimate.high
        if _is_pair(result) and low is not None and high is not None and (low > 0 or high < 0):
            found.append(result)
    return sorted(found, key=lambda r: -abs(r.estimate.value or 0.0))


def _named(result: Result) -> str:
    short = figure(str(result.figure.plain)).short
    return f"{short} by {result.attribute}: {result.level}"


def labels_table(found: Mapping[str, Evaluation], primary: str) -> Sheet:
    """One line for each label."""
    first = next(iter(found.values()))
    table = _table(first, f"{figure(primary).short} of")
    for name in ("cases", "positive"):
        table.add_column(name, justify="right", no_wrap=True)
    widest = {label: _widest(scored, primary) for label, scored in found.items()}
    if any(widest.values()):
        table.add_column("widest gap", justify="right", no_wrap=True)
    for label, scored in found.items():
        overall = [r.estimate for r in scored.results if r.metric == primary and _is_overall(r)]
        table.add_row(
            label,
            *(_shown(overall[0]) if overall else ("-", "")),
            str(scored.n_cases),
            str(scored.n_positive),
            *([widest[label]] if any(widest.values()) else []),
        )
    return table


def _widest(scored: Evaluation, primary: str) -> str:
    """The widest gap of any attribute in the figure that groups are shown with."""
    gap = FigureName.read(primary).of_kind(Kind.GAP)
    gaps = [
        r.estimate.value
        for r in scored.results
        if r.figure == gap and r.level == MAX_MIN and r.estimate.value is not None
    ]
    return f"{max(gaps):.4f}" if gaps else ""
