"""The identity of a figure: its base, the values that it is read at, and what was made of it.

Written names such as "sensitivity_at_specificity_0.9_gap" stand in tables, files and pages. This
is the one place that reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """What was made of a figure: itself, or how groups differ in it. The ending of its name."""

    PLAIN = ""
    STANDARDIZED = "_standardized"
    """Weighted to stand for the target population."""
    GAP = "_gap"
    GAP_P = "_gap_p"
    GAP_P_ADJUSTED = "_gap_p_adjusted"


AT_SPECIFICITY = "sensitivity_at_specificity"
AT_SENSITIVITY = "specificity_at_sensitivity"
PARTIAL_AUROC = "partial_auroc"
AT_FALSE_MARKS = "sensitivity_at_false_marks"
SURFACE_SHARE = "mean_nsd_at_tolerance"

_AT_VALUES = re.compile(
    rf"(?P<base>{AT_SPECIFICITY}|{AT_SENSITIVITY}|{PARTIAL_AUROC}|{AT_FALSE_MARKS}|{SURFACE_SHARE}"
    r"|\w+?_at_prevalence)_(?P<at>.+)"
)
_ENDINGS = sorted((kind for kind in Kind if kind), key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class FigureName:
    """A figure: ``base`` "auroc", the values ``at`` that it is read at as written, its kind."""

    base: str
    at: tuple[str, ...] = ()
    kind: Kind = Kind.PLAIN

    @classmethod
    def read(cls, text: str) -> FigureName:
        """Read a written name; ``str`` gives the same text back, whatever it was."""
        return _read(text)

    def __str__(self) -> str:
        """The written name."""
        return "_".join((self.base, *self.at)) + self.kind

    def of_kind(self, kind: Kind) -> FigureName:
        """What was made of the same figure, such as its gap."""
        return replace(self, kind=kind)

    @property
    def plain(self) -> FigureName:
        """The figure itself."""
        return self.of_kind(Kind.PLAIN)


@lru_cache(maxsize=4096)
def _read(text: str) -> FigureName:
    kind = next((each for each in _ENDINGS if text.endswith(each)), Kind.PLAIN)
    rest = text.removesuffix(kind)
    parts = _AT_VALUES.fullmatch(rest)
    if parts is None:
        return FigureName(rest, (), kind)
    return FigureName(parts["base"], tuple(parts["at"].split("_")), kind)
