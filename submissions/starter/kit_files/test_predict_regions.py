"""Runs the program as the container does, on two small made-up cases: `python3 -m unittest`."""

from __future__ import annotations

import csv
import struct
import tempfile
import unittest
from pathlib import Path

import predict

OUTPUTS = ("sop_instance_uid", "frame", "runs")
SIDE = 96


def dicom(path: Path, uid: str, brightness: int) -> None:
    """Write a small radiograph with a square of this brightness: explicit VR, 16 bits."""

    def element(group: int, number: int, kind: str, value: bytes) -> bytes:
        value += b" " * (len(value) % 2) if kind not in ("UI", "OW") else b"\0" * (len(value) % 2)
        head = struct.pack("<HH2s", group, number, kind.encode())
        return head + struct.pack("<2xI" if kind == "OW" else "<H", len(value)) + value

    def number(group: int, index: int, value: int) -> bytes:
        return element(group, index, "US", struct.pack("<H", value))

    meta = element(2, 0x10, "UI", b"1.2.840.10008.1.2.1")
    pixels = [
        1000 * (row < 4) + brightness * (40 <= row < 52 and 30 <= column < 42)
        for row in range(SIDE)
        for column in range(SIDE)
    ]
    body = b"".join(
        (
            element(8, 0x18, "UI", uid.encode()),
            element(0x28, 0x04, "CS", b"MONOCHROME2"),
            number(0x28, 0x10, SIDE),
            number(0x28, 0x11, SIDE),
            element(0x7FE0, 0x10, "OW", struct.pack(f"<{len(pixels)}H", *pixels)),
        )
    )
    length = element(2, 0, "UL", struct.pack("<I", len(meta)))
    path.write_bytes(bytes(128) + b"DICM" + length + meta + body)


class PredictTest(unittest.TestCase):
    def test_each_case_is_named_and_its_regions_name_its_pictures(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            predict.INPUT, predict.OUTPUT = Path(folder), Path(folder) / "predictions.csv"
            for case_id, uid, brightness in (("one", "2.25.1", 0), ("two", "2.25.2", 900)):
                images = predict.INPUT / "images" / case_id
                images.mkdir(parents=True)
                dicom(images / "0.dcm", uid, brightness)
            cases = "case_id,n_files\none,1\ntwo,1\n"
            (predict.INPUT / "cases.csv").write_text(cases, encoding="utf-8")
            predict.main()
            with predict.OUTPUT.open(encoding="utf-8", newline="") as file:
                header, *rows = list(csv.reader(file))
        assert header == ["case_id", *OUTPUTS]
        assert {row[0] for row in rows} == {"one", "two"}
        for case_id, uid, frame, *cells in rows:
            assert len(cells) == len(OUTPUTS) - 2
            if any(cells):
                assert (case_id, uid, frame) in {("one", "2.25.1", "1"), ("two", "2.25.2", "1")}


if __name__ == "__main__":
    unittest.main()
