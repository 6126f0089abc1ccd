from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from cohort_selection.cases import BlindedCase
from evaluator.queue.determinism import Repetition, compared, drawn_again
from evaluator.sandbox.engine import Engine
from evaluator.workers.shard import Shard, run_shard
from submissions.predictions import Predictions
from tests.attacks.catalogue import MILD, PRELUDE
from tests.support.engine import ImageBuilder

pytestmark = pytest.mark.engine

SCORE = """
cases = case_ids()
with open("/output/predictions.csv", "w") as file:
    file.write("case_id,probability\\n")
    for index, case_id in enumerate(cases):
        (image,) = os.listdir(f"/input/images/{case_id}")
        pixel = open(f"/input/images/{case_id}/{image}", "rb").read()[0] / 100
        file.write(f"{case_id},{@SCORE@}\\n")
"""


def repetition(
    score: str, share: float, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> Repetition:
    """Repeat a model that gives ``score``; in the first run each case's was its first byte."""
    cases = []
    for index in range(10):
        file = tmp_path / f"{index}.dcm"
        file.write_bytes(bytes([index]))
        cases.append(BlindedCase(f"case{index}", (file,), {}))
    first = {f"case{index}": (index / 100,) for index in range(10)}
    contract = replace(MILD, repeat_share=share)
    again = drawn_again(cases, contract, seed=1)
    if not again:
        return compared(again, first, Predictions({}), contract)
    image = image_of(PRELUDE + SCORE.replace("@SCORE@", score))
    second = run_shard(
        Shard("test-repeat", image, tuple(again.values()), contract, tmp_path / "staging")
    )
    assert second.predictions is not None, second
    return compared(again, first, second.predictions, contract)


def test_a_model_that_sees_the_case_alone_agrees_with_itself(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    found = repetition("pixel", 0.25, engine, image_of, tmp_path)
    assert found == Repetition(3, 0.0, 1e-4)
    assert found.agrees
    deadline = time.monotonic() + 10  # a shard's end does not wait for the removal
    while left := list((tmp_path / "staging").glob("run-*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("score", "least", "most"),
    [
        ("pixel + 0.001 * index", 0.001, 0.01),
        ("pixel + 0.5 / len(cases)", 0.05, 0.05),
        ("pixel + 0.25 * (int(case_id, 16) % 1009) / 1009", 1e-6, 0.25),
        ("pixel + 0.25 * os.urandom(1)[0] / 255", 1e-3, 0.25),
    ],
    ids=["order", "number of cases", "id", "chance"],
)
def test_what_else_a_score_depends_on_shows(
    score: str, least: float, most: float, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    found = repetition(score, 1.0, engine, image_of, tmp_path)
    assert found.n_cases == 10
    assert least <= round(found.largest_difference, 9) <= most
    assert not found.agrees


@pytest.mark.parametrize(
    ("first", "second", "difference", "agrees", "said"),
    [
        # Apart by 1e-7, on either side of the half of the last digit that is kept.
        ("45e-8", "55e-8", 1e-6, True, "largest difference 1e-06, within the tolerance of 0.0001"),
        ("0", "1e-4", 1e-4, True, "largest difference 0.0001, within the tolerance of 0.0001"),
        (
            "0",
            "101e-6",
            1.01e-4,
            False,
            "largest difference 0.000101, over the tolerance of 0.0001",
        ),
        ("0", "1e-2", 1e-2, False, "largest difference 0.01, over the tolerance of 0.0001"),
    ],
)
def test_what_a_batch_changes_is_tolerated_and_chance_is_not(
    first: str,
    second: str,
    difference: float,
    agrees: bool,
    said: str,
    engine: Engine,
    image_of: ImageBuilder,
    tmp_path: Path,
) -> None:
    file = tmp_path / "0.dcm"
    file.write_bytes(bytes([30]))
    cases = [BlindedCase(f"case{index}", (file,), {}) for index in range(8)]
    contract = replace(MILD, repeat_share=0.5)
    image = image_of(
        PRELUDE + SCORE.replace("@SCORE@", f"pixel + ({first} if len(cases) == 8 else {second})")
    )
    again = drawn_again(cases, contract, seed=1)
    ended = [
        run_shard(Shard(f"test-{run}", image, tuple(given), contract, tmp_path / "staging"))
        for run, given in (("first", cases), ("second", list(again.values())))
    ]
    told = [each.predictions for each in ended]
    assert told[0] is not None, ended
    assert told[1] is not None, ended
    found = compared(again, told[0].values, told[1], contract)
    assert found == Repetition(4, difference, 1e-4)
    assert found.agrees is agrees
    assert found.sentence() == f"4 cases run again: {said}"


def test_a_benchmark_may_ask_for_the_last_digit() -> None:
    exact = replace(MILD, repeat_tolerance=0.0)
    again = {"a": BlindedCase("b", (), {})}
    one = {"a": (0.3,)}
    assert compared(again, one, Predictions({"b": (0.3,)}), exact).agrees
    assert not compared(again, one, Predictions({"b": (0.300001,)}), exact).agrees


def test_without_a_share_nothing_is_run(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    assert repetition("1 / 0", 0.0, engine, image_of, tmp_path) == Repetition(0, 0.0, 1e-4)
