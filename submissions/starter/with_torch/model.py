"""A network in torch that gives the scores of a case."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from network import WEIGHTS, network
from pictures import picture


class Model:
    """The network, loaded once for all cases."""

    def __init__(self, n_outputs: int) -> None:
        """Load the network, which is to give so many scores."""
        self.n_outputs = n_outputs
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
        return [float(scores.mean())] * self.n_outputs
