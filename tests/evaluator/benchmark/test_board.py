"""The [board] table: what is refused, in one sentence, before anything is sealed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from evaluator.benchmark.board import Freezes
from evaluator.benchmark.specification import read_benchmark
from tests.support.commands import refused
from tests.support.repository import REPOSITORY

SHIPPED = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()


def written(folder: Path, board: str, feedback: str = "open") -> Path:
    path = folder / "b.toml"
    text = SHIPPED.replace('feedback = "open"', f'feedback = "{feedback}"')
    path.write_text(f"{text}\n[board]\n{board}\n")
    return path


def test_days_are_read_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "freeze_on = [2026-12-31, 2026-06-30]\nfreeze_every = 7")
    found = read_benchmark(path).board
    assert found == Freezes((date(2026, 6, 30), date(2026, 12, 31)), 7)
    assert found.declared


def test_without_the_table_nothing_is_declared(tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    path.write_text(SHIPPED)
    assert not read_benchmark(path).board.declared
    assert not read_benchmark(written(tmp_path, "")).board.declared


@pytest.mark.parametrize(
    ("board", "said"),
    [
        ("freeze_every = 1", "freeze_every is 1; give a whole number from 5"),
        ("freeze_every = true", "freeze_every is True; give a whole number"),
        ("freeze_on = ['soon']", "give a list of dates without quotes"),
        ("freeze_on = [2026-06-30, 2026-06-30]", "freeze_on has a date twice; give each once"),
        ("freeze = 5", "'freeze', which is no key"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, board: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_benchmark(written(tmp_path, board))


def test_a_held_benchmark_compares_nothing(tmp_path: Path) -> None:
    sentence = refused("benchmark", "check", written(tmp_path, "freeze_every = 5", "held"))
    assert "[board] declares comparisons and [disclosure] feedback is 'held'" in sentence
    assert 'or give feedback = "open"' in sentence
    read_benchmark(written(tmp_path, "", "held"))


def test_a_figure_that_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "freeze_every = 5")
    path.write_text(path.read_text().replace('primary = "auroc"', 'primary = "ici"'))
    sentence = refused("benchmark", "check", path)
    assert "[board] declares comparisons, but submissions cannot be ranked by 'ici'" in sentence
    path.write_text(path.read_text().replace("freeze_every = 5", ""))
    read_benchmark(path)
