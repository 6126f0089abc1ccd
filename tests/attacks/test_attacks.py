from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.engine import Engine
from evaluator.staging import stage
from submissions.base_image import docker
from submissions.contract import read_predictions
from tests.attacks.arena import CASE_IDS, breaches, expected, run_attack, stage_cases
from tests.attacks.catalogue import ATTACKS, MILD, PRELUDE, Attack
from tests.engine import build_image

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


def test_a_tag_moved_after_the_lint_changes_nothing(
    engine: Engine, base_image: str, tmp_path: Path
) -> None:
    honest = build_image(base_image, f"{PRELUDE}\nanswer('0.25')\n")
    other = build_image(base_image, f"{PRELUDE}\nanswer('0.75')\n")
    tag = "sequestra/test:moving"
    assert docker("tag", honest, tag).returncode == 0
    resolved = engine.resolve(tag, MILD)
    assert docker("tag", other, tag).returncode == 0
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged:
        engine.run(resolved, staged, MILD, submission_id="moving-tag")
        predictions = read_predictions(staged.predictions, CASE_IDS, MILD)
    assert set(predictions.values.values()) == {(0.25,)}
