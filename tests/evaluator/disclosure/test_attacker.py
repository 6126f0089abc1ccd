"""An attacker who is written here again, and without the shortcuts: every cell of all attributes
crossed is an unknown, of each class of label and call, and all that releases tell is an equation.

The evaluations are real ones: scored from labels and scores. What disclosure control withheld
before it had an attacker is what ``suppressed`` alone withholds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from evaluator.attacker.cells import Counts, Group, Nesting
from evaluator.attacker.programme import Unsolved
from evaluator.attacker.told import OWN
from evaluator.disclosure.control import WITHHELD, Release, release
from evaluator.disclosure.earlier import Document, Earlier, Shared
from evaluator.disclosure.rounding import INSUFFICIENT
from evaluator.disclosure.rule import Disclosure
from evaluator.disclosure.suppression import counted_groups, listed, suppressed
from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import OVERALL, Evaluation, Result
from evaluator.scoring.score import score
from metrics.figure_name import Kind
from tests.support.hand_made import COHORT, estimate, evaluation, submission

MINIMUM = 10
RULE = Disclosure()
Classes = tuple[int, int, int, int]
"""True positives, false negatives, false positives, true negatives."""
Table = Mapping[tuple[str, ...], Classes]
"""Classes of each combination of levels, in the order of the attributes."""
POSITIVE, NEGATIVE, CASES = (0, 1), (2, 3), (0, 1, 2, 3)


def scored(table: Table, plan: AnalysisPlan, names: Sequence[str] = ("sex", "site")) -> Evaluation:
    """Score cases: each class of each cell has as many as the table says."""
    rows = [
        (levels, label, call)
        for levels, classes in table.items()
        for n, (label, call) in zip(
            classes, ((True, True), (True, False), (False, True), (False, False)), strict=True
        )
        for _ in range(n)
    ]
    generator = np.random.default_rng(8)
    scores = np.array([0.55 + 0.4 * generator.random() - 0.5 * (not call) for *_, call in rows])
    attributes = {name: np.array([row[0][i] for row in rows]) for i, name in enumerate(names)}
    labels = np.array([label for _, label, _ in rows])
    return score(labels, scores, None, attributes, plan, 0.5)


def crossed(*intersections: tuple[str, ...], subgroups: tuple[str, ...]) -> AnalysisPlan:
    return AnalysisPlan(
        subgroups=subgroups,
        intersections=intersections,
        minimum_cases=2,
        minimum_per_class=1,
        replicates=0,
        smooth_calibration="none",
    )


BOTH = crossed(("sex", "site"), subgroups=("sex", "site"))


def decided(
    found: Evaluation, *earlier: Earlier, rule: Disclosure = RULE, nesting: Nesting | None = None
) -> Release:
    return release(
        found,
        submission=submission(),
        cohort_digest=COHORT,
        rule=rule,
        nesting=nesting,
        earlier=earlier,
    )


class Reader:
    """Unknown classes of all attributes crossed, and equations from what releases tell."""

    def __init__(
        self, table: Table, names: Sequence[str] = ("sex", "site"), width: int = 4
    ) -> None:
        self.names, self.width = names, width
        self.cells = list(table)
        self.truth = np.array([table[cell] for cell in self.cells], dtype=float).ravel()
        self.rows: list[NDArray[np.float64]] = []
        self.occurring: list[NDArray[np.float64]] = []

    def sum_of(self, group: Group, classes: Iterable[int]) -> NDArray[np.float64]:
        attribute, level = group
        wanted = dict(zip(attribute.split(" x "), level.split(" x "), strict=True))
        wanted.pop(OVERALL[0], None)
        row = np.zeros((len(self.cells), self.width))
        for place, cell in enumerate(self.cells):
            at = dict(zip(self.names, cell, strict=True))
            if all(at[name] == value for name, value in wanted.items()):
                row[place, list(classes)] = 1.0
        return row.ravel()

    def tell(self, group: Group, *sums: Iterable[int]) -> None:
        """A count is known exactly."""
        self.rows += [self.sum_of(group, classes) for classes in sums]

    def told(self, shown: set[Group], few: set[Group], *, calls: bool) -> None:
        """What one release tells of the groups that it shows, and of those with few of a class."""
        for group in (OVERALL, *sorted(shown)):
            self.tell(group, *((0,), (1,), (2,), (3,)) if calls else (POSITIVE, NEGATIVE))
        for group in sorted(few):
            self.tell(group, CASES)

    def named(self, groups: Iterable[Group]) -> None:
        """A level that is named, though withheld, has a case at least."""
        self.occurring += [-self.sum_of(group, range(self.width)) for group in groups]

    def bounds(self, group: Group, classes: Iterable[int]) -> tuple[float, float]:
        matrix = np.array(self.rows)
        below = np.array(self.occurring) if self.occurring else None
        ones = None if below is None else -np.ones(len(below))
        wanted = self.sum_of(group, classes)
        ends = []
        for sign in (1.0, -1.0):
            found = linprog(
                sign * wanted, A_eq=matrix, b_eq=matrix @ self.truth, A_ub=below, b_ub=ones
            )
            assert found.success
            ends.append(sign * found.fun)
        return ends[0], ends[1]


def hides(low: float, high: float, least: int, minimum: int = MINIMUM) -> bool:
    """Any small count is possible, or as many counts as the minimum are."""
    small = range(least, minimum)
    return (low <= small[0] + 1e-6 and high >= small[-1] - 1e-6) or high - low >= minimum - 1e-6


def groups_of(release: Release) -> tuple[set[Group], set[Group], set[Group]]:
    """Groups that are shown, that have their number of cases alone, and that are withheld."""
    held = {(h.attribute, h.level): h.reason for h in release.withheld}
    few = {group for group, reason in held.items() if reason == INSUFFICIENT}
    shown = {r.group for r in release.results if r.metric == "brier"} - {OVERALL}
    return shown, few, {group for group, reason in held.items() if reason == WITHHELD}


def before(found: Evaluation) -> tuple[set[Group], set[Group], set[Group]]:
    """The same, by suppression without an attacker."""
    given_ = listed(found, counted_groups(found), MINIMUM)
    none, hidden = suppressed(given_)
    groups = set(given_.cell_of)
    withheld = set(given_.groups(none))
    few = set(given_.groups(hidden)) - withheld
    return groups - withheld - few, few, withheld


def lost(
    reader: Reader,
    few: set[Group],
    withheld: set[Group],
    counts: tuple[Iterable[int], ...] = (CASES, POSITIVE, NEGATIVE),
) -> list[tuple[Group, float, float]]:
    """What the reader bounds too tightly; ``counts`` are all cases, positives and negatives."""
    found = []
    for group in sorted(few | withheld):
        for classes, least in zip(counts, (1, 0, 0), strict=True):
            if least and group in few:
                continue
            low, high = reader.bounds(group, classes)
            if not hides(low, high, least):
                found.append((group, low, high))
    return found


MARGINS: Table = {
    ("F", "x"): (1, 1, 0, 1), ("F", "y"): (1, 1, 0, 1), ("F", "z"): (10, 2, 5, 8),
    ("M", "x"): (1, 1, 1, 0), ("M", "y"): (2, 1, 1, 1), ("M", "z"): (1, 1, 0, 1),
}  # fmt: skip


def test_margins_bound_a_withheld_cell_and_no_longer_do() -> None:
    found = scored(MARGINS, BOTH)
    cell = "sex x site", "F x z"
    shown, few, withheld = before(found)
    assert cell in withheld
    reader = Reader(MARGINS)
    reader.told(shown, few, calls=False)
    reader.named(withheld)
    # Of 28 at z at most 9 are men, since the 11 men are at x and y too: 19 are women, or more.
    assert not hides(*reader.bounds(cell, CASES), 1)

    shown, few, withheld = groups_of(decided(found))
    assert cell in withheld
    now = Reader(MARGINS)
    now.told(shown, few, calls=True)
    now.named(withheld)
    assert lost(now, few, withheld) == []


def test_a_solver_that_gives_up_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gave_up = SimpleNamespace(status=4, x=None, message="numerical difficulties")
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: gave_up)
    with pytest.raises(Unsolved, match="numerical difficulties"):
        decided(scored(MARGINS, BOTH))


def test_rounded_counts_are_as_good_as_exact_ones_beside_a_sensitivity() -> None:
    # 61 of 75 is 0.813; the count is shown as 75, which is any from 73 to 77.
    fitting = [n for n in range(73, 78) if any(round(k / n, 3) == 0.813 for k in range(n + 1))]
    assert fitting == [75]
    table: Table = {("F",): (61, 14, 20, 60), ("M",): (60, 20, 21, 69)}
    first = decided(scored(table, crossed(subgroups=("sex",)), ("sex",)))
    document = Document(Earlier(first), OWN)
    told = {(f.cell, f.count): (f.low, f.high) for f in document.facts()}
    woman = (("sex", "F"),)
    assert told[woman, OWN.positive] == (75, 75)
    assert told[woman, OWN.called[0]] == (61, 61)


RATES: Table = {
    ("F", "x"): (1, 6, 1, 6), ("F", "y"): (3, 12, 3, 12), ("F", "z"): (1, 6, 0, 7),
    ("M", "x"): (10, 0, 0, 10), ("M", "y"): (8, 7, 3, 12), ("M", "z"): (4, 0, 2, 2),
}  # fmt: skip


def test_sensitivities_bound_the_positives_of_a_small_cell_and_no_longer_do() -> None:
    found = scored(RATES, BOTH)
    shown, few, withheld = before(found)
    assert ("sex x site", "M x z") in withheld
    of_counts, of_rates = Reader(RATES), Reader(RATES)
    of_counts.told(shown, few, calls=False)
    of_rates.told(shown, few, calls=True)
    cell = "sex x site", "M x z"
    assert hides(*of_counts.bounds(cell, POSITIVE), 0)
    low, high = of_rates.bounds(cell, POSITIVE)
    assert (low, high) == pytest.approx((3, 5))  # four positives, of eight cases

    shown, few, withheld = groups_of(decided(found))
    now = Reader(RATES)
    now.told(shown, few, calls=True)
    assert lost(now, few, withheld) == []
    assert shown  # and not by withholding all


# -- comparisons of levels -------------------------------------------------------------------------


def test_a_test_over_levels_goes_with_a_level_that_the_attacker_has_withheld() -> None:
    table: Table = {
        ("A",): (40, 10, 10, 40), ("B",): (20, 5, 5, 20), ("C",): (8, 2, 2, 8),
        ("D",): (2, 1, 0, 1), ("E",): (1, 1, 0, 1), ("G",): (1, 1, 0, 1),
    }  # fmt: skip
    plan = replace(PLAN, primary_gap=("sensitivity", "site"), minimum_cases=15)
    found = scored(table, plan, ("site",))
    assert before(found)[2] == {("site", level) for level in "DEG"}  # ten cases, in three levels
    release_of_it = decided(found)
    held = {each.level for each in release_of_it.withheld}
    assert held == {"C", "D", "E", "G"}
    # C took part in the test, in the range and in the differences; D, E and G did not.
    tested = {r.level for r in found.results if r.metric == "sensitivity_gap_p"}
    assert tested == {"all levels"}
    left = [r for r in release_of_it.results if r.figure.kind is not Kind.PLAIN]
    assert {r.level for r in left if r.attribute == "site"} == {"B - A"}
    assert not any("C" in r.level for r in release_of_it.results)


# -- two releases of one team ----------------------------------------------------------------------

AGES = {"0-39": (25, 5, 6, 24), "40-41": (1, 1, 1, 1), "42-59": (27, 6, 5, 28)}


def banded(joined: Mapping[str, str]) -> Evaluation:
    table: dict[tuple[str, ...], Classes] = {}
    for age, classes in AGES.items():
        old = table.get((joined[age],), (0, 0, 0, 0))
        table[joined[age],] = tuple(a + b for a, b in zip(old, classes, strict=True))  # type: ignore[assignment]
    return scored(table, crossed(subgroups=("age_group",)), ("age_group",))


def test_other_bands_do_not_tell_of_the_few_years_between() -> None:
    wide = banded({"0-39": "0-39", "40-41": "40-59", "42-59": "40-59"})
    narrow = banded({"0-39": "0-41", "40-41": "0-41", "42-59": "42-59"})
    first, second = decided(wide), decided(narrow)
    # Each shows all its bands, and the difference is the four of 40 and 41.
    assert first.withheld == second.withheld == ()
    young, older = (
        r.find("sensitivity", "age_group", b) for r, b in ((first, "0-39"), (second, "0-41"))
    )
    assert young is not None
    assert older is not None
    assert older.n_cases - young.n_cases == 5  # to the nearest five, of four
    beside = decided(narrow, Earlier(first))
    assert {held.level for held in beside.withheld} == {"0-41", "42-59"}
    assert {r.attribute for r in beside.results} == {OVERALL[0]}
    assert decided(wide, Earlier(first)).withheld == ()  # the same bands again tell nothing new


def test_a_smaller_minimum_does_not_show_what_was_withheld_under_the_larger() -> None:
    sites: Table = {
        ("A",): (30, 6, 8, 40),
        ("B",): (25, 5, 6, 30),
        ("C",): (20, 4, 5, 20),
        ("D",): (4, 2, 2, 4),
    }
    found = scored(sites, crossed(subgroups=("site",)), ("site",))
    first = decided(found)
    assert {held.level for held in first.withheld} == {"C", "D"}
    lower = Disclosure(minimum_cell=5)
    assert decided(found, rule=lower).withheld == ()
    beside = decided(found, Earlier(first), rule=lower)
    assert {"C", "D"} <= {held.level for held in beside.withheld}


ONE_MODEL: Table = {
    ("F", "x"): (6, 0, 1, 5), ("F", "y"): (4, 3, 0, 7), ("F", "z"): (0, 6, 3, 3),
    ("M", "x"): (12, 0, 2, 10), ("M", "y"): (3, 1, 1, 3), ("M", "z"): (4, 3, 4, 3),
}  # fmt: skip
OTHER_MODEL: Table = {
    ("F", "x"): (1, 5, 1, 5), ("F", "y"): (4, 3, 4, 3), ("F", "z"): (1, 5, 0, 6),
    ("M", "x"): (0, 12, 0, 12), ("M", "y"): (0, 4, 2, 2), ("M", "z"): (0, 7, 4, 3),
}  # fmt: skip


class TwoModels:
    """Unknowns of each cell: label, call of the one model, call of the other."""

    def __init__(self) -> None:
        self.releases: list[Release] = []
        self.reader = Reader(dict.fromkeys(ONE_MODEL, (0, 0, 0, 0)), width=8)
        truth = []
        for cell, (tp, fn, fp, tn) in ONE_MODEL.items():
            other = OTHER_MODEL[cell]
            for one, two, n in ((tp, other[0], tp + fn), (fp, other[2], fp + tn)):
                both = max(0, one + two - n)
                truth += [both, one - both, two - both, n - one - two + both]
        self.reader.truth = np.array(truth, dtype=float)

    def told(self, of: Release, model: int) -> None:
        self.releases.append(of)
        called = ((0, 1), (2, 3)) if model == 0 else ((0, 2), (1, 3))
        classes = [
            tuple(4 * label + place for place in call) for label in (0, 1) for call in called
        ]
        shown, few, _ = groups_of(of)
        for group in (OVERALL, *sorted(shown)):
            self.reader.tell(group, *classes)
        for group in sorted(few):
            self.reader.tell(group, range(8))

    def lost(self, of: Release) -> list[tuple[Group, float, float]]:
        """What is bounded too tightly of that which both releases withhold."""
        _, few, withheld = groups_of(of)
        both = few | withheld
        for told in self.releases:
            both -= groups_of(told)[0]
        classes = (range(8), range(4), range(4, 8))
        return lost(self.reader, few & both, withheld & both, classes)


def test_a_second_model_does_not_narrow_what_the_first_left_wide() -> None:
    one = decided(scored(ONE_MODEL, BOTH))
    second = scored(OTHER_MODEL, BOTH)
    alone, beside = decided(second), decided(second, Earlier(one))
    for release_of_second, count in ((alone, True), (beside, False)):
        attacker = TwoModels()
        attacker.told(one, 0)
        assert attacker.lost(one) == []
        attacker.told(release_of_second, 1)
        assert bool(attacker.lost(release_of_second)) == count
    assert {held.level for held in beside.withheld} > {held.level for held in alone.withheld}


def test_what_another_release_adds_does_not_depend_on_how_often_it_is_decided() -> None:
    one, second = decided(scored(ONE_MODEL, BOTH)), scored(OTHER_MODEL, BOTH)
    assert decided(second, Earlier(one)).to_json() == decided(second, Earlier(one)).to_json()


# -- two cohorts that share cases ------------------------------------------------------------------

SITES: Table = {
    ("A",): (30, 6, 8, 40), ("B",): (25, 5, 6, 30), ("C",): (20, 4, 5, 20), ("D",): (4, 2, 2, 4),
}  # fmt: skip
PLAN = crossed(subgroups=("site",))


def grown(by: Mapping[str, Classes]) -> Table:
    return {
        (site,): tuple(a + b for a, b in zip(n, by.get(site, (0, 0, 0, 0)), strict=True))  # type: ignore[misc]
        for (site,), n in SITES.items()
    }


def test_a_cohort_that_differs_by_few_cases_has_no_second_release() -> None:
    first = decided(scored(SITES, PLAN, ("site",)))
    more = scored(grown({"A": (2, 1, 1, 2)}), PLAN, ("site",))
    refused = decided(more, Earlier(first, Shared(79 + 17, 21 + 94)))
    assert refused.results == ()
    reason = "no figure is shown: the cohort differs by few cases from another"
    assert refused.withheld[0].reason.startswith(reason)
    assert reason in render_report(refused)
    assert Release.from_json(refused.to_json()) == refused


def test_a_successor_does_not_give_back_what_its_predecessor_withheld() -> None:
    first = decided(scored(SITES, PLAN, ("site",)))
    assert {held.level for held in first.withheld} == {"C", "D"}
    # Ten more of each class, all at D, which now is large enough to be shown on its own.
    found = scored(grown({"D": (8, 2, 3, 7)}), PLAN, ("site",))
    alone = decided(found)
    assert alone.withheld == ()
    shared = Shared(
        sum(n[0] + n[1] for n in SITES.values()), sum(n[2] + n[3] for n in SITES.values())
    )
    beside = decided(found, Earlier(first, shared))
    # D had 12 and 20 came: who sees 32 at D, knows it. C follows from the totals then.
    assert {held.level for held in beside.withheld} >= {"D"}
    assert beside.results
    unrelated = decided(found, Earlier(first, Shared(0, 0)))
    assert unrelated.withheld == ()


# -- the same cases by two labels ------------------------------------------------------------------

# As many cases of each site as SITES has, by another finding.
OTHER_FINDING: Table = {
    ("A",): (12, 3, 9, 60), ("B",): (10, 3, 8, 45), ("C",): (11, 2, 6, 30), ("D",): (2, 1, 3, 6),
}  # fmt: skip
BY_OTHER = Shared(44, 167, same_label=False)


def test_a_benchmark_of_another_finding_contradicts_nothing() -> None:
    """Fourteen findings of the same radiographs are fourteen benchmarks."""
    assert [sum(n) for n in OTHER_FINDING.values()] == [sum(n) for n in SITES.values()]
    first = decided(scored(SITES, PLAN, ("site",)))
    found = scored(OTHER_FINDING, PLAN, ("site",))
    assert BY_OTHER.n_cases == found.n_cases
    assert decided(found, Earlier(first, BY_OTHER)) == decided(found)
    assert decided(found).results


def test_a_benchmark_of_another_finding_gives_no_number_of_cases_back() -> None:
    """Under a rule of its own it would show how many cases the smallest site has."""
    first = decided(scored({**SITES, ("D",): (2, 1, 1, 2)}, PLAN, ("site",)))
    found = scored({**OTHER_FINDING, ("D",): (1, 1, 2, 2)}, PLAN, ("site",))
    five = Disclosure(minimum_cell=5)
    shared = Shared(43, 162, same_label=False)
    assert shared.n_cases == found.n_cases

    def of_site_d(of: Release) -> list[tuple[str, int | None]]:
        return [(held.reason, held.n_cases) for held in of.withheld if held.level == "D"]

    assert of_site_d(first) == [(WITHHELD, None)]
    assert of_site_d(decided(found, rule=five)) == [(INSUFFICIENT, 5)]
    beside = decided(found, Earlier(first, shared), rule=five)
    assert of_site_d(beside) == [(WITHHELD, None)]
    assert beside.results


# -- levels that nest ------------------------------------------------------------------------------


def nesting_of(table: Table, names: tuple[str, str]) -> Nesting:
    return {
        names: {
            (levels[0], levels[1]): Counts(sum(n), sum(n), n[0] + n[1])
            for levels, n in table.items()
        }
    }


SCANNERS: Table = {
    ("Acme", "North"): (30, 6, 8, 40), ("Bolt", "North"): (2, 1, 1, 2),
    ("Cray", "South"): (25, 5, 6, 30), ("Dyne", "South"): (20, 4, 5, 20),
    ("Echo", "West"): (20, 6, 4, 25),
}  # fmt: skip


def test_a_scanner_does_not_follow_from_its_site() -> None:
    plan = crossed(subgroups=("manufacturer", "site"))
    found = scored(SCANNERS, plan, ("manufacturer", "site"))
    undeclared = decided(found)
    # Bolt's 6 are hidden by Dyne's 49: and are North less Acme, which anybody knows who was there.
    assert {held.level for held in undeclared.withheld} == {"Bolt", "Dyne"}
    shown = {r.level: r.estimate.n_cases for r in undeclared.results if r.metric == "brier"}
    assert {"North", "Acme"} <= set(shown)

    nesting = nesting_of(SCANNERS, ("manufacturer", "site"))
    declared = decided(found, nesting=nesting)
    reader = Reader(SCANNERS, ("manufacturer", "site"))
    shown_now, few, withheld = groups_of(declared)
    reader.told(shown_now, few, calls=True)
    assert ("manufacturer", "Bolt") in withheld
    assert lost(reader, few, withheld) == []
    before_ = Reader(SCANNERS, ("manufacturer", "site"))
    was_shown, were_few, were_withheld = groups_of(undeclared)
    before_.told(was_shown, were_few, calls=False)
    assert before_.bounds(("manufacturer", "Bolt"), CASES) == pytest.approx((6, 6))
    assert were_withheld


def test_a_maker_at_two_sites_is_protected_at_the_one_where_it_is_rare() -> None:
    table: Table = {
        ("Acme", "North"): (30, 6, 8, 40), ("Bolt", "North"): (2, 1, 1, 2),
        ("Bolt", "South"): (25, 5, 6, 30), ("Cray", "South"): (20, 4, 5, 20),
    }  # fmt: skip
    found = scored(table, crossed(subgroups=("manufacturer", "site")), ("manufacturer", "site"))
    assert decided(found).withheld == ()
    shown, few, _ = groups_of(decided(found, nesting=nesting_of(table, ("manufacturer", "site"))))
    reader = Reader(table, ("manufacturer", "site"))
    reader.told(shown, few, calls=True)
    low, high = reader.bounds(("manufacturer x site", "Bolt x North"), CASES)
    assert hides(low, high, 1)
    assert shown


# -- any table -------------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, tuple[str, ...], AnalysisPlan]:
    shape = draw(st.sampled_from([(2, 3), (3, 3), (4, 2), (2, 2, 3), (5, 1)]))
    count = st.one_of(st.integers(0, 3), st.integers(4, 25))
    names = ("a", "b", "c")[: len(shape)]
    table: dict[tuple[str, ...], Classes] = {}
    for place in product(*map(range, shape)):
        n = draw(st.tuples(count, count, count, count))
        if sum(n):
            table[tuple(f"{name}{i}" for name, i in zip(names, place, strict=True))] = n
    pairs = [("a", "b"), ("b", "c"), ("a", "c")]
    joined = pairs[:1] if len(shape) == 2 else pairs[: draw(st.integers(2, 3))]
    return table, names, crossed(*joined, subgroups=names)


@settings(max_examples=40, deadline=None)
@given(tables())
def test_no_attacker_bounds_a_withheld_count_of_any_table(
    made: tuple[Table, tuple[str, ...], AnalysisPlan],
) -> None:
    table, names, plan = made
    assume(table)
    found = counted(table, names, plan)
    shown, few, withheld = groups_of(decided(found))
    if not shown:
        return
    reader = Reader(table, names)
    reader.told(shown, few, calls=True)
    reader.named(withheld)
    total = sum(sum(n) for n in table.values())
    whole = {g for g in few | withheld if reader.sum_of(g, CASES) @ reader.truth == total}
    assert lost(reader, few - whole, withheld - whole) == []


def counted(table: Table, names: Sequence[str], plan: AnalysisPlan) -> Evaluation:
    """An evaluation of these counts with the two figures that tell them; scoring is slower."""
    groups = [OVERALL]
    for attributes in (*((name,) for name in plan.subgroups), *plan.intersections):
        at = [list(names).index(name) for name in attributes]
        levels = sorted({tuple(cell[place] for place in at) for cell in table})
        groups += [(" x ".join(attributes), " x ".join(level)) for level in levels]
    reader = Reader(table, names)
    results = []
    for group in groups:
        tp, fn, fp, tn = (float(reader.sum_of(group, (c,)) @ reader.truth) for c in range(4))
        for metric, hits, n in (("sensitivity", tp, tp + fn), ("specificity", tn, tn + fp)):
            share = hits / n if n else None
            results.append(
                Result.named(metric, *group, estimate(share, int(tp + fn + fp + tn), int(tp + fn)))
            )
        results.append(
            Result.named("brier", *group, estimate(0.2, int(tp + fn + fp + tn), int(tp + fn)))
        )
    n, positive = (int(reader.sum_of(OVERALL, of) @ reader.truth) for of in (CASES, POSITIVE))
    return replace(evaluation(overall=(n, positive), curves=False), results=tuple(results))


# -- patients with several cases -------------------------------------------------------------------


def test_patients_of_a_withheld_level_do_not_follow_from_those_of_the_others() -> None:
    """Three small levels of ten patients: each is named, so that the largest has eight at most."""
    sizes = {"A": (40, 1), "B": (30, 1), "C": (12, 5), "D": (4, 5), "E": (3, 5), "G": (3, 5)}
    site = np.array([name for name, (n, each) in sizes.items() for _ in range(n * each)])
    patient = np.array(
        [f"{name}{i}" for name, (n, each) in sizes.items() for i in range(n) for _ in range(each)]
    )
    generator = np.random.default_rng(2)
    y = generator.random(site.size) < 0.5
    s = np.clip(generator.normal(0.4 + 0.2 * y, 0.2), 0.01, 0.99)
    found = score(y, s, patient, {"site": site}, PLAN, 0.5)
    was = before(found)
    assert {level for _, level in was[2]} == {"D", "E", "G"}  # ten patients, in three levels
    assert {held.level for held in decided(found).withheld if held.reason == WITHHELD} == {
        *("B", "D", "E", "G")
    }
