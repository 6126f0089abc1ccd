"""The sentences on a declared study and on its verdict: one home for pages, terminal and files.

What a team may read while looks are open stands in ``submissions.ledger.verdicts.sentences``, since
the pages of a team may import nothing of the evaluator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from evaluator.claims.declaration import DeclaredClaim
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.claims.needed import needed
from evaluator.claims.verdict import (
    MET_BEFORE,
    NEVER_MET,
    CasesApart,
    ClaimVerdict,
    JudgedPart,
    StudyVerdict,
)
from evaluator.glossary import figure
from evaluator.scoring.results import INSUFFICIENT
from metrics.claims.claim import FIXED_SEQUENCE, Bound, Part, Study
from metrics.claims.procedures import Verdict
from metrics.claims.spending import EQUAL, level_of_look
from submissions.design.dates import day
from submissions.ledger.verdicts.sentences import level_text

SELF_SCORED = (
    "Self-scored: the claims were judged on scores and labels that the reader gave, and may have "
    "been written after the scores were known."
)
READ_OFF = (
    "A claim is met exactly where its printed bound, rounded outward to three decimals, reaches "
    "the goal."
)
FIGURES_LATER = "Figures and bounds are told when no look of any team at these cases is open."
FINAL = "A verdict is final: it does not change where the submission is scored again."


@dataclass(frozen=True, slots=True)
class ClaimWords:
    """One claim of a verdict in words; ``outcome`` is 'met', 'not shown' or 'not tested'."""

    number: int
    name: str
    outcome: str
    sentences: tuple[str, ...]

    @property
    def head(self) -> str:
        """The claim and its outcome, as 'Claim 1, AUROC above 0.80: met'."""
        return f"Claim {self.number}, {self.name}: {self.outcome}"


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """A whole verdict in words: its summary, its claims, and what is to be known of it."""

    summary: str
    claims: tuple[ClaimWords, ...]
    notes: tuple[str, ...]


def in_words(verdict: StudyVerdict) -> VerdictWords:
    """The whole verdict, for reviewers, and for all readers once no look is open."""
    claims = tuple(
        ClaimWords(
            number=number,
            name=claim.name,
            outcome=str(claim.verdict.value),
            sentences=_sentences(verdict, claim),
        )
        for number, claim in enumerate(verdict.claims, start=1)
    )
    return VerdictWords(summary(verdict), claims, notes(verdict))


def summary(verdict: StudyVerdict) -> str:
    """How many claims were met, as '1 of 2 claims met'."""
    n_met = sum(claim.verdict is Verdict.MET for claim in verdict.claims)
    number = len(verdict.claims)
    return f"{n_met} of {number} claim{'s' * (number != 1)} met"


def tags(verdict: StudyVerdict) -> dict[str, str]:
    """The verdict as tags of a run: its summary, each claim, the declaration's digest and time."""
    texts = {"verdict": summary(verdict)}
    for number, (name, outcome) in enumerate(outcomes(verdict), start=1):
        texts[f"claim {number}"] = f"{name}: {outcome}"
    return texts | {
        "sequestra.claims_digest": verdict.claims_digest,
        "sequestra.claims_declared": verdict.declared,
    }


def outcomes(verdict: StudyVerdict) -> tuple[tuple[str, str], ...]:
    """Name and outcome of each claim in the file's order, for boards and tags."""
    return tuple((claim.name, str(claim.verdict.value)) for claim in verdict.claims)


def notes(verdict: StudyVerdict) -> tuple[str, ...]:
    """When the claims were declared, how the level is shared, cases met before, and finality."""
    sentences = (
        [SELF_SCORED] if verdict.self_scored else [declared(verdict.declared, verdict.addendum)]
    )
    sentences.append(shared(verdict.alpha, verdict.procedure, verdict.looks, verdict.spending))
    sentences += [_apart(each) for each in verdict.apart]
    if not verdict.self_scored:
        sentences.append(FINAL)
    return tuple(sentences)


