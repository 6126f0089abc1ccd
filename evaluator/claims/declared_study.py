"""A study as a benchmark's file declares it: its claims together, and what they promise each other.

The levels of ``each`` are known once cases are drawn: :meth:`DeclaredStudy.with_levels`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.benchmark_keys.reading import read_list, read_table, shown
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from evaluator.claims.declaration import (
    JOINT,
    ClaimsError,
    Comparator,
    DeclaredClaim,
    DeclaredPart,
    StudyTable,
)
from metrics.claims.claim import Claim, Part, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredStudy:
    """All that a benchmark's file claims; the levels of ``each`` are not known yet.

    ``intersections`` are those of the [analysis] table: the order of the names of a group.
    """

    table: StudyTable = field(default_factory=StudyTable)
    claims: tuple[DeclaredClaim, ...]
    comparators: Mapping[str, Comparator] = field(default_factory=dict)
    intersections: tuple[tuple[str, ...], ...] = ()

    @property
    def looks(self) -> int:
        """Looks of a team in the life of the cohort."""
        return self.table.looks

    @property
    def digest(self) -> str:
        """SHA-256 over every choice, so that two studies can be seen to claim the same."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def attribute(self, names: Sequence[str]) -> str:
        """The name of the groups that these attributes make, as releases write it."""
        for crossed in self.intersections:
            if set(crossed) == set(names):
                return JOINT.join(crossed)
        return JOINT.join(names)

    @property
    def grouped_by(self) -> tuple[str, ...]:
        """The attributes and intersections whose levels some claim is about, each once."""
        named = (claim.attributes for claim in self.claims)
        return tuple(dict.fromkeys(self.attribute(names) for names in named if names))

    @property
    def single_attributes(self) -> tuple[str, ...]:
        """The attributes of :attr:`grouped_by`, with those of intersections, each once."""
        return tuple(dict.fromkeys(name for by in self.grouped_by for name in by.split(JOINT)))

    @property
    def parts(self) -> Iterator[tuple[DeclaredClaim, DeclaredPart]]:
        """Every part with its claim, without the levels of ``each``."""
        return ((claim, part) for claim in self.claims for part in claim.every_part)

    def groups(
        self, claim: DeclaredClaim, columns: Mapping[str, Sequence[str]]
    ) -> tuple[tuple[str, str], ...]:
        """Attribute and level of each group that a claim is about; ("", "") for all cases.

        ``columns`` maps each attribute to the level of each case, or of each combination of levels
        that some case has. Raises ClaimsError where no case is in a group.
        """
        if not claim.attributes:
            return (("", ""),)
        attribute = self.attribute(claim.attributes)
        names, fixed = attribute.split(JOINT), dict(claim.within)
        rows = zip(*(columns[name] for name in names), strict=True)
        groups = sorted(
            row
            for row in set(rows)
            if all(level == fixed.get(name, level) for name, level in zip(names, row, strict=True))
            and not any(
                level == NOT_REPORTED and name not in fixed
                for name, level in zip(names, row, strict=True)
            )
        )
        if not groups:
            asked = " and ".join(f"{name} {level!r}" for name, level in claim.within) or attribute
            raise ClaimsError(
                f"claim {claim.name!r} is about {asked}, which no case has; correct the level, or "
                "draw such cases"
            )
        return tuple((attribute, JOINT.join(row)) for row in groups)

    def with_levels(self, columns: Mapping[str, Sequence[str]]) -> Study:
        """The study whose claims have a part for each of their levels among these cases.

        ``columns`` as in :meth:`groups`. Raises ClaimsError.
        """
        return self._study(
            tuple(
                tuple(
                    _part(part, *group)
                    for part in claim.every_part
                    for group in self.groups(claim, columns)
                )
                for claim in self.claims
            )
        )

    def without_levels(self) -> Study:
        """The study with every claim about all cases: its order, gates and numbers alone."""
        return self._study(
            tuple(tuple(_part(part) for part in claim.every_part) for claim in self.claims)
        )

    def _study(self, parts: Sequence[tuple[Part, ...]]) -> Study:
        try:
            return Study(
                claims=tuple(
                    Claim(name=claim.name, parts=its, after=claim.after)
                    for claim, its in zip(self.claims, parts, strict=True)
                ),
                alpha=self.table.alpha,
                procedure=self.table.procedure,
                looks=self.table.looks,
                spending=self.table.spending,
            )
        except ValueError as problem:
            raise ClaimsError(str(problem)) from None


