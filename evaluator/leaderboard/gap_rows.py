"""Rows of differences between groups: tested where declared, else described."""

from __future__ import annotations

from dataclasses import dataclass

from evaluator.disclosure.control import WITHHELD, Release
from evaluator.disclosure.suppression import group_figures
from evaluator.glossary import FIGURES, figure
from evaluator.leaderboard.drawing import numbers, plots
from evaluator.leaderboard.footing import footing
from evaluator.scoring.results import ALL_LEVELS, VERSUS
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from metrics.gaps.differences import MAX_MIN, MIN_MAX, MIXED, WITHOUT

COMPARISONS = {MAX_MIN: "largest less smallest", MIN_MAX: "smallest by largest"}
PARITY = ("demographic_parity", "predictive_parity")
"""Named gaps that are those of the selection rate and of the PPV."""
SHARES = ("auroc", "sensitivity", "specificity")
"""Figures between 0 and 1 whose largest gaps can be named in one sentence."""


@dataclass(frozen=True, slots=True)
class GapRow:
    """A comparison between levels; ``notes`` say how it was tested, or that it was not."""

    name: str
    comparison: str
    estimate: Estimate
    notes: tuple[str, ...]


def gap_rows(release: Release, attribute: str) -> tuple[GapRow, ...]:
    """Comparisons of an attribute's levels, each with the p-values that belong to it."""
    whole = group_figures(release.results)
    found = []
    for result in release.results:
        if result.attribute != attribute or result.figure in whole or result.level == ALL_LEVELS:
            continue
        base = str(result.figure.plain)
        notes = _tested(release, base, attribute) if result.level == MAX_MIN else ()
        if base in MIXED or base.startswith(PARITY):
            notes = (*notes, "mixes in prevalence")
        found.append(
            GapRow(
                name=FIGURES[base].short if base in FIGURES else figure(base).name,
                comparison=_comparison(result.level),
                estimate=result.estimate,
                notes=notes,
            )
        )
    return tuple(found)


def gap_sentences(release: Release) -> list[str]:
    """What the first screen says of gaps: the primary one, and the largest that may be there."""
    declared = release.declared_gaps
    if not declared or release.n_positive is None:
        groups = any(result.figure.kind is Kind.GAP for result in release.results)
        return [footing(release).untested_gaps, *_largest(release)] if groups else []
    metric, attribute = declared[0]
    name = f"{_named(metric)} by {plots.readable(attribute).lower()}"
    of = FigureName.read(metric)
    gap = release.find(of.of_kind(Kind.GAP), attribute, MAX_MIN)
    if gap is None:
        tested = release.find(of.of_kind(Kind.GAP_P), attribute, ALL_LEVELS)
        reason = WITHHELD if tested is None else tested.undefined or WITHHELD
        return [f"Primary gap, {name}: {reason}.", *_largest(release)]
    if gap.value is None:
        return [f"Primary gap, {name}: {gap.undefined}.", *_largest(release)]
    said = f"Primary gap, {name}: largest less smallest {numbers.value(gap)}"
    if gap.high is not None:
        said += f" ({numbers.interval(gap)})"
    p = release.find(of.of_kind(Kind.GAP_P_ADJUSTED), attribute, ALL_LEVELS)
    if p is None or p.value is None:
        said += "; it was not tested."
    else:
        shown = p.value < 1.0 - release.confidence
        said += (
            f". {numbers.p_value(p)}, adjusted for {_counted(release)}: "
            f"{'a gap was shown.' if shown else 'no gap was shown; there may still be one.'}"
        )
    return [said, *_largest(release)]


def headline_gap(release: Release, attribute: str, metric: str) -> str:
    """The range of a figure over the levels, in one sentence; empty where it has none."""
    gap = release.find(FigureName.read(metric).of_kind(Kind.GAP), attribute, MAX_MIN)
    if gap is None or gap.value is None:
        return ""
    said = f"{numbers.value(gap)} ({numbers.interval(gap)})" if gap.low is not None else ""
    tested = ", ".join(_tested(release, metric, attribute))
    return f"Largest less smallest {figure(metric).short}: {said or numbers.value(gap)}, {tested}."


def _tested(release: Release, metric: str, attribute: str) -> tuple[str, ...]:
    if (metric, attribute) not in release.declared_gaps:
        return ("described, not tested",)
    notes = []
    of = FigureName.read(metric)
    for kind, before in ((Kind.GAP_P, ""), (Kind.GAP_P_ADJUSTED, "adjusted ")):
        p = release.find(of.of_kind(kind), attribute, ALL_LEVELS)
        if p is not None and p.value is not None:
            notes.append(before + numbers.p_value(p))
    return tuple(notes) or (f"{footing(release).gaps_in_plan}, could not be tested",)


def _comparison(level: str) -> str:
    ends, without, name = level.partition(WITHOUT)
    said = COMPARISONS.get(ends, ends) + without + name
    return plots.readable_level(said).replace(VERSUS, " less ")


def _largest(release: Release) -> list[str]:
    """The largest difference of a rate or an AUROC that some interval still holds."""
    candidates = [
        (result.estimate.high, metric, result.attribute)
        for metric in SHARES
        for result in release.results
        if result.figure == FigureName(metric, kind=Kind.GAP)
        and result.level == MAX_MIN
        and result.estimate.high is not None
    ]
    if not candidates:
        return []
    high, metric, attribute = max(candidates, key=lambda found: found[0])
    return [
        f"The largest gap that these data do not exclude: {high:.2f} in {_named(metric)} "
        f"by {plots.readable(attribute).lower()}."
    ]


def _named(metric: str) -> str:
    return "AUROC" if metric == "auroc" else figure(metric).name.lower()


def _counted(release: Release) -> str:
    n, named = len(release.declared_gaps), footing(release).gaps_in_plan
    return f"the one {named} gap" if n == 1 else f"{n} {named} gaps"
