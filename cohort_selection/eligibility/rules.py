"""Inclusion and exclusion rules: one field, one test, and a policy for unknown values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from cohort_selection.benchmark_keys.keys import (
    Absent,
    Derived,
    Give,
    InFile,
    Number,
    OneOf,
    Text,
    Truth,
)
from cohort_selection.study_table.study_values import Values
from cohort_selection.tables.cell_words import is_unknown, number


def _words(said: str | float | list[str | float]) -> tuple[str | float, ...]:
    allowed = said if isinstance(said, list) else [said]
    if not allowed or any(isinstance(each, str) and not each.strip() for each in allowed):
        raise ValueError
    for each in allowed:
        if isinstance(each, str) and is_unknown(each):
            raise ValueError(
                f"has {each!r}, which says that it is not known; give known = false, or "
                'unknown = "keep" beside what else it may be'
            )
    return tuple(each if isinstance(each, str) else float(each) for each in allowed)


def _expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is {pattern!r}, no regular expression ({error}); correct it") from error
    return pattern


def _keeps(word: str) -> bool:
    return word == "keep"


_Finite = Annotated[Number, Field(allow_inf_nan=False)]
_Value = Text | _Finite


@dataclass(frozen=True, slots=True)
class Rule:
    """One test of one field; ``excludes`` where a study that passes it is left out.

    Of ``values``, ``matches``, ``known`` and the two limits, one is given; the limits may come
    together. A study whose field is not known is left out, either way, unless ``keep_unknown``.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    field: Annotated[
        Text,
        Give('one in quotes, such as field = "BitsStored"'),
        Field(min_length=1, description="what is tested: see below"),
    ]
    values: Annotated[
        tuple[str | float, ...],
        InFile(_Value | list[_Value], _words),
        Field(alias="is"),
        Give("a text, a number, or a list of them"),
        Field(
            description="a text, a number, or a list of them: the field must be one of these; "
            "capitals do not matter",
        ),
    ] = ()
    at_least: Annotated[
        _Finite | None,
        Give("a number"),
        Field(description="the smallest number that will do; may stand beside `at_most`"),
    ] = None
    at_most: Annotated[
        _Finite | None,
        Give("a number"),
        Field(description="the largest number that will do"),
    ] = None
    matches: Annotated[
        Text,
        Give("a regular expression in quotes"),
        Absent("none"),
        Field(
            min_length=1,
            description="a regular expression that must be found in it; capitals do not matter",
        ),
        AfterValidator(_expression),
    ] = ""
    known: Annotated[
        Truth | None, Field(description="`true`: something is known; `false`: nothing is")
    ] = None
    keep_unknown: Annotated[
        bool,
        InFile(Annotated[Text, OneOf(("exclude", "keep"))], _keeps),
        Field(alias="unknown"),
        Absent("`exclude`"),
        Give('"exclude" or "keep"'),
        Field(
            description="`exclude` or `keep` a study whose field is not known; the flow counts "
            "such studies apart",
        ),
    ] = False
    excludes: Annotated[bool, Derived()] = False

    def __post_init__(self) -> None:
        """Refuse a rule that does not have one test."""
        tests = {"is": bool(self.values), "matches": bool(self.matches)}
        tests["known"] = self.known is not None
        limits = {"at_least": self.at_least, "at_most": self.at_most}
        given = [name for name, there in tests.items() if there]
        bounds = [name for name, limit in limits.items() if limit is not None]
        if len(given) + bool(bounds) != 1:
            raise ValueError(
                f"the field {self.field} has {' and '.join([*given, *bounds]) or 'no test'}; give "
                "one of is, matches, known, or at_least and at_most"
            )
        if self.keep_unknown and self.known is not None:
            raise ValueError("unknown stands beside known; give one of them")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"at_least {_shown(self.at_least)} is above at_most {_shown(self.at_most)}; "
                "exchange them"
            )

    def __str__(self) -> str:
        """The rule as a line of the flow says it."""
        name = self.field
        if name.islower():
            name = name.replace("_", " ").replace("loinc", "LOINC")
        if self.known is not None:
            said = f"{name} is {'' if self.known else 'not '}known"
        elif self.values:
            said = f"{name} is {' or '.join(map(_shown, self.values))}"
        elif self.matches:
            said = f"{name} matches {self.matches}"
        else:
            limits = {"at least": self.at_least, "at most": self.at_most}
            said = f"{name} " + " and ".join(
                f"{word} {_shown(limit)}" for word, limit in limits.items() if limit is not None
            )
        said += " or unknown" if self.keep_unknown and not self.excludes else ""
        return f"not: {said}" if self.excludes else said

    @property
    def numeric(self) -> bool:
        """Whether the rule compares numbers."""
        return self.at_least is not None or self.at_most is not None

    def keeps(self, found: Values) -> bool | None:
        """Whether a study of these values stays; None where the rule cannot say.

        What images say one by one must hold for all of them; of a list in the clinical table one
        item is enough. A study is excluded where one image, or one item, is what is excluded.
        """
        if self.known is not None:
            everywhere = bool(found.texts) and not found.in_part
            return (everywhere is self.known) is not self.excludes
        texts = [text for text in found.texts if not self.numeric or numbers(text)]
        if not texts:
            return True if self.keep_unknown else None
        held = [self._holds(text) for text in texts]
        if self.excludes:
            return not any(held)
        if found.in_part and all(held):
            return True if self.keep_unknown else None
        return all(held) if found.of_images else any(held)

    def _holds(self, text: str) -> bool:
        if self.matches:
            return re.search(self.matches, text, re.IGNORECASE) is not None
        if self.values:
            return any(_equal(text, value) for value in self.values)
        low = float("-inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        within = (low <= number <= high for number in numbers(text))
        return any(within) if self.excludes else all(within)


def numbers(text: str) -> tuple[float, ...]:
    r"""The numbers of a value; DICOM writes several as ``0.1\0.1``. Empty where a part is text.

    Infinity and NaN count as text.
    """
    found = [number(part.strip()) for part in text.split("\\")]
    return () if None in found else tuple(each for each in found if each is not None)


def _equal(text: str, value: str | float) -> bool:
    """Whether a value, or one of several that DICOM writes with backslashes, is this one."""
    if isinstance(value, str):
        wanted = value.strip().casefold()
        return wanted in {part.strip().casefold() for part in (text, *text.split("\\"))}
    return value in numbers(text)


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
