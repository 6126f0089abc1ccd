"""Runs the program as the container does, on two small made-up cases: `python3 -m unittest`."""

from __future__ import annotations

import csv
import struct
import tempfile
import unittest
from pathlib import Path

import predict

OUTPUTS = ("probability",)
SUM_TO_ONE = False
LOWEST, HIGHEST = 0.0, 1.0
SIDE = 96


def dicom(path: Path, brightness: int) -> None:
    """Write a small radiograph: explicit VR, little endian, 16 bits, not compressed."""

    def element(group: int, number: int, kind: str, value: bytes) -> bytes:
        value += b" " * (len(value) % 2) if kind not in ("UI", "OW") else b"\0" * (len(value) % 2)
        head = struct.pack("<HH2s", group, number, kind.encode())
        long = kind in ("OB", "OW")
        return head + struct.pack("<2xI" if long else "<H", len(value)) + value

    def number(group: int, index: int, value: int) -> bytes:
        return element(group, index, "US", struct.pack("<H", value))

    meta = element(2, 0x10, "UI", b"1.2.840.10008.1.2.1")
    pixels = [
        (row * 7 + column * 3) % 1024 + brightness * (SIDE // 4 < row < SIDE // 2)
        for row in range(SIDE)
        for column in range(SIDE)
    ]
    body = b"".join(
        (
            element(8, 0x60, "CS", b"DX"),
            number(0x28, 0x02, 1),
            element(0x28, 0x04, "CS", b"MONOCHROME2"),
            number(0x28, 0x10, SIDE),
            number(0x28, 0x11, SIDE),
            number(0x28, 0x100, 16),
            number(0x28, 0x101, 12),
            number(0x28, 0x102, 11),
            number(0x28, 0x103, 0),
            element(0x7FE0, 0x10, "OW", struct.pack(f"<{len(pixels)}H", *pixels)),
        )
    )
    length = element(2, 0, "UL", struct.pack("<I", len(meta)))
    path.write_bytes(bytes(128) + b"DICM" + length + meta + body)


class PredictTest(unittest.TestCase):
    def predicted(self, cases: dict[str, list[int]]) -> list[list[str]]:
        """The rows that the program writes for cases, by the brightness of their files."""
        with tempfile.TemporaryDirectory() as folder:
            predict.INPUT, predict.OUTPUT = Path(folder), Path(folder) / "predictions.csv"
            rows = ["case_id,n_files"]
            for case_id, files in cases.items():
                images = predict.INPUT / "images" / case_id
                images.mkdir(parents=True)
                for index, brightness in enumerate(files):
                    dicom(images / f"{index}.dcm", brightness)
                rows.append(f"{case_id},{len(files)}")
            (predict.INPUT / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
            predict.main()
            with predict.OUTPUT.open(encoding="utf-8", newline="") as file:
                return list(csv.reader(file))

    def test_each_case_gets_one_row_of_probabilities(self) -> None:
        header, *rows = self.predicted({"one": [0], "two": [500, 900]})
        assert header == ["case_id", *OUTPUTS]
        assert sorted(row[0] for row in rows) == ["one", "two"]
        for row in rows:
            assert len(row) == 1 + len(OUTPUTS)
            for value in row[1:]:
                assert LOWEST <= float(value) <= HIGHEST, value
            if SUM_TO_ONE:
                assert abs(sum(map(float, row[1:])) - 1) < 0.001, row

    def test_a_case_is_judged_by_itself(self) -> None:
        together = self.predicted({"one": [0], "two": [500, 900]})[1:]
        alone = self.predicted({"two": [500, 900]})[1:] + self.predicted({"one": [0]})[1:]
        assert sorted(together) == sorted(alone)


if __name__ == "__main__":
    unittest.main()
