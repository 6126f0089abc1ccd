"""The least that a submission must do where lesions are drawn or marked: a row for each region."""

from __future__ import annotations

import csv
import struct
from dataclasses import dataclass
from pathlib import Path

INPUT = Path("/input")
OUTPUT = Path("/output/predictions.csv")
OUTPUTS = ("sop_instance_uid", "frame", "runs")

NEAR, FAR, CONTRAST = 2, 14, 0.2
"""A pixel is drawn where the mean of its near neighbours is so much brighter than that of the far
ones, in shares of the picture's range."""
LEAST = 0.004
"""What is drawn counts from this share of the picture on: less is noise."""


@dataclass
class Picture:
    """One picture: its UID, and its rows of brightness from 0 to 1, bone bright."""

    uid: str
    rows: list[list[float]]


def regions(picture: Picture) -> list[list[bool]]:
    """Put your model here: which pixels are a lesion. Here: what is brighter than around it."""
    near, far = means(picture.rows, NEAR), means(picture.rows, FAR)
    edge = len(picture.rows[0]) // 6
    inner = range(edge, len(picture.rows[0]) - edge)
    mask = [
        [x in inner and a - b > CONTRAST for x, (a, b) in enumerate(zip(one, other, strict=True))]
        for one, other in zip(near, far, strict=True)
    ]
    if sum(map(sum, mask)) < LEAST * len(mask) * len(mask[0]):
        return [[False] * len(row) for row in mask]
    return mask


def means(rows: list[list[float]], reach: int) -> list[list[float]]:
    """The mean of each pixel's neighbours, ``reach`` to every side, by sums of sums."""
    height, width = len(rows), len(rows[0])
    sums = [[0.0] * (width + 1)]
    for row in rows:
        line, total = [0.0], 0.0
        for value, above in zip(row, sums[-1][1:], strict=True):
            total += value
            line.append(total + above)
        sums.append(line)
    averages = []
    for y in range(height):
        top, bottom = max(0, y - reach), min(height, y + reach + 1)
        line = []
        for x in range(width):
            left, right = max(0, x - reach), min(width, x + reach + 1)
            total = sums[bottom][right] - sums[top][right] - sums[bottom][left] + sums[top][left]
            line.append(total / ((bottom - top) * (right - left)))
        averages.append(line)
    return averages


def read(file: Path) -> Picture:
    """Read a plain DICOM picture of 16 bits (explicit VR, little endian) with no library."""
    data = file.read_bytes()
    elements: dict[tuple[int, int], bytes] = {}
    place = 132
    while place < len(data):
        group, number, kind = struct.unpack_from("<HH2s", data, place)
        if kind in (b"OB", b"OW", b"OF", b"SQ", b"UT", b"UN", b"OD", b"OL", b"UC", b"UR"):
            (length,), place = struct.unpack_from("<I", data, place + 8), place + 12
        else:
            (length,), place = struct.unpack_from("<H", data, place + 6), place + 8
        if length == 0xFFFFFFFF:  # a sequence without a length: skip to its end
            place = data.index(b"\xfe\xff\xdd\xe0\x00\x00\x00\x00", place) + 8
            continue
        elements.setdefault((group, number), data[place : place + length])
        place += length
    height, width = (struct.unpack("<H", elements[0x28, n])[0] for n in (0x10, 0x11))
    pixels = struct.unpack(f"<{height * width}H", elements[0x7FE0, 0x10][: 2 * height * width])
    low, high = min(pixels), max(pixels)
    bright = [(value - low) / max(1, high - low) for value in pixels]
    if elements.get((0x28, 0x04), b"").strip() == b"MONOCHROME1":
        bright = [1.0 - value for value in bright]
    rows = [bright[y * width : (y + 1) * width] for y in range(height)]
    return Picture(elements[0x08, 0x18].rstrip(b"\0 ").decode("ascii"), rows)


def runs(mask: list[list[bool]]) -> str:
    """The mask as pairs of start and length, from pixel 1, row by row."""
    flat = [value for row in mask for value in row]
    numbers, start = [], None
    for place, value in enumerate([*flat, False], start=1):
        if value and start is None:
            start = place
        elif not value and start is not None:
            numbers += [start, place - start]
            start = None
    return " ".join(map(str, numbers))


def mark(mask: list[list[bool]]) -> list[str]:
    """One mark in the middle of all that is drawn, surer the more that is: x, y, score."""
    drawn = [(x, y) for y, row in enumerate(mask) for x, value in enumerate(row) if value]
    if not drawn:
        return []
    left, right = min(x for x, _ in drawn), max(x for x, _ in drawn) + 1
    top, bottom = min(y for _, y in drawn), max(y for _, y in drawn) + 1
    score = f"{len(drawn) / (len(drawn) + 100):.6f}"
    if "width" in OUTPUTS:
        return [*map(str, (left, top, right - left, bottom - top)), score]
    x, y = (sum(each) / len(drawn) + 0.5 for each in zip(*drawn, strict=True))
    return [f"{x:.3f}", f"{y:.3f}", score]


def rows_of(files: list[Path]) -> list[list[str]]:
    """The rows of one case after its id; one of empty cells says that nothing was found."""
    rows = []
    for file in files:
        picture = read(file)
        mask = regions(picture)
        cells = [runs(mask)] if "runs" in OUTPUTS else mark(mask)
        if any(cells):
            rows.append([picture.uid, "1", *cells])
    return rows or [[""] * len(OUTPUTS)]


def main() -> None:
    """Mark every case, and write the one file that the container may write."""
    with (INPUT / "cases.csv").open(encoding="utf-8", newline="") as file:
        case_ids = [row["case_id"] for row in csv.DictReader(file)]
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case_id", *OUTPUTS])
        for case_id in case_ids:
            files = sorted((INPUT / "images" / case_id).glob("*.dcm"))
            rows.writerows([case_id, *cells] for cells in rows_of(files))


if __name__ == "__main__":
    main()
