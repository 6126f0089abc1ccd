"""The bridge between two draws refuses what is not there; its runs are tried with an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluator.bridge import bridge
from evaluator.stores.installation import Installation


def test_a_benchmark_that_is_not_there_is_not_sent_to_a_next_draw(tmp_path: Path) -> None:
    no_engine: Any = None
    with pytest.raises(ValueError, match="no benchmark 'nowhere'") as refused:
        bridge(Installation(tmp_path), no_engine, "nowhere")
    assert "draw next" not in str(refused.value)
