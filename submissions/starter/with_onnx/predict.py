"""Scores each case with a network in ONNX: read, resize, run, write one score for each output."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pydicom

INPUT = Path("/input")
OUTPUT = Path("/output/predictions.csv")
OUTPUTS = ("probability",)
MODEL = Path(__file__).resolve().parent / "model.onnx"
SIZE = 64


def picture(file: Path) -> np.ndarray[Any, Any]:
    """One DICOM file as float32 from 0 to 1, SIZE x SIZE, bone bright."""
    image = pydicom.dcmread(file)
    pixels = image.pixel_array.astype(np.float32)
    if image.get("SamplesPerPixel", 1) > 1:
        pixels = pixels.mean(axis=-1)
    if pixels.ndim > 2:  # several frames
        pixels = pixels.mean(axis=0)
    if image.PhotometricInterpretation == "MONOCHROME1":
        pixels = pixels.max() - pixels
    pixels = (pixels - pixels.min()) / max(float(np.ptp(pixels)), 1.0)
    rows, columns = (np.linspace(0, side - 1, SIZE).round().astype(int) for side in pixels.shape)
    return np.asarray(pixels[np.ix_(rows, columns)])


class Model:
    """The network, loaded once for all cases."""

    def __init__(self) -> None:
        """Load the network."""
        options = onnxruntime.SessionOptions()
        # The container may use fewer processors than the machine has.
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        self.session = onnxruntime.InferenceSession(
            MODEL, options, providers=["CPUExecutionProvider"]
        )

    def score(self, files: list[Path]) -> list[float]:
        """A probability for each output: the mean over the files of one case."""
        batch = np.stack([picture(file) for file in files])[:, None]
        (scores,) = self.session.run(None, {"pictures": batch})
        return [float(scores.mean())] * len(OUTPUTS)


def main() -> None:
    """Score every case, and write the one file that the container may write."""
    model = Model()
    with (INPUT / "cases.csv").open(encoding="utf-8", newline="") as file:
        case_ids = [row["case_id"] for row in csv.DictReader(file)]
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case_id", *OUTPUTS])
        for case_id in case_ids:
            files = sorted((INPUT / "images" / case_id).glob("*.dcm"))
            rows.writerow([case_id, *(f"{value:.6f}" for value in model.score(files))])


if __name__ == "__main__":
    main()
