from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from tests.attacks.__main__ import ELSEWHERE
from tests.attacks.arena import breaches, expected, run_attack
from tests.attacks.catalogue import ATTACKS, PRELUDE, Attack
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_gets_nothing_and_ends_as_it_must(
    attack: Attack, engine: Engine, base_image: str, tmp_path: Path
) -> None:
    seen = run_attack(attack, engine, base_image, tmp_path)
    assert breaches(attack, seen) == []
    assert seen.failure == expected(attack, engine), f"{seen.detail}\n{seen.log}"


def test_low_bits_of_a_prediction_carry_nothing(
    engine: Engine, base_image: str, tmp_path: Path
) -> None:
    secret = "0.50000049999"
    attack = Attack("low bits", f"{PRELUDE}\nanswer('{secret}')\n")
    seen = run_attack(attack, engine, base_image, tmp_path)
    assert seen.predictions is not None
    assert set(seen.predictions.values.values()) == {(0.5,)}


def test_the_table_names_tests_that_exist() -> None:
    assert [path for path in ELSEWHERE if not (REPOSITORY / path).is_file()] == []
