"""Lines of text in pictures: what the rule finds, what it does not, on real radiographs too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.leakage.burned_in_text import LEAST, letters_in_a_line, suspects

Pixels = NDArray[np.uint8]

# Of NIH ChestX-ray14, by eye: PORTABLE or SUPINE stands in these ...
WITH_TEXT = [
    "00000797_000",
    "00001543_001",
    "00001616_011",
    "00003140_003",
    "00003353_004",
    "00003523_023",
    "00005681_006",
    "00010120_008",
    "00010531_012",
    "00017625_000",
    "00018213_000",
    "00022753_000",
]
# ... and in these nothing but a marker of the side, here and there with two or three initials.
WITHOUT_TEXT = [
    "00000075_000",
    "00000981_000",
    "00001529_005",
    "00001734_001",
    "00002158_000",
    "00002811_000",
    "00003384_000",
    "00003867_004",
    "00004934_000",
    "00006067_000",
    "00007363_000",
    "00008386_000",
    "00009386_003",
    "00010680_000",
    "00011496_000",
    "00012464_000",
    "00013257_000",
    "00014463_000",
    "00015765_000",
    "00017367_000",
    "00018746_000",
    "00020178_000",
    "00021585_000",
    "00023128_000",
]
NAMES = ("DOE JANE", "Mustermann, Erika", "SMITH^JOHN 1961-03-04", "Nguyen Van An", "O'Brien, M.")


def grey(path: Path) -> Pixels:
    return np.asarray(Image.open(path).convert("L"))


def with_text(picture: Pixels, text: str, size: int, fill: int, at: tuple[int, int]) -> Pixels:
    image = Image.fromarray(picture)
    font = ImageFont.load_default(size=size)  # the one that Pillow brings
    ImageDraw.Draw(image).text(at, text, fill=fill, font=font)
    return np.asarray(image)


def cloudy() -> Pixels:
    coarse = np.random.default_rng(3).integers(60, 180, (9, 9)).astype(np.uint8)
    grown = Image.fromarray(coarse).resize((512, 512), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(4).integers(-6, 7, (512, 512))
    return np.clip(np.asarray(grown, int) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("fill", [0, 255])
@pytest.mark.parametrize("size", [12, 18, 32, 48])
def test_a_name_is_found(fill: int, size: int) -> None:
    for text in NAMES:
        assert letters_in_a_line(with_text(cloudy(), text, size, fill, (20, 300))) >= LEAST, text


def test_what_is_no_line_of_text() -> None:
    """Clouds, a marker of the side, a blank picture, a grid, a picture too small for letters."""
    assert letters_in_a_line(cloudy()) < LEAST
    assert letters_in_a_line(with_text(cloudy(), "L AP", 30, 255, (400, 20))) < LEAST
    assert letters_in_a_line(np.full((300, 300), 9)) == 0
    grid = cloudy().copy()
    grid[::40] = grid[:, ::40] = 255
    assert letters_in_a_line(grid) < LEAST
    assert letters_in_a_line(np.arange(24).reshape(4, 6)) == 0


def test_a_large_picture_of_16_bit_is_looked_at_smaller() -> None:
    large = np.kron(with_text(cloudy(), NAMES[1], 18, 255, (20, 300)), np.ones((6, 6), np.uint8))
    assert large.shape == (3072, 3072)
    assert letters_in_a_line(large.astype(np.uint16) * 200) >= LEAST


def test_suspects_are_listed_and_what_cannot_be_decoded_is_not_looked_at(tmp_path: Path) -> None:
    files = []
    for k, picture in enumerate((cloudy(), with_text(cloudy(), NAMES[0], 20, 255, (9, 9)))):
        path = tmp_path / f"{k}.dcm"
        write_radiograph(
            path,
            Radiograph(
                pixels=picture,
                study_uid=uid("S"),
                series_uid=uid("s"),
                instance_uid=uid(str(k)),
                patient_id="P",
            ),
            "CR",
        )
        files.append(path)
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(files[0].read_bytes()[:-1000])
    done: list[tuple[int, int]] = []
    found = suspects([*files, cut], progress=lambda *at: done.append(at))
    assert found == ((files[1],), 2)
    assert done == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.realdata
def test_real_text_is_found_and_markers_of_a_side_are_not(shared_data: Path) -> None:
    folder = shared_data / "images" / "nih_cxr"
    found = {
        name
        for name in (*WITH_TEXT, *WITHOUT_TEXT)
        if letters_in_a_line(grey(next(folder.rglob(f"{name}.jpg")))) >= LEAST
    }
    assert found == set(WITH_TEXT)


@pytest.mark.realdata
def test_three_names_in_four_are_found_on_real_radiographs(shared_data: Path) -> None:
    """White letters on white bone stand out of nothing: no rule of edges can find those."""
    folder = shared_data / "images" / "nih_cxr"
    rng = np.random.default_rng(0)
    hits = 0
    for k, name in enumerate(WITHOUT_TEXT):
        picture = grey(next(folder.rglob(f"{name}.jpg")))
        at = (int(rng.integers(0, 250)), int(rng.integers(0, picture.shape[0] - 24)))
        written = with_text(picture, NAMES[k % len(NAMES)], 16, 255 * (k % 2), at)
        hits += letters_in_a_line(written) >= LEAST
    assert hits >= 0.75 * len(WITHOUT_TEXT)
