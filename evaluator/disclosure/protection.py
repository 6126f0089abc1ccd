"""Decides which groups are withheld: the rule of suppression, then an attacker who must fail.

Where the attacker bounds a withheld count too tightly, the smallest of the groups that the bound
rests on is withheld too, and the attacker tries again. Earlier releases are put beside the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evaluator.attacker.cells import Cell, Counts, Group, Nesting
from evaluator.attacker.own_counts import OwnCounts, State
from evaluator.attacker.programme import (
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
from evaluator.attacker.structure import structure
from evaluator.attacker.told import OWN, TARGET, Names
from evaluator.disclosure.earlier import Document, Earlier, Shared
from evaluator.disclosure.rounding import INSUFFICIENT
from evaluator.disclosure.rule import Disclosure
from evaluator.disclosure.suppression import listed, suppressed
from evaluator.scoring.results import OVERALL, Evaluation

GIVES_BACK = "no figure is shown: beside the team's earlier ones it would tell of a withheld group"
DISAGREES = "no figure is shown: its counts contradict those of the team's earlier releases"
TOO_NEAR = "no figure is shown: the cohort differs by few cases from another that the team saw"


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


@dataclass(frozen=True, slots=True)
class Also:
    """Groups that a release withholds because another, of the same cases, does.

    ``withheld`` lose their number of cases too. Everyone among either: nothing is shown.
    """

    withheld: frozenset[Group] = frozenset()
    insufficient: frozenset[Group] = frozenset()

    def of(self, cell_of: Mapping[Group, Cell]) -> tuple[set[Cell], set[Cell]]:
        """Both as the cells that they are."""
        whole, figures = (
            {cell_of[group] for group in groups if group in cell_of}
            for groups in (self.withheld, self.insufficient)
        )
        return whole, figures


NOTHING = Also()


def protection(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    rule: Disclosure,
    nesting: Nesting | None = None,
    earlier: Sequence[Earlier] = (),
    also: Also = NOTHING,
) -> Protection:
    """Withhold what is small, what gives it back, and what an attacker would bound it by.

    What is withheld ``also`` is protected as what is small.
    """
    counts = listed(evaluation, groups, rule.minimum_cell, nesting)
    own = OwnCounts(evaluation, counts, nesting or {})
    few, without_figures = suppressed(counts, *also.of(counts.cell_of))
    refused = INSUFFICIENT if OVERALL in also.withheld | also.insufficient else ""
    state = State(frozenset(few), frozenset(without_figures), refused=refused)
    if next(own.targets(state), None) is not None:
        state = _alone(own, state)
    beside = [each for each in earlier if each.shared is None or each.shared.n_cases]
    if any(_too_near(counts.everyone, each, rule.minimum_cell) for each in beside):
        state = replace(state, refused=TOO_NEAR)
    elif beside:
        state = _grown(_Beside(own, beside), state)
    withheld = counts.groups(state.withheld) | counts.opaque
    return Protection(
        withheld,
        counts.groups(state.hidden) - withheld,
        state.without_target,
        state.refused,
    )


def _alone(own: OwnCounts, state: State) -> State:
    """Withhold more until the release on its own gives nothing back."""
    state = _grown(_OfCounts(own), state)
    if own.of_patients:
        state = _grown(_OfPatients(own), state)
    beside_others = _OfCalls(own, state)
    state = _grown(beside_others, state)
    last = _OfRelease(own)
    last.attacker = beside_others.attacker  # with fewer facts, its solutions still hold
    return _grown(last, state)


class _OfCounts:
    """What an attacker knows and wants of counts, for any choice of what is withheld.

    All submissions of a benchmark come to the same choice.
    """

    def __init__(self, own: OwnCounts) -> None:
        self.own = own
        self.given = own.given
        self.programme = self._programme()
        self.attacker = Attacker(self.programme)

    def _programme(self) -> Programme:
        laid = structure(self.own.cells, self.own.complete, self.own.occurring)
        return Programme(laid, (POSITIVE, NEGATIVE), sums={CASES: (POSITIVE, NEGATIVE)})

    def facts(self, state: State) -> list[Fact]:
        return list(self.own.facts(state))

    def targets(self, state: State) -> list[Target]:
        return list(self.own.targets(state))

    def without(self, cell: Cell, target: Target, state: State) -> State:
        """Withhold one cell more: its figures, or all of it, and what it would follow from."""
        withheld, hidden = set(state.withheld), set(state.hidden)
        if self.of_classes(target) and cell not in hidden:
            hidden.add(cell)
        else:
            withheld.add(cell)
        none, fewer = suppressed(self.given, withheld, hidden)
        return replace(state, withheld=frozenset(none), hidden=frozenset(fewer))

    def of_classes(self, target: Target) -> bool:
        """Whether a target is safe once figures are withheld and the number of cases is not."""
        return target.count in (POSITIVE, NEGATIVE)


class _OfRelease(_OfCounts):
    """The same with the calls of one model: all that one release tells."""

    def _programme(self) -> Programme:
        hits, alarms = OWN.called
        misses, passes = "positive, not called", "negative, not called"
        return replace(
            super()._programme(),
            counts=(hits, misses, alarms, passes),
            sums={
                POSITIVE: (hits, misses),
                NEGATIVE: (alarms, passes),
                CASES: (hits, misses, alarms, passes),
            },
        )

    def facts(self, state: State) -> list[Fact]:
        return [*self.own.facts(state), *self.own.calls(state)]


class _OfCalls(_OfRelease):
    """The same beside the counts that releases of other models show: those of the first choice."""

    def __init__(self, own: OwnCounts, first: State) -> None:
        super().__init__(own)
        self._known = [replace(fact, own=False, told_by=None) for fact in own.facts(first)]
        self._first = first

    def facts(self, state: State) -> list[Fact]:
        return [*self._known, *self.own.calls(state)]

    def targets(self, state: State) -> list[Target]:
        return list(self.own.targets(self._first))


class _OfPatients(_OfCounts):
    """The same for numbers of patients, where those have several cases."""

    def _programme(self) -> Programme:
        cells = self.own.of_patients
        return Programme(structure(cells, cells), (PATIENTS,))

    def facts(self, state: State) -> list[Fact]:
        return list(self.own.facts_of_patients(state))

    def targets(self, state: State) -> list[Target]:
        return list(self.own.targets_of_patients(state))


class _Beside(_OfRelease):
    """The release beside earlier ones, of its cohort and of cohorts that share cases with it."""

    def __init__(self, own: OwnCounts, earlier: Sequence[Earlier]) -> None:
        cohorts = list(dict.fromkeys(each.release.cohort_digest for each in earlier))
        self.documents = [
            Document(
                each,
                _names(number, None if each.shared is None else cohorts.index(digest)),
                own.given.counts if each.shared is None else {},
            )
            for number, each in enumerate(earlier)
            for digest in [each.release.cohort_digest]
        ]
        facts = [(each, fact) for each in self.documents for fact in each.facts()]
        self.beside = [fact for document, fact in facts if document.of_these(fact.count)]
        for shared, names in self._others():
            both, _ = _of_other(names)
            counts = (shared.n_positive, shared.n_negative)
            self.beside += [Fact((), name, n, n) for name, n in zip(both, counts, strict=True)]
        targets = [(each, target) for each in self.documents for target in each.targets()]
        self._wanted = [target for document, target in targets if document.of_these(target.count)]
        super().__init__(own)

    def _others(self) -> list[tuple[Shared, Names]]:
        """The other cohorts: what they share with this one, and the names of their counts."""
        others = {
            document.names.cases: (document.earlier.shared, document.names)
            for document in self.documents
        }
        return [(shared, names) for shared, names in others.values() if shared is not None]

    def _programme(self) -> Programme:
        own = self.own
        theirs = [set(document.cells().values()) for document in self.documents]
        shares = (document.shares() for document in self.documents)
        cells = own.cells.union(own.occurring, *theirs, *shares)
        laid = structure(cells, own.complete.union(*theirs))
        counts = [POSITIVE, NEGATIVE, *OWN.called]
        parts = dict(zip(OWN.called, (POSITIVE, NEGATIVE), strict=True))
        sums: dict[str, tuple[str, ...]] = {CASES: (POSITIVE, NEGATIVE)}
        nobody = dict.fromkeys((POSITIVE, NEGATIVE), laid.outside(own.complete | own.occurring))
        for _, names in self._others():
            both, rest = _of_other(names)
            counts += [*both, *rest]
            parts |= dict(zip(both, (POSITIVE, NEGATIVE), strict=True))
            sums |= {
                one: (first, second)
                for one, first, second in zip(names.classes, both, rest, strict=True)
            }
            sums[names.cases] = (*both, *rest)
        for document in self.documents:
            counts += document.names.called
            parts |= dict(zip(document.names.called, document.names.classes, strict=True))
        return Programme(laid, tuple(counts), parts, sums, nobody)

    def facts(self, state: State) -> list[Fact]:
        return [*super().facts(state), *self.beside]

    def targets(self, state: State) -> list[Target]:
        """What any of the releases withholds, under the larger minimum; and parts of bands."""
        by_cell: dict[tuple[Cell, str], Target] = {}
        for target in (*super().targets(state), *self._wanted):
            known = by_cell.get((target.cell, target.count))
            if known is None or known.minimum < target.minimum:
                by_cell[target.cell, target.count] = target
        minimum = self.given.minimum
        divided = self.programme.structure.divided()
        return [*by_cell.values(), *(Target(cell, CASES, 0, minimum, True) for cell in divided)]

    def of_classes(self, target: Target) -> bool:
        classes = {
            name for each in self.documents for name in (each.names.positive, each.names.negative)
        }
        return super().of_classes(target) or target.count in classes

    def lost(self, target: Target, state: State) -> bool:
        """Whether earlier releases alone gave a count away: no later one can take it back."""
        known = [fact for fact in self.facts(state) if not fact.own]
        return Attacker(self.programme).first_won(known, [target]) is not None


def _grown(contest: _OfCounts, state: State) -> State:
    """Withhold more until the attacker bounds no withheld count too tightly."""
    beyond = set[Target]()
    while True:
        targets = [target for target in contest.targets(state) if target not in beyond]
        try:
            won = contest.attacker.first_won(contest.facts(state), targets)
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


def _more(contest: _OfCounts, won: Won, state: State) -> State | None:
    """Withhold the smallest group that the bound rests on; None where it rests on none."""
    if TARGET in won.rests_on:
        return replace(state, without_target=True)
    counts = contest.given.counts
    candidates = {cell for cell in won.rests_on if cell and cell in counts} - state.withheld
    if not candidates:
        return None
    chosen = min(candidates, key=lambda cell: (counts[cell].n_cases, cell))
    return contest.without(chosen, won.target, state)


def _names(number: int, cohort: int | None) -> Names:
    """Names of the counts of an earlier release; those of the same cohort are the same counts."""
    called = (f"positive, called {number}", f"negative, called {number}")
    if cohort is None:
        return Names(POSITIVE, NEGATIVE, CASES, called)
    positive, negative, cases = (f"{count} of {cohort}" for count in (POSITIVE, NEGATIVE, CASES))
    return Names(positive, negative, cases, called)


def _of_other(names: Names) -> tuple[tuple[str, str], tuple[str, str]]:
    """Counts of another cohort's cases: those that are in both, and the others."""
    counts = names.positive, names.negative
    shared, others = (tuple(f"{count}, {where}" for count in counts) for where in ("both", "other"))
    return (shared[0], shared[1]), (others[0], others[1])


def _too_near(everyone: Counts, earlier: Earlier, minimum: int) -> bool:
    """Whether two cohorts differ by so few cases that their figures differ by these alone."""
    shared, other = earlier.shared, earlier.release
    if shared is None or not shared.same_label:
        return False  # figures by another label differ by more than these cases
    differing = [everyone.n_positive - shared.n_positive, everyone.n_negative - shared.n_negative]
    if other.n_positive is not None:
        differing += [
            other.n_positive - shared.n_positive,
            other.n_cases - other.n_positive - shared.n_negative,
        ]
    return any(0 < number < minimum for number in differing)
