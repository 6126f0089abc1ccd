"""What is printed from the declarations of tables: lists of keys and the schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from cohort_selection.benchmark_keys.keys import InFile
from cohort_selection.benchmark_keys.reading import Key, keys_of

BEGIN = "<!-- keys of [{}], made by `python -m evaluator.benchmark.keys_page` -->"
END = "<!-- end of the keys -->"


class Schema(GenerateJsonSchema):
    """Leaves out what TOML does not have, null, and titles that repeat the names of keys."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """The schema of the value that is not null."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No titles."""
        return False


def without_defaults_of_other_form(schema: dict[str, Any], kinds: Iterable[type[Any]]) -> None:
    """Take defaults from the JSON Schema that a file could not have, and developers' words."""
    for kind in kinds:
        definition = schema["$defs"][kind.__name__]
        definition.pop("description", None)
        definition.pop("title", None)
        for name, key in keys_of(kind).items():
            in_file = not any(isinstance(each, InFile) for each in key.marks)
            if key.absent or key.field.default is None or not in_file:
                definition["properties"][name].pop("default", None)


def key_table(kind: type[Any]) -> str:
    """The keys of a table in Markdown, a line each: name, default and meaning."""
    lines = ["| key | default | meaning |", "| --- | --- | --- |"]
    lines += [
        f"| `{name}` | {default(key)} | {key.description} |" for name, key in keys_of(kind).items()
    ]
    return "\n".join(lines)


def default(key: Key) -> str:
    """What holds where the key is left out, for people."""
    if key.required:
        return "required"
    if key.absent:
        return key.absent
    value = key.field.default
    if value is MISSING or value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:g}" if isinstance(value, float) else str(value)


def replaced(page: str, tables: Mapping[str, type[Any]]) -> str:
    """The page with every list of keys made again; raises ValueError where one has no place."""
    for name, kind in tables.items():
        begin = BEGIN.format(name)
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(END)
        if not found or not ended:
            raise ValueError(f"the page has no line {begin}, or no {END} after it; add them")
        page = f"{before}{begin}\n\n{key_table(kind)}\n\n{END}{after}"
    return page
