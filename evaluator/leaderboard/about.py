"""Renders the page of a benchmark: question, cohort, figures, rules, dates, contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cohort_selection.cases import LABEL
from cohort_selection.plan.cohort_plan import CohortPlan
from cohort_selection.task.declaration import BINARY, MULTICLASS, MULTILABEL, ORDINAL
from evaluator.benchmark.beside_task import at_the_label
from evaluator.benchmark.offered import offered
from evaluator.benchmark.specification import Benchmark
from evaluator.disclosure.cohort_card import CohortCard
from evaluator.disclosure.suppression import JOINT
from evaluator.feedback_choice import explained
from evaluator.glossary import figure, named
from evaluator.leaderboard.board.columns import figures_in_tables
from evaluator.leaderboard.board.kept import Board, Kept
from evaluator.leaderboard.claims_block import claims_shown
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import readable, readable_level
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.task_words import given_of, rules_of
from evaluator.leaderboard.templating.environment import environment
from submissions.design.dates import day
from submissions.ledger.beside_releases.retirement import Spent
from submissions.service.pages.benchmarks import allowance, opening
from submissions.service.pages.contract_rows import contract_rows


@dataclass(frozen=True, slots=True)
class _Share:
    """A level of the target in words."""

    level: str
    target: str
    achieved: str


def render_about(
    listing: Listing, board: Board, card: CohortCard | None, kept: Kept, today: date
) -> str:
    """The page of a benchmark; the card is None where its cohort was sealed without one."""
    benchmark = listing.benchmark
    spent = None if benchmark is None else kept.spent(benchmark.name, benchmark.quota)
    return (
        environment()
        .get_template("about.html")
        .render(
            listing=listing,
            n_models=len(board.places),
            primary=figure(listing.primary),
            beside=named(_beside(listing, board)),
            card=card,
            shares=[] if card is None else _shares(card),
            waiting=kept.waiting(listing.name),
            several_draws=any(kept.draws(listing.name)),
            opening="" if benchmark is None else _opening(benchmark, spent, today),
            is_open=benchmark is not None and not spent and offered(benchmark).is_open(today),
            criteria=[] if benchmark is None else _criteria(benchmark),
            scoring=[] if benchmark is None else _scoring(benchmark),
            rules=[] if benchmark is None else _rules(benchmark),
            claims=claims_shown(benchmark, card, kept),
            contract=[] if benchmark is None else contract_rows(benchmark.contract),
        )
    )


def _beside(listing: Listing, board: Board) -> tuple[str, ...]:
    """The figures beside the primary one, as far as the kind of task or a release tells them."""
    benchmark = listing.benchmark
    if board.metrics or benchmark is None or benchmark.task.kind == BINARY:
        return figures_in_tables(listing.primary, board.metrics)
    return ()


def _opening(benchmark: Benchmark, spent: Spent | None, today: date) -> str:
    """When the benchmark takes submissions, or why it takes no more."""
    if spent is None:
        return opening(offered(benchmark), today)
    further = f" The benchmark {spent.successor} has the next draw." if spent.successor else ""
    return f"It takes no new submissions, since its cohort is spent: {spent.why}.{further}"


def _criteria(benchmark: Benchmark) -> list[tuple[str, str]]:
    """Who may be in the cohort, and what is the reference standard."""
    plan = benchmark.cohort
    label = plan.label
    standard = f"{label.column} of the clinical table; positive {_positive(plan)}"
    oldest = "" if plan.maximum_age is None else f" to {plan.maximum_age}"
    found = [
        ("Reference standard", standard),
        ("Age", f"from {plan.minimum_age}{oldest} years" if plan.minimum_age or oldest else ""),
        ("Modalities", ", ".join(plan.modalities)),
        ("Views", ", ".join(plan.views)),
        ("Body parts", ", ".join(plan.body_parts)),
        ("Cases of a patient", {"one": "one, drawn at random"}.get(plan.cases_per_patient, "all")),
    ]
    return [(name, text) for name, text in found if text]


def _positive(plan: CohortPlan) -> str:
    """Where a case is positive by its label."""
    label = plan.label
    if label.at_least is not None:
        at = f"{label.at_least:g}"
        return f"below {at}" if plan.invert_label else f"from {at} on"
    says = " or ".join(label.contains) if label.contains else "yes"
    return f"where it does not say {says}" if plan.invert_label else f"where it says {says}"


def _scoring(benchmark: Benchmark) -> list[tuple[str, str]]:
    """What is computed and shown."""
    plan = benchmark.analysis
    groups = [
        readable(name) for name in (*plan.subgroups, *(JOINT.join(n) for n in plan.intersections))
    ]
    found = [
        ("A model gives", given_of(benchmark.task)),
        *rules_of(benchmark.task),
        ("Primary figure", figure(plan.primary).name),
        ("Threshold", _threshold(benchmark)),
        ("Subgroups", ", ".join(groups) or "none"),
        (
            "Declared gaps",
            _gaps(benchmark),
        ),
        ("Intervals", f"{numbers.percent(plan.confidence)}"),
    ]
    return [(name, text) for name, text in found if text]


def _gaps(benchmark: Benchmark) -> str:
    """The gaps that are tested, and where a task has parts that each is by itself."""
    declared = benchmark.analysis.declared_gaps
    named = "; ".join(f"{figure(metric).name} by {by}" for metric, by in declared)
    if named and benchmark.task.kind in (MULTILABEL, MULTICLASS):
        named += " (in each part by itself, not adjusted for the number of parts)"
    return named or "none"


def _threshold(benchmark: Benchmark) -> str:
    """From where on a case is called positive; nothing where no case is called."""
    task, plan = benchmark.task, benchmark.analysis
    if task.has_regions:
        return ""
    if task.kind == ORDINAL:
        grades = sorted({at_the_label(task, benchmark.cohort.label), *map(float, task.cuts)})
        return f"grade {' and '.join(f'{grade:g}' for grade in grades)}"
    return "each submission's own" if plan.threshold is None else f"{plan.threshold:g}"


def _rules(benchmark: Benchmark) -> list[str]:
    """The rules of entering and of what is shown, in sentences."""
    quota, shown = benchmark.quota, benchmark.disclosure
    found = [f"A team has {allowance(quota)}."]
    if quota.lifetime is not None:
        found.append(f"In all, a team has {quota.lifetime} looks at this cohort.")
    if quota.cohort_looks is not None:
        found.append(f"All teams together have {quota.cohort_looks} looks at this cohort.")
    if benchmark.practice.cases:
        found.append("Each image is tried on practice cases first.")
    found += explained(shown, lifetime=quota.lifetime, practice_cases=benchmark.practice.cases)
    if benchmark.board.freeze_on:
        days = " and ".join(day(each) for each in benchmark.board.freeze_on)
        found.append(f"Submissions are compared with one another as of {days} (UTC).")
    if benchmark.board.freeze_every is not None:
        found.append(
            f"Submissions are compared with one another after every {benchmark.board.freeze_every} "
            f"new releases of two teams or more."
        )
    found.append(
        f"A group with fewer than {shown.minimum_cell} cases or patients is not shown. One with "
        f"fewer positive or negative cases has no figure. What would give either away is withheld."
    )
    return found


def _shares(card: CohortCard) -> list[tuple[str, list[_Share]]]:
    """The levels of each attribute of the target."""
    found: dict[str, list[_Share]] = {}
    for row in card.levels:
        is_label = row.attribute == LABEL
        name = "Reference standard" if is_label else readable(row.attribute)
        level = {"1": "positive", "0": "negative"}.get(row.level) if is_label else None
        share = _Share(
            level or readable_level(row.level),
            numbers.percent(round(row.target, 3)),
            "withheld" if row.achieved is None else numbers.percent(round(row.achieved, 2)),
        )
        found.setdefault(name, []).append(share)
    return list(found.items())
