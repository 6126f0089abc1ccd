"""Differences between groups: those that were declared with their tests, the others as a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from evaluator.disclosure.control import WITHHELD, Release
from evaluator.glossary import FIGURES, figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import in_order, readable, readable_level
from evaluator.leaderboard.reports.footing import footing
from evaluator.scoring.results import ALL_LEVELS, VERSUS, Result
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from metrics.gaps.differences import MAX_MIN, MIN_MAX, MIXED, WITHOUT
from metrics.gaps.tests import MEANS_OF_GRADES, MEANS_OF_MASKS, SHARES_OF_MASKS

COMPARISONS = {MAX_MIN: "largest less smallest"}
RATIO = " (smallest by largest)"
PARITY = ("demographic_parity", "predictive_parity")
"""Named gaps that are those of the selection rate and of the PPV."""
SHARES = ("auroc", "sensitivity", "specificity")
"""Figures between 0 and 1 whose largest gaps can be named in one sentence."""
ABREAST = 5
"""Comparisons that stand side by side in one table, so that it fits on paper."""
_BY_CLASS = {*MEANS_OF_GRADES, *MEANS_OF_MASKS} - SHARES_OF_MASKS.keys()
"""Means whose test weighs the classes alike."""
MIXES = "*"
"""Beside a figure whose gap mixes in prevalence."""


@dataclass(frozen=True, slots=True)
class DeclaredGap:
    """A gap that is tested: its size, its p-values, and what they say in words."""

    figure: str
    attribute: str
    estimate: Estimate | None
    reason: str
    p: str
    adjusted: str
    verdict: str
    shown: bool


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Figures by comparisons: a row a figure, a column a comparison, all described alone."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate | None, ...]], ...]
    mixed: bool


def declared_gaps(release: Release) -> tuple[DeclaredGap, ...]:
    """Gaps of the plan that are tested: the primary one, then those shown, then the others."""
    found = [_declared(release, *gap) for gap in release.declared_gaps]
    return (*found[:1], *sorted(found[1:], key=lambda gap: not gap.shown))


def _declared(release: Release, metric: str, attribute: str) -> DeclaredGap:
    of = FigureName.read(metric)
    gap = release.find(of.of_kind(Kind.GAP), attribute, MAX_MIN)
    plain, adjusted = (
        release.find(of.of_kind(kind), attribute, ALL_LEVELS)
        for kind in (Kind.GAP_P, Kind.GAP_P_ADJUSTED)
    )
    reason = ""
    if gap is None or gap.value is None:
        known = plain if gap is None else gap
        reason = (known.undefined if known is not None else None) or WITHHELD
    shown, verdict = _verdict(release, plain, adjusted)
    return DeclaredGap(
        _named(metric),
        readable(attribute).lower(),
        gap,
        reason,
        "" if plain is None else numbers.p_value(plain),
        "" if adjusted is None else numbers.p_value(adjusted),
        verdict,
        shown,
    )


def _verdict(
    release: Release, plain: Estimate | None, adjusted: Estimate | None
) -> tuple[bool, str]:
    """Whether a gap was shown at the level of the report, and the sentence that says so."""
    if adjusted is None or adjusted.value is None:
        why = None if plain is None else plain.undefined
        return False, f"its test is {WITHHELD}" if why is None else f"it was not tested: {why}"
    if adjusted.value < 1.0 - release.confidence:
        return True, "a gap was shown"
    return False, "no gap was shown; there may still be one"


def comparisons(
    results: Sequence[Result], whole: Collection[FigureName], name: str
) -> tuple[Comparisons, ...]:
    """Every comparison of an attribute's levels, in tables that fit on paper.

    ``results`` are those of the attribute ``name``, ``whole`` the figures that a group has of its
    own; all others compare groups.
    """
    own = [r for r in results if r.figure not in whole and r.level != ALL_LEVELS]
    # A level by itself: its positives or negatives against those of the other levels.
    levels = {result.level for result in results if result.figure in whole}
    across = [result for result in own if result.level in levels]
    between = [result for result in own if result.level not in levels]
    said = readable(name).lower()
    return (
        *_tables(between, f"Differences between levels of {said}"),
        *_tables(across, f"Levels of {said} against the other levels"),
    )


def _tables(results: Sequence[Result], title: str) -> list[Comparisons]:
    # A figure has either a range or a ratio, which so stand in one column.
    results = [replace(r, level=MAX_MIN) if r.level == MIN_MAX else r for r in results]
    ranges = [MAX_MIN] if any(r.level == MAX_MIN for r in results) else []
    columns = [*ranges, *in_order([r.level for r in results if r.level != MAX_MIN])]
    bases = [str(result.figure.plain) for result in results]
    figures = list(dict.fromkeys(bases))
    found = {(base, r.level): r.estimate for base, r in zip(bases, results, strict=True)}
    made = []
    for first in range(0, len(columns), ABREAST):
        part = columns[first : first + ABREAST]
        rows = [(base, tuple(found.get((base, level)) for level in part)) for base in figures]
        kept = [(base, row) for base, row in rows if any(each is not None for each in row)]
        made.append(
            Comparisons(
                title if first == 0 else f"{title}, continued",
                tuple(_comparison(level) for level in part),
                tuple((_short(base), row) for base, row in kept),
                any(_mixes(base) for base, _ in kept),
            )
        )
    return made


def _mixes(base: str) -> bool:
    return base in MIXED or base.startswith(PARITY)


def _short(base: str) -> str:
    at = bool(FigureName.read(base).at)
    name = figure(base).short if base in FIGURES or at else figure(base).name
    if base.endswith("_ratio"):
        name += RATIO
    return f"{name}{MIXES}" if _mixes(base) else name


def gap_sentences(release: Release, whole: Release | None = None) -> list[str]:
    """What the first screen says of gaps: the primary one, and the largest that may be there.

    ``whole`` is the release that ``release`` is a part of, where it is one.
    """
    declared = release.declared_gaps
    if not declared or release.n_positive is None:
        groups = any(result.figure.kind is Kind.GAP for result in release.results)
        return [_untested(release, whole), *_largest(release)] if groups else []
    if len(release.results) == 1:  # the primary figure alone is told
        return []
    first, *others = declared_gaps(release)
    return [
        f"Primary gap, {_in_words(first, release)}",
        *(f"Gap in {_in_words(gap, release)}" for gap in others if gap.shown),
        *((of_parts(whole),) if whole is not None else ()),
        *_largest(release),
    ]


def _untested(release: Release, whole: Release | None) -> str:
    """Why no gap is tested here."""
    if whole is not None and whole.declared_gaps:
        return "The gaps that are tested are those of the whole; here gaps are described."
    if any(part.declared_gaps for part in release.parts):
        return (
            f"Gaps are described here, and tested in the report of each part. {of_parts(release)}"
        )
    return footing(release).untested_gaps


def of_parts(whole: Release) -> str:
    """That the tests of one part know nothing of the other parts'."""
    n = sum(bool(part.declared_gaps) for part in whole.parts)
    return (
        f"Each of the {n} parts is tested by itself: no p-value is adjusted for their number, so "
        f"that a gap in some part is shown by chance more often than {_error(whole)}."
    )


