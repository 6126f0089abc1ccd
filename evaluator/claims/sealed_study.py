"""The study as it is sealed with its cohort: levels of groups fixed, levels of tests tightened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np

from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import Cohort
from evaluator.claims.declaration import ClaimsError, Comparator
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.claims.selection import in_group
from metrics.claims.claim import Claim, Part, Study
from metrics.claims.procedures import levels_used

STUDY = "study"
"""Where the report of a sealed cohort keeps its study."""


@dataclass(frozen=True, slots=True)
class UsedLevel:
    """The level at which a bound is made in place of the nominal one, and its error at the goal.

    ``error`` and ``standard_error`` are simulated on the cohort's own counts, the largest over
    the spread ratios tried; None where the bound is exact.
    """

    part: Part
    nominal: float
    used: float
    error: float | None = None
    standard_error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedStudy:
    """What decides: the study with its levels fixed, and the level of each bound.

    ``sealed_at`` is the ISO time of the seal, or of the addendum that declared it later.
    ``digest`` is that of the claims: of the declaration, the fixed levels and the tightened ones.
    """

    study: Study
    levels: tuple[UsedLevel, ...]
    comparators: Mapping[str, Comparator] = field(default_factory=dict)
    declaration: str
    sealed_at: str
    addendum: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides; the time is no part of it."""
        content = as_mapping(self)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def used(self, part: Part, nominal: float) -> float:
        """The level to make a part's bound with; KeyError for one that was not sealed."""
        for each in self.levels:
            if each.part == part and abs(each.nominal - nominal) <= 1e-12:
                return each.used
        raise KeyError(f"no level was sealed for {part} at {nominal:g}")

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part, each once."""
        return tuple(dict.fromkeys(part for claim in self.study.claims for part in claim.parts))


def sealed(
    declared: DeclaredStudy, cases: Sequence[Case], *, at: str = "", addendum: bool = False
) -> SealedStudy:
    """Fix the levels of groups to those that ``cases``, the drawn ones, have; tighten the tests.

    Raises ClaimsError where a claim is about no case, or where no level of a claim's bound keeps
    the error that was declared on these cases: such a study is not sealed.
    """
    attributes = {
        name: np.array([case.attributes[name] for case in cases]) for name in cases[0].attributes
    }
    study = declared.with_levels({name: column.tolist() for name, column in attributes.items()})
    return SealedStudy(
        study=study,
        levels=_used_levels(study, cases, attributes),
        comparators=dict(declared.comparators),
        declaration=declared.digest,
        sealed_at=at,
        addendum=addendum,
    )


def of(cohort: Cohort) -> SealedStudy | None:
    """The study that was sealed with a cohort; None where it claims nothing."""
    report = cast("dict[str, Any]", cohort.report)
    if STUDY not in report:
        return None
    return read(report[STUDY], sealed_at=cohort.created)


def as_mapping(study: SealedStudy) -> dict[str, Any]:
    """JSON of a sealed study, which :func:`read` reads."""
    return {
        "study": asdict(study.study),
        "levels": [asdict(each) for each in study.levels],
        "comparators": {name: asdict(each) for name, each in study.comparators.items()},
        "declaration": study.declaration,
    }


def read(content: Mapping[str, Any], *, sealed_at: str, addendum: bool = False) -> SealedStudy:
    """Read what :func:`as_mapping` gave."""
    study = content["study"]
    return SealedStudy(
        study=Study(
            **{
                **study,
                "claims": tuple(
                    Claim(
                        name=claim["name"],
                        parts=tuple(Part(**part) for part in claim["parts"]),
                        after=tuple(claim["after"]),
                    )
                    for claim in study["claims"]
                ),
            }
        ),
        levels=tuple(
            UsedLevel(**{**each, "part": Part(**each["part"])}) for each in content["levels"]
        ),
        comparators={name: Comparator(**each) for name, each in content["comparators"].items()},
        declaration=content["declaration"],
        sealed_at=sealed_at,
        addendum=addendum,
    )


def _used_levels(
    study: Study, cases: Sequence[Case], attributes: Mapping[str, np.ndarray]
) -> tuple[UsedLevel, ...]:
    labels = np.array([case.label == 1 for case in cases])
    patients = np.array([case.patient_id for case in cases])
    found: list[UsedLevel] = []
    for claim in study.claims:
        for part in claim.parts:
            here = in_group(part, attributes, len(cases))
            group = f" of {part.attribute} {part.level!r}" if part.attribute else ""
            if not labels[here].any() or labels[here].all():
                kind = "positive" if not labels[here].any() else "negative"
                raise ClaimsError(
                    f"claim {claim.name!r}: the cohort has no {kind} case{group}; draw some, or "
                    "leave the claim out"
                )
            found += [UsedLevel(part, nominal, nominal) for nominal in levels_used(study)]
    del patients
    return tuple(dict.fromkeys(found))
