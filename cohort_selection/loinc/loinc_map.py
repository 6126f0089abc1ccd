"""Reads a table from modality and study description to LOINC terms.

The format is MIDRC's (midrc_dicom_harmonization): one table from modality and study description to
a code, one from the code to method, system and contrast. A pair that the table gives two codes is
resolved by one stated rule or left without a code, and either way it is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.clinical.vocabulary import listed
from cohort_selection.loinc.faults import Faults, some
from cohort_selection.tables.text_table import TextTable, read_text_table

_CODE = ("loinc code", "loinc_code")
_NAME = ("l-long common name", "loinc_long_common_name")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "modality": ("modality", "study_modality"),
    "description": ("studydescription", "study_description", "study description"),
    "code": _CODE,
    "name": _NAME,
    "method": ("l-method", "loinc_method"),
    "system": ("midrc-system", "loinc_system"),
    "general system": ("l-system",),
    "contrast": ("rad.timing", "loinc_contrast"),
}
_BLANK = ""
_BLANKS = frozenset({"(blank)", "[blank]"})


class HarmonisationError(ValueError):
    """A table that is no mapping to LOINC."""


@dataclass(frozen=True, slots=True)
class Term:
    """A LOINC code and what it says of a study; empty where the tables do not."""

    code: str
    name: str = ""
    method: str = ""
    system: str = ""
    contrast: str = ""


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A modality and description with several codes, and the one that was chosen, if any."""

    modality: str
    description: str
    codes: tuple[str, ...]  # as "36643-5 (line 315)"
    chosen: str

    def __str__(self) -> str:
        """Name the pair, its codes and how it is resolved."""
        how = f"{self.chosen}, whose name it is" if self.chosen else "left without a code"
        return f"{self.modality} {self.description!r}: {', '.join(self.codes)}: {how}"


@dataclass(frozen=True, slots=True)
class _Entry:
    modalities: frozenset[str]
    code: str
    line: int


class LoincMap:
    """A mapping table, with what is wrong with it.

    ``ambiguities`` and ``faults`` hold for the table, whatever studies there are.
    """

    def __init__(
        self, entries: Mapping[str, Sequence[_Entry]], terms: Mapping[str, Term], faults: list[str]
    ) -> None:
        """Made by ``read_loinc_map``: entries by plain description, terms by code."""
        self._entries = entries
        self._terms = terms
        self.faults = tuple(faults)
        self.ambiguities = tuple(self._ambiguities())

    def term(self, modality: str, description: str) -> Term | None:
        """The term of a study; None where the table has none, or cannot decide.

        Blanks and capitals do not matter. A row for the same modalities goes before one for these
        and others. Of several codes the one whose name is the description is taken.
        """
        _, chosen = self._codes(_modalities(modality), description)
        return self._terms[chosen] if chosen else None

    def ambiguous(self, modality: str, description: str) -> bool:
        """Whether the table gives the pair several codes."""
        return len(self._codes(_modalities(modality), description)[0]) > 1

    def of_code(self, code: str) -> Term:
        """What the tables say of a code; the code alone where nothing."""
        return self._terms.get(code, Term(code))

    def _codes(self, modalities: frozenset[str], description: str) -> tuple[list[_Entry], str]:
        """One entry for each code that fits, and the code to take, if any."""
        rows = self._entries.get(plain(description), ())
        fitting = [row for row in rows if row.modalities == modalities] or [
            row for row in rows if modalities <= row.modalities
        ]
        first = {row.code: row for row in reversed(fitting)}
        if len(first) == 1:
            return list(first.values()), next(iter(first))
        named = [code for code in first if plain(self._terms[code].name) == plain(description)]
        entries = sorted(first.values(), key=lambda row: row.line)
        return entries, named[0] if len(named) == 1 else ""

    def _ambiguities(self) -> list[Ambiguity]:
        found = []
        for description, rows in self._entries.items():
            sets = {row.modalities for row in rows}
            sets |= {frozenset({one}) for modalities in sets for one in modalities}
            for modalities in sorted(sets - {frozenset()}, key=sorted):
                entries, chosen = self._codes(modalities, description)
                if len(entries) > 1:
                    codes = tuple(f"{row.code} (line {row.line})" for row in entries)
                    shown = ",".join(sorted(modalities))
                    found.append(Ambiguity(shown, description, codes, chosen))
        return found


