"""The lines of the encrypted table: each sealed case, whose it was, and how it came to be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from cohort_selection.cases import Case, Region


@dataclass(frozen=True, slots=True)
class CaseDesign:
    """How a case came into the cohort; sealed and encrypted with it.

    ``inclusion`` is the probability that this case was drawn, ``patient_inclusion`` that its
    patient was (with one case of several drawn first, that number of times as large). ``cell`` is
    the level of each attribute of the target.
    """

    inclusion: float
    patient_inclusion: float
    cell: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the reference table: the case, whose it was at the source, and its design.

    ``compared`` is what each comparator said of it.
    """

    case: Case
    source: tuple[str, str]
    design: CaseDesign | None
    compared: Mapping[str, float]


def entry(
    sealed_id: str,
    pseudonym: str,
    case: Case,
    design: Mapping[str, CaseDesign] | None,
    comparators: Mapping[str, Mapping[str, float]] | None,
) -> dict[str, object]:
    """A line of the reference table; what a case does not have, its line does not name."""
    found: dict[str, object] = {
        "case_id": sealed_id,
        "patient_id": pseudonym,
        "label": case.label,
        "attributes": [[name, text] for name, text in case.attributes.items()],
        "files": len(case.files),
        "source_case_id": case.case_id,
        "source_patient_id": case.patient_id,
    }
    if case.targets:
        found["targets"] = dict(case.targets)
    if case.regions:
        found["regions"] = [list(astuple(region)) for region in case.regions]
    if design is not None:
        found |= asdict(design[case.case_id])
    if comparators:
        said = {name: values[case.case_id] for name, values in comparators.items()}
        found["comparators"] = said
    return found


def read_entry(line: Mapping[str, Any], images: Path) -> Row:
    """Read a line; ``images`` is the folder of the cohort's images."""
    return Row(
        Case(
            line["case_id"],
            line["patient_id"],
            tuple(
                Path(f"{images}/{line['case_id']}/{j:04d}.dcm") for j in range(1, line["files"] + 1)
            ),
            line["label"],
            dict(line["attributes"]),
            line.get("targets", {}),
            tuple(map(_read_region, line.get("regions", ()))),
        ),
        (line["source_case_id"], line["source_patient_id"]),
        _read_design(line),
        line.get("comparators", {}),
    )


def _read_region(kept: list[Any]) -> Region:
    source, frame, lesion, runs, box = kept
    return Region(source, frame, lesion, runs, None if box is None else tuple(box))


def _read_design(line: Mapping[str, Any]) -> CaseDesign | None:
    """The design of a sealed case; cohorts sealed before it was kept have none."""
    if "inclusion" not in line:
        return None
    return CaseDesign(line["inclusion"], line["patient_inclusion"], line["cell"])
