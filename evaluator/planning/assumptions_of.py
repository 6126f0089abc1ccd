"""What is assumed of every claim, with where each value was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from evaluator.assumptions import DEFAULTS, Assumed
from evaluator.claims.declaration import DeclaredClaim
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.scoring.analysis_plan import AnalysisPlan
from metrics.arrays import Floats
from metrics.claims.claim import Part, Study
from metrics.planning.truth import Truth, Truths

OPTION, CLAIM, STUDY = "option", "claim", "study"
ANALYSIS, DEFAULT, PILOT = "[analysis] assumed", "default", "pilot scores"


class PlanningError(ValueError):
    """A study that cannot be planned from what is assumed."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """A value that is taken to be true, and where it was said."""

    value: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Pilot:
    """Scores of a model on cases of the open part: of positives, and of negatives."""

    positives: Floats
    negatives: Floats
    auroc: float

    @property
    def assumed(self) -> dict[str, Assumption]:
        """Its AUROC, and the spread of its scores."""
        spread = float(self.negatives.std() / self.positives.std())
        return {"auroc": Assumption(self.auroc, PILOT), "spread": Assumption(spread, PILOT)}


Assumptions = Mapping[str, Assumption]
"""Key -> what is assumed, of one claim."""


def assumed_of(
    claim: DeclaredClaim | None, study: DeclaredStudy, options: Assumed, analysis: AnalysisPlan
) -> dict[str, Assumption]:
    """Every key of ``Assumed`` for a claim, or for the study: options go before claim and study."""
    sources = [(options, OPTION)]
    if claim is not None:
        sources.append((claim.assumed, CLAIM))
    sources.append((study.table.assumed, STUDY))
    assumptions = {}
    for each in fields(Assumed):
        values = [(getattr(one, each.name), source) for one, source in sources]
        value, source = next(((v, s) for v, s in values if v is not None), (None, ""))
        if value is None:
            of_analysis = dict(analysis.assumed)
            source = ANALYSIS if each.name in of_analysis else DEFAULT
            value = of_analysis.get(each.name, DEFAULTS[each.name])
        assumptions[each.name] = Assumption(value, source)
    return assumptions


def used_keys(claim_parts: tuple[Part, ...], images: float) -> tuple[str, ...]:
    """The keys on which the power of a claim with these parts depends."""
    keys = []
    for part in claim_parts:
        keys.append(part.figure)
        if part.figure == "auroc":
            keys.append("spread")
        if part.comparator is not None:
            keys += ["difference", "correlation" if part.figure == "auroc" else "discordance"]
    if images > 1.0:
        keys.append("within_patient")
    return tuple(dict.fromkeys(keys))


def truths(study: Study, assumed: Mapping[str, Assumptions], pilot: Pilot | None = None) -> Truths:
    """The truth of every part; raise PlanningError where no claim could be true or shown."""
    truth_of = {}
    for claim in study.claims:
        assumptions = assumed[claim.name]
        for place, part in enumerate(claim.parts):
            truth = _truth(part, assumptions, pilot)
            _refuse_untrue(claim.name, part, truth, assumptions)
            try:
                truth.refuse_impossible(part)
            except ValueError as problem:
                raise PlanningError(f"claim {claim.name!r}: {problem}") from None
            truth_of[claim.name, place] = truth
    return truth_of


def _truth(part: Part, assumptions: Assumptions, pilot: Pilot | None) -> Truth:
    paired = part.comparator is not None
    of_pilot = pilot if part.figure == "auroc" else None
    return Truth(
        value=assumptions[part.figure].value if of_pilot is None else of_pilot.auroc,
        difference=assumptions["difference"].value if paired else 0.0,
        spread=assumptions["spread"].value,
        correlation=assumptions["correlation"].value,
        discordance=assumptions["discordance"].value,
        pilot=None if of_pilot is None else (of_pilot.positives, of_pilot.negatives),
    )


def _refuse_untrue(claim: str, part: Part, truth: Truth, assumptions: Assumptions) -> None:
    """A claim that is false under what is assumed has no size."""
    value, key = truth.value, part.figure
    if part.comparator is not None:
        value, key = truth.difference, "difference"
    if value < part.goal if part.upper else value > part.goal:
        return
    how = "below" if part.upper else "above"
    what = f"{part.figure}'s {key}" if key == "difference" else key
    raise PlanningError(
        f"claim {claim!r} has the goal {part.goal:g} and its {what} is assumed to be {value:g} "
        f"(from {assumptions[key].source}); no cohort shows what is not true: assume a value {how} "
        f"the goal, as assumed = {{ {key} = ... }} in the claim or by --assume {key}=..."
    )
