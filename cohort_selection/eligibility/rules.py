"""Inclusion and exclusion rules: one field, one test, and a policy for unknown values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NoReturn

from cohort_selection.catalog.study_values import Values
from cohort_selection.tables.cell_words import is_unknown, number
from cohort_selection.toml_table import CohortPlanError, CohortTable

KEYS = ("field", "is", "at_least", "at_most", "matches", "known", "unknown")
"""The keys of a rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One test of one field; ``excludes`` where a study that passes it is left out.

    Of ``values``, ``matches``, ``known`` and the two limits, one is given; the limits may come
    together. A study whose field is not known is left out, either way, unless ``keep_unknown``.
    """

    field: str
    values: tuple[str | float, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    matches: str = ""
    known: bool | None = None
    keep_unknown: bool = False
    excludes: bool = False

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


def read_rules(read: CohortTable, key: str) -> tuple[Rule, ...]:
    """Read the array of tables [[cohort.include]] or [[cohort.exclude]], named by ``key``.

    Raises CohortPlanError, naming file, array and number of the rule.
    """
    tables = read.values.get(key, ())
    if not isinstance(tables, Sequence) or not all(isinstance(t, Mapping) for t in tables):
        read.refuse(key, f"rules as [[cohort.{key}]] tables, each with a field and a test")
    return tuple(
        _rule(table, f"{read.path.name}: [[cohort.{key}]] rule {number}", excludes=key == "exclude")
        for number, table in enumerate(tables if isinstance(tables, Sequence) else (), start=1)
    )


def _rule(table: Mapping[str, object], where: str, *, excludes: bool) -> Rule:
    def refuse(what: str) -> NoReturn:
        raise CohortPlanError(f"{where} {what}")

    if unknown := sorted(set(table) - set(KEYS)):
        refuse(f"has {', '.join(unknown)}; known keys are {', '.join(KEYS)}")
    name = table.get("field")
    if not isinstance(name, str) or not name:
        refuse('has no field; give one, such as field = "BitsStored"')
    tests = [test for test in ("is", "matches", "known") if test in table]
    limits = [limit for limit in ("at_least", "at_most") if limit in table]
    if len(tests) + bool(limits) != 1:
        refuse(
            f"on {name} has {' and '.join([*tests, *limits]) or 'no test'}; give one of is, "
            "matches, known, or at_least and at_most"
        )
    for limit in limits:
        if not _is_number(table[limit]):
            refuse(f"on {name}: {limit} is {table[limit]!r}; give a number")
    said = table.get("is", ())
    allowed = [said] if isinstance(said, str) or _is_number(said) else said
    if "is" in table and not (
        isinstance(allowed, list)
        and allowed
        and all((isinstance(v, str) and v.strip()) or _is_number(v) for v in allowed)
    ):
        refuse(f"on {name}: is is {said!r}; give a text, a number, or a list of them")
    for value in allowed if isinstance(allowed, list) else ():
        if isinstance(value, str) and is_unknown(value):
            refuse(
                f"on {name}: is has {value!r}, which says that it is not known; give "
                f'known = false, or unknown = "keep" beside what else it may be'
            )
    pattern = table.get("matches", "")
    if "matches" in table and not (isinstance(pattern, str) and pattern):
        refuse(f"on {name}: matches is {pattern!r}; give a regular expression in quotes")
    try:
        re.compile(str(pattern))
    except re.error as error:
        refuse(f"on {name}: matches is {pattern!r}, no regular expression ({error}); correct it")
    known = table.get("known")
    if "known" in table and not isinstance(known, bool):
        refuse(f"on {name}: known is {known!r}; give true or false")
    unknown_stays = table.get("unknown", "exclude")
    if unknown_stays not in ("exclude", "keep") or ("unknown" in table and "known" in table):
        refuse(f'on {name}: unknown is {unknown_stays!r}; give "exclude" or "keep", but not '
               "beside known")  # fmt: skip
    low, high = (float(str(table[k])) if k in table else None for k in ("at_least", "at_most"))
    if low is not None and high is not None and low > high:
        refuse(f"on {name}: at_least {_shown(low)} is above at_most {_shown(high)}; exchange them")
    return Rule(
        field=name,
        values=tuple(v if isinstance(v, str) else float(str(v)) for v in allowed)
        if isinstance(allowed, list)
        else (),
        at_least=low,
        at_most=high,
        matches=str(pattern),
        known=known if isinstance(known, bool) else None,
        keep_unknown=unknown_stays == "keep",
        excludes=excludes,
    )


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _equal(text: str, value: str | float) -> bool:
    """Whether a value, or one of several that DICOM writes with backslashes, is this one."""
    if isinstance(value, str):
        wanted = value.strip().casefold()
        return wanted in {part.strip().casefold() for part in (text, *text.split("\\"))}
    return value in numbers(text)


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
