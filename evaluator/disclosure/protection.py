"""Decides which groups are withheld: the rule of suppression, then an attacker who must fail.

Where the attacker bounds a withheld count too tightly, the smallest of the groups that the bound
rests on is withheld too, and the attacker tries again. Earlier releases are put beside the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evaluator.disclosure.attacker import (
    CASES,
    NEGATIVE,
    PATIENTS,
    POSITIVE,
    Attacker,
    Contradiction,
    Fact,
    Programme,
    Target,
    Won,
)
from evaluator.disclosure.earlier import Document, Earlier
from evaluator.disclosure.own_counts import OwnCounts, State
from evaluator.disclosure.rule import Disclosure
from evaluator.disclosure.structure import structure
from evaluator.disclosure.suppression import (
    Cell,
    Counts,
    Group,
    Nesting,
    listed,
    suppressed,
)
from evaluator.disclosure.told import OWN, TARGET, Names
from evaluator.scoring.results import Evaluation

GIVES_BACK = "withheld: beside earlier releases of the team it would give back a withheld group"
DISAGREES = "withheld: its counts and those of earlier releases of the team cannot both be right"
TOO_NEAR = "withheld: the cohort differs by few cases from one of which the team has a release"


@dataclass(frozen=True, slots=True)
class Protection:
    """Groups that are not shown, and groups that are shown with their number of cases alone.

    ``without_target`` says that the shares achieved of the target go as well. ``refused`` is a
    sentence where nothing may be shown, or empty.
    """

    withheld: frozenset[Group]
    insufficient: frozenset[Group]
    without_target: bool = False
    refused: str = ""


def protection(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    rule: Disclosure,
    nesting: Nesting | None = None,
    earlier: Sequence[Earlier] = (),
) -> Protection:
    """Withhold what is small, what gives it back, and what an attacker would bound it by."""
    given = listed(evaluation, groups, rule.minimum_cell, nesting)
    own = OwnCounts(evaluation, given, rule, nesting or {})
    state = State(*map(frozenset, suppressed(given)))
    state = _grown(_Contest(own), state)
    if own.of_patients:
        state = _grown(_OfPatients(own), state)
    beside = [each for each in earlier if each.shared is None or each.shared.n_cases]
    if any(_too_near(given.everyone, each, rule.minimum_cell) for each in beside):
        state = replace(state, refused=TOO_NEAR)
    elif beside:
        state = _grown(_Beside(own, beside), state)
    withheld = given.groups(state.withheld) | given.opaque
    return Protection(
        withheld, given.groups(state.hidden) - withheld, state.without_target, state.refused
    )


class _Contest:
    """What an attacker knows and wants of one release, for any choice of what is withheld."""

    beside: Sequence[Fact] = ()

    def __init__(self, own: OwnCounts) -> None:
        self.own = own
        self.given = own.given
        self.programme = self._programme()

    def _programme(self) -> Programme:
        own = self.own
        laid = structure(own.cells, own.complete, own.occurring)
        return Programme(
            laid,
            (POSITIVE, NEGATIVE, *OWN.called),
            parts=dict(zip(OWN.called, (POSITIVE, NEGATIVE), strict=True)),
            sums={CASES: (POSITIVE, NEGATIVE)},
        )

    def facts(self, state: State) -> list[Fact]:
        return [*self.own.facts(state), *self.beside]

    def targets(self, state: State) -> list[Target]:
        return list(self.own.targets(state))

    def of_classes(self, target: Target) -> bool:
        """Whether a target is safe once figures are withheld and the number of cases is not."""
        return target.count in (POSITIVE, NEGATIVE)


class _OfPatients(_Contest):
    """The same for numbers of patients, where those have several cases."""

    def _programme(self) -> Programme:
        cells = self.own.of_patients
        return Programme(structure(cells, cells), (PATIENTS,))

    def facts(self, state: State) -> list[Fact]:
        return list(self.own.facts_of_patients(state))

    def targets(self, state: State) -> list[Target]:
        return list(self.own.targets_of_patients(state))


class _Beside(_Contest):
    """The release beside earlier ones, of its cohort and of cohorts that share cases with it."""

    def __init__(self, own: OwnCounts, earlier: Sequence[Earlier]) -> None:
        self.documents = [
            Document(each, _names(number, each), own.given.counts if each.shared is None else {})
            for number, each in enumerate(earlier)
        ]
        self.beside = [fact for document in self.documents for fact in document.facts()]
        self._wanted = [target for document in self.documents for target in document.targets()]
        super().__init__(own)

    def _programme(self) -> Programme:
        own = self.own
        theirs = [set(document.cells().values()) for document in self.documents]
        cells = own.cells.union(*theirs, *(document.shares() for document in self.documents))
        laid = structure(cells, own.complete.union(*theirs), own.occurring)
        counts = [POSITIVE, NEGATIVE, *OWN.called]
        parts = dict(zip(OWN.called, (POSITIVE, NEGATIVE), strict=True))
        sums = {CASES: (POSITIVE, NEGATIVE)}
        nobody = dict.fromkeys((POSITIVE, NEGATIVE), laid.outside(own.complete))
        for document, cells_of_it in zip(self.documents, theirs, strict=True):
            names = document.names
            if document.earlier.shared is not None:
                shared, others = _of_other(names)
                for count, whole, part, rest in zip(
                    (names.positive, names.negative),
                    (POSITIVE, NEGATIVE),
                    shared,
                    others,
                    strict=True,
                ):
                    counts += [part, rest]
                    parts[part] = whole
                    sums[count] = (part, rest)
                    nobody[part] = nobody[rest] = laid.outside(cells_of_it)
                sums[names.cases] = (*shared, *others)
            counts += names.called
            parts |= dict(zip(names.called, names.classes, strict=True))
        return Programme(laid, tuple(counts), parts, sums, nobody)

    def facts(self, state: State) -> list[Fact]:
        shared = [
            Fact((), name, number, number)
            for document in self.documents
            if document.earlier.shared is not None
            for name, number in zip(
                _of_other(document.names)[0],
                (document.earlier.shared.n_positive, document.earlier.shared.n_negative),
                strict=True,
            )
        ]
        return [*super().facts(state), *shared]

    def targets(self, state: State) -> list[Target]:
        """What any of the releases withholds, under the larger minimum; and parts of bands."""
        found: dict[tuple[Cell, str], Target] = {}
        for target in (*super().targets(state), *self._wanted):
            known = found.get((target.cell, target.count))
            if known is None or known.minimum < target.minimum:
                found[target.cell, target.count] = target
        minimum = self.given.minimum
        divided = self.programme.structure.divided()
        return [*found.values(), *(Target(cell, CASES, 0, minimum, True) for cell in divided)]

    def of_classes(self, target: Target) -> bool:
        classes = {
            name for each in self.documents for name in (each.names.positive, each.names.negative)
        }
        return super().of_classes(target) or target.count in classes

    def lost(self, target: Target, state: State) -> bool:
        """Whether earlier releases alone gave a count away: no later one can take it back."""
        known = [fact for fact in self.facts(state) if not fact.own]
        return Attacker(self.programme).first_won(known, [target]) is not None


def _grown(contest: _Contest, state: State) -> State:
    """Withhold more until the attacker bounds no withheld count too tightly."""
    attacker, beyond = Attacker(contest.programme), set[Target]()
    while True:
        targets = [target for target in contest.targets(state) if target not in beyond]
        try:
            won = attacker.first_won(contest.facts(state), targets)
        except Contradiction:
            # Counts of one evaluation agree, but for those that a person wrote by hand.
            several = isinstance(contest, _Beside)
            return replace(state, refused=DISAGREES) if several else state
        if won is None:
            return state
        more = None
        if not isinstance(contest, _Beside):
            more = _more(contest, won, state)
        elif not contest.lost(won.target, state):
            more = _more(contest, won, state)
            if more is None:
                return replace(state, refused=GIVES_BACK)
        if more is None:
            beyond.add(won.target)
        else:
            state = more


def _more(contest: _Contest, won: Won, state: State) -> State | None:
    """Withhold the smallest group that the bound rests on; None where it rests on none."""
    if TARGET in won.rests_on:
        return replace(state, without_target=True)
    counts = contest.given.counts
    candidates = {cell for cell in won.rests_on if cell and cell in counts} - state.withheld
    if not candidates:
        return None
    chosen = min(candidates, key=lambda cell: (counts[cell].n_cases, cell))
    withheld, hidden = set(state.withheld), set(state.hidden)
    if contest.of_classes(won.target) and chosen not in hidden:
        hidden.add(chosen)
    else:
        withheld.add(chosen)
    none, fewer = suppressed(contest.given, withheld, hidden)
    return replace(state, withheld=frozenset(none), hidden=frozenset(fewer))


def _names(number: int, earlier: Earlier) -> Names:
    """Names of the counts of an earlier release; those of the same cohort are the same counts."""
    called = (f"positive, called {number}", f"negative, called {number}")
    if earlier.shared is None:
        return Names(POSITIVE, NEGATIVE, CASES, called)
    return Names(*(f"{count} of {number}" for count in (POSITIVE, NEGATIVE, CASES)), called)


def _of_other(names: Names) -> tuple[tuple[str, str], tuple[str, str]]:
    """Counts of another cohort's cases: those that are in both, and the others."""
    counts = names.positive, names.negative
    shared, others = (tuple(f"{count}, {where}" for count in counts) for where in ("both", "other"))
    return (shared[0], shared[1]), (others[0], others[1])


def _too_near(everyone: Counts, earlier: Earlier, minimum: int) -> bool:
    """Whether two cohorts differ by so few cases that their figures differ by these alone."""
    shared, other = earlier.shared, earlier.release
    if shared is None:
        return False
    differing = [everyone.n_positive - shared.n_positive, everyone.n_negative - shared.n_negative]
    if other.n_positive is not None:
        differing += [
            other.n_positive - shared.n_positive,
            other.n_cases - other.n_positive - shared.n_negative,
        ]
    return any(0 < number < minimum for number in differing)
