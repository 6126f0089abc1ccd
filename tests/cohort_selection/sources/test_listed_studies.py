"""What a server lists is kept on disk: the same studies as a list in memory, and little of it."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from cohort_selection.sources import listing
from cohort_selection.sources.credentials import Credentials
from cohort_selection.sources.listed_studies import ListedStudies, ListedStudy
from cohort_selection.sources.listing import Listing, Period
from cohort_selection.sources.server import Row, Server
from cohort_selection.sources.source import SourceError
from cohort_selection.sources.store import Store
from tests.support.small_disk import small_file_system


@pytest.fixture
def studies(tmp_path: Path) -> Iterator[ListedStudies]:
    with ListedStudies(tmp_path / "listing") as made:
        yield made


def test_rows_in_any_order_give_each_study_once_as_it_was_said_last(
    studies: ListedStudies,
) -> None:
    """Against a dictionary and sets, as a list in memory would be."""
    rng = random.Random(11)
    known: dict[str, ListedStudy] = {}
    undated: set[str] = set()
    unusable: set[str] = set()
    first: dict[str, int] = {}
    for reading in range(1, 6):
        seen: set[str] = set()
        for _ in range(200):
            uid = rng.choice(["1.2.", "1.", "2.25."]) + str(rng.randrange(150))
            usable = rng.random() < 0.95
            if not usable:
                uid = rng.choice(["", "../x", "\ud800", "unusable ", "1.2" * 40, f"é{uid}"])
            study = ListedStudy(uid, rng.choice([None, 1, 2]), rng.choice([None, 10**12 - 1]))
            taken, without = usable and rng.random() < 0.7, usable and rng.random() < 0.2
            new = studies.meet(study, reading, taken=taken, undated=without)
            assert new == (uid not in seen)
            seen.add(uid)
            if taken:
                known[uid] = study
                first.setdefault(uid, reading)
            undated |= {uid} if without else set()
            unusable |= set() if usable else {uid}
    assert list(studies) == [known[uid] for uid in sorted(known)]
    assert len(studies) == len(known)
    assert studies.n_undated() == len(undated)
    assert studies.n_unusable() == len(unusable)
    for since in range(1, 7):
        dated = [uid for uid, reading in first.items() if reading >= since and uid not in undated]
        assert studies.n_dated(since) == len(dated)
    there = [*list(known)[:20], "9.9", "3.1", "9.9"]
    assert list(studies.absent(there)) == ["3.1", "9.9"]


def test_an_empty_list_has_nothing(studies: ListedStudies) -> None:
    assert (len(studies), studies.n_undated(), studies.n_unusable()) == (0, 0, 0)
    assert list(studies) == []
    assert list(studies.absent([])) == []
    assert list(studies.absent(["1.2"])) == ["1.2"]


def test_what_a_killed_run_left_is_no_part_of_the_list(tmp_path: Path) -> None:
    file = Store(tmp_path).listing
    left = ListedStudies(file)
    left.meet(ListedStudy("1.2", 1, 1), 1, taken=True, undated=False)
    with ListedStudies(file) as studies:
        assert list(studies) == []
    assert not file.exists()
    file.write_bytes(b"no database" * 1000)
    with ListedStudies(file) as studies:
        assert list(studies) == []
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path) -> None:
    def fill(studies: ListedStudies) -> None:
        for number in range(200_000):
            study = ListedStudy(f"1.2.826.0.1.3680043.{number}", 1, 1)
            studies.meet(study, 1, taken=True, undated=False)

    with small_file_system(tmp_path / "disk", 1) as disk:
        with ListedStudies(disk / ".listing") as studies, pytest.raises(SourceError) as told:
            fill(studies)
        assert "the list of the server's studies cannot be kept in" in str(told.value)
        assert "free some space on its disk and run the same command again" in str(told.value)
        assert list(disk.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be kept in"):
        ListedStudies(tmp_path / "nowhere" / ".listing")


class Numbered(Server):
    """A client of a server that holds so many studies, on four days each."""

    def __init__(self, n: int) -> None:
        super().__init__("http://127.0.0.1:1", Credentials())
        self.n = n

    def listed(self, path: str, **query: str | int) -> list[Row]:
        first, _, last = str(query.get("StudyDate", "20210101-20210104")).partition("-")
        days = [day for day in range(4) if (first or "0") <= f"2021010{day + 1}" <= (last or "9")]
        offset, limit = int(query["offset"]), int(query["limit"])
        places = range(offset, min(offset + limit, self.n // 4 * len(days)))
        return [row(days[place // (self.n // 4)], place % (self.n // 4)) for place in places]


def row(day: int, number: int) -> Row:
    return {
        "0020000D": {"Value": [f"1.2.826.0.1.3680043.8.498.{day}.{number}"]},
        "00080020": {"Value": [f"2021010{day + 1}"]},
        "00201206": {"Value": [2]},
        "00201208": {"Value": [number]},
    }


def memory(n: int, folder: Path) -> int:
    """Bytes that Python holds at the most while so many studies are listed and gone through."""
    with Numbered(n) as server, ListedStudies(folder / f"{n}") as studies:
        tracemalloc.start()
        Listing(server, Period(), studies, page=listing.PAGE)
        assert sum(1 for _ in studies) == len(studies) == n
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_ten_times_the_studies_take_no_more_memory(tmp_path: Path) -> None:
    assert memory(40_000, tmp_path) < 1.2 * memory(4_000, tmp_path)
