"""Reads the table of a folder of pictures, and joins all rows of a picture to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from cohort_selection.clinical import vocabulary
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.tables.cell_words import is_unknown, joined, number
from cohort_selection.tables.column_names import IMAGE_NAMES, field_of, find
from cohort_selection.tables.text_table import read_text_table

_OURS = frozenset({"patient", "study", "age", "sex", "race", "ethnicity", "site"})


class ConversionError(ValueError):
    """A table or folder from which no commons can be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of the table says what; empty where none does."""

    image: str
    patient: str
    age: str = ""
    sex: str = ""
    race: str = ""
    ethnicity: str = ""
    view: str = ""
    site: str = ""
    study: str = ""
    spacing_x: str = ""
    spacing_y: str = ""
    original_width: str = ""
    original_height: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRow:
    """What the table says of one picture; spacing in mm and shape are those of the original."""

    line: int
    image: str
    patient_id: str
    study: str
    age: int | None
    sex: str
    race: str
    ethnicity: str
    view: str
    site: str
    original_spacing: tuple[float, float] | None  # between rows, between columns
    original_shape: tuple[int, int] | None  # rows, columns
    findings: dict[str, str]


def read_image_table(metadata: Path, overrides: Mapping[str, str]) -> list[PictureRow]:
    """Read the table, one row or more a picture; ``overrides`` map fields to columns.

    Raises ConversionError or ClinicalError, naming file and line.
    """
    table = read_text_table(metadata, ConversionError)
    columns = _find_columns(metadata.name, table.columns, overrides)
    for name in {columns.image, columns.patient}:
        table.refuse_shortened(name, ConversionError)
    names = {name: _finding_name(name) for name in table.columns if name}
    rows: list[PictureRow] = []
    sexes: dict[str, tuple[str, int]] = {}
    for number_, cells in table.lines:
        line = dict(zip(table.columns, cells, strict=True))
        row = _row(metadata.name, number_, line, columns, names)
        if row.sex != NOT_REPORTED:
            sex, earlier = sexes.setdefault(row.patient_id, (row.sex, row.line))
            if sex != row.sex:
                raise ConversionError(
                    f"{metadata.name} line {row.line}: sex is {row.sex}, but line {earlier} says "
                    f"{sex} for the same patient; correct one of the two"
                )
        rows.append(row)
    if not rows:
        raise ConversionError(f"{metadata.name}: no rows; expected one line for each image")
    return rows


def _find_columns(table: str, header: Sequence[str], overrides: Mapping[str, str]) -> Columns:
    known = [field.name for field in fields(Columns)]
    for field in overrides:
        if field not in known:
            raise ConversionError(f"column map: {field!r} is unknown; expected {', '.join(known)}")
    shown = ", ".join(name for name in header if name) or "none"
    found: dict[str, str] = {}
    for field in known:
        if field in overrides:
            name = find(header, (overrides[field],)) if overrides[field] else ""
            if name is None:
                raise ConversionError(
                    f"{table} line 1: no column {overrides[field]!r} for the {field}; found {shown}"
                )
            found[field] = name
        else:
            found[field] = find(header, IMAGE_NAMES[field]) or ""
    for field in ("image", "patient"):
        if not found[field]:
            raise ConversionError(
                f"{table} line 1: no column for the {field}; found {shown}; "
                f"name one {' or '.join(IMAGE_NAMES[field][:3])}, or map it"
            )
    return Columns(**found)


def _finding_name(column: str) -> str:
    """The name under which clinical.csv keeps a column that it could take for one of its own."""
    return f"source_{column}" if field_of(column) in _OURS else column


def _row(
    table: str,
    line_number: int,
    line: Mapping[str, str],
    columns: Columns,
    names: Mapping[str, str],
) -> PictureRow:
    place = f"{table} line {line_number}"

    def cell(column: str) -> str:
        text = line.get(column, "") if column else ""
        return "" if is_unknown(text) else text

    image, patient_id = cell(columns.image), cell(columns.patient)
    if not image or not patient_id:
        raise ConversionError(f"{place}: no {'image' if not image else 'patient'}; fill the cell")
    used = set(asdict(columns).values())
    across, down = cell(columns.spacing_x), cell(columns.spacing_y)
    shape = _positive_pair(place, cell(columns.original_height), cell(columns.original_width))
    return PictureRow(
        line=line_number,
        image=image,
        patient_id=patient_id,
        study=cell(columns.study) or image,
        age=vocabulary.age(place, columns.age, cell(columns.age)),
        sex=vocabulary.sex(place, cell(columns.sex)),
        race=vocabulary.race(place, cell(columns.race)),
        ethnicity=vocabulary.ethnicity(place, cell(columns.ethnicity)),
        view=cell(columns.view).upper().replace("?", ""),
        site=cell(columns.site),
        original_spacing=_positive_pair(place, down or across, across or down),
        original_shape=None if shape is None else (round(shape[0]), round(shape[1])),
        findings={names[name]: text for name, text in line.items() if name and name not in used},
    )


def _positive_pair(place: str, first: str, second: str) -> tuple[float, float] | None:
    if not first or not second:
        return None
    one, two = number(first), number(second)
    if one is None or two is None or not (0 < one < 1e6 and 0 < two < 1e6):
        raise ConversionError(
            f"{place}: size or pixel spacing is {first!r}, {second!r}; expected numbers above 0, "
            "or nothing where unknown"
        )
    return one, two


def one_row(table: str, rows: Sequence[PictureRow]) -> PictureRow:
    """One row of all that name one picture: their findings joined by ``|``, each text once.

    What a row leaves open the others say. Raises ConversionError, naming both lines, where two say
    different things of the picture or its patient.
    """
    if len(rows) == 1:
        return rows[0]
    first = min(rows, key=lambda row: row.line)
    agreed: dict[str, object] = {
        field.name: agreement(table, rows, field.name, "picture")
        for field in fields(PictureRow)
        if field.name not in {"line", "image", "findings"}
    }
    # The order of the table changes no byte of what is written.
    ordered = sorted(rows, key=lambda row: tuple(row.findings.values()))
    findings = {name: joined([row.findings[name] for row in ordered]) for name in first.findings}
    return replace(first, **agreed, findings=findings)  # type: ignore[arg-type]


def agreement(table: str, rows: Sequence[PictureRow], field: str, of_what: str) -> object:
    """What all rows that say anything of a field say; raise ConversionError, naming both lines."""
    said: Callable[[PictureRow], object] = lambda row: getattr(row, field)  # noqa: E731
    known = [row for row in rows if said(row) not in (None, "", NOT_REPORTED)]
    for row in known[1:]:
        if said(row) != said(known[0]):
            one, other = sorted((known[0], row), key=lambda each: each.line)
            raise ConversionError(
                f"{table} line {other.line}: {_NAMED.get(field, field)} is {said(other)!r}, but "
                f"line {one.line} says {said(one)!r} for the same {of_what}; correct one of the two"
                + ("" if field in _OF_PICTURE else f", or give two {_PLURAL[of_what]} two names")
            )
    return said(known[0] if known else rows[0])


_NAMED = {"patient_id": "patient", "original_spacing": "spacing", "original_shape": "size"}
_OF_PICTURE = frozenset({"view", "original_spacing", "original_shape"})
_PLURAL = {"picture": "pictures", "study": "studies"}
