"""Each row of the hostile pass; run as a module, it prints them as a table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.submissions.service.hostile import ROWS, Row, attacked
from tests.support.service_running import Running


@pytest.fixture(scope="module")
def target() -> Iterator[Running]:
    """One service for all rows, as an attacker would meet it."""
    with attacked() as service:
        yield service


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_tried_is_held_off(row: Row, target: Running) -> None:
    seen = row.act(target)
    assert seen == row.expected


def test_no_row_is_lost() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 30