def _part(part: DeclaredPart, attribute: str = "", level: str = "") -> Part:
    if part.at_least is not None:
        goal = part.at_least
    elif part.at_most is not None:
        goal = part.at_most
    else:
        goal = 0.0 if part.margin is None else -part.margin
    return Part(
        figure=part.figure,
        goal=goal,
        upper=part.at_most is not None,
        threshold=part.threshold if isinstance(part.threshold, float) else None,
        comparator=part.comparator or None,
        margin=part.margin,
        attribute=attribute,
        level=level,
    )


def read_study(
    study: object, claims: object, comparators: object, path: Path
) -> DeclaredStudy | None:
    """Read the three tables of the benchmark file at ``path``; None where it claims nothing.

    A table that the file does not have is None. Raises ClaimsError.
    """
    if claims is None:
        for name, table in (("study", study), ("comparators", comparators)):
            if table is not None:
                raise ClaimsError(
                    f"{path.name}: [{name}] is given and the file has no [[claims]]; add the "
                    f"claims, or leave [{name}] out"
                )
        return None
    declared = read_list(DeclaredClaim, claims, path, "claims", ClaimsError, "claim")
    if not declared:
        raise ClaimsError(f"{path.name}: claims is empty; add a [[claims]] table, or leave it out")
    against = {} if comparators is None else comparators
    if not isinstance(against, Mapping):
        raise ClaimsError(
            f"{path.name}: comparators is {shown(against)}; give each a table [comparators.NAME]"
        )
    whole = DeclaredStudy(
        table=read_table(StudyTable, {} if study is None else study, path, "study", ClaimsError),
        claims=declared,
        comparators={
            name: read_table(Comparator, table, path, f"comparators.{name}", ClaimsError)
            for name, table in against.items()
        },
    )
    for problem in chain(_of_names(whole), _of_comparators(whole)):
        raise ClaimsError(f"{path.name}: {problem}")
    try:
        whole.without_levels()
    except ClaimsError as problem:
        raise ClaimsError(f"{path.name}: {problem}") from None
    return whole


def _of_names(study: DeclaredStudy) -> Iterator[str]:
    """Names of claims that stand twice, and gates that do not point back."""
    names = [claim.name for claim in study.claims]
    earlier: list[str] = []
    for claim in study.claims:
        folded = [name.casefold() for name in earlier]
        if claim.name.casefold() in folded:
            yield f"two claims are named {claim.name!r}; give each its own name"
        for gate in claim.after:
            if gate not in names:
                yield (
                    f"claim {claim.name!r} stands after {gate!r}, which is no claim"
                    f"{did_you_mean(gate, names)}; name earlier claims in after"
                )
            elif gate not in earlier:
                yield (
                    f"claim {claim.name!r} stands after {gate!r}, which comes later in the file; "
                    f"put {gate!r} before it, or take it out of after"
                )
        earlier.append(claim.name)


def _of_comparators(study: DeclaredStudy) -> Iterator[str]:
    """Comparators that are missing, unused, or without what a claim needs of them."""
    known = study.comparators
    used: set[str] = set()
    for claim, part in study.parts:
        name = part.comparator
        if not name:
            continue
        used.add(name)
        if name not in known:
            yield (
                f"claim {claim.name!r} compares with {name!r}, and no table [comparators.{name}] "
                f"is there{did_you_mean(name, known)}; the comparators are "
                f"{', '.join(known) or 'none'}: name one of these, or add the table"
            )
        elif part.figure == "auroc" and known[name].has_calls_alone:
            yield (
                f"claim {claim.name!r} compares AUROCs, and {name!r} has calls alone; give its "
                "scores, or claim sensitivity or specificity"
            )
        elif part.figure != "auroc" and not (
            known[name].has_calls_alone or known[name].call_at is not None
        ):
            yield (
                f"claim {claim.name!r} compares {part.figure}, and {name!r} has scores without "
                f"call_at; add call_at to [comparators.{name}], the score from which it calls a "
                "case positive"
            )
    for name in known:
        if name not in used:
            yield (
                f"[comparators.{name}] is compared with by no claim; name it in superior_to or "
                "noninferior_to, or leave the table out"
            )
