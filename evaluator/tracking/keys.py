"""Names each figure in MLflow: short, unique, and the same in every run."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from evaluator.scoring.results import OVERALL, Result

LONGEST = 200
"""Characters of a key; MLflow takes 250, and ``.high`` needs some of them."""

SUFFIXES = (".low", ".high")
KEYS_FILE = "keys.json"
"""The artifact that gives each key's figure, attribute and level in full."""

_SPELLED = {"<": "under ", ">": "over ", "+": " plus"}
_UNFIT = re.compile(r"[^A-Za-z0-9_\-. ]")
_MARKED = re.compile(r" [0-9a-f]{12}$")

Named = tuple[str, str, str]
"""Figure, attribute, level."""


def named(result: Result) -> Named:
    """What a figure is called in full; no attribute and no level where it is over every case."""
    if (result.attribute, result.level) == OVERALL:
        return result.metric, "", ""
    return result.metric, result.attribute, result.level


def keys(names: Sequence[Named]) -> Mapping[Named, str]:
    """A key of MLflow's for each name; two of one run differ in more than their case.

    A name that MLflow's rules allow is its own key, ``figure/attribute/level``. Any other, and one
    that could be taken for another's, ends in a mark of 12 characters that is drawn from the whole
    name; KEYS_FILE tells what it stands for.
    """
    plain = {name: _plain(name) for name in names}
    taken = Counter(key.casefold() for key in plain.values() if key is not None)
    return {
        name: _marked(name) if key is None or taken[key.casefold()] > 1 else key
        for name, key in plain.items()
    }


def document(names: Mapping[Named, str]) -> str:
    """The text of KEYS_FILE."""
    rows = {
        key: dict(zip(("figure", "attribute", "level"), name, strict=True))
        for name, key in names.items()
    }
    return json.dumps(rows, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _plain(name: Named) -> str | None:
    """The key that a name is by itself; None where it would not lead back to the name."""
    parts = [part for part in name if part]
    if len(parts) not in (1, 3):
        return None
    spelled = [_spelled(part) for part in parts]
    key = "/".join(spelled)
    fit = len(key) <= LONGEST and all(
        _read(written) == part
        and not _UNFIT.search(written)
        and written == written.strip()
        and written.strip(".")
        and not written.endswith(SUFFIXES)
        and not _MARKED.search(written)
        for part, written in zip(parts, spelled, strict=True)
    )
    return key if fit else None


def _marked(name: Named) -> str:
    mark = hashlib.sha256(json.dumps(name).encode()).hexdigest()[:12]
    slug = "/".join(_slug(part) for part in name if part)
    return f"{slug[: LONGEST - len(mark) - 1].rstrip(' ./')} {mark}"


def _slug(part: str) -> str:
    """A part as it can be read, if not read back."""
    ascii_only = unicodedata.normalize("NFKD", _spelled(part)).encode("ascii", "ignore").decode()
    return _UNFIT.sub("_", ascii_only).strip(" .") or "_"


def _spelled(part: str) -> str:
    for sign, word in _SPELLED.items():
        part = part.replace(sign, word)
    return part


def _read(written: str) -> str:
    for sign, word in _SPELLED.items():
        written = written.replace(word, sign)
    return written
