"""Pixels kept on disk are those of the files as they are now, whatever was killed or replaced."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.container.images import model_input
from baselines.data import cache as cache_module
from baselines.data.cache import CacheError, PixelCache
from baselines.data.readers import IMAGES, Files, Reader
from baselines.data.sources import on_disk
from baselines.examples import cached_examples, read_examples
from cohort_selection.sequestration.open_list import read_open
from tests.baselines.conftest import radiograph, write_dicom

SIZE = 32


@pytest.fixture
def files(open_list: Path, tmp_path: Path) -> list[Path]:
    """Six radiographs of the open part, in a folder of their own."""
    folder = tmp_path / "files"
    folder.mkdir()
    taken = [case.files[0] for case in read_open(open_list)[:6]]
    return [Path(shutil.copy(file, folder)) for file in taken]


def _groups(files: list[Path]) -> list[Files]:
    return [(file,) for file in files]


def _counting(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Path], Reader]:
    """Give a reader that notes each file that it decodes."""
    decoded: list[Path] = []

    def read(files: Files, size: int) -> NDArray[np.float32]:
        decoded.extend(files)
        return model_input(files[0], size)

    monkeypatch.setattr(cache_module, "version_of", lambda _: "test")
    return decoded, Reader("image", IMAGES.groups, read, IMAGES.shape, IMAGES.sources)


def _pixels(cache: PixelCache, files: list[Path]) -> NDArray[np.float32]:
    stored = cache.store(_groups(files), len(files), None)
    shown = stored.row >= 0
    return on_disk(stored, shown)[np.arange(int(shown.sum()))]


@pytest.mark.parametrize(("bits", "step"), [(16, 65535), (8, 255)])
def test_pixels_are_the_containers_to_half_a_step(
    bits: int, step: int, files: list[Path], tmp_path: Path
) -> None:
    found = _pixels(PixelCache(tmp_path / "cache", IMAGES, SIZE, bits), files)
    expected = np.stack([model_input(file, SIZE) for file in files])
    assert np.abs(found - expected).max() <= 0.5 / step + 1e-7


def test_a_second_training_decodes_nothing_and_a_third_only_what_is_new(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, reader = _counting(monkeypatch)
    cache = PixelCache(tmp_path / "cache", reader, SIZE)
    first = _pixels(cache, files[:4])
    assert decoded == files[:4]
    assert (_pixels(PixelCache(tmp_path / "cache", reader, SIZE), files[:4]) == first).all()
    assert len(decoded) == 4
    # In another order, with new ones between.
    found = _pixels(cache, [files[5], *files[:4][::-1], files[4]])
    assert (found[1:5] == first[::-1]).all()
    assert decoded[4:] == [files[5], files[4]]
    _pixels(PixelCache(tmp_path / "cache", reader, 48), files[:1])
    assert len(decoded) == 7  # another size is another cache


def test_a_replaced_file_is_read_again_even_with_its_old_size_and_time(
    files: list[Path], tmp_path: Path
) -> None:
    cache = PixelCache(tmp_path / "cache", IMAGES, SIZE)
    before = _pixels(cache, files)
    digest = cache.store(_groups(files), 6, None).digest
    told = files[2].stat()
    write_dicom(files[2], radiograph(np.random.default_rng(99), positive=True))
    os.utime(files[2], ns=(told.st_atime_ns, told.st_mtime_ns))
    after = _pixels(cache, files)
    assert np.abs(after[2] - model_input(files[2], SIZE)).max() < 1e-5
    others = [0, 1, 3, 4, 5]
    assert (after[others] == before[others]).all()
    assert cache.store(_groups(files), 6, None).digest != digest


def test_a_moved_file_is_known_by_its_content(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, reader = _counting(monkeypatch)
    cache = PixelCache(tmp_path / "cache", reader, SIZE)
    before = _pixels(cache, files)
    moved = [file.rename(file.with_name(f"moved-{file.name}")) for file in files]
    assert (_pixels(cache, moved) == before).all()
    assert len(decoded) == len(files)


@pytest.mark.parametrize("cut", ["index", "pixels", "no index"])
def test_what_a_kill_left_half_written_is_made_again(
    cut: str, files: list[Path], tmp_path: Path
) -> None:
    cache = PixelCache(tmp_path / "cache", IMAGES, SIZE)
    before = _pixels(cache, files)
    (index,) = cache.place.glob("*.npy")
    (pixels,) = cache.place.glob("*.pixels")
    if cut == "index":
        index.write_bytes(index.read_bytes()[:-40])
    elif cut == "pixels":
        pixels.write_bytes(pixels.read_bytes()[:-40])
    else:
        index.unlink()
    assert (_pixels(cache, files) == before).all()


def test_rests_of_a_kill_are_swept_after_a_day(files: list[Path], tmp_path: Path) -> None:
    cache = PixelCache(tmp_path / "cache", IMAGES, SIZE)
    cache.place.mkdir(parents=True)
    old, young = (cache.place / f"{name}.pixels" for name in ("old", "young"))
    for rest in (old, young):
        rest.write_bytes(b"0")
    os.utime(old, (1, 1))
    _pixels(cache, files)
    assert young.exists()
    assert not old.exists()


def test_an_unreadable_file_is_left_out_and_tried_again_when_it_changes(
    files: list[Path], tmp_path: Path
) -> None:
    whole = files[1].read_bytes()
    files[1].write_bytes(b"not DICOM")
    cache = PixelCache(tmp_path / "cache", IMAGES, SIZE)
    stored = cache.store(_groups([*files, tmp_path / "missing.dcm"]), 7, None)
    assert (stored.row >= 0).tolist() == [True, False, True, True, True, True, False]
    files[1].write_bytes(whole)
    assert (cache.store(_groups(files), 6, None).row >= 0).all()


def test_processes_fill_it_as_one_does(
    open_list: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_ALONE", 8)
    monkeypatch.setattr(cache_module, "SHARD_ROWS", 32)
    cases = read_open(open_list)
    told: list[tuple[str, int, int]] = []
    alone = cached_examples(cases, PixelCache(tmp_path / "one", IMAGES, SIZE))
    beside = cached_examples(
        cases,
        PixelCache(tmp_path / "two", IMAGES, SIZE),
        lambda *progress: told.append(progress),
        total=96,
        workers=2,
    )
    assert (alone.images == beside.images).all()
    assert alone.digest == beside.digest
    assert told[-1] == ("reading images", 96, 96)
    in_memory = read_examples(cases, SIZE)
    for name in ("case_of_image", "labels", "targets", "patients"):
        assert (getattr(alone, name) == getattr(in_memory, name)).all()


def test_a_cache_that_cannot_be_written_is_said(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(CacheError, match="name another folder with --cache"):
        _pixels(PixelCache(tmp_path / "cache", IMAGES, SIZE), files)


def test_a_change_of_the_readers_code_makes_another_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("LEVEL = 1\n")
    two.write_text("LEVEL = 2\n")
    readers = [
        Reader("image", IMAGES.groups, IMAGES.read, IMAGES.shape, sources)
        for sources in (lambda: (one,), lambda: (two,))
    ]
    monkeypatch.setattr("baselines.data.readers.__file__", str(tmp_path / "a" / "b" / "c.py"))
    places = {PixelCache(tmp_path, reader, SIZE).place.name for reader in readers}
    assert len(places) == 2
