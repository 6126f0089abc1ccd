"""What the tables of a benchmark name, held against the tables where it must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.cases import LABEL
from cohort_selection.clinical.levels import levels_of
from cohort_selection.plan.cohort_plan import YEARS, years_are_no_level
from evaluator.benchmark.about import SpecificationError
from evaluator.disclosure.suppression import JOINT

if TYPE_CHECKING:
    from evaluator.benchmark.specification import Benchmark


def refuse_years(benchmark: Benchmark) -> None:
    """Raise SpecificationError where the age in years is to make groups."""
    intersected = {name for names in benchmark.analysis.intersections for name in names}
    compared = {name for _, by in benchmark.analysis.declared_gaps for name in by.split(JOINT)}
    for where, named in (
        ("[analysis] subgroups", set(benchmark.analysis.subgroups)),
        ("[analysis] intersections", intersected),
        ("[analysis] gaps", compared),
    ):
        if YEARS in named:
            raise SpecificationError(f"{benchmark.path.name}: {where} {years_are_no_level(YEARS)}")


def refuse_parts_alone(benchmark: Benchmark) -> None:
    """Raise SpecificationError where a combination is asked for, and not one of its parts."""
    intersected = {name for names in benchmark.analysis.intersections for name in names}
    if alone := sorted(intersected - set(benchmark.analysis.subgroups)):
        raise SpecificationError(
            f"{benchmark.path.name}: [analysis] intersections has {', '.join(alone)}, which "
            "[analysis] subgroups has not; add it there: a combination is shown beside its parts"
        )


def refuse_names_of_nothing(benchmark: Benchmark) -> None:
    """Raise SpecificationError for a name or a day that means nothing beside the other tables.

    An installed file may have some of them: an earlier version took them.
    """
    for problem in (
        *_twice(benchmark),
        *_references(benchmark),
        *_levels_of_claims(benchmark),
        *_days(benchmark),
    ):
        raise SpecificationError(f"{benchmark.path.name}: {problem}")


def _twice(benchmark: Benchmark) -> Iterator[str]:
    """Names and numbers that stand twice in one list."""
    plan, attributes = benchmark.analysis, benchmark.cohort.criteria.attributes
    lists: tuple[tuple[str, Iterable[object]], ...] = (
        ("[cohort] attributes", attributes),
        ("[disclosure] nested", benchmark.disclosure.nested),
        ("[analysis] specificities", plan.specificities),
        ("[analysis] sensitivities", plan.sensitivities),
        ("[analysis] prevalences", plan.prevalences),
    )
    for where, values in lists:
        for value, times in Counter(values).items():
            if times > 1:
                shown = list(value) if isinstance(value, tuple) else value
                yield f"{where} has {shown!r} {times} times; give it once"
    if LABEL in attributes:
        yield (
            f"[cohort] attributes has {LABEL!r}, which stands for the reference standard in all "
            "tables; give the column another name in the table, or leave it out"
        )


def _references(benchmark: Benchmark) -> Iterator[str]:
    """Levels of comparison of groups that are not made, or that nobody can have."""
    plan = benchmark.analysis
    made = (*plan.subgroups, *(JOINT.join(names) for names in plan.intersections))
    for attribute, level in plan.references:
        if attribute not in made:
            yield (
                f"[analysis] references has {attribute!r}{did_you_mean(attribute, made)}, and "
                f"groups are made by {', '.join(made) or 'nothing'}; name one of these, or add it "
                "to subgroups"
            )
            continue
        names, parts = attribute.split(JOINT), level.split(JOINT)
        if len(names) != len(parts):
            yield (
                f"[analysis] references has {level!r} for {attribute!r}; give a level of each, "
                f"with {JOINT!r} between them"
            )
            continue
        for name, part in zip(names, parts, strict=True):
            yield from _no_level(benchmark, "[analysis] references", name, part)


def _levels_of_claims(benchmark: Benchmark) -> Iterator[str]:
    for claim in () if benchmark.study is None else benchmark.study.claims:
        for name, level in claim.within:
            yield from _no_level(benchmark, f"claim {claim.name!r}", name, level)


def _no_level(benchmark: Benchmark, where: str, name: str, level: str) -> Iterator[str]:
    known = levels_of(name, benchmark.cohort.criteria.age_bands)
    if known and level not in known:
        yield (
            f"{where} names {name} {level!r}{did_you_mean(level, known)}; {name} can be "
            f"{', '.join(known)}: give one of these"
        )


def _days(benchmark: Benchmark) -> Iterator[str]:
    """Days of comparison before anybody may submit."""
    opens = benchmark.period.opens
    for day in benchmark.board.freeze_on:
        if opens is not None and day <= opens:
            yield (
                f"[board] freeze_on has {day}, and [benchmark] opens on {opens}: nothing can be "
                "compared at its beginning; give a later day"
            )
