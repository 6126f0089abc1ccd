"""The verdict of a look: whole, with every bound and count, and what of it is told meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from metrics.claims.claim import Bound, Part
from metrics.claims.procedures import Verdict
from submissions.ledger.verdicts.told import document_of

SCHEMA = 1
MET_BEFORE, NEVER_MET = "met before", "never met"
"""Cases that the team's earlier runs read in another draw, and the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPart:
    """A part with the bound that decided it; None with the reason in ``undefined``.

    Both are empty where the part was not tested. ``spread`` is the standard deviation of the
    negatives' scores over that of the positives', for an AUROC without comparator. ``few``: the
    bound would tell of a few cases between two thresholds, and never leaves.
    """

    part: Part
    bound: Bound | None = None
    undefined: str = ""
    spread: float | None = None
    few: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimVerdict:
    """What became of a claim; ``level`` is the nominal one-sided level at which it was tested."""

    name: str
    verdict: Verdict
    level: float
    parts: tuple[JudgedPart, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CasesApart:
    """A figure on the cases that the team met before, or on those it never met.

    ``value`` is None with the reason in ``undefined``; no count is then there either.
    """

    figure: str
    cases: str
    value: float | None
    n_cases: int
    n_positive: int
    undefined: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyVerdict:
    """The verdict of one look on all claims of a study.

    ``declared`` is the ISO time of the seal, or of the ``addendum`` that declared the claims later.
    ``level`` is the look's, for all claims together, of ``alpha`` for all looks. ``apart`` has
    figures of cases that the team met before and never met; empty where none was met.
    """

    claims: tuple[ClaimVerdict, ...]
    claims_digest: str
    declared: str
    addendum: bool = False
    look: int
    looks: int
    level: float
    alpha: float
    procedure: str
    spending: str
    apart: tuple[CasesApart, ...] = ()
    self_scored: bool = False

    def told_document(self) -> str:
        """The document that the ledger keeps of it: no figure, bound or count.

        It has the look's level for all claims: the step of a procedure would tell of the others.
        """
        return document_of(
            [(claim.name, claim.verdict.value) for claim in self.claims],
            look=self.look,
            looks=self.looks,
            level=self.level,
            claims_digest=self.claims_digest,
        )

    def to_json(self) -> str:
        """Write canonical JSON."""
        return json.dumps(
            self.as_document(), sort_keys=True, separators=(",", ":"), allow_nan=False
        )

    @classmethod
    def from_json(cls, text: str) -> StudyVerdict:
        """Read what ``to_json`` wrote; ValueError, TypeError or KeyError for anything else."""
        return cls.from_document(json.loads(text))

    def as_document(self) -> dict[str, Any]:
        """The verdict as JSON values; what is not set is left out."""
        return {"schema": SCHEMA, **_set(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StudyVerdict:
        """Read what ``as_document`` gave."""
        values = dict(document)
        if (schema := values.pop("schema")) != SCHEMA:
            raise ValueError(f"the schema of a verdict is {schema!r}")
        values["claims"] = tuple(_claim(each) for each in values["claims"])
        values["apart"] = tuple(CasesApart(**each) for each in values.get("apart", ()))
        return cls(**values)


def _claim(document: Mapping[str, Any]) -> ClaimVerdict:
    values = dict(document)
    values["verdict"] = Verdict(values["verdict"])
    values["after"] = tuple(values.get("after", ()))
    values["parts"] = tuple(_part(each) for each in values.get("parts", ()))
    return ClaimVerdict(**values)


def _part(document: Mapping[str, Any]) -> JudgedPart:
    values = dict(document)
    bound = values.pop("bound", None)
    return JudgedPart(
        part=Part(**values.pop("part")), bound=None if bound is None else Bound(**bound), **values
    )


def _set(record: Any) -> dict[str, Any]:
    """The fields of a record that differ from their default, as JSON values."""
    values = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if value == field.default:
            continue
        if isinstance(value, tuple):
            value = [_set(each) if hasattr(each, "__slots__") else each for each in value]
            if not value:
                continue
        elif isinstance(value, Verdict):
            value = value.value
        elif isinstance(value, Part | Bound):
            value = _set(value)
        values[field.name] = value
    return values
