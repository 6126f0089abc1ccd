"""A tag that its team moves once the image is entered: what was entered is what runs."""

from __future__ import annotations

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.stores.installation import Installation
from submissions.host.base_image import docker
from submissions.submission import State
from tests.support.engine import ImageBuilder
from tests.support.installation import Installed, digest_of
from tests.support.programs import READ
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine

BELOW, ABOVE = (
    f"{READ}write((row['case_id'], format({half} + value(row['case_id']) / 2.001, '.6f'))"
    " for row in rows)\n"
    for half in (0, 0.5)
)
"""Programs all of whose predictions lie below and above a half."""


@pytest.mark.parametrize("is_gone", [False, True], ids=["kept by another tag", "with no other tag"])
def test_a_tag_moved_after_the_entry_changes_nothing(
    is_gone: bool, installed: Installed, image_of: ImageBuilder, engine: Engine
) -> None:
    entered, instead = image_of(BELOW), image_of(ABOVE)
    tag = "sequestra/test:moving"
    assert docker("tag", entered, tag).returncode == 0
    submission = installed.submit(tag, "Moving")
    if is_gone:
        for name in engine.client.images.get(entered).tags:
            if name.startswith("sequestra/test:"):
                assert docker("image", "rm", name).returncode == 0
    assert docker("tag", instead, tag).returncode == 0
    assert digest_of(tag) == instead
    installed.run()
    assert installed.state(submission) is State.RELEASED
    assert installed.ledger.submission(submission).image_digest == entered
    _, cohort = Installation(installed.home).sealed(BENCHMARK)
    counted = installed.enclave.predictions(submission, cohort.digest)
    assert counted is not None
    assert max(value for (value,) in counted.values.values()) < 0.5
