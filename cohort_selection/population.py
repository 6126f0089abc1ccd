"""A table of patients, or of counts or shares by level, as a population to compare with another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cohort_selection.clinical_cells import NOT_REPORTED, TOP_CODED, over_89
from cohort_selection.randomness import generator
from cohort_selection.representativeness import Deviation, chance, deviation
from cohort_selection.study_values import age_group
from cohort_selection.text_table import TextTable, amount, read_text_table

AGES = ("age", "age_at_index")
MOST_LEVELS = 200
_UNSAID = frozenset(("", "not reported", "unknown", "none", "nan"))
_SEED = 0


class PopulationError(ValueError):
    """A table that cannot be compared with another."""


@dataclass(frozen=True, slots=True)
class Population:
    """Counts or shares of levels by attribute; ``rows`` too where the table lists patients.

    ``size`` is the number of patients of each attribute, None where only shares are known.
    """

    name: str
    tallies: Mapping[str, Mapping[str, float]]
    size: Mapping[str, int | None]
    rows: Mapping[str, Sequence[str]]


def read_population(path: Path, age_bands: Sequence[int]) -> Population:
    """Read a CSV or TSV: one row a patient, or the columns attribute, level, and share or count.

    A column ``age`` or ``age_at_index`` of years is grouped by ``age_bands``; where a column of the
    same name with ``_gt89`` says so, the patient is over 89. Empty cells are Not Reported. Raises
    PopulationError with the line.
    """
    table = read_text_table(path, PopulationError)
    if not table.lines:
        raise PopulationError(f"{path.name} has a header and no rows; give a table with rows")
    if {"attribute", "level"} <= set(table.columns):
        return _tallied(table)
    columns: dict[str, list[str]] = {}
    for place, name in enumerate(table.columns):
        cells = [_level(line[place]) for _, line in table.lines]
        if name in AGES:
            over = [False] * len(cells)
            if f"{name}_gt89" in table.columns:  # MIDRC's mark of an age that is withheld
                mark = table.columns.index(f"{name}_gt89")
                over = [over_89(line[mark]) for _, line in table.lines]
            cells = [
                _banded(str(TOP_CODED) if withheld else cell, age_bands, f"{path.name} line {n}")
                for cell, withheld, (n, _) in zip(cells, over, table.lines, strict=True)
            ]
        columns[name] = cells
    return Population(
        path.name,
        {name: Counter(cells) for name, cells in columns.items()},
        dict.fromkeys(columns, len(table.lines)),
        columns,
    )


def common_attributes(one: Population, other: Population, named: Sequence[str]) -> tuple[str, ...]:
    """The named attributes, or all that both tables have and that are no list of names.

    Raises PopulationError where one is missing, or nothing is left.
    """
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
            Counter(zip(*(side.rows[a] for a in attributes), strict=True)) for side in (one, other)
        ]
        first, second = (
            {" x ".join(levels): float(n) for levels, n in side.items()} for side in sides
        )
        row = replace(
            deviation(together, first, second),
            jsd_without_not_reported=deviation(
                together, _reported(sides[0]), _reported(sides[1])
            ).jsd
            if _reported(sides[0]) and _reported(sides[1])
            else None,
        )
        found.append(_with_chance(row, second, sum(sides[0].values())))
    return tuple(found)


def _reported(counts: Mapping[tuple[str, ...], int]) -> dict[str, float]:
    """The cells of a joint table in which everything was reported."""
    return {
        " x ".join(levels): float(n) for levels, n in counts.items() if NOT_REPORTED not in levels
    }


def _with_chance(row: Deviation, wanted: Mapping[str, float], n: int | None) -> Deviation:
    if n is None:
        return row
    median, high = chance(wanted, n, generator(_SEED, "chance", row.attribute))
    return replace(row, chance_median=median, chance_high=high)


def _tallied(table: TextTable) -> Population:
    kind = next((name for name in ("count", "share") if name in table.columns), None)
    if kind is None:
        raise PopulationError(
            f"{table.name} has the columns attribute and level, and neither count nor share; add "
            "one of them"
        )
    place = {name: table.columns.index(name) for name in ("attribute", "level", kind)}
    tallies: dict[str, dict[str, float]] = {}
    for number, line in table.lines:
        attribute, level = line[place["attribute"]], _level(line[place["level"]])
        text = line[place[kind]]
        if (found := amount(text)) is None:
            raise PopulationError(
                f"{table.name} line {number}: {kind} is {text!r}; give a number, 0 or more"
            )
        if level in tallies.setdefault(attribute, {}):
            raise PopulationError(f"{table.name} line {number}: {attribute} {level} stands twice")
        tallies[attribute][level] = found
    for attribute, levels in tallies.items():
        if not sum(levels.values()):
            raise PopulationError(f"{table.name}: {attribute} has nobody in any level")
    size = {
        name: round(sum(levels.values())) if kind == "count" else None
        for name, levels in tallies.items()
    }
    return Population(table.name, tallies, size, {})


def _level(cell: str) -> str:
    return NOT_REPORTED if cell.lower() in _UNSAID else cell


def _banded(cell: str, bands: Sequence[int], where: str) -> str:
    if cell == NOT_REPORTED:
        return cell
    try:
        years = int(float(cell))
    except ValueError:
        raise PopulationError(f"{where}: age is {cell!r}; give years, or leave it empty") from None
    return age_group(years, bands)
