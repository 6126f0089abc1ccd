"""The file of a next draw is the same file under another name."""

from __future__ import annotations

import tomllib

import pytest

from cohort_selection.cases import Case
from evaluator.steward.next_draw import next_name, renamed, too_near
from evaluator.steward.pool import StewardError
from tests.support.repository import REPOSITORY


def test_names_are_numbered() -> None:
    assert next_name("chest") == "chest-draw-2"
    assert next_name("chest-draw-2") == "chest-draw-3"
    assert next_name("chest-draw-19") == "chest-draw-20"


def test_a_file_keeps_all_but_name_and_title() -> None:
    text = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()
    made = renamed(text, "simulated-opacity-draw-2", "Airspace opacity")
    before, after = tomllib.loads(text), tomllib.loads(made)
    assert after["benchmark"].pop("name") == "simulated-opacity-draw-2"
    assert after["benchmark"].pop("title") == "Airspace opacity, draw 2"
    del before["benchmark"]["name"], before["benchmark"]["title"]
    assert after == before
    assert made.splitlines()[0] == text.splitlines()[0]  # a comment
    third = renamed(made, "simulated-opacity-draw-3", "Airspace opacity, draw 2")
    assert tomllib.loads(third)["benchmark"]["title"] == "Airspace opacity, draw 3"


def test_a_file_without_the_table_gets_it_and_an_odd_one_is_refused() -> None:
    made = renamed('[cohort]\nlabel = "opacity"\n', "a-draw-2", 'The "old" one')
    assert tomllib.loads(made) == {
        "cohort": {"label": "opacity"},
        "benchmark": {"name": "a-draw-2", "title": 'The "old" one, draw 2'},
    }
    with pytest.raises(StewardError, match="name or title in more than one line"):
        renamed('benchmark = { name = "a" }\n', "a-draw-2", "a")


def cases(numbers: range) -> list[Case]:
    """Every second case is positive."""
    return [Case(f"c{n}", f"p{n}", (), n % 2, {}) for n in numbers]


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        (range(20), ""),  # the same cases
        (range(20, 40), ""),  # none in common
        (range(10, 30), ""),  # five of each class on either side
        (range(8, 28), "4 positive cases, fewer than 5"),
        (range(2, 22), "1 positive case, fewer than 5"),
        (range(30), ""),  # five of each class more
        (range(12), "4 positive cases, fewer than 5"),  # 13, 15, 17 and 19 are left out
    ],
)
def test_a_draw_that_differs_by_a_few_cases_of_a_class_is_too_near(drawn: range, told: str) -> None:
    pool = cases(range(40))
    earlier = {case.case_id for case in cases(range(20))}
    assert too_near(cases(drawn), pool, earlier, 5) == told
