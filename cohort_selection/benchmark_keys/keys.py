"""Words in which a field of a dataclass declares a key of a benchmark's file.

``Whole``, ``Number``, ``Truth``, ``Text`` and ``Day`` are values as TOML has them: a text is no
number, true is not 1. What else a key needs stands in ``Annotated``: pydantic's ``Field`` with
bounds and description, and the marks below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic_core import CoreSchema, PydanticOmit, core_schema

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Truth = Annotated[bool, Strict()]
Text = Annotated[str, Strict()]
Day = Annotated[date, Strict()]


@dataclass(frozen=True, slots=True)
class Derived:
    """No file may give the field; the program works it out."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> NoReturn:
        """Leave the field out of the schema."""
        raise PydanticOmit


@dataclass(frozen=True, slots=True)
class Give:
    """What a message says to give, where the type and the bounds do not say enough."""

    expected: str


@dataclass(frozen=True, slots=True)
class Absent:
    """What holds where the key is left out, for the documentation, where the default is silent."""

    words: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of these."""

    values: tuple[str | float, ...]

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate as the type does, and then look for the value in the list."""
        return core_schema.no_info_after_validator_function(self._refuse_other, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say the values."""
        return {**handler(schema), "enum": list(self.values)}

    def _refuse_other(self, value: str | float) -> str | float:
        if value not in self.values:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class InFile:
    """The file has ``form``, which ``convert`` makes into the field's own type.

    The text of a ValueError of ``convert`` is what the message says after the key; without a
    text, the message says what to give.
    """

    form: Any
    convert: Callable[[Any], object]

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate the form, then convert it."""
        return core_schema.no_info_after_validator_function(
            self.convert, handler.generate_schema(self.form)
        )


@dataclass(frozen=True, slots=True)
class Shorthand:
    """In place of a table the file may have the value of its one key ``key``."""

    key: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Allow a text beside the table."""
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(schema)]}


@dataclass(frozen=True, slots=True)
class Called:
    """What one table of a list of tables is called in a message, where it is no rule."""

    word: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema as it is."""
        return handler(schema)
