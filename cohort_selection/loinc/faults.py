"""Finds faults of a LOINC mapping table or of its table of attributes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

_LOINC = re.compile(r"(\d{1,7})-(\d)")
# PS3.3 C.7.3.1.1.1, the modalities that make images, with the retired ST (SPECT).
_IMAGES = (
    "BI BMD CR CT DG DMS DX ES GM IO IVOCT IVUS LS MG MR NM OAM OCT OP OPM OPT OPTENF OT PA PT PX "
    "RF RG SM ST TG US XA XAPROTOCOL XC"
)
_MODALITIES = frozenset(_IMAGES.split())
# A word of a term's name and what the system of that term must then say.
_REGIONS = ("chest", "abdomen", "pelvis", "head", "neck", "breast", "heart")
_SPINE = ("cervical", "thoracic", "lumbar")
_SHOWN = 6


class Faults:
    """The faults of one table, each gathered over its lines."""

    def __init__(self, table: str) -> None:
        """Take the table's name, for the sentences."""
        self._table = table
        self._found: dict[str, list[str]] = defaultdict(list)
        self._seen: set[tuple[frozenset[str], str, str]] = set()

    def code(self, line: int, code: str) -> bool:
        """Whether a code, as it stands in its cell, can be one: LOINC ends in a check digit."""
        matched = _LOINC.fullmatch(code.strip())
        if matched is not None:
            digits = [int(digit) * (2 - place % 2) for place, digit in enumerate(matched[1][::-1])]
            if -sum(d // 10 + d % 10 for d in digits) % 10 == int(matched[2]):
                if code != code.strip():
                    self._found["codes have blanks around them, which are taken off"].append(
                        f"{code!r} (line {line})"
                    )
                return True
        self._found["rows are left out: what they name is no LOINC code"].append(
            f"{code!r} (line {line})"
        )
        return False

    def modalities(self, line: int, modalities: frozenset[str]) -> None:
        """Rows that no study can match, in whole or in part."""
        if not modalities:
            self._found["rows name no modality and match no study"].append(f"line {line}")
        for name in sorted(modalities - _MODALITIES):
            self._found["rows name what is no DICOM modality"].append(f"{name} (line {line})")

    def repeated(self, line: int, modalities: frozenset[str], description: str, code: str) -> None:
        """Rows that say what another said."""
        key = (modalities, description, code)
        if key in self._seen:
            self._found["rows repeat another, code and all"].append(f"line {line}")
        self._seen.add(key)

    def name(self, line: int, code: str, known: str, name: str) -> None:
        """Two names for one code; the first is kept."""
        if known and name and known != name:
            self._found["rows give a code a second name; the first is kept"].append(
                f"{code} {name!r} (line {line})"
            )

    def attributes(self, line: int, row: Mapping[str, str]) -> None:
        """Attributes that the code's own name contradicts."""
        said = row.get("name", "").casefold()
        words = set(re.findall(r"[a-z]+", said))
        system = row.get("system", "")
        where = f"{row['code']} {row.get('name', '')!r} (line {line})"
        if "system" in row and not system and row.get("general system"):
            self._found["rows leave MIDRC-System empty; L-System stands in"].append(where)
        system = (system or row.get("general system", "")).casefold()
        named = {word for word in _REGIONS if word in words}
        if "spine" in words:
            named |= words & set(_SPINE)
        missing = sorted(word for word in named if word not in system)
        if missing and system:
            self._found["rows file a code under a system that its name contradicts"].append(
                f"{where}: {row.get('system') or row.get('general system')}"
            )
        if ("cta" in words) is not ("angio" in row["method"]) and words:
            self._found["rows give a method that the name contradicts"].append(
                f"{where}: {row['method']}"
            )
        timing = " & ".join(
            shown
            for shown, stands in (("WO", r"\bwo\b"), ("W", r"\bw contrast"))
            if re.search(stands, said)
        )
        if "wo and w" in said:
            timing = "WO & W"
        if timing and row["contrast"] != timing:
            self._found["rows give a contrast that the name contradicts"].append(
                f"{where}: {row['contrast'] or 'none'}"
            )

    def sentences(self) -> list[str]:
        """Each fault with its number and first examples."""
        return [
            f"{self._table}: {len(found)} {what}: {some(found)}"
            for what, found in self._found.items()
        ]


def some(items: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
