"""Recognises the columns of a clinical table by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Give, InFile, Text
from cohort_selection.benchmark_keys.reading import no_such_key, read_table
from cohort_selection.clinical import vocabulary as cells
from cohort_selection.clinical.vocabulary import ClinicalError
from cohort_selection.tables.column_names import NAMES, has_row_a_finding, key
from cohort_selection.tables.text_table import read_text_table

MAPPABLE = (
    "patient", "study", "age", "sex", "race", "ethnicity", "site", "study_day", "test_name",
    "test_result", "test_day",
)  # fmt: skip
"""Fields that ``read`` can be told the column of."""

# Lists in the MIDRC dictionary, or made lists by the portal; exports flatten them to name_0, ...
_LISTS = frozenset(
    {
        "associated_ids",
        "body_part_examined",
        "data_category",
        "data_format",
        "data_type",
        "image_type",
        "imager_pixel_spacing",
        "index_event",
        "linked_external_data",
        "modality",
        "object_id",
        "pixel_spacing",
        "race_ethnicity_detail",
        "study_modality",
        "view_position",
        "zip",
    }
)
_MOST_KNOWN = 100_000
"""Different cells of a field whose meaning is kept."""
_Parsed = TypeVar("_Parsed")
MODALITIES = frozenset({"modality", "study_modality"})

# Nodes that have many rows for one patient or study, by their type or by a column of their own.
_MANY_TYPES = frozenset(
    {"annotation", "condition", "medication", "observation", "procedure", "visit"}
)
_MANY_COLUMNS = frozenset({"series_uid", "condition_code", "condition_name", "procedure_name"})


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a table, for messages."""

    table: str
    line: int

    def __str__(self) -> str:
        """As a message names it."""
        return f"{self.table} line {self.line}"


def _known_fields(columns: Mapping[str, str]) -> Mapping[str, str]:
    for name in columns:
        if name not in MAPPABLE:
            raise ValueError(no_such_key(name, MAPPABLE, "field"))
    return columns


