"""Days and times as all pages write them."""

from __future__ import annotations

from datetime import UTC, date, datetime


def day(when: date | datetime) -> str:
    """A date as 3 January 2026."""
    return f"{when.day} {when:%B %Y}"


def short_day(when: date | datetime) -> str:
    """A date for a narrow column, as 3 Jan 2026."""
    return f"{when.day} {when:%b %Y}"


def moment(when: datetime) -> str:
    """A time to the minute, in UTC, as 3 January 2026, 09:30 UTC."""
    local = when.astimezone(UTC)
    return f"{day(local)}, {local:%H:%M} UTC"
