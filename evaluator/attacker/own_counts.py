"""The counts of the release that is being decided: what it would tell, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from cohort_selection.cases import LABEL
from evaluator.attacker.cells import JOINT, Cell, Listed, Nesting
from evaluator.attacker.programme import CASES, NEGATIVE, PATIENTS, POSITIVE, Fact, Target
from evaluator.attacker.told import OWN, SENSITIVITY, SPECIFICITY, share_cell, share_facts
from evaluator.scoring.results import OVERALL, Evaluation, TargetLevel


@dataclass(frozen=True, slots=True)
class State:
    """What is withheld: cells not shown at all, cells without figures, the target's shares.

    ``refused`` is a sentence where nothing may be shown, or empty.
    """

    withheld: frozenset[Cell]
    hidden: frozenset[Cell]
    without_target: bool = False
    refused: str = ""


class OwnCounts:
    """Counts of one evaluation, exactly: an attacker finds those that are shown rounded.

    A sensitivity of three decimals is a fraction of one denominator alone, in a range as narrow as
    the step of the rounding.
    """

    def __init__(self, evaluation: Evaluation, listed: Listed, nesting: Nesting) -> None:
        """Read what the evaluation counts; ``nesting`` is known to everyone."""
        self.given = listed
        self._calls = _calls(evaluation, listed)
        everyone = listed.everyone
        single = everyone.n_cases == everyone.n_patients
        self._shares = () if evaluation.target is None else evaluation.target.levels
        self._single = single
        self._implied = {
            tuple(sorted(zip(pair, levels, strict=True))): counts
            for pair, inner in nesting.items()
            for levels, counts in inner.items()
        }

    @cached_property
    def cells(self) -> set[Cell]:
        """All cells that it could speak of; of a table that leaves cases out, a level for these."""
        of_target = {cell for row in self._shares if (cell := share_cell(row)) is not None}
        whole = {name for cell in self.complete if len(cell) == 1 for name, _ in cell}
        left_out: set[Cell] = {
            ((name, ""),)
            for cell in self.given.counts
            if cell not in self.complete
            for name, _ in cell
            if name not in whole
        }
        return {cell for cell in {*self.given.counts, *of_target, *left_out} if cell}

    @cached_property
    def complete(self) -> set[Cell]:
        """The cells of tables that hold every case: no other combination of levels occurs."""
        sums: dict[tuple[str, ...], int] = {}
        for cell, counts in self.given.counts.items():
            names = _names(cell)
            sums[names] = sums.get(names, 0) + counts.n_cases
        everyone = self.given.everyone.n_cases
        return {cell for cell in self.given.counts if cell and sums[_names(cell)] == everyone}

    @property
    def occurring(self) -> set[Cell]:
        """The pairs of nested levels that occur."""
        return set(self._implied)

    def facts(self, state: State) -> Iterator[Fact]:
        """What a release would tell of cases, where ``state`` is withheld, but for calls."""
        everyone = self.given.everyone
        yield Fact((), CASES, everyone.n_cases, everyone.n_cases)
        yield Fact((), POSITIVE, everyone.n_positive, everyone.n_positive)
        for cell, counts in self.given.counts.items():
            if not cell:
                continue
            if cell in state.withheld:
                yield Fact(cell, CASES, min(1, counts.n_cases), everyone.n_cases)
            elif cell in state.hidden:
                yield Fact(cell, CASES, counts.n_cases, counts.n_cases, own=True)
            else:
                yield Fact(cell, POSITIVE, counts.n_positive, counts.n_positive, own=True)
                yield Fact(cell, NEGATIVE, counts.n_negative, counts.n_negative, own=True)
        if self._single:
            yield from self._told_of_target(state)

    def calls(self, state: State) -> Iterator[Fact]:
        """What a release would tell of the cases that the model called positive."""
        for cell, called in self._calls.items():
            if cell not in state.hidden | state.withheld:
                for name, number in zip(OWN.called, called, strict=True):
                    yield Fact(cell, name, number, number, own=True)

    def facts_of_patients(self, state: State) -> Iterator[Fact]:
        """What a release would tell of patients."""
        everyone = self.given.everyone.n_patients
        yield Fact((), PATIENTS, everyone, everyone)
        of_patients = self.of_patients
        for cell in of_patients:
            n = self.given.counts[cell].n_patients
            if cell not in state.hidden:
                yield Fact(cell, PATIENTS, n, n, own=True)
            else:
                yield Fact(cell, PATIENTS, min(1, n), everyone)
        if not self._single:
            names = {name for cell in of_patients for name, _ in cell}
            for fact in self._told_of_target(state, PATIENTS):
                if {name for name, _ in fact.cell} <= names:
                    yield fact

    @cached_property
    def of_patients(self) -> tuple[Cell, ...]:
        """Cells of attributes in which every patient has one level; none where cases are patients.

        Their patients add up, as cases do.
        """
        counts, everyone = self.given.counts, self.given.everyone
        if self._single:
            return ()
        sums: dict[tuple[str, ...], int] = {}
        for cell, numbers in counts.items():
            names = _names(cell)
            sums[names] = sums.get(names, 0) + numbers.n_patients
        alike = {n for names, total in sums.items() if total == everyone.n_patients for n in names}
        return tuple(cell for cell in counts if cell and all(name in alike for name, _ in cell))

    def targets(self, state: State) -> Iterator[Target]:
        """The counts that are withheld; the whole cohort under another name is none of them."""
        minimum, everyone = self.given.minimum, self.given.everyone
        for cell in sorted(state.hidden | state.withheld):
            if self.given.counts[cell].n_cases == everyone.n_cases:
                continue
            if cell in state.withheld:
                yield Target(cell, CASES, 1, minimum)
            yield Target(cell, POSITIVE, 0, minimum)
            yield Target(cell, NEGATIVE, 0, minimum)
        for cell, number in sorted(self._implied.items()):
            if cell in self.given.counts or number.n_cases == everyone.n_cases:
                continue
            if min(number.n_cases, number.n_patients) < minimum:
                yield Target(cell, CASES, 1, minimum)
            if min(number.n_positive, number.n_negative) < minimum:
                yield Target(cell, POSITIVE, 0, minimum)
                yield Target(cell, NEGATIVE, 0, minimum)

    def targets_of_patients(self, state: State) -> Iterator[Target]:
        """The counts of patients that are withheld."""
        minimum, everyone = self.given.minimum, self.given.everyone
        for cell in self.of_patients:
            if cell in state.withheld and self.given.counts[cell].n_patients < everyone.n_patients:
                yield Target(cell, PATIENTS, 1, minimum)

    def _told_of_target(self, state: State, count: str = CASES) -> Iterator[Fact]:
        """Shares achieved; none of an attribute with a small level, which is withheld whole."""
        if state.without_target:
            return
        groups = self.given.groups(state.hidden | state.withheld) | self.given.opaque
        concerned = concerned_by(self._shares, {name for name, _ in groups}, self.given.minimum)
        for row in self._shares:
            labelled = LABEL in row.attribute.split(JOINT)
            if row.attribute not in concerned and not (labelled and count != CASES):
                names = replace(OWN, cases=count)
                yield from share_facts(row, row.n_patients, 1, names, own=True)


def _names(cell: Cell) -> tuple[str, ...]:
    return tuple(name for name, _ in cell)


def concerned_by(rows: tuple[TargetLevel, ...], hidden: set[str], minimum: int) -> set[str]:
    """Attributes of the target with a level that is hidden, or too small to be shown."""
    small = {row.attribute for row in rows if row.achieved and min(_classes(row)) < minimum}
    return {row.attribute for row in rows} & (small | hidden)


def _classes(row: TargetLevel) -> tuple[int, ...]:
    """Counts that must reach the minimum; a level of the label has one class only."""
    if LABEL in row.attribute.split(JOINT):
        return row.n_cases, row.n_patients
    return row.n_cases, row.n_patients, row.n_positive, row.n_cases - row.n_positive


def _calls(evaluation: Evaluation, listed: Listed) -> dict[Cell, tuple[int, int]]:
    """Cases of each cell that were called positive, of the positives and of the negatives."""
    of_group: dict[Cell, dict[str, float]] = {}
    for result in evaluation.results:
        if result.figure in (SENSITIVITY, SPECIFICITY) and result.estimate.value is not None:
            cell = () if result.group == OVERALL else listed.cell_of.get(result.group)
            if cell is not None:
                of_group.setdefault(cell, {})[str(result.figure)] = result.estimate.value
    calls = {}
    for cell, rates in of_group.items():
        if len(rates) == 2:
            counts = listed.counts[cell]
            hits = rates[str(SENSITIVITY)] * counts.n_positive
            right = rates[str(SPECIFICITY)] * counts.n_negative
            if all(abs(number - round(number)) < 1e-6 for number in (hits, right)):
                calls[cell] = round(hits), counts.n_negative - round(right)
    return calls