def _error(release: Release) -> str:
    return f"in {numbers.percent(1.0 - release.confidence)} of studies"


def how_tested(release: Release, whole: Release | None = None) -> str:
    """What a reader must know of the p-values of declared gaps, beside their table."""
    said = [of_parts(whole)] if whole is not None else []
    if any(FigureName.read(name).base in _BY_CLASS for name, _ in release.declared_gaps):
        said.append(
            "The size is that of plain means over cases. The test of a mean weighs positive and "
            "negative cases in each level as in all, so that prevalence alone is no gap."
        )
    return " ".join(said)


def _in_words(gap: DeclaredGap, release: Release) -> str:
    said = f"{gap.figure} by {gap.attribute}: "
    if gap.estimate is None or gap.reason:
        return f"{said}{gap.reason}."
    said += f"largest less smallest {numbers.value(gap.estimate)}"
    if gap.estimate.high is not None:
        said += f" ({numbers.interval(gap.estimate)})"
    if not gap.adjusted:
        return f"{said}; {gap.verdict}."
    verdict, *more = gap.verdict.split("; ")
    tested = f"{gap.adjusted}, adjusted for {_counted(release)}"
    return f"{said}. {verdict.capitalize()} ({tested}){''.join('; ' + each for each in more)}."


def _comparison(level: str) -> str:
    ends, without, name = level.partition(WITHOUT)
    said = COMPARISONS.get(ends, ends) + without + name
    return readable_level(said).replace(VERSUS, " less ")


def _largest(release: Release) -> list[str]:
    """The largest difference of a rate or an AUROC that some interval still holds."""
    gaps = [
        (result.estimate.high, result.figure, result.attribute)
        for result in release.results
        if result.level == MAX_MIN and result.estimate.high is not None
    ]
    candidates = [
        (high, metric, attribute)
        for metric in SHARES
        for high, found, attribute in gaps
        if found == FigureName(metric, kind=Kind.GAP)
    ]
    if not candidates:
        return []
    high, metric, attribute = max(candidates, key=lambda found: found[0])
    return [
        f"The largest gap that these data do not exclude: {high:.2f} in {_named(metric)} "
        f"by {readable(attribute).lower()}."
    ]


def _named(metric: str) -> str:
    return "AUROC" if metric == "auroc" else figure(metric).within


def _counted(release: Release) -> str:
    n, named = len(release.declared_gaps), footing(release).gaps_in_plan
    return f"the one {named} gap" if n == 1 else f"{n} {named} gaps"
