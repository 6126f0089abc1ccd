"""Reads a table of patients, or of counts or shares by level, as a population."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from cohort_selection.clinical.age_bands import band_of
from cohort_selection.clinical.vocabulary import NOT_REPORTED, ClinicalError, level
from cohort_selection.representativeness.distance import Deviation, chance, deviation
from cohort_selection.sampling.randomness import generator
from cohort_selection.tables.cell_words import is_unknown
from cohort_selection.tables.column_names import NAMES, field_of, find, key
from cohort_selection.tables.text_table import TextTable, amount, read_text_table

MOST_LEVELS = 200
_SEED = 0
_Level = TypeVar("_Level", str, tuple[str, ...])


class PopulationError(ValueError):
    """A table that cannot be compared with another."""


@dataclass(frozen=True, slots=True)
class Population:
    """Counts or shares of levels by attribute; ``rows`` too where the table lists patients.

    ``size`` is the number of patients of each attribute, None where only shares are known.
    ``weights`` are those of the rows: a patient of several rows counts once, in equal parts.
    """

    name: str
    tallies: Mapping[str, Mapping[str, float]]
    size: Mapping[str, int | None]
    rows: Mapping[str, Sequence[str]]
    weights: Sequence[float] = ()


def read_population(path: Path, age_bands: Sequence[int]) -> Population:
    """Read a table: a row a patient or image, or the columns attribute, level, and share or count.

    A column of ages in years, such as ``age`` or ``age_at_imaging``, is grouped by ``age_bands``;
    where a column of the same name with ``_gt89`` says so, the patient is over 89. What says that
    nothing is known is Not Reported; sex, race and ethnicity are in MIDRC's words. Raises
    PopulationError with the line.
    """
    table = read_text_table(path, PopulationError)
    if not table.lines:
        raise PopulationError(f"{path.name} has a header and no rows; give a table with rows")
    if {"attribute", "level"} <= set(map(key, table.columns)):
        return _tallied(table)
    weights = _weights(table)
    columns: dict[str, Sequence[str]] = {}
    for name in filter(None, table.columns):
        cells = table.column(name)
        if field_of(name) == "age":
            columns[name] = _bands(table, name, cells, age_bands)
        else:
            columns[name] = [level(name, cell) for cell in cells]
    size = round(sum(weights))
    return Population(
        path.name,
        {name: _count(cells, weights) for name, cells in columns.items()},
        dict.fromkeys(columns, size),
        columns,
        weights,
    )


def _weights(table: TextTable) -> list[float]:
    """The part of a patient that each row is; one whose patient is not known is a patient."""
    column = find(table.columns, NAMES["patient"])
    if column is None:
        return [1.0] * len(table.lines)
    table.refuse_shortened(column, PopulationError)
    patients = table.column(column)
    times = Counter(patients)
    return [1.0 if is_unknown(patient) else 1.0 / times[patient] for patient in patients]


def _bands(
    table: TextTable, name: str, cells: Sequence[str], age_bands: Sequence[int]
) -> list[str]:
    mark = find(table.columns, (f"{name}_gt89",))
    marks = table.column(mark) if mark is not None else [""] * len(cells)
    try:
        return [
            band_of(f"{table.name} line {number}", name, cell, over, age_bands)
            for (number, _), cell, over in zip(table.lines, cells, marks, strict=True)
        ]
    except ClinicalError as wrong:
        raise PopulationError(str(wrong)) from None


def _count(cells: Iterable[_Level], weights: Iterable[float]) -> dict[_Level, float]:
    counts: dict[_Level, float] = {}
    for cell, weight in zip(cells, weights, strict=True):
        counts[cell] = counts.get(cell, 0.0) + weight
    return counts


def _named_as(one: Population, other: Population) -> Population:
    """The other population with its columns named as the first's.

    Those that are spelled otherwise; and those of sex, race, ethnicity and age, whatever their
    name, where each has one such column.
    """
    names: dict[str, str] = {}
    for name in other.tallies:
        spelled = find(tuple(one.tallies), (name,))
        if spelled is not None and spelled not in {*other.tallies, *names.values()}:
            names[name] = spelled
    for field in ("sex", "race", "ethnicity", "age"):
        ours = [name for name in one.tallies if field_of(name) == field]
        theirs = [name for name in other.tallies if field_of(name) == field]
        if len(ours) == len(theirs) == 1 and ours != theirs:
            names[theirs[0]] = ours[0]
    return Population(
        other.name,
        {names.get(name, name): counts for name, counts in other.tallies.items()},
        {names.get(name, name): size for name, size in other.size.items()},
        {names.get(name, name): cells for name, cells in other.rows.items()},
        other.weights,
    )


def common_attributes(one: Population, other: Population, named: Sequence[str]) -> tuple[str, ...]:
    """The named attributes, or all that both tables have and that are no list of names.

    A column of sex, race, ethnicity or age has the name that the first table gives it; the case of
    a name, its blanks and marks do not matter. Raises PopulationError where one is missing, or
    nothing is left.
    """
    other = _named_as(one, other)
    named = [find(tuple(one.tallies), (name,)) or name for name in named]
    for name in named:
        for side in (one, other):
            if name not in side.tallies:
                raise PopulationError(
                    f"{side.name} has no attribute {name!r}; it has {', '.join(side.tallies)}"
                )
    found = tuple(named) or tuple(
        name
        for name in one.tallies
        if name in other.tallies
        and field_of(name) not in {"patient", "study"}
        and max(len(one.tallies[name]), len(other.tallies[name])) <= MOST_LEVELS
        and all(set(side.tallies[name]) != {NOT_REPORTED} for side in (one, other))
    )
    if not found:
        raise PopulationError(
            f"{one.name} and {other.name} have no attribute in common; "
            f"the first has {', '.join(one.tallies)}; the second {', '.join(other.tallies)}"
        )
    return found


def compare_populations(
    one: Population, other: Population, attributes: Sequence[str]
) -> tuple[Deviation, ...]:
    """Distances of ``one`` from ``other``, each beside those of random draws of as many patients.

    Jointly over all attributes too, where both tables list patients.
    """
    other = _named_as(one, other)
    found = [
        _with_chance(
            deviation(name, one.tallies[name], other.tallies[name]),
            other.tallies[name],
            one.size[name],
        )
        for name in attributes
    ]
    if len(attributes) > 1 and one.rows and other.rows:
        together = " x ".join(attributes)
        sides = [
            _count(zip(*(side.rows[a] for a in attributes), strict=True), side.weights)
            for side in (one, other)
        ]
        first, second = ({" x ".join(levels): n for levels, n in side.items()} for side in sides)
        row = replace(
            deviation(together, first, second),
            jsd_without_not_reported=deviation(
                together, _reported(sides[0]), _reported(sides[1])
            ).jsd
            if _reported(sides[0]) and _reported(sides[1])
            else None,
        )
        found.append(_with_chance(row, second, round(sum(sides[0].values()))))
    return tuple(found)


def _reported(counts: Mapping[tuple[str, ...], float]) -> dict[str, float]:
    """The cells of a joint table in which everything was reported."""
    return {" x ".join(levels): n for levels, n in counts.items() if NOT_REPORTED not in levels}


def _with_chance(row: Deviation, wanted: Mapping[str, float], n: int | None) -> Deviation:
    if n is None:
        return row
    median, high = chance(wanted, n, generator(_SEED, "chance", row.attribute))
    return replace(row, chance_median=median, chance_high=high)


def _tallied(table: TextTable) -> Population:
    kind = find(table.columns, ("count", "share"))
    if kind is None:
        raise PopulationError(
            f"{table.name} has the columns attribute and level, and neither count nor share; add "
            "one of them"
        )
    named = [find(table.columns, (name,)) or "" for name in ("attribute", "level")]
    cells = zip(*(table.column(name) for name in (*named, kind)), strict=True)
    tallies: dict[str, dict[str, float]] = {}
    for (number, _), (attribute, said, text) in zip(table.lines, cells, strict=True):
        of = level(attribute, said)
        if (found := amount(text)) is None:
            raise PopulationError(
                f"{table.name} line {number}: {kind} is {text!r}; give a number, 0 or more"
            )
        if of in tallies.setdefault(attribute, {}):
            raise PopulationError(f"{table.name} line {number}: {attribute} {of} stands twice")
        tallies[attribute][of] = found
    for attribute, levels in tallies.items():
        if not sum(levels.values()):
            raise PopulationError(f"{table.name}: {attribute} has nobody in any level")
    size = {
        name: round(sum(levels.values())) if key(kind) == "count" else None
        for name, levels in tallies.items()
    }
    return Population(table.name, tallies, size, {})
