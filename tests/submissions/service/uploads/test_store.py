"""Uploads in the service's store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from submissions.quota import Quota
from submissions.service.database import new_id
from submissions.service.store import Store
from submissions.service.uploads.store import (
    NoLook,
    Upload,
    UploadState,
    UploadStateError,
    UploadStore,
    refuse_without_look,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SHA256 = "ab" * 32


def upload(**more: object) -> Upload:
    values: dict[str, object] = {
        "upload_id": new_id(),
        "team_id": "0123456789ab",
        "team": "North",
        "person_id": "ba9876543210",
        "benchmark": "chest",
        "length": 12 * 2**30,
        "metadata": "benchmark Y2hlc3Q=",
        "announced": SHA256,
        "created": NOW,
    }
    return Upload(**{**values, **more})  # type: ignore[arg-type]


@pytest.fixture
def store(database: str) -> Iterator[UploadStore]:
    opened = Store(database)
    yield UploadStore(opened)
    opened.close()


def test_an_upload_is_read_as_it_was_written(store: UploadStore) -> None:
    written = upload()
    store.reserve(written, lambda holding: None)
    assert store.upload(written.upload_id) == written
    assert store.upload("000000000000") is None
    store.complete(written.upload_id, SHA256)
    found = store.upload(written.upload_id)
    assert found is not None
    assert found.ended is not None
    assert found.ended.tzinfo is not None
    expected = dataclasses.replace(
        written, state=UploadState.COMPLETE, sha256=SHA256, ended=found.ended
    )
    assert found == expected
    assert store.complete_of("0123456789ab", "chest", SHA256) == expected
    assert store.complete_of("ba9876543210", "chest", SHA256) is None


def test_of_fifty_threads_one_gets_the_last_look(store: UploadStore) -> None:
    quota = Quota(per_team=2, days=7)

    def reserve(_: int) -> bool:
        mine = upload()

        def judge(holding: list[Upload]) -> None:
            refuse_without_look(
                holding,
                [datetime.now(UTC) - timedelta(days=1)],  # one was charged yesterday
                quota,
                team="North",
                allowance=["North"],
                benchmark="chest",
            )

        try:
            store.reserve(mine, judge)
        except NoLook:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(reserve, range(50))) == 1
    assert len(store.holding()) == 1


@pytest.mark.parametrize(
    ("other", "held"),
    [
        ({}, True),
        ({"team": "NORTH"}, True),
        ({"team": "east"}, True),
        ({"team": "south"}, False),
        ({"benchmark": "hands"}, False),
    ],
)
def test_uploads_of_one_allowance_and_benchmark_hold_its_looks(
    other: dict[str, object], held: bool
) -> None:
    def judge() -> None:
        refuse_without_look(
            [upload(**other)],
            [],
            Quota(per_team=1, days=7),
            team="North",
            allowance=["North", "East"],
            benchmark="chest",
        )

    if held:
        with pytest.raises(NoLook, match="enter, finish or delete those first"):
            judge()
    else:
        judge()


def test_a_state_that_was_left_does_not_come_back(store: UploadStore) -> None:
    written = upload()
    store.reserve(written, lambda holding: None)
    with pytest.raises(UploadStateError, match="cannot become entered"):
        store.enter(written.upload_id, "s1")
    store.complete(written.upload_id, SHA256)
    with pytest.raises(UploadStateError, match="cannot become complete"):
        store.complete(written.upload_id, SHA256)
    assert store.is_held(written.team_id, SHA256)
    store.enter(written.upload_id, "s1")
    assert store.holding() == []
    assert store.is_held(written.team_id, SHA256)
    with pytest.raises(UploadStateError, match="cannot become expired"):
        store.end(written.upload_id, UploadState.EXPIRED)
