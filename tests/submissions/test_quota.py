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


@pytest.mark.parametrize(
    ("table", "said"), [({"perteam": 1}, "has perteam"), ({"days": 0}, "days is 0")]
)
def test_a_wrong_table_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(QuotaError, match=said):
        read_quota(table, Path("b.toml"))
