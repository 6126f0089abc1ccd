"""CT through the front door: simulated volumes, sealed, learnt from, scored in a container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluator.disclosure.control import Release
from submissions.ledger.ledger import Ledger
from tests.support.commands import succeed
from tests.support.walkthrough import always_the_same_draw, seal, small_benchmark, submit

pytestmark = pytest.mark.engine

N_CASES = 12


def test_a_model_of_volumes_is_trained_packaged_and_scored(tmp_path: Path, base_image: str) -> None:
    commons, model = tmp_path / "commons", tmp_path / "model"
    succeed("simulate", commons, "--patients", "40", "--modality", "CT", "--seed", "3")
    always_the_same_draw(tmp_path / "home")
    benchmark = small_benchmark(tmp_path, "simulated-ct", N_CASES)
    walked = seal(tmp_path, commons / "dicom", [commons / "clinical.csv"], benchmark)
    asked = ("--baseline", "ct3d", "--epochs", "1", "--size", "32", "--batch", "4")
    succeed("train", walked.open_list, "--output", model, *asked)
    card = json.loads((model / "card.json").read_text())
    assert (card["network"], card["size"], card["depth"]) == ("ct3d", 32, 32)
    assert card["n_unreadable_files"] == 0
    succeed("export", model)
    succeed("package", "--model", model, "--tag", "sequestra-test/ct3d")
    submit(walked, "sequestra-test/ct3d", "A lab", "Volumes")
    succeed("run", "--home", walked.home)
    (published,) = Ledger(walked.ledger_url).releases(walked.benchmark)
    released = Release.from_json(published.document)
    assert released.n_cases == N_CASES
