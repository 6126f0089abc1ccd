"""Scores each case with a network in ONNX: read, resize, run, write one score for each output."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import onnxruntime
from pictures import picture

INPUT = Path("/input")
OUTPUT = Path("/output/predictions.csv")
OUTPUTS = ("probability",)
MODEL = Path(__file__).resolve().parent / "model.onnx"


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
