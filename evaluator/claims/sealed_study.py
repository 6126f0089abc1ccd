"""The study as it is sealed with its cohort: levels of groups fixed, levels of tests tightened."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import Cohort
from evaluator.claims.comparators import calls_at
from evaluator.claims.declaration import ClaimsError, Comparator
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.claims.selection import case_data, in_group
from metrics.claims.at_goal import Assumed
from metrics.claims.bounds import bound
from metrics.claims.claim import CaseData, Claim, Part, Study
from metrics.claims.error import tightened
from metrics.claims.procedures import levels_used
from metrics.claims.studies import Counts

STUDY = "study"
"""Where the report of a sealed cohort keeps its study."""


@dataclass(frozen=True, slots=True)
class UsedLevel:
    """The level at which a bound is made in place of the nominal one, and its error at the goal.

    ``error`` is the chance that the bound reaches its goal where the goal is the truth, with the
    cohort's own counts: the largest over all kinds of data tried. ``standard_error`` is that of
    its simulation, 0 for a sum over all outcomes.
    """

    part: Part
    nominal: float
    used: float
    error: float
    standard_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedStudy:
    """What decides: the study with its levels fixed, and the level of each bound.

    ``sealed_at`` is the ISO time of the seal, or of the addendum that declared it later.
    ``digest`` is that of the claims: of the declaration, the fixed levels, the tightened ones and
    the ``salt``, without which numbers of cases could be guessed from the public digest.
    """

    study: Study
    levels: tuple[UsedLevel, ...]
    comparators: Mapping[str, Comparator] = field(default_factory=dict)
    declaration: str
    sealed_at: str
    addendum: bool = False
    salt: str = ""

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
    declared: DeclaredStudy,
    cases: Sequence[Case],
    comparators: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    *,
    at: str = "",
    addendum: bool = False,
) -> SealedStudy:
    """Fix the levels of groups to those that ``cases``, the drawn ones, have; tighten the tests.

    ``comparators`` has what each said, by case id. Raises ClaimsError where a claim is about no
    case, or where no level of a claim's bound keeps the error that was declared on these cases:
    such a study is not sealed.
    """
    drawn = _Drawn.of(cases, comparators)
    columns = {name: column.tolist() for name, column in drawn.attributes.items()}
    study = declared.with_levels(columns)
    return SealedStudy(
        study=study,
        levels=_used_levels(study, drawn, declared.comparators),
        comparators=dict(declared.comparators),
        declaration=declared.digest,
        sealed_at=at,
        addendum=addendum,
        salt=secrets.token_hex(16),
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
        "salt": study.salt,
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
        salt=content["salt"],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """The drawn cases as arrays, (cases,) each."""

    labels: np.ndarray
    patients: np.ndarray
    attributes: Mapping[str, np.ndarray]
    comparators: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, cases: Sequence[Case], comparators: Mapping[str, Mapping[str, float]]) -> _Drawn:
        return cls(
            np.array([case.label == 1 for case in cases]),
            np.array([case.patient_id for case in cases]),
            {name: np.array([c.attributes[name] for c in cases]) for name in cases[0].attributes},
            {
                name: np.array([values[case.case_id] for case in cases])
                for name, values in comparators.items()
            },
        )


def _used_levels(
    study: Study, drawn: _Drawn, declared: Mapping[str, Comparator]
) -> tuple[UsedLevel, ...]:
    used: dict[Part, list[UsedLevel]] = {}
    for claim in study.claims:
        for part in claim.parts:
            if part not in used:
                try:
                    used[part] = _of_part(part, levels_used(study), drawn, declared)
                except ValueError as problem:
                    group = f" in {part.attribute} {part.level!r}" if part.attribute else ""
                    raise ClaimsError(f"claim {claim.name!r}{group}: {problem}") from None
    return tuple(level for levels in used.values() for level in levels)


def _of_part(
    part: Part, levels: Sequence[float], drawn: _Drawn, declared: Mapping[str, Comparator]
) -> list[UsedLevel]:
    members = in_group(part, drawn.attributes, len(drawn.labels))
    counts = Counts.of(drawn.labels[members], drawn.patients[members])
    tight = tightened(part, counts, levels, assumed=_assumed(part, drawn, declared))
    return [
        UsedLevel(
            part=part,
            nominal=level,
            used=nominal.used,
            error=nominal.error,
            standard_error=nominal.standard_error,
        )
        for level, nominal in tight.items()
    ]


def _assumed(part: Part, drawn: _Drawn, declared: Mapping[str, Comparator]) -> Assumed | None:
    """The comparator's own figure on the cases of the part; None where it has none."""
    if part.comparator is None:
        return None
    if part.comparator not in drawn.comparators:
        raise ValueError(
            f"nothing is known of what the comparator {part.comparator!r} said of these cases; "
            f"give its table"
        )
    _refuse_empty_comparison(part, drawn, declared[part.comparator])
    data = case_data(
        part,
        drawn.labels,
        np.zeros(len(drawn.labels)),
        None,
        drawn.attributes,
        comparators=drawn.comparators,
        declared=declared,
        threshold=0.5,
    )
    assert data.comparator is not None
    own = Part(figure=part.figure, goal=0.5, threshold=None if part.figure == "auroc" else 0.5)
    paired = CaseData(labels=data.labels, scores=data.comparator)
    return Assumed(comparator=bound(own, paired, 0.025).value)


def _refuse_empty_comparison(part: Part, drawn: _Drawn, declared: Comparator) -> None:
    """Raise ValueError where anything is superior to a comparator: its table is on another scale.

    It calls all drawn cases alike, or its scores rank them no better than chance would.
    """
    name = part.comparator or ""
    answers = drawn.comparators[name]
    if part.figure == "auroc":
        own = Part(figure="auroc", goal=0.5)
        if bound(own, CaseData(labels=drawn.labels, scores=answers), 0.025).value <= 0.5:
            raise ValueError(
                f"the scores of the comparator {name!r} rank the drawn cases no better than "
                f"chance, or the other way round; give scores that are higher where the label is "
                f"likelier"
            )
        return
    calls = calls_at(answers, declared)
    if calls.all() or not calls.any():
        what = "column of calls" if declared.has_calls_alone else "call_at and the scale of scores"
        raise ValueError(
            f"the comparator {name!r} calls {'every' if calls.all() else 'no'} drawn case "
            f"positive, so that a model which calls none or all could be better; correct the {what}"
        )
