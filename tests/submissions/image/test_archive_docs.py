"""The table of builders is that of the tests that try them."""

from __future__ import annotations

from submissions.image.lint import MAX_LAYERS
from submissions.image.unpacking import MOST_MEMORY
from tests.support.builders import ROWS, line
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "archives.md").read_text()


def test_every_row_of_the_table_is_tried_and_every_trial_is_a_row() -> None:
    table = PAGE.split("| --- | --- | --- | --- |\n")[1].split("\n\n")[0]
    assert table.splitlines() == [line(row) for row in ROWS]


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    assert f"At most {MAX_LAYERS} layers" in PAGE
    assert f"at most {MOST_MEMORY >> 20} MB of memory" in PAGE
