"""A submission as it is received, for tests of the ledger alone."""

from __future__ import annotations

from datetime import UTC, datetime

from submissions.submission import State, Submission


def submission(
    name: str = "s1", team: str = "a team", *, image_digest: str = "sha256:" + "0" * 64
) -> Submission:
    """A model of a team for the benchmark "chest", received on the second day of 2026."""
    return Submission(
        submission_id=name,
        team=team,
        model="a model",
        benchmark="chest",
        image_digest=image_digest,
        threshold=0.5,
        state=State.RECEIVED,
        received=datetime(2026, 1, 2, tzinfo=UTC),
    )
