"""Joins LOINC terms to studies, and compares headers with clinical tables.

A code that the clinical table states goes before the header's, and either before one that a mapping
table infers. Whatever disagrees is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cohort_selection.clinical.vocabulary import is_unknown
from cohort_selection.coded import distinct, of_arrow
from cohort_selection.loinc.loinc_map import LoincMap, Term, plain
from cohort_selection.patients.disagreements import disagreements
from cohort_selection.study_table.schema import FINDING
from cohort_selection.study_table.study_rows import Met

TABLE, HEADER, MAP = "clinical table", "header", "mapping table"
_SHOWN = 5
_TERM = ("loinc_long_common_name", "loinc_method", "loinc_system", "loinc_contrast")
_SAID = ("study_description", "loinc_code", *_TERM)
_OF_HEADER = ("modality", "description", "loinc")
HARMONISED = (
    "description", "loinc", "loinc_name", "loinc_method", "loinc_system", "loinc_contrast",
)  # fmt: skip
"""The columns that are harmonised."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A modality and study description, and how many studies have them."""

    modality: str
    description: str
    studies: int

    def __str__(self) -> str:
        """Name the pair with its number of studies."""
        description = f"{self.description!r}" if self.description else "without description"
        return f"{self.modality} {description}: {self.studies:,}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two codes for the same studies: the one that was kept, and the other."""

    kept: str
    kept_source: str
    other: str
    other_source: str
    studies: int

    def __str__(self) -> str:
        """Name both codes with their sources."""
        return (
            f"{self.kept} ({self.kept_source}) kept, {self.other} ({self.other_source}) not: "
            f"{self.studies:,}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmonised:
    """What was compared and joined, in studies.

    ``compared`` have a clinical record; of these the header says another ``patient``, ``sex`` or
    ``age``.
    ``coded`` have a LOINC code, from wherever; ``mapped`` get one from the mapping table, which
    knows ``pairs_mapped`` of the ``pairs`` of modality and description. ``unmapped`` and
    ``ambiguous`` pairs have none, or several codes there; most frequent first.
    """

    studies: int
    compared: int
    patient: int
    sex: int
    age: int
    coded: int
    mapped: int
    pairs: int
    pairs_mapped: int
    unmapped: tuple[Pair, ...]
    ambiguous: tuple[Pair, ...]
    conflicts: tuple[Conflict, ...]


class _Outcome(NamedTuple):
    """What comes of what header, clinical table and mapping table say together."""

    texts: tuple[str, ...]  # in the order of HARMONISED
    pair: tuple[str, str]
    coded: bool
    mapped: bool
    conflicts: tuple[tuple[str, str, str, str], ...]


class Harmoniser:
    """Gives each study its LOINC term and counts terms, conflicts and missing ones.

    Studies come some at a time, as tables by study UID of what headers say.
    """

    def __init__(self, loinc_map: LoincMap | None) -> None:
        """Take a mapping table if there is one."""
        self._map = loinc_map
        self._counts: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._spelled: dict[tuple[str, str], tuple[str, str]] = {}
        self._conflicts: Counter[tuple[str, str, str, str]] = Counter()
        self._first: dict[tuple[str, str, str, str], tuple[str, int]] = {}

    def columns(self, studies: pa.Table, met: Met) -> dict[str, pa.Array]:
        """The code that is believed and what it says, by the names of ``HARMONISED``."""
        outcomes, number = self._outcomes(studies, met)
        return {
            name: pa.array([each.texts[k] for each in outcomes], pa.string()).take(pa.array(number))
            for k, name in enumerate(HARMONISED)
        }

    def count(self, studies: pa.Table, met: Met) -> None:
        """Count studies with their records."""
        self._counts["studies"] += studies.num_rows
        self._counts["compared"] += int(np.count_nonzero(met.place >= 0))
        for name, differ in disagreements(studies, met).items():
            self._counts[name] += int(np.count_nonzero(differ))
        outcomes, number = self._outcomes(studies, met)
        counts = np.bincount(number, minlength=len(outcomes)).tolist()
        first = np.zeros(len(outcomes), np.int64)
        first[number[::-1]] = np.arange(len(number))[::-1]
        uids = studies.column("study_uid").take(pa.array(first)).to_pylist()
        for each, n, uid in zip(outcomes, counts, uids, strict=True):
            self._counts["coded"] += n * each.coded
            self._counts["mapped"] += n * each.mapped
            self._pairs[each.pair] += n
            spelled = uid, each.texts[0]
            self._spelled[each.pair] = min(spelled, self._spelled.get(each.pair, spelled))
            for place, conflict in enumerate(each.conflicts):
                self._conflicts[conflict] += n
                met_at = uid, place
                self._first[conflict] = min(met_at, self._first.get(conflict, met_at))

    def _outcomes(self, studies: pa.Table, met: Met) -> tuple[list[_Outcome], NDArray[np.int64]]:
        """One outcome for all studies that say the same, and its number, (studies,)."""
        said = [name for name in _SAID if name in met.among.findings]
        of_record = met.rows([FINDING + name for name in said])
        columns = {name: of_arrow(studies.column(name)) for name in _OF_HEADER}
        for name in said:
            columns[FINDING + name] = of_arrow(of_record.column(FINDING + name))
        number: NDArray[np.int64] = np.zeros(studies.num_rows, np.int64)
        first: NDArray[np.int64] = np.zeros(min(studies.num_rows, 1), np.int64)
        for column in columns.values():
            first, number = distinct(number * len(column.levels) + column.codes)
        outcomes = []
        for row in first.tolist():
            modality, description, loinc = (columns[name][row] for name in _OF_HEADER)
            findings = {name: columns[FINDING + name][row] for name in said}
            outcomes.append(self._outcome(modality, description, loinc, findings))
        return outcomes, number

    def _outcome(
        self, modality: str, description: str, loinc: str, said: Mapping[str, str]
    ) -> _Outcome:
        description = description or said.get("study_description", "")
        term = self._map.term(modality, description) if self._map is not None else None
        stated = said.get("loinc_code", "")
        codes = {
            TABLE: "" if is_unknown(stated) else stated,
            HEADER: loinc,
            MAP: "" if term is None else term.code,
        }
        found = [(code, source) for source, code in codes.items() if code]
        texts = [""] * len(_TERM)
        code, source = found[0] if found else ("", "")
        if found:
            known = Term(code) if self._map is None else self._map.of_code(code)
            own = [said.get(name, "") if source == TABLE else "" for name in _TERM]
            from_map = (known.name, known.method, known.system, known.contrast)
            texts = [
                inferred if is_unknown(text) else text
                for text, inferred in zip(own, from_map, strict=True)
            ]
        return _Outcome(
            (description, code, *texts),
            (modality, plain(description)),
            coded=bool(found),
            mapped=term is not None,
            conflicts=tuple((*found[0], *other) for other in found[1:] if other[0] != code),
        )

    def found(self) -> Harmonised:
        """The counts over the studies so far."""
        unmapped: list[Pair] = []
        ambiguous: list[Pair] = []
        for key, studies in sorted(self._pairs.items(), key=lambda item: (-item[1], item[0])):
            pair = Pair(key[0], self._spelled[key][1], studies)
            if self._map is not None and self._map.ambiguous(pair.modality, pair.description):
                ambiguous.append(pair)
            if self._map is not None and self._map.term(pair.modality, pair.description) is None:
                unmapped.append(pair)
        counts = self._counts
        return Harmonised(
            studies=counts["studies"],
            compared=counts["compared"],
            patient=counts["patient"],
            sex=counts["sex"],
            age=counts["age"],
            coded=counts["coded"],
            mapped=counts["mapped"],
            pairs=len(self._pairs),
            pairs_mapped=len(self._pairs) - len(unmapped) if self._map is not None else 0,
            unmapped=tuple(unmapped),
            ambiguous=tuple(ambiguous),
            conflicts=tuple(
                Conflict(*key, n)
                for key, n in sorted(
                    self._conflicts.items(), key=lambda item: (-item[1], self._first[item[0]])
                )
            ),
        )


def coverage(found: Harmonised) -> str:
    """How much of the commons the mapping table covers, in one line."""
    studies = found.mapped / found.studies if found.studies else 0.0
    pairs = found.pairs_mapped / found.pairs if found.pairs else 0.0
    return (
        f"LOINC: {found.mapped:,} of {found.studies:,} studies mapped ({studies:.1%}), "
        f"{found.pairs_mapped:,} of {found.pairs:,} distinct descriptions ({pairs:.1%}); "
        f"{found.coded:,} studies have a code"
    )


def agreement(found: Harmonised) -> str:
    """How often header and clinical table disagree, in one line."""
    return (
        f"header against clinical table, {found.compared:,} studies: another patient in "
        f"{found.patient:,}, another sex in {found.sex:,}, another age in {found.age:,}; "
        "the clinical table is believed"
    )


def summary(found: Harmonised, loinc_map: LoincMap | None) -> tuple[str, ...]:
    """What a steward should see at once: coverage, what disagrees, the table's faults."""
    lines = [agreement(found)] if found.compared else []
    disagreeing = sum(each.studies for each in found.conflicts)
    if disagreeing:
        lines.append(f"LOINC codes that disagree: {disagreeing:,}, most often {found.conflicts[0]}")
    if loinc_map is None:
        return tuple(lines)
    lines.append(coverage(found))
    lines += [f"  unmapped: {pair}" for pair in found.unmapped[:_SHOWN]]
    if len(found.unmapped) > _SHOWN:
        lines.append(f"  and {len(found.unmapped) - _SHOWN:,} more")
    if found.ambiguous:
        studies = sum(pair.studies for pair in found.ambiguous)
        lines.append(
            f"  {len(found.ambiguous)} descriptions of {studies:,} studies have several codes there"
        )
    if loinc_map.faults:
        lines.append(f"  {len(loinc_map.faults)} faults of the tables themselves:")
    lines += [f"    {fault}" for fault in loinc_map.faults]
    lines.append("  unmapped and ambiguous descriptions stand in harmonisation.md of the catalog")
    return tuple(lines)


def report(found: Harmonised, loinc_map: LoincMap) -> str:
    """The whole of it as Markdown: coverage, what is unmapped or ambiguous, the table's faults."""
    sections = [
        ("Codes that disagree, in studies", [str(each) for each in found.conflicts]),
        ("Without a code in the mapping table, in studies", [str(e) for e in found.unmapped]),
        ("With several codes in the mapping table, in studies", [str(e) for e in found.ambiguous]),
        (
            "Pairs with several codes, and how each is resolved",
            [str(each) for each in loinc_map.ambiguities],
        ),
        ("Faults of the mapping table", list(loinc_map.faults)),
    ]
    lines = ["# Harmonisation", "", coverage(found), "", agreement(found)]
    for title, items in sections:
        lines += ["", f"## {title}", ""]
        lines += [f"- {item}" for item in items] or ["None."]
    return "\n".join(lines) + "\n"
