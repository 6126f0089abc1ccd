"""One picture under two patients of the pool is found, listed with its labels, and refused."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

from cohort_selection.cases import Case
from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.leakage import kept_fingerprints as kept
from cohort_selection.leakage import looked
from cohort_selection.leakage.duplicates import LeakError
from cohort_selection.leakage.fingerprints import Fingerprints, fingerprints
from cohort_selection.leakage.perceptual_hash import near_duplicates, near_duplicates_among
from cohort_selection.leakage.repeated_pictures import (
    Repeat,
    RepeatCounts,
    counts,
    refuse,
    repeats,
    table,
)

Pixels = NDArray[np.uint8]


def smooth(seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 12)).astype(np.uint8)
    grown = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(seed + 1000).integers(0, 9, (256, 256))
    return np.clip(np.asarray(grown, int) + grain, 0, 255).astype(np.uint8)


def compressed(pixels: Pixels) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=60)
    return np.asarray(Image.open(stream))


def case(folder: Path, name: str, patient: str, label: int, *pictures: Pixels) -> Case:
    files = []
    for k, pixels in enumerate(pictures):
        path = folder / f"{name}{k or ''}.dcm"
        instance = uid(name, str(k))
        write_radiograph(
            path,
            Radiograph(
                pixels=pixels,
                study_uid=uid(name),
                series_uid=uid(name, "s"),
                instance_uid=instance,
                patient_id=patient,
            ),
            "CR",
        )
        files.append(path)
    return Case(name, patient, tuple(files), label, {})


def files_of(pool: list[Case]) -> list[Path]:
    return [file for case in pool for file in case.files]


def found(pool: list[Case], drawn: set[str], *, look: bool = True) -> tuple[Repeat, ...]:
    return repeats(pool, drawn, looked.look([c.files for c in pool], None, pictures=look))


def names(repeat: Repeat) -> list[tuple[str, int]]:
    return [(each.file.name, each.case.label) for each in repeat.shown]


def test_the_same_pixels_under_two_patients_of_opposite_labels_are_refused(tmp_path: Path) -> None:
    one = smooth(1)
    pool = [
        case(tmp_path, "a", "p1", 0, one),
        case(tmp_path, "b", "p2", 1, one),
        case(tmp_path, "c", "p3", 1, smooth(2)),
    ]
    for look in (False, True):
        (repeat,) = found(pool, {"a", "b", "c"}, look=look)
        assert names(repeat) == [("a.dcm", 0), ("b.dcm", 1)]
        assert (repeat.identical, repeat.opposite, repeat.in_cohort) == (True, True, True)
    with pytest.raises(LeakError) as told:
        refuse([repeat], tmp_path / "list.csv")
    assert "1 picture of the cohort stand" in str(told.value)
    assert "1 of them under opposite labels: a.dcm (label 0) and b.dcm (label 1)" in str(told.value)
    assert str(tmp_path / "list.csv") in str(told.value)
    assert "p1" not in str(told.value).replace(str(tmp_path), "")


CHANGES: list[Callable[[Pixels], Pixels]] = [
    compressed,
    lambda p: p[:, ::-1],
    lambda p: np.rot90(p),
    lambda p: 255 - p,
    lambda p: np.asarray(Image.fromarray(p).resize((180, 200))),
    lambda p: p[6:-6, 4:-8],
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("changed_first", [False, True])
def test_a_changed_copy_under_another_patient_is_found_from_either_side(
    tmp_path: Path, change: Callable[[Pixels], Pixels], changed_first: bool
) -> None:
    pictures = [smooth(1), np.ascontiguousarray(change(smooth(1)))]
    first, second = reversed(pictures) if changed_first else pictures
    pool = [
        case(tmp_path, "a", "p1", 0, first),
        case(tmp_path, "b", "p2", 1, smooth(5)),
        case(tmp_path, "c", "p3", 0, second),
    ]
    (repeat,) = found(pool, {"a"})
    assert names(repeat) == [("a.dcm", 0), ("c.dcm", 0)]
    assert (repeat.identical, repeat.opposite, repeat.in_cohort) == (False, False, False)
    assert found(pool, {"a"}, look=False) == ()


def test_what_is_no_repeat(tmp_path: Path) -> None:
    """The images of one case, follow-ups of one patient and label, and empty slices of volumes."""
    one, empty = smooth(1), np.zeros((64, 64), np.uint8)
    pool = [
        case(tmp_path, "a", "p1", 0, one, one),
        case(tmp_path, "b", "p1", 0, compressed(one)),
        case(tmp_path, "c", "p2", 0, smooth(2), empty),
        case(tmp_path, "d", "p3", 1, smooth(3), empty),
    ]
    assert found(pool, {"a", "b", "c", "d"}) == ()
    # One image that is empty is no slice: it is told.
    pool += [case(tmp_path, "e", "p4", 0, empty), case(tmp_path, "f", "p5", 1, empty)]
    (repeat,) = found(pool, {"a"})
    assert {name for name, _ in names(repeat)} >= {"e.dcm", "f.dcm"}


def test_one_patient_under_both_labels_is_a_repeat(tmp_path: Path) -> None:
    one = smooth(1)
    pool = [case(tmp_path, "a", "p1", 0, one), case(tmp_path, "b", "p1", 1, compressed(one))]
    (repeat,) = found(pool, {"a"})
    assert (repeat.opposite, repeat.in_cohort) == (True, True)


def test_counts_and_list_say_what_is_in_the_cohort(tmp_path: Path) -> None:
    """Three copies of one picture, two of another; drawn: one of the three, none of the two."""
    one, other = smooth(1), smooth(2)
    pool = [
        case(tmp_path, "d", "p4", 1, other),
        case(tmp_path, "e", "p5", 1, compressed(other)),
        case(tmp_path, "a", "p1", 0, one),
        case(tmp_path, "b", "p2", 1, one),
        case(tmp_path, "c", "p3", 0, compressed(one)),
        case(tmp_path, "f", "p6", 1, smooth(3)),
    ]
    listed = found(pool, {"a", "f"})
    assert counts(listed, 6, looked=True) == RepeatCounts(6, True, 2, 1, 1, 1)
    rows = list(csv.DictReader(io.StringIO(table(listed).decode())))
    assert [
        (row["picture"], row["patient_id"], row["case_id"], row["label"], row["drawn"])
        for row in rows
    ] == [
        ("1", "p1", "a", "0", "yes"),
        ("1", "p2", "b", "1", "no"),
        ("1", "p3", "c", "0", "no"),
        ("2", "p4", "d", "1", "no"),
        ("2", "p5", "e", "1", "no"),
    ]
    assert {row["alike"] for row in rows} == {"near-identical"}
    refuse(listed[1:], tmp_path)  # what is not drawn is told, not refused


def test_many_copies_are_one_repeat(tmp_path: Path) -> None:
    """300 patients who share one picture are one line of the count, not 44,850 pairs."""
    whole = case(tmp_path, "a", "p", 0, smooth(1))
    pool = [Case(f"c{k}", f"p{k}", whole.files, k % 2, {}) for k in range(300)]
    (repeat,) = found(pool, set())
    assert len(repeat.shown) == 300


def test_pairs_among_images_are_those_of_both_sides() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, (40, 16, 4), dtype=np.uint64)
    hashes[7, 3] = hashes[30, 0]  # a turn
    hashes[31, 12] = hashes[5, 0]  # a crop
    hashes[9] = hashes[8]
    both = {
        (min(p.opened, p.sealed), max(p.opened, p.sealed))
        for p in near_duplicates(hashes, hashes)
        if p.opened != p.sealed
    }
    among = near_duplicates_among(hashes)
    assert {(i, j) for i, j, _ in among} == both == {(7, 30), (5, 31), (8, 9)}


# What is kept


def reading(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are fingerprinted, as they are."""
    read: list[str] = []

    def noted(files: list[Path], **options: object) -> Fingerprints:
        read.extend(file.name for file in files)
        return fingerprints(files, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(kept, "fingerprints", noted)
    return read


def test_a_file_is_read_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept"
    files = files_of([case(tmp_path, name, name, 0, smooth(k)) for k, name in enumerate("abc")])
    read = reading(monkeypatch)
    ticks: list[int] = []
    first = kept.kept_fingerprints(files[:2], folder, look=True, progress=ticks.append)
    assert (read, ticks[-1]) == (["a.dcm", "b.dcm"], 2)
    read.clear()
    second = kept.kept_fingerprints(files, folder, look=True, progress=ticks.append)
    assert (read, ticks[-1]) == (["c.dcm"], 3)
    plain = fingerprints(files, look=True)
    assert second.digests == plain.digests
    assert (second.hashes == plain.hashes).all()
    assert (second.hashes[:2] == first.hashes).all()
    read.clear()
    before = files[0].stat()
    content = files[2].read_bytes()
    assert len(content) == before.st_size
    files[0].write_bytes(content)  # another picture of the same size and time
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    third = kept.kept_fingerprints(files, folder, look=True)
    assert read == ["a.dcm"]
    assert third.digests[0] == third.digests[2]


def test_what_was_not_looked_at_is_looked_at_and_a_damaged_shard_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept"
    files = files_of([case(tmp_path, name, name, 0, smooth(k)) for k, name in enumerate("ab")])
    read = reading(monkeypatch)
    plain = kept.kept_fingerprints(files, folder, look=False)
    looked = kept.kept_fingerprints(files, folder, look=True)
    assert looked.digests == plain.digests
    assert read == ["a.dcm", "b.dcm"] * 2
    read.clear()
    kept.kept_fingerprints(files, folder, look=False)
    assert read == []
    for shard in folder.iterdir():
        shard.write_bytes(b"PAR1" + b"\0" * 40)
    assert kept.kept_fingerprints(files, folder, look=True).digests == plain.digests
    assert read == ["a.dcm", "b.dcm"]


def test_another_version_reads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of([case(tmp_path, "a", "a", 0, smooth(1))])
    read = reading(monkeypatch)
    kept.kept_fingerprints(files, tmp_path / "kept", look=True)
    monkeypatch.setattr(kept, "_mark", lambda: b"another")
    kept.kept_fingerprints(files, tmp_path / "kept", look=True)
    assert read == ["a.dcm", "a.dcm"]


def test_what_was_read_before_an_error_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of([case(tmp_path, f"f{k:02d}", "p", 0, smooth(k % 5)) for k in range(40)])
    broken = files[20]
    shutil.copy(broken, tmp_path / "whole")
    data = pydicom.dcmread(broken)
    del data.PixelData
    data.save_as(broken)
    with pytest.raises(ValueError, match=r"f20\.dcm: has no pixel data"):
        kept.kept_fingerprints(files, tmp_path / "kept", look=False)
    shutil.copy(tmp_path / "whole", broken)
    read = reading(monkeypatch)
    kept.kept_fingerprints(files, tmp_path / "kept", look=False)
    assert read == [broken.name]


@pytest.mark.realdata
def test_one_real_person_under_two_ids_is_found_with_both_labels(
    shared_data: Path, tmp_path: Path
) -> None:
    """Cohen's patients 97 and 178 have the same four radiographs; ARDS is said of all and of one.

    The collection has no other picture under two patients; a copy under one patient is no repeat.
    """
    folder = shared_data / "images" / "cohen_covid"
    pool, drawn = [], set()
    with (folder / "metadata.csv").open() as stream:
        for row in csv.DictReader(stream):
            picture = np.asarray(Image.open(folder / row["file"]).convert("L"))
            label = int("ARDS" in row["finding"])
            pool.append(case(tmp_path, row["image_id"], row["patient_id"], label, picture))
            drawn |= {row["image_id"]} if row["patient_id"] == "cohen_97" else set()
    listed = found(pool, drawn)
    assert sorted(sorted(names(repeat)) for repeat in listed) == [
        [("cohen_0056.dcm", 1), ("cohen_0127.dcm", 0)],
        [("cohen_0057.dcm", 1), ("cohen_0128.dcm", 0)],
        [("cohen_0058.dcm", 1), ("cohen_0129.dcm", 0)],
        [("cohen_0059.dcm", 1), ("cohen_0130.dcm", 1)],
    ]
    assert {each.case.patient_id for r in listed for each in r.shown} == {"cohen_97", "cohen_178"}
    assert counts(listed, len(pool), looked=True) == RepeatCounts(341, True, 4, 3, 3, 3)
