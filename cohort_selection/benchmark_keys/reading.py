"""The one reader of a benchmark's tables: one sentence for whatever is wrong with a file.

Each names the value, the values that fit, and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from cohort_selection.benchmark_keys.keys import Absent, Called, Derived, Give, InFile, Shorthand
from cohort_selection.benchmark_keys.meant import did_you_mean

T = TypeVar("T")
_LONGEST = 120
"""Letters of a value that a message shows."""
_KEYS: dict[type[Any], dict[str, Key]] = {}


@dataclass(frozen=True)
class Key:
    """A key of a table: the field that declares it, and its annotation."""

    field: Field[Any]
    annotation: Any

    @cached_property
    def marks(self) -> tuple[Any, ...]:
        """What stands in ``Annotated``."""
        return get_args(self.annotation)[1:] if get_origin(self.annotation) else ()

    @property
    def name(self) -> str:
        """The key as the file has it; it may be no name that Python allows."""
        aliases = [each.alias for each in self.marks if isinstance(each, FieldInfo)]
        return next((alias for alias in aliases if alias), self.field.name)

    @property
    def derived(self) -> bool:
        """Whether no file may give it."""
        return any(isinstance(each, Derived) for each in self.marks)

    @property
    def required(self) -> bool:
        """Whether a file must give it."""
        return self.field.default is MISSING and self.field.default_factory is MISSING

    @property
    def description(self) -> str:
        """What the key means."""
        found = [each.description for each in self.marks if isinstance(each, FieldInfo)]
        return next((text for text in found if text), "")

    @property
    def absent(self) -> str:
        """What holds without it, in words; empty where the default says it."""
        return next((each.words for each in self.marks if isinstance(each, Absent)), "")

    @property
    def shorthand(self) -> str:
        """The key of its table whose value may stand for the table; empty for none."""
        return next((each.key for each in self.marks if isinstance(each, Shorthand)), "")

    @property
    def table(self) -> type[Any] | None:
        """The class of the table that its value is, or of each table in a list or by a name."""
        inner = self._kind
        if get_origin(inner) in (tuple, Mapping):
            inner = get_args(inner)[0 if get_origin(inner) is tuple else -1]
        return inner if isinstance(inner, type) and is_table(inner) else None

    @property
    def many(self) -> bool:
        """Whether its value is a list of tables."""
        return self.table is not None and get_origin(self._kind) is tuple

    @property
    def by_name(self) -> bool:
        """Whether its value is a table for each of several names."""
        return self.table is not None and get_origin(self._kind) is Mapping

    @property
    def word(self) -> str:
        """What a message calls one table of a list of them."""
        return next((each.word for each in self.marks if isinstance(each, Called)), "rule")

    @property
    def _kind(self) -> Any:
        return get_args(self.annotation)[0] if self.marks else self.annotation

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Checks a value."""
        kind, marks = self.annotation, self.marks
        if marks:  # an alias belongs to the field of a table, not to a value
            kept: list[Any] = []
            for each in marks:
                aliased = isinstance(each, FieldInfo) and each.alias
                kept += each.metadata if aliased else [each]
            kind = Annotated[(get_args(self.annotation)[0], *kept)]
        return TypeAdapter(kind)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of its value."""
        return self.adapter.json_schema()

    @property
    def expected(self) -> str:
        """What to give, as a message says it."""
        said = [each.expected for each in self.marks if isinstance(each, Give)]
        return said[0] if said else expected(self.schema)


def is_table(kind: type[Any]) -> bool:
    """Whether a class declares a table of the file."""
    return is_dataclass(kind) and hasattr(kind, "__pydantic_config__")


def keys_of(kind: type[Any]) -> dict[str, Key]:
    """The keys that a file may give to the table of the class ``kind``, in their order."""
    if kind not in _KEYS:
        hints = get_type_hints(kind, include_extras=True)
        every = (Key(field, hints[field.name]) for field in fields(kind))
        _KEYS[kind] = {key.name: key for key in every if not key.derived}
    return _KEYS[kind]


def read_table(kind: type[T], table: object, path: Path, name: str, error: type[ValueError]) -> T:
    """Read ``table``, the table [``name``] of the file at ``path``, as an object of ``kind``.

    Raises ``error``, or the error of a table's own that a converter raises; either names file,
    table and key.
    """
    return _Reader(path.name, error).table(kind, table, f"[{name}]", name)


def read_key(
    kind: type[Any],
    table: Mapping[str, object],
    key: str,
    path: Path,
    name: str,
    error: type[ValueError],
) -> object:
    """Read one key of a table, whatever else stands in it; its default where it is left out."""
    declared = keys_of(kind)[key]
    if key not in table:
        return declared.field.default
    return _Reader(path.name, error).value(declared, table[key], f"{path.name}: [{name}]", name)


def read_list(
    kind: type[T],
    tables: object,
    path: Path,
    name: str,
    error: type[ValueError],
    word: str,
) -> tuple[T, ...]:
    """Read [[``name``]], tables of one kind in the order of the file; a message numbers them."""
    if not isinstance(tables, list | tuple):
        raise error(f"{path.name}: {name} is {shown(tables)}; begin each table with [[{name}]]")
    reader = _Reader(path.name, error)
    return tuple(
        reader.table(kind, each, f"[[{name}]] {word} {number}", name)
        for number, each in enumerate(tables, start=1)
    )


def refuse_wrong_values(table: object) -> None:
    """Raise ValueError where an object has a value that no file could give it."""
    for name, key in keys_of(type(table)).items():
        value = getattr(table, key.field.name)
        if value == key.field.default or any(isinstance(each, InFile) for each in key.marks):
            continue
        try:
            key.adapter.validate_python(value)
        except ValidationError as problem:
            raise ValueError(_sentence(name, key, value, problem)) from None


@dataclass(frozen=True, slots=True)
class _Reader:
    file: str
    error: type[ValueError]

    def table(self, kind: type[T], table: object, where: str, name: str) -> T:
        place = f"{self.file}: {where}"
        if not isinstance(table, Mapping):
            raise self.error(f"{place} is {shown(table)}; give a table")
        keys = keys_of(kind)
        for given in table:
            if given not in keys:
                raise self.error(f"{place} {no_such_key(given, keys)}")
        for key in keys.values():
            if key.required and key.name not in table:
                raise self.error(f"{place} has no {key.name}; give {key.expected}")
        values = {
            keys[given].field.name: self.value(keys[given], value, place, name)
            for given, value in table.items()
        }
        try:
            return kind(**values)
        except ValueError as problem:
            raise self.error(f"{place}: {problem}") from None

    def value(self, key: Key, value: object, place: str, table: str) -> object:
        name = f"{table}.{key.name}"
        if key.table is not None and key.many:
            if not isinstance(value, list | tuple):
                raise self.error(f"{place} {key.name} is {shown(value)}; give {key.expected}")
            value = tuple(
                self.table(key.table, each, f"[[{name}]] {key.word} {number}", name)
                for number, each in enumerate(value, start=1)
            )
        elif key.table is not None and key.by_name:
            if not isinstance(value, Mapping):
                raise self.error(f"{place} {key.name} is {shown(value)}; give {key.expected}")
            value = {
                each: self.table(key.table, given, f"[{name}.{each}]", f"{name}.{each}")
                for each, given in value.items()
            }
        elif key.table is not None:
            if key.shorthand and isinstance(value, str):
                value = {key.shorthand: value}
            if not isinstance(value, Mapping):
                raise self.error(f"{place} {key.name} is {shown(value)}; give {key.expected}")
            value = self.table(key.table, value, f"[{name}]", name)
        try:
            return key.adapter.validate_python(value)
        except ValidationError as problem:
            told = problem.errors()[0].get("ctx", {}).get("error")
            if isinstance(told, ValueError) and type(told) is not ValueError:
                raise type(told)(f"{self.file}: {told}") from None
            raise self.error(f"{place} {_sentence(key.name, key, value, problem)}") from None


def no_such_key(given: object, known: Iterable[str], kind: str = "key") -> str:
    """What to say of a key, or another kind of name, that is none of those known."""
    known = list(known)
    return (
        f"has {given!r}, which is no {kind}{did_you_mean(given, known)}; its {kind}s are "
        f"{', '.join(known)}: use one of these, or leave it out"
    )


def shown(value: object) -> str:
    """A value as a message shows it, cut where it is long."""
    text = value.isoformat() if isinstance(value, date) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _sentence(name: str, key: Key, value: object, problem: ValidationError) -> str:
    told = problem.errors()[0].get("ctx", {}).get("error")
    if isinstance(told, ValueError) and str(told):
        return f"{name} {told}"
    choices = key.schema.get("enum", ())
    near = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"{name} is {shown(value)}; give {key.expected}{near}"


def expected(schema: Mapping[str, Any]) -> str:
    """What to give for a value of this JSON Schema, in words."""
    if "enum" in schema:
        return f"one of {', '.join(map(repr, schema['enum']))}"
    if "anyOf" in schema:
        kinds = [expected(each) for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    match schema.get("type"):
        case "integer":
            return f"a whole number{_bounds(schema)}"
        case "number":
            return f"a number{_bounds(schema)}"
        case "boolean":
            return "true or false"
        case "string" if schema.get("format") == "date":
            return "a date without quotes, as 2026-01-31"
        case "string":
            return "a text in quotes"
        case "array":
            items = expected(schema.get("items", {}))
            return f"a list, each item {items}"
        case _:
            return "a table"


def _bounds(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        between = "exclusiveMinimum" in schema and "exclusiveMaximum" in schema
        words = ("between", "and") if between else ("from", "to")
        below = "below " if "exclusiveMaximum" in schema and not between else ""
        return f" {words[0]} {_plain(low)} {words[1]} {below}{_plain(high)}"
    if low is not None:
        return f" {'above' if 'exclusiveMinimum' in schema else 'from'} {_plain(low)}"
    return "" if high is None else f" up to {_plain(high)}"


def _plain(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"
