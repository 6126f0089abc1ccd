"""What a team may still submit, on dates worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from submissions.quota import Quota, QuotaError, read_quota

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUOTA = Quota(per_team=2, days=7)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 12, tzinfo=UTC)


def test_only_the_last_days_count() -> None:
    assert QUOTA.remaining([day(2), day(3), day(4)], NOW) == 1


def test_a_used_quota_says_when_the_next_is_free() -> None:
    # Of the submissions of the 5th, 6th and 9th the 6th must age out for one of two to be free.
    with pytest.raises(QuotaError, match="next is free on 2026-03-13 12:00"):
        QUOTA.admit("t", [day(5), day(6), day(9)], NOW)


def test_a_team_with_one_left_is_admitted() -> None:
    QUOTA.admit("t", [day(9)], NOW)


def test_a_used_window_renews_when_its_oldest_look_has_aged_out() -> None:
    assert QUOTA.renews([], NOW) is None
    assert QUOTA.renews([day(3)], NOW) is None  # aged out at this moment
    assert QUOTA.renews([day(4)], NOW) == day(11)
    assert QUOTA.renews([day(5), day(9)], NOW) == day(12)
    assert QUOTA.renews([day(9), day(6), day(5)], NOW) == day(13)


LIFETIME = Quota(per_team=2, days=7, lifetime=4)


@pytest.mark.parametrize(
    ("charged", "remaining", "renews"),
    [
        ([1], 2, None),  # nothing of the last seven days
        ([1, 2, 8], 1, None),  # one of four is left: no waiting brings a second
        ([1, 8], 1, 15),  # two of four are left, one of the window: on the 15th both
        ([1, 8, 9], 0, 15),  # one of four is left, and the window is used
        ([1, 2, 8, 9], 0, None),
        ([1, 2, 3, 8, 9], 0, None),
    ],
)
def test_looks_for_ever_limit_those_of_the_window(
    charged: list[int], remaining: int, renews: int | None
) -> None:
    given = [day(each) for each in charged]
    assert LIFETIME.remaining(given, NOW) == remaining
    assert LIFETIME.renews(given, NOW) == (None if renews is None else day(renews))


def test_a_team_without_looks_for_ever_is_told_that_none_renew() -> None:
    LIFETIME.admit("t", [day(1), day(2), day(8)], NOW)
    with pytest.raises(QuotaError, match="next is free on 2026-03-15 12:00"):
        LIFETIME.admit("t", [day(1), day(8), day(9)], NOW)
    with pytest.raises(QuotaError, match="all its 4 submissions to this cohort, which never renew"):
        LIFETIME.admit("t", [day(1), day(2), day(3), day(4)], NOW)


def test_a_table_is_read_and_limits_are_optional() -> None:
    assert read_quota({}, Path("b.toml")) == Quota(10, 7, None, None)
    table = {"per_team": 3, "days": 30, "lifetime": 12, "concurrent": 1}
    assert read_quota(table, Path("b.toml")) == Quota(3, 30, 12, 1)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"perteam": 1}, r"has 'perteam', which is no key \(did you mean 'per_team'\?\)"),
        ({"days": 0}, "days is 0; give a whole number from 1 to 700,000"),
        ({"lifetime": 0}, "lifetime is 0; give a whole number from 1"),
        ({"concurrent": 2.0}, r"concurrent is 2\.0; give a whole number from 1"),
        ({"per_team": True}, "per_team is True; give a whole number from 1"),
    ],
)
def test_a_wrong_table_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(QuotaError, match=said):
        read_quota(table, Path("b.toml"))