def _apart(of: CasesApart) -> str:
    """A figure on the cases that the team met before, or on those it never met."""
    which = {MET_BEFORE: "Cases that the team met before", NEVER_MET: "Cases that it never met"}
    claimed_figure = _figure(of.figure)
    if of.value is None:
        return f"{which.get(of.cases, of.cases)}: {claimed_figure}: {of.undefined or INSUFFICIENT}."
    return (
        f"{which.get(of.cases, of.cases)}: {claimed_figure} {of.value:.3f} ({of.n_cases} cases, "
        f"{of.n_positive} positives)."
    )


def declared(at: str, addendum: bool) -> str:
    """When the claims were declared, and for ever whether that was after the seal."""
    when = day(datetime.fromisoformat(at))
    if addendum:
        return f"Declared after the seal, on {when}."
    return f"Declared before the cohort was sealed, on {when}."


def shared(alpha: float, procedure: str, looks: int, spending: str) -> str:
    """How claims and looks share the level, in a sentence."""
    order = (
        "claims are tested in order, each only where those before it were met"
        if procedure == FIXED_SEQUENCE
        else "claims share the level by Holm's procedure"
    )
    of_looks = "one look"
    if looks > 1:
        first = level_text(level_of_look(1, looks, alpha, spending))
        of_looks = (
            f"{looks} looks of a team, at {first} each"
            if spending == EQUAL
            else f"{looks} looks of a team, the first at {first}, each later one at less"
        )
    return f"One-sided level {level_text(alpha)} for {of_looks}; {order}."


def when_told(claims: int, looks: int) -> str:
    """What a team is told at a look, and when the rest follows."""
    if claims > 1 and looks > 1:
        return (
            "At a look, a team is told whether all claims are met; which ones, with its last look. "
            + FIGURES_LATER
        )
    return f"At a look, a team is told which claims are met. {FIGURES_LATER}"


def tried(teams: int) -> str:
    """How many teams had the claims judged, in a sentence."""
    if not teams:
        return "No team has tried these claims yet."
    return "1 team has tried these claims." if teams == 1 else f"{teams} teams tried these claims."


def planned(row: Mapping[str, Any] | None) -> str:
    """The power that was planned for a claim and what was assumed; empty where none was."""
    if row is None:
        return ""
    sentence = f"Planned power {row['power']:.2f}"
    return f"{sentence}, assuming {row['assumed']}." if row.get("assumed") else f"{sentence}."


def declared_claims(study: DeclaredStudy) -> tuple[tuple[str, str], ...]:
    """Name and text of each declared claim, for the page of a benchmark, in the file's order."""
    plain = study.without_levels().claims
    return tuple(
        (claim.name, _declared(declared, claim.parts))
        for declared, claim in zip(study.claims, plain, strict=True)
    )


def sealed_claims(study: Study) -> tuple[tuple[str, str], ...]:
    """Name and text of each claim of a study whose levels are fixed, in its order."""
    rows = []
    for claim in study.claims:
        words = []
        for parts in _alike(claim.parts):
            text = claimed(parts[0])
            if len(parts) > 1:
                levels = ", ".join(part.level for part in parts)
                plain = claimed(replace(parts[0], attribute="", level=""))
                text = f"{plain}, in every level of {parts[0].attribute} ({levels})"
            words.append(text)
        text = " and ".join(words)
        after = f" Tested only where met: {', '.join(claim.after)}." if claim.after else ""
        rows.append((claim.name, f"{text[:1].upper()}{text[1:]}.{after}"))
    return tuple(rows)


def _declared(claim: DeclaredClaim, parts: Sequence[Part]) -> str:
    claims = " and ".join(claimed(part) for part in parts)
    where = [f"in {name}: {level}" for name, level in claim.within]
    if claim.each:
        where.append(f"in every level of {claim.each}, Not Reported aside")
    text = ", ".join([claims[:1].upper() + claims[1:], *where])
    after = f" Tested only where met: {', '.join(claim.after)}." if claim.after else ""
    return f"{text}.{after}"


def what(part: Part) -> str:
    """The figure of a part, less that of its comparator if any, as 'sensitivity'."""
    name = _figure(part.figure)
    return name if part.comparator is None else f"{name} less that of {part.comparator}"


def group(part: Part) -> str:
    """The group of a part, as 'sex: Female' or 'race x sex: Asian x Female'."""
    return f"{part.attribute}: {part.level}"


