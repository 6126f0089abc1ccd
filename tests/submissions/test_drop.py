"""The drop folder: what counts of a file that grows, and whose an archive is."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submissions.drop import BATCH, STEP, BeingWritten, Drop, DropError

TEAM, OTHER = "0123456789ab", "ba9876543210"
CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path / "drop")


def test_bytes_count_once_they_are_saved_and_the_last_once_the_archive_is_verified(
    drop: Drop,
) -> None:
    growing = drop.grow("u", len(CONTENT))
    growing.add(CONTENT[:1_000_000])
    assert drop.offset("u") == 0
    assert growing.close() == 1_000_000
    growing = drop.grow("u", len(CONTENT))
    assert growing.offset == drop.offset("u") == 1_000_000
    growing.add(CONTENT[1_000_000:])
    assert growing.close() == len(CONTENT) - 1
    growing = drop.grow("u", len(CONTENT))
    growing.add(CONTENT[-1:])
    growing.write()
    assert growing.sha256() == SHA256
    growing.close()
    assert drop.place("u", TEAM, SHA256).read_bytes() == CONTENT
    assert drop.arriving() == []


def test_pieces_of_any_size_stay_in_order_across_batches_and_writes(drop: Drop) -> None:
    """A piece may fill several batches, and a write may come while one is half full."""
    growing = drop.grow("u", len(CONTENT))
    at = 0
    for size in (1, BATCH - 2, 7, 2 * BATCH + 3, 65_536, len(CONTENT)):
        growing.add(CONTENT[at : at + size])
        at += size
        if size != 7:  # then two batches wait
            growing.write()
            assert growing.written == min(at, len(CONTENT))
    assert growing.sha256() == SHA256
    growing.close()
    assert drop.place("u", TEAM, SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("restart", [False, True])
def test_the_digest_is_that_of_the_file_after_a_cut_and_after_a_restart(
    drop: Drop, tmp_path: Path, restart: bool
) -> None:
    growing = drop.grow("u", len(CONTENT))
    growing.add(CONTENT[:1_000_000])
    growing.write()
    growing.save()
    growing.add(b"other bytes, which a full disk cuts off")
    growing.write()
    assert growing.close(keep=False) == 1_000_000
    later = Drop(tmp_path / "drop") if restart else drop
    growing = later.grow("u", len(CONTENT))
    growing.add(CONTENT[1_000_000:])
    growing.write()
    assert growing.sha256() == SHA256
    growing.close()


def test_bytes_that_are_not_checked_yet_do_not_count(drop: Drop) -> None:
    growing = drop.grow("u", 3 * STEP)
    growing.check = hashlib.sha1()
    growing.add(bytes(2 * STEP))
    growing.write()
    assert not growing.is_save_due()
    growing.save()
    assert drop.offset("u") == 0
    assert growing.check.digest() == hashlib.sha1(bytes(2 * STEP)).digest()
    growing.check = None
    assert growing.close() == drop.offset("u") == 2 * STEP


def test_bytes_of_another_checksum_leave_no_trace_in_the_digest(drop: Drop) -> None:
    growing = drop.grow("u", len(CONTENT))
    growing.add(CONTENT[:400_000])
    assert growing.close() == 400_000
    growing = drop.grow("u", len(CONTENT))
    growing.check = hashlib.sha1()
    growing.add(b"damaged on the way")
    growing.write()
    assert growing.close(keep=False) == 400_000
    growing = drop.grow("u", len(CONTENT))
    growing.add(CONTENT[400_000:])
    growing.write()
    assert growing.sha256() == SHA256
    growing.close()


def test_what_was_written_but_not_saved_is_cut_off_after_a_loss_of_power(
    drop: Drop, tmp_path: Path
) -> None:
    growing = drop.grow("u", 100)
    growing.add(b"saved")
    growing.close()
    with (tmp_path / "drop" / "incoming" / "u").open("ab") as file:
        file.write(b"on disk, and not known")
    growing = drop.grow("u", 100)
    assert growing.offset == 5
    growing.add(b" and more")
    growing.close()
    assert (tmp_path / "drop" / "incoming" / "u").read_bytes() == b"saved and more"


def test_one_at_a_time_appends(drop: Drop, tmp_path: Path) -> None:
    growing = drop.grow("u", 100)
    with pytest.raises(BeingWritten):
        Drop(tmp_path / "drop").grow("u", 100)
    growing.close()
    growing.add(b"late")
    growing.write()
    growing.save()
    assert drop.offset("u") == 0
    drop.grow("u", 100).close()


def test_an_archive_belongs_to_the_team_that_sent_it(drop: Drop) -> None:
    for upload_id in ("first", "second"):  # the same content, twice
        growing = drop.grow(upload_id, 5)
        growing.add(b"image")
        growing.write()
        sha256 = growing.sha256()
        growing.close()
        drop.place(upload_id, TEAM, sha256)
        drop.place(upload_id, TEAM, sha256)
    assert drop.archive(TEAM, sha256).read_bytes() == b"image"
    assert drop.size(TEAM, sha256) == 5
    assert drop.size(OTHER, sha256) is None
    with pytest.raises(DropError, match="send it again"):
        drop.archive(OTHER, sha256)
    drop.discard(OTHER, sha256)
    assert drop.size(TEAM, sha256) == 5
    drop.discard(TEAM, sha256)
    assert drop.size(TEAM, sha256) is None
    drop.discard(TEAM, sha256)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\0", "a.offset", "x" * 65, "ä"])
def test_no_name_leads_out_of_the_folder(drop: Drop, name: str) -> None:
    for act in (drop.offset, drop.forget, drop.changed, lambda each: drop.grow(each, 5)):
        with pytest.raises(DropError, match="no name of a file"):
            act(name)
    with pytest.raises(DropError, match="no name of a file"):
        drop.archive(name, SHA256)
    with pytest.raises(DropError, match="is no SHA-256"):
        drop.archive(TEAM, name)


def test_a_link_in_the_place_of_an_archive_leads_nowhere(drop: Drop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(CONTENT)
    place = tmp_path / "drop" / "archives" / TEAM / SHA256
    place.parent.mkdir()
    place.symlink_to(elsewhere)
    with pytest.raises(DropError, match="has no archive"):
        drop.archive(TEAM, SHA256)


_STEPS = st.lists(
    st.tuples(
        st.integers(1, 1_500),  # bytes of a piece
        st.sampled_from(("", "", "write", "save", "full disk", "close", "cut")),
        st.integers(0, 1_200),  # bytes that the disk still takes
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS)
def test_no_byte_of_an_earlier_batch_is_written_again(steps: list[tuple[int, str, int]]) -> None:
    """Pieces, writes, full disks and cuts in any order give a beginning of what was sent."""
    with (
        pytest.MonkeyPatch.context() as small,
        TemporaryDirectory() as folder,
        ThreadPoolExecutor(1) as writer,
    ):
        small.setattr("submissions.drop.BATCH", 512)
        drop, sent = Drop(Path(folder)), CONTENT[:20_000]
        file = Path(folder) / "incoming" / "u"
        growing = drop.grow("u", len(sent))
        for size, then, room in [*steps, (len(sent), "close", 0), (len(sent), "write", 0)]:
            growing.add(sent[growing.added : growing.added + size])
            if then == "full disk":
                with (
                    file_size_limit(growing.written + room),
                    suppress(OSError),
                ):
                    growing.write()
            elif then in ("close", "cut"):
                offset = growing.close(keep=then == "close")
                assert file.read_bytes() == sent[:offset]
                growing = drop.grow("u", len(sent))
                assert growing.offset == offset
            elif then:
                writing = writer.submit(growing.write)  # pieces go on coming meanwhile
                growing.add(sent[growing.added : growing.added + size])
                writing.result()
                if then == "save":
                    growing.save()
                    assert file.read_bytes()[: growing.offset] == sent[: growing.offset]
        growing.write()
        assert growing.sha256() == hashlib.sha256(sent).hexdigest()
        growing.close()
        assert file.read_bytes() == sent


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The system cuts what is written to any file of this process at so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
