"""The days on which a benchmark takes submissions, both ends included."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from submissions.period import Period, PeriodError
from submissions.practice import Practice, PracticeError, read_practice

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


@pytest.mark.parametrize("today", [date(2026, 3, 1), date(2026, 3, 15), date(2026, 3, 31)])
def test_both_days_count(today: date) -> None:
    MARCH.admit("chest", today)
    Period(opens=date(2026, 3, 1)).admit("chest", today)
    Period().admit("chest", today)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 2, 28), "the benchmark chest opens on 2026-03-01 and today is 2026-02-28"),
        (date(2026, 4, 1), "the benchmark chest closed at the end of 2026-03-31"),
    ],
)
def test_before_and_after_is_one_sentence(today: date, said: str) -> None:
    with pytest.raises(PeriodError, match=said) as refused:
        MARCH.admit("chest", today)
    assert "submit" in str(refused.value)


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(PeriodError, match="closes is 2026-02-01, before opens, 2026-03-01"):
        Period(date(2026, 3, 1), date(2026, 2, 1))


def test_practice_is_read() -> None:
    assert read_practice({}, Path("b.toml")) == Practice(cases=0)
    assert read_practice({"cases": 3}, Path("b.toml")).cases == 3
    with pytest.raises(
        PracticeError, match=r"\[practice\] cases is -1; give a whole number from 0"
    ):
        read_practice({"cases": -1}, Path("b.toml"))