def goal(part: Part) -> str:
    """The goal of a part, as 'goal 0.850', 'goal at most 0.100' or 'margin 0.050'."""
    if part.comparator is not None:
        return "goal 0.000" if part.margin is None else f"margin {part.margin:.3f}"
    return f"goal {'at most ' if part.upper else ''}{part.goal:.3f}"


def claimed(part: Part) -> str:
    """What a part claims, as a clause: 'sensitivity at least 0.850 at the submitted threshold'."""
    words = _figure(part.figure)
    if part.comparator is not None:
        words += (
            f" better than that of {part.comparator}"
            if part.margin is None
            else f" not worse than that of {part.comparator} by more than {part.margin:.3f}"
        )
    else:
        words += f" at {'most' if part.upper else 'least'} {part.goal:.3f}"
    if part.figure != "auroc":
        at = "the submitted threshold"
        words += f" at {at if part.threshold is None else f'the threshold {part.threshold:g}'}"
    return f"{words}, in {group(part)}" if part.attribute else words


def _figure(name: str) -> str:
    """A figure within a sentence, as 'AUROC' or 'sensitivity'."""
    known = figure(name)
    return known.short if name == "auroc" else known.name.lower()


def _sentences(verdict: StudyVerdict, claim: ClaimVerdict) -> tuple[str, ...]:
    """One sentence for a part, or for the level that decided of those that were tested alike."""
    if claim.verdict is Verdict.NOT_TESTED and verdict.look > verdict.looks:
        return (f"Not tested: the team had no look left of {verdict.looks}.",)
    if claim.verdict is Verdict.NOT_TESTED:
        before = "the claims that it stands after were" if claim.after else "a claim before it was"
        return (f"Not tested: {before} not met.",)
    at = f"look {verdict.look} of {verdict.looks} at {level_text(claim.level)}"
    if verdict.self_scored:
        at = f"at {level_text(claim.level)}"
    return tuple(_part(parts, at) for parts in families(claim.parts))


def families(judged: Sequence[JudgedPart]) -> list[tuple[JudgedPart, ...]]:
    """The parts of a claim; those that differ in their level alone stand together."""
    of = {each.part: each for each in judged}
    return [tuple(of[part] for part in parts) for parts in _alike(list(of))]


def _alike(parts: Sequence[Part]) -> list[tuple[Part, ...]]:
    alike: dict[Part, list[Part]] = {}
    for part in parts:
        alike.setdefault(replace(part, level=""), []).append(part)
    return [tuple(each) for each in alike.values()]


def deciding(parts: Sequence[JudgedPart]) -> JudgedPart:
    """The part whose bound is furthest from its goal, on the wrong side or nearest to it."""
    return min(parts, key=_reach)


def _reach(judged: JudgedPart) -> float:
    """How far a bound is beyond its goal; what has no bound is worst."""
    if judged.bound is None:
        return float("-inf")
    beyond = judged.bound.bound - judged.part.goal
    return -beyond if judged.part.upper else beyond


def _part(parts: Sequence[JudgedPart], at: str) -> str:
    worst = deciding(parts)
    part, bound = worst.part, worst.bound
    where = f" in {group(part)}" if part.attribute else ""
    if len(parts) > 1:
        where += f" (the worst of {len(parts)} levels)"
    if bound is None:
        why = worst.undefined or INSUFFICIENT
        return f"Not shown: {what(part)}{where}: {why}, {at}."
    goal_reached = _reach(worst) >= 0.0
    side = "upper" if part.upper else "lower"
    words = (
        f"{'Met' if goal_reached else 'Not shown'}: {what(part)} {bound.value:.3f}{where}, {side} "
        f"bound {bound.bound:.3f}, {goal(part)} ({_counts(part, bound)}), {at}"
    )
    more = "" if goal_reached else needed(part, bound)
    return f"{words}; {more}." if more else f"{words}."


def _counts(part: Part, bound: Bound) -> str:
    """The cases that a figure rests on, and the patients where they are fewer."""
    positive, negative = bound.n_positive, bound.n_cases - bound.n_positive
    counts = {
        "sensitivity": f"{positive} positives",
        "specificity": f"{negative} negatives",
    }.get(part.figure, f"{positive} positives, {negative} negatives")
    if bound.n_patients != bound.n_cases:
        counts += f", {bound.n_patients} patients in all"
    return counts
