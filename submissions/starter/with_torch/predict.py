"""Scores each case with a network in torch: read, resize, run, write one score for each output."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import torch
from network import WEIGHTS, network
from pictures import picture

INPUT = Path("/input")
OUTPUT = Path("/output/predictions.csv")
OUTPUTS = ("probability",)


class Model:
    """The network, loaded once for all cases."""

    def __init__(self) -> None:
        """Load the network."""
        # The container may use fewer processors than the machine has.
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = network().to(self.device).eval()
        weights = torch.load(WEIGHTS, map_location=self.device, weights_only=True)
        self.network.load_state_dict(weights)

    @torch.inference_mode()
    def score(self, files: list[Path]) -> list[float]:
        """A probability for each output: the mean over the files of one case."""
        batch = torch.from_numpy(np.stack([picture(file) for file in files])[:, None])
        scores = torch.sigmoid(self.network(batch.to(self.device)))
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
