"""How a board chooses its rows, as the comparison asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from evaluator.disclosure.control import Release


class Row(Protocol):
    """A row of a board: the submission that stands for its model."""

    @property
    def submission_id(self) -> str:
        """The submission's id."""

    @property
    def baseline(self) -> bool:
        """Whether it is marked as a baseline."""


Rows = Callable[[Sequence[Release], str], Sequence[Row]]
"""The rows of a board, best first, of releases (oldest first) and the primary figure."""
