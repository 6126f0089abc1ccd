"""The known name that somebody meant who wrote another."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(given: object, known: Iterable[object]) -> str:
    """The known name that is most like the one given, in parentheses; empty where none is."""
    by_small = {name.lower(): name for name in known if isinstance(name, str)}
    near = get_close_matches(str(given).lower(), by_small, n=1)
    return f" (did you mean {by_small[near[0]]!r}?)" if near else ""
