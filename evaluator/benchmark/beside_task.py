"""What the other tables of a benchmark may say beside its [task]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cohort_selection.task.declaration import BINARY, MULTICLASS, MULTILABEL, ORDINAL, SCORE, Task
from evaluator.benchmark.about import SpecificationError
from evaluator.disclosure.rule import ONE_FIGURE
from evaluator.scoring.analysis_plan import AnalysisPlan

if TYPE_CHECKING:
    from evaluator.benchmark.specification import Benchmark

PRIMARY = {
    BINARY: "auroc",
    SCORE: "auroc",
    MULTILABEL: "macro_auroc",
    MULTICLASS: "hand_till_auroc",
    ORDINAL: "quadratic_weighted_kappa",
}
"""What the board of each kind is ordered by where the file does not say."""


def of_task(plan: AnalysisPlan, table: Mapping[str, object], task: Task) -> AnalysisPlan:
    """The plan of a kind of task: its primary figure where the [analysis] ``table`` has none."""
    return plan if "primary" in table else replace(plan, primary=PRIMARY[task.kind])


def refuse_what_no_task_has(benchmark: Benchmark) -> None:
    """Raise SpecificationError where another table asks for what the kind of task has not."""
    kind, name = benchmark.task.kind, benchmark.path.name
    if not benchmark.task.has_targets:
        return
    if benchmark.study is not None:
        raise SpecificationError(
            f"{name}: [[claims]] are declared and [task] kind is {kind!r}; claims are judged of "
            f"one score against one label: leave them out, or declare a binary benchmark"
        )
    if benchmark.disclosure.feedback in ONE_FIGURE:
        raise SpecificationError(
            f"{name}: [disclosure] feedback is {benchmark.disclosure.feedback!r}, which tells the "
            f'AUROC of one score, and [task] kind is {kind!r}; give feedback = "open" or "held"'
        )
    if benchmark.board.declared:
        raise SpecificationError(
            f"{name}: [board] declares comparisons, which are made of one score against one "
            f"label, and [task] kind is {kind!r}; leave freeze_on and freeze_every out"
        )