def plain(description: str) -> str:
    """A description as it is compared: capitals and blanks do not matter, "(blank)" is none."""
    text = " ".join(description.split()).casefold()
    return _BLANK if text in _BLANKS else text


def _modalities(text: str) -> frozenset[str]:
    if plain(text) == _BLANK:
        return frozenset()
    return frozenset(name.upper() for name in listed([text]))


def read_loinc_map(*tables: Path) -> LoincMap:
    """Read mapping tables and tables of the codes' attributes, told apart by their columns.

    Raises ``HarmonisationError`` where a table has neither's columns or no table maps.
    """
    entries: dict[str, list[_Entry]] = defaultdict(list)
    terms: dict[str, Term] = {}
    described: set[str] = set()
    faults: list[str] = []
    for path in tables:
        table = read_text_table(path, HarmonisationError, strip=False)
        columns = _columns(table)
        checks = Faults(table.name)
        for line, cells in table.lines:
            row = {name: cells[at].strip() for name, at in columns.items()}
            if not checks.code(line, cells[columns["code"]]):
                continue
            if "description" in columns:
                modalities = _modalities(row["modality"])
                checks.modalities(line, modalities)
                checks.repeated(line, modalities, plain(row["description"]), row["code"])
                entries[plain(row["description"])].append(_Entry(modalities, row["code"], line))
            if "method" in columns:
                described.add(row["code"])
                checks.attributes(line, row)
            known = terms.get(row["code"], Term(row["code"]))
            checks.name(line, row["code"], known.name, row.get("name", ""))
            terms[row["code"]] = _merged(known, row)
        faults += checks.sentences()
    if not entries:
        names = ", ".join(path.name for path in tables) or "no table"
        raise HarmonisationError(
            f"{names}: nothing maps a study; give a table with the columns Modality, "
            "StudyDescription and LOINC code"
        )
    without = sorted({row.code for rows in entries.values() for row in rows} - described)
    if without:
        faults.append(
            f"{len(without)} codes have no row of attributes, so that method, system and contrast "
            f"stay unknown: {some(without)}"
        )
    return LoincMap(entries, terms, faults)


def _columns(table: TextTable) -> dict[str, int]:
    plain_names = [name.casefold() for name in table.columns]
    found = {
        field: next(plain_names.index(name) for name in names if name in plain_names)
        for field, names in _COLUMNS.items()
        if any(name in plain_names for name in names)
    }
    maps = {"modality", "description", "code"} <= set(found)
    describes = {"code", "method", "contrast"} <= set(found) and (
        "system" in found or "general system" in found
    )
    if not (maps or describes):
        raise HarmonisationError(
            f"{table.name} line 1: found {', '.join(table.columns[:12])}; a mapping table has "
            "Modality, StudyDescription and LOINC code, a table of attributes has LOINC code, "
            "L-Method, MIDRC-System (or L-System) and Rad.Timing: rename its columns so"
        )
    if not maps:
        found.pop("description", None)
    if not describes:
        found.pop("method", None)
    return found


def _merged(known: Term, row: Mapping[str, str]) -> Term:
    """What was known of a code, filled up with what a row says."""
    system = row.get("system", "") or row.get("general system", "")
    return Term(
        code=known.code,
        name=known.name or row.get("name", ""),
        method=known.method or row.get("method", ""),
        system=known.system or ("Unspecified" if system == "XXX" else system),
        contrast=known.contrast or row.get("contrast", ""),
    )