@dataclass(frozen=True, slots=True)
class ClinicalColumns:
    """The [clinical] table of a benchmark's file: a map from field to column."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    columns: Annotated[
        Mapping[str, str],
        InFile(dict[str, Annotated[Text, Field(min_length=1)]], _known_fields),
        Give('a table of columns in quotes, as [clinical.columns] with patient = "Patient ID"'),
        Absent("none"),
        Field(
            description="`[clinical.columns]`: which column of a clinical table is which field, as "
            '`patient = "Patient ID"`',
            json_schema_extra={"propertyNames": {"enum": list(MAPPABLE)}},
        ),
    ] = field(default_factory=dict)


def read_columns(table: Mapping[str, object], path: Path) -> dict[str, str]:
    """Read the [clinical] table of a benchmark's file: ``columns``, a map from field to column.

    Raises ``ClinicalError``, naming file and key.
    """
    return dict(read_table(ClinicalColumns, table, path, "clinical", ClinicalError).columns)


def refuse_unknown_fields(columns: Iterable[str], where: str) -> None:
    """Raise ``ClinicalError`` for a field that cannot be mapped."""
    for name in columns:
        if name not in MAPPABLE:
            raise ClinicalError(f"{where} {no_such_key(name, MAPPABLE, 'field')}")


class Header:
    """Which columns a table has; lists that were flattened are put together again."""

    def __init__(self, table: str, names: Sequence[str], columns: Mapping[str, str]) -> None:
        """Take the table's name, its columns, and a map from field to column."""
        self.table = table
        self.names = names
        self.many = False
        lists = set(map(key, _LISTS))
        known = {key(name) for aliases in NAMES.values() for name in aliases} | lists
        self._columns: dict[str, list[int]] = {}
        self._by_key: dict[str, list[str]] = {}
        for position, name in enumerate(names):
            plain = name.lstrip("*")
            flattened = re.fullmatch(r"(.+?)_(\d+)", plain)
            if flattened and key(flattened[1]) in known:
                plain = flattened[1]
            if key(plain) in lists:
                plain = plain.lower()
            if plain not in self._columns:
                self._by_key.setdefault(key(plain), []).append(plain)
            self._columns.setdefault(plain, []).append(position)
        self._aliases = {
            field: (columns[field],)
            if field in columns and self._named(columns[field])
            else aliases
            for field, aliases in NAMES.items()
        }
        self._refuse_alike()
        self._positions = {field: self._under(names) for field, names in self._aliases.items()}
        self._findings = self._plan_findings()
        self._read: dict[tuple[str, ...], tuple[list[int], dict[tuple[str, ...], Any]]] = {}

    def _named(self, name: str) -> list[str]:
        """The columns of this name: exactly it, else those that spell it otherwise."""
        return [name] if name in self._columns else self._by_key.get(key(name), [])

    def _refuse_alike(self) -> None:
        """Two spellings of one field's name leave open which is meant."""
        for names in self._aliases.values():
            for name in names:
                alike = self._named(name)
                if len(alike) > 1:
                    raise ClinicalError(
                        f"{self.table} line 1: the columns {' and '.join(map(repr, alike))} have "
                        "one name; leave one out, or rename it"
                    )

    def _under(self, names: Iterable[str]) -> list[int]:
        return [
            position
            for name in names
            for column in self._named(name)
            for position in self._columns[column]
        ]

    def _plan_findings(self) -> list[tuple[str, list[int]]]:
        """Names and positions of the columns that are nobody else's.

        Of the columns that can name a patient only the one that does is taken: submitter_id is a
        finding where it is the study's.
        """
        taken = {
            column
            for field in NAMES
            if field != "patient"
            for name in self._aliases[field]
            for column in self._named(name)
        }
        patients = [c for name in self._aliases["patient"] for c in self._named(name)]
        taken.update(patients[:1])
        return [
            (plain if plain in _LISTS else self.names[positions[0]].lstrip("*"), positions)
            for plain, positions in self._columns.items()
            if plain and plain not in taken
        ]

    @property
    def ids(self) -> list[str]:
        """The columns that name patients or studies."""
        return [self.names[p] for field in ("patient", "study") for p in self._positions[field]]

    def has(self, field: str) -> bool:
        """Whether a column says this."""
        return bool(self._positions[field])

    def require(self, field: str, what: str) -> None:
        """Raise ``ClinicalError`` where no column says this."""
        if not self.has(field):
            shown = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
            raise ClinicalError(
                f"{self.table} line 1: no column for {what}; found {shown}; "
                f"name one of them {' or '.join(self._aliases[field][:4])}, or say which it is in "
                "[clinical.columns]"
            )

    def said(self, field: str, line: Sequence[str]) -> list[tuple[str, str]]:
        """Column and text of every cell for a field that says something, best column first."""
        return [
            (self.names[position], line[position])
            for position in self._positions[field]
            if not cells.is_unknown(line[position])
        ]

    def first(self, field: str, line: Sequence[str]) -> str:
        """The first text for a field that says something; empty where none does."""
        for position in self._positions[field]:
            if not cells.is_unknown(line[position]):
                return line[position]
        return ""

    def once(
        self, fields: tuple[str, ...], line: Sequence[str], parse: Callable[[], _Parsed]
    ) -> _Parsed:
        """What ``parse`` makes of the cells for these fields, once for all lines that have them."""
        if fields not in self._read:
            positions = [place for field in fields for place in self._positions[field]]
            self._read[fields] = positions, {}
        positions, known = self._read[fields]
        said = tuple([line[place] for place in positions])
        if said not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[said] = parse()
        found: _Parsed = known[said]
        return found

    def under(self, names: Iterable[str], line: Sequence[str]) -> list[str]:
        """Texts that are not blank in the columns of these names."""
        return [line[position] for position in self._under(names) if line[position]]

    def findings(self, line: Sequence[str]) -> dict[str, str]:
        """The columns that are nobody else's."""
        found: dict[str, str] = {}
        for name, positions in self._findings:
            if name in MODALITIES:
                found[name] = cells.modalities([line[position] for position in positions])
            elif len(positions) == 1:
                found[name] = line[positions[0]]
            else:
                texts = (line[position] for position in positions)
                found[name] = "|".join(dict.fromkeys(text for text in texts if text))
        return found


def open_table(
    path: Path, columns: Mapping[str, str]
) -> tuple[Header, list[tuple[Place, list[str]]]]:
    """Open a table: its header, and each line's place and cells.

    Raises ``ClinicalError`` where it is no table or does not say whom its lines are about.
    """
    table = read_text_table(path, ClinicalError)
    header = Header(table.name, table.columns, columns)
    if not header.has("study"):
        header.require("patient", "the patient")
    if header.has("test_result") and not header.has("test_before_study"):
        header.require("test_day", "the day of the test")
    for name in header.ids:
        table.refuse_shortened(name, ClinicalError)
    lines = [(Place(table.name, number), line) for number, line in table.lines]
    header.many = _has_many_rows(header, lines)
    return header, lines


def _has_many_rows(header: Header, lines: Sequence[tuple[Place, list[str]]]) -> bool:
    types = {text for _, line in lines for text in header.under(("type",), line)}
    if types and all(name in _MANY_TYPES or name.endswith("_file") for name in types):
        return True
    own = not types and any(name.lower().lstrip("*") in _MANY_COLUMNS for name in header.names)
    return own or has_row_a_finding(header.names)
