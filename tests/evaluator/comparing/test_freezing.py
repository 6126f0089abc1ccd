"""The process that runs the queue compares what is released: once, signed, at its time alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from evaluator.comparison import (
    ALIKE,
    ANOTHER_PLAN,
    NO_FIGURE,
    OTHER_OF_MODEL,
    Comparison,
)
from evaluator.disclosure.control import Release
from evaluator.leaderboard import published
from evaluator.signing.verification import own_keys, verify_ledger
from metrics.comparison.pairs import paired_delong
from submissions.ledger.beside_releases import exposures
from tests.support.frozen_home import NAME, Home, enter_model, freeze, frozen, home, name_of
from tests.support.installation import Installed
from tests.support.postgresql import raw

LATE = datetime(2999, 1, 2, tzinfo=UTC)
APPEND = "submissions.ledger.beside_releases.comparisons:Comparisons.append"


def the_newest(made: Home) -> Comparison:
    return frozen(made)[-1]


def reasons(comparison: Comparison) -> dict[str, str]:
    return {each.submission_id: each.reason for each in comparison.others}


def guarded_again(made: Home) -> None:
    """Make the triggers again, as one who changed rows would."""
    ledger = made.installation.ledger(examine=True)
    ledger.chain.protect()
    ledger.close()


def test_the_fifth_release_brings_one_comparison_and_no_sixth_changes_it(made: Home) -> None:
    assert freeze(made) == []
    enter_model(made, 4)
    assert freeze(made) == [NAME]
    assert freeze(made) == []
    enter_model(made, 5)
    assert freeze(made) == []
    (comparison,) = frozen(made)
    assert comparison.covered == {name_of(number) for number in range(5)}
    values = [each.value for each in comparison.entries]
    assert values == sorted(values, reverse=True)
    assert comparison.cohort_digest == made.cohort.digest
    with made.ledger() as ledger:
        assert ledger.chain.problems() == []
        assert published.later(ledger, NAME) == 1


def test_a_day_brings_a_comparison_of_all_that_was_released_before_it(made: Home) -> None:
    assert freeze(made, LATE) == [NAME]
    assert freeze(made, LATE) == []
    (comparison,) = frozen(made)
    assert comparison.frozen_at == datetime(2999, 1, 1, tzinfo=UTC)
    assert len(comparison.entries) == 4


def test_a_fault_in_one_benchmark_stops_no_queue(
    made: Home, caplog: pytest.LogCaptureFixture
) -> None:
    (made.root / "benchmarks" / f"{NAME}.toml").write_text("[benchmark")
    assert freeze(made, LATE) == []
    assert "the submissions of chest could not be compared" in caplog.text
    assert frozen(made) == []


def test_the_next_comparison_takes_up_what_came_since(made: Home) -> None:
    freeze(made, LATE)
    with made.ledger() as ledger:
        first = published.comparison(ledger, NAME)
        assert first is published.comparison(ledger, NAME)  # read once
        better = made.scores(3.5, seed=50)
        made.enter(name_of(40), "Model 3", better, team="North")
        for number in range(4, 8):
            enter_model(made, number)
        assert freeze(made) == [NAME]
        second = published.comparison(ledger, NAME)
    assert first is not None
    assert second is not None
    assert first.entry(name_of(3)) is not None
    assert second.entry(name_of(3)) is None
    assert reasons(second) == {name_of(3): OTHER_OF_MODEL}
    assert second.entries[0].submission_id == name_of(40)
    assert len(second.covered) == 9


def test_differences_are_those_of_the_predictions_rounded_outward(made: Home) -> None:
    freeze(made, LATE)
    comparison = the_newest(made)
    cases = made.cohort.cases()
    scores = {
        number: [made.scores(2.2 - 0.3 * number, seed=number)[case.case_id] for case in cases]
        for number in range(4)
    }
    labels = [case.label for case in cases]
    patients = [case.patient_id for case in cases]
    sexes = np.array([case.attributes["sex"] for case in cases])
    seen = 0
    for pair in comparison.pairs:
        inside = np.ones(len(cases), bool) if pair.level == "all" else sexes == pair.level
        if pair.attribute == "site":
            continue
        a, b = (np.array(scores[int(name, 16)])[inside] for name in (pair.first, pair.second))
        exact = paired_delong(np.array(labels)[inside], a, b, np.array(patients)[inside])
        assert abs(pair.difference - exact.value) <= 0.0005 + 1e-9  # three decimals, as the figures
        assert pair.low <= exact.low <= pair.low + 0.001 + 1e-9
        assert pair.high >= exact.high >= pair.high - 0.001 - 1e-9
        assert pair.adjusted_p >= exact.p_value - 1e-12
        assert {round(end, 3) for end in (pair.difference, pair.low, pair.high)} == {
            pair.difference,
            pair.low,
            pair.high,
        }
        seen += 1
    assert seen == 6 * 3  # six pairs: of all cases, of women and of men
    assert all(round(each.first_share, 1) == each.first_share for each in comparison.entries)


def test_a_figure_that_is_better_the_lower_is_compared_too(tmp_path: Path) -> None:
    made = home(tmp_path / "brier", primary="brier", n=120)
    for number in (3, 0):
        enter_model(made, number)
    freeze(made, LATE)
    comparison = the_newest(made)
    assert [each.model for each in comparison.entries] == ["Model 0", "Model 3"]
    labels = {case.case_id: case.label for case in made.cohort.cases()}
    mean = [
        np.mean([(score - labels[name]) ** 2 for name, score in given.items()])
        for given in (made.scores(2.2, seed=0), made.scores(1.3, seed=3))
    ]
    pair = next(iter(comparison.between(name_of(0), name_of(3))))
    assert (pair.first, pair.second) == (name_of(0), name_of(3))
    assert abs(pair.difference - (mean[0] - mean[1])) <= 0.0005 + 1e-9
    assert pair.low < pair.difference < pair.high


def test_a_level_is_compared_at_the_prevalence_of_the_whole_cohort(tmp_path: Path) -> None:
    made = home(tmp_path / "ppv", primary="ppv_at_cohort_prevalence")
    for number in (0, 6):
        enter_model(made, number)
    freeze(made, LATE)
    cases = made.cohort.cases()
    labels = np.array([case.label == 1 for case in cases])
    calls = {
        name_of(number): np.array(
            [made.scores(2.2 - 0.3 * number, seed=number)[case.case_id] >= 0.5 for case in cases]
        )
        for number in (0, 6)
    }

    def ppv(called: np.ndarray, inside: np.ndarray) -> float:
        """By Bayes, at the share of positives in the whole cohort."""
        hit = called[inside & labels].mean() * labels.mean()
        alarm = called[inside & ~labels].mean() * (1.0 - labels.mean())
        return float(hit / (hit + alarm))

    sexes = np.array([case.attributes["sex"] for case in cases])
    pairs = [each for each in the_newest(made).pairs if each.attribute == "sex"]
    assert len(pairs) == 2
    for pair in pairs:
        inside = sexes == pair.level
        exact = ppv(calls[pair.first], inside) - ppv(calls[pair.second], inside)
        assert pair.difference == pytest.approx(exact, abs=0.0005 + 1e-9)


def test_an_entry_shows_what_its_release_shows(made: Home) -> None:
    freeze(made, LATE)
    with made.ledger() as ledger:
        releases = {each.submission_id: each for each in published.releases(ledger, NAME)}
    for entry in the_newest(made).entries:
        shown = releases[entry.submission_id].find("auroc")
        assert shown is not None
        assert (entry.value, entry.low, entry.high) == (shown.value, shown.low, shown.high)


def test_no_difference_is_given_at_a_level_that_a_release_withholds(made: Home) -> None:
    freeze(made, LATE)
    comparison = the_newest(made)
    with made.ledger() as ledger:
        (one, *_) = published.releases(ledger, NAME)
    assert one.find("auroc", "site", "East") is None  # 5 % of the cases
    levels = {(pair.attribute, pair.level) for pair in comparison.pairs}
    assert ("site", "East") not in levels
    assert {level for attribute, level in levels if attribute == "site"} == {
        result.level
        for result in one.results
        if result.metric == "auroc"
        and result.attribute == "site"
        and result.estimate.value is not None
        and " - " not in result.level
    }


def test_predictions_that_set_few_cases_apart_are_not_compared(made: Home) -> None:
    cases = made.cohort.cases()
    one_apart = dict.fromkeys((case.case_id for case in cases), 0.2) | {cases[0].case_id: 0.9}
    made.enter(name_of(60), "Prober", one_apart, team="West")
    nearly = dict(made.scores(2.2, seed=0))
    lowest = min(nearly, key=nearly.__getitem__)
    nearly[lowest] = 0.9999  # a copy of model 0 but for one case
    made.enter(name_of(61), "Copy", nearly, team="West")
    same = made.scores(2.2, seed=0)
    made.enter(name_of(62), "Twin", same, team="West")
    freeze(made)
    comparison = the_newest(made)
    assert reasons(comparison) == {name_of(60): NO_FIGURE, name_of(61): ALIKE}
    (pair, *_) = comparison.between(name_of(0), name_of(62))
    assert (pair.difference, pair.low, pair.high, pair.adjusted_p) == (0.0, 0.0, 0.0, 1.0)


def test_predictions_that_set_cases_of_a_level_apart_are_not_compared_by_it(made: Home) -> None:
    cases = made.cohort.cases()
    values = dict(made.scores(2.0, seed=70))
    north = [case.case_id for case in cases if case.attributes["site"] == "North"]
    for case_id in north[3:]:
        values[case_id] = 0.2  # all of this site but three
    made.enter(name_of(70), "Flat in the north", values, team="West")
    freeze(made)
    comparison = the_newest(made)
    assert comparison.entry(name_of(70)) is not None
    mine = {pair.attribute for pair in comparison.pairs if name_of(70) in (pair.first, pair.second)}
    others = {pair.attribute for pair in comparison.pairs}
    assert mine == {"overall", "sex"}
    assert others == {"overall", "sex", "site"}


def test_every_look_of_a_team_counts(made: Home) -> None:
    made.enter(name_of(80), "Crashed", None, team="south")
    made.enter(name_of(81), "One person", made.scores(1.0, seed=81), team="East", person="p" * 12)
    made.enter(name_of(82), "Crashed too", None, team="West", person="p" * 12)
    freeze(made)
    looks = {each.team: each.looks for each in the_newest(made).entries}
    # South: models 0 and 2, and a crash. East and West: a person of both.
    assert looks == {"South": 3, "North": 2, "East": 2}
    for entry in the_newest(made).entries:
        assert entry.corrected_low is not None
        assert entry.corrected_high is not None
        assert entry.corrected_low < entry.value < entry.corrected_high


def test_one_person_under_two_names_brings_no_comparison_about(tmp_path: Path) -> None:
    made = home(tmp_path / "home")
    for number in range(5):
        team = "East" if number % 2 else "West"
        scores = made.scores(2.2 - 0.3 * number, seed=number)
        made.enter(name_of(number), f"Model {number}", scores, team=team, person="p" * 12)
    assert freeze(made) == []
    enter_model(made, 5)
    assert freeze(made) == [NAME]


def test_who_saw_a_comparison_is_kept(made: Home) -> None:
    enter_model(made, 4)
    freeze(made)
    (comparison,) = frozen(made)
    with made.ledger() as ledger:
        seen = ledger.read(lambda held: exposures.read(held, benchmark=NAME))
        assert ledger.chain.problems() == []
    told = [each for each in seen if each.kind == exposures.COMPARISON]
    assert [each.team for each in told] == ["North", "South"]
    for each in told:
        assert (each.subject, each.cohort_digest) == (comparison.digest, made.cohort.digest)
        assert each.figures == {"auroc": len(comparison.pairs)}


def test_a_release_that_the_enclave_did_not_score_takes_no_part(made: Home) -> None:
    url = made.installation.ledger_url
    with raw(url, unguarded=True) as connection:
        document = connection.execute(
            text("SELECT document FROM releases WHERE number = 1")
        ).scalar_one()
        shown = Release.from_json(document)
        forged = document.replace(f'"n_patients":{shown.n_patients}', '"n_patients":9999', 1)
        assert forged != document
        connection.execute(
            text("UPDATE releases SET document = :d WHERE number = 1"), {"d": forged}
        )
    guarded_again(made)
    freeze(made, LATE)
    assert reasons(the_newest(made)) == {name_of(0): ANOTHER_PLAN}


def test_a_kill_leaves_no_comparison_or_one(made: Home) -> None:
    enter_model(made, 4)
    installed = Installed(made.root)
    # Between the row and the end of its transaction; the first entry announces the key.
    installed.dies("submissions.ledger.database.audit_chain:append", "after", "run", nth=2)
    assert frozen(made) == []
    installed.dies(APPEND, "after", "run")
    (one,) = frozen(made)
    assert freeze(made) == []
    assert frozen(made) == [one]
    with made.ledger() as ledger:
        verified = verify_ledger(ledger, own_keys(made.installation))
    assert list(verified.problems) == []


def test_a_comparison_that_was_changed_is_found(made: Home) -> None:
    freeze(made, LATE)
    with made.ledger() as ledger:
        assert list(verify_ledger(ledger, own_keys(made.installation)).problems) == []
    with raw(made.installation.ledger_url, unguarded=True) as connection:
        change = text("UPDATE comparisons SET document = replace(document, :old, :new)")
        connection.execute(change, {"old": '"tier":1', "new": '"tier":2'})
    guarded_again(made)
    with made.ledger() as ledger:
        problems = verify_ledger(ledger, own_keys(made.installation)).problems
    assert any("of another document_sha256" in each for each in problems)
    assert any(each.startswith("comparison of chest") for each in problems)


def test_grades_are_compared_once_by_their_kappa(tmp_path: Path) -> None:
    home_of_grades = home(tmp_path / "grades", primary="quadratic_weighted_kappa", graded=True)
    for number, spread in enumerate((0.5, 0.9, 1.3, 2.0, 3.0)):
        random = np.random.default_rng(number)
        grades = {
            case.case_id: float(
                np.clip((case.targets["grade"] or 0.0) + random.normal(0, spread), 0, 8)
            )
            for case in sorted(home_of_grades.cohort.cases(), key=lambda each: each.case_id)
        }
        team = "North" if number % 2 else "South"
        home_of_grades.enter(name_of(number), f"Model {number}", grades, team=team, threshold=4.0)
    assert freeze(home_of_grades) == ["chest"]
    assert freeze(home_of_grades) == []
    (found,) = frozen(home_of_grades)
    assert found.figure == "quadratic_weighted_kappa"
    assert [each.submission_id for each in found.entries] == [name_of(n) for n in range(5)]
    assert [each.looks for each in found.entries] == [3, 2, 3, 2, 3]
    assert found.entries[0].tier < found.entries[-1].tier
    best = found.entries[0]
    assert best.corrected_low is not None  # the best of the team's three looks
    assert best.low is not None
    assert best.corrected_low <= best.low
    (first, *_) = found.between(name_of(0), name_of(4))
    assert first.adjusted_p < 0.01
    assert {each.attribute for each in found.pairs} == {"overall", "sex", "site"}
