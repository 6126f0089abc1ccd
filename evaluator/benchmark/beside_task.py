"""What the other tables of a benchmark may say beside its [task]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cohort_selection.eligibility.label_rule import LabelRule
from cohort_selection.task.declaration import (
    BINARY,
    LOCALISATION,
    MULTICLASS,
    MULTILABEL,
    ORDINAL,
    SCORE,
    SEGMENTATION,
    Task,
)
from evaluator.benchmark.about import SpecificationError
from evaluator.disclosure.rule import ONE_FIGURE
from evaluator.glossary import CALIBRATION, figure
from evaluator.localised_figures import MARKS, MASKS
from evaluator.scoring.analysis_plan import AnalysisPlan
from metrics.figure_name import AT_FALSE_MARKS, FigureName
from metrics.gaps.tests import DECLARABLE, MEANS_OF_GRADES, MEANS_OF_MASKS

if TYPE_CHECKING:
    from evaluator.benchmark.specification import Benchmark

PRIMARY = {
    BINARY: "auroc",
    SCORE: "auroc",
    MULTILABEL: "macro_auroc",
    MULTICLASS: "hand_till_auroc",
    ORDINAL: "quadratic_weighted_kappa",
    SEGMENTATION: "mean_dice",
    LOCALISATION: "wafroc",
}
"""What the board of each kind is ordered by where the file does not say."""

OF_GRADES = (
    *("quadratic_weighted_kappa", "linear_weighted_kappa", "prediction_probability"),
    *("kendall_tau_b", "mean_absolute_error"),
)
"""What the board of grades can be ordered by."""

OF_FINDINGS = ("macro_auroc", "macro_average_precision")
"""What the board of several findings can be ordered by."""

OF_CLASSES = (
    *("hand_till_auroc", "macro_auroc", "multiclass_accuracy", "macro_sensitivity", "cohen_kappa"),
    *("multiclass_log_loss", "multiclass_brier", "top_label_calibration_error"),
)
"""What the board of classes can be ordered by."""

NOT_COMPARED = ("top_label_calibration_error", "froc_score", AT_FALSE_MARKS)
"""Bases of primary figures whose differences are not compared: no case moves them smoothly."""

TESTED = {ORDINAL: MEANS_OF_GRADES, SEGMENTATION: MEANS_OF_MASKS, LOCALISATION: ()}
"""In which figures gaps can be declared, by their bases; of other kinds those of one score."""

_ORDERS = {ORDINAL: OF_GRADES, MULTILABEL: OF_FINDINGS, MULTICLASS: OF_CLASSES}
_SECTION = {SEGMENTATION: MASKS, LOCALISATION: MARKS}


def of_task(plan: AnalysisPlan, table: Mapping[str, object], task: Task) -> AnalysisPlan:
    """The plan of a kind of task: its primary figure where the [analysis] ``table`` has none."""
    return plan if "primary" in table else replace(plan, primary=PRIMARY[task.kind])


def at_the_label(task: Task, label: LabelRule) -> float:
    """The grade from which a case is positive by the label, else the first cut, else the second."""
    if label.at_least is not None and label.column == task.column:
        return float(label.at_least)
    return float(task.cuts[0] if task.cuts else task.lowest + 1)


def refuse_what_no_task_has(benchmark: Benchmark) -> None:
    """Raise SpecificationError where another table asks for what the kind of task has not."""
    kind, name = benchmark.task.kind, benchmark.path.name
    _refuse_primary(benchmark)
    _refuse_untested_gaps(benchmark)
    if kind == SCORE:
        _refuse_calibration(benchmark)
    if not (benchmark.task.has_targets or benchmark.task.has_regions):
        return
    if benchmark.study is not None:
        raise SpecificationError(
            f"{name}: [[claims]] are declared and [task] kind is {kind!r}; claims are judged of "
            f"one score against one label: leave them out, or declare a binary benchmark"
        )
    if benchmark.panels:
        raise SpecificationError(
            f"{name}: [panels] has readers, who are compared by one score against one label, and "
            f"[task] kind is {kind!r}; leave them out, or declare a binary benchmark"
        )
    if benchmark.disclosure.feedback in ONE_FIGURE:
        raise SpecificationError(
            f"{name}: [disclosure] feedback is {benchmark.disclosure.feedback!r}, which tells the "
            f'AUROC of one score, and [task] kind is {kind!r}; give feedback = "open" or "held"'
        )
    if benchmark.task.has_regions and benchmark.contract.repeat_share > 0:
        raise SpecificationError(
            f"{name}: [contract] repeat_share is {benchmark.contract.repeat_share:g} and [task] "
            f"kind is {kind!r}, whose runs are not compared; leave repeat_share out"
        )
    _refuse_uncompared(benchmark)
    if kind == ORDINAL:
        _refuse_threshold_of_grades(benchmark)


def _refuse_primary(benchmark: Benchmark) -> None:
    """Raise SpecificationError where the board would be ordered by a figure of another kind."""
    primary, kind = benchmark.analysis.primary, benchmark.task.kind
    section = figure(primary).section
    if kind in _ORDERS:
        fits, examples = primary in _ORDERS[kind], _ORDERS[kind]
    elif kind in _SECTION:
        fits, examples = section == _SECTION[kind], (PRIMARY[kind],)
    else:
        apart = {*OF_GRADES, *OF_FINDINGS, *OF_CLASSES}
        fits, examples = primary not in apart and section not in (MASKS, MARKS), (PRIMARY[kind],)
    if not fits:
        raise SpecificationError(
            f"{benchmark.path.name}: [analysis] primary is {primary!r} and [task] kind is "
            f"{kind!r}; give a figure of that kind, such as {', '.join(examples)}"
        )


def _refuse_uncompared(benchmark: Benchmark) -> None:
    """Raise SpecificationError where comparisons are declared of a figure without influences."""
    primary, kind = benchmark.analysis.primary, benchmark.task.kind
    base = FigureName.read(primary).base
    if benchmark.board.declared and base in NOT_COMPARED:
        raise SpecificationError(
            f"{benchmark.path.name}: [board] declares comparisons, and {primary} is no smooth "
            f"figure of the cases, so that its differences have no test; give primary = "
            f"{PRIMARY[kind]!r}, or leave freeze_on and freeze_every out"
        )


def _refuse_threshold_of_grades(benchmark: Benchmark) -> None:
    name, plan = benchmark.path.name, benchmark.analysis
    if plan.threshold is not None:
        raise SpecificationError(
            f"{name}: [analysis] threshold is {plan.threshold:g} and [task] kind is 'ordinal', "
            f"whose operating points are its cuts; give cuts = [{plan.threshold:g}] in [task]"
        )


def _refuse_calibration(benchmark: Benchmark) -> None:
    plan = benchmark.analysis
    figures = [plan.primary, *(figure for figure, _ in plan.declared_gaps)]
    wrong = [
        each for each in figures if figure(each).section == CALIBRATION or each == "net_benefit"
    ]
    if wrong:
        raise SpecificationError(
            f"{benchmark.path.name}: [analysis] has {wrong[0]!r}, a figure of probabilities, and "
            f"[task] kind is 'score'; give a figure of ranks or calls, such as auroc"
        )


def _refuse_untested_gaps(benchmark: Benchmark) -> None:
    """Raise SpecificationError where a gap is declared that is of another kind of task."""
    kind = benchmark.task.kind
    tested = TESTED.get(kind, DECLARABLE)
    for declared, attribute in benchmark.analysis.declared_gaps:
        if FigureName.read(declared).base in tested:
            continue
        said = f"{benchmark.path.name}: the gap {declared} by {attribute} is declared"
        if not tested:
            raise SpecificationError(
                f"{said}, and gaps of a {kind} task are described with intervals and not tested; "
                f"leave primary_gap and gaps out"
            )
        raise SpecificationError(
            f"{said}, and [task] kind is {kind!r}, whose gaps are tested in {', '.join(tested)}; "
            f"declare one of these, or leave primary_gap and gaps out"
        )
