"""A network in ONNX that gives the scores of a case."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnxruntime
from pictures import picture

MODEL = Path(__file__).resolve().parent / "model.onnx"


class Model:
    """The network, loaded once for all cases."""

    def __init__(self, n_outputs: int) -> None:
        """Load the network, which is to give so many scores."""
        self.n_outputs = n_outputs
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
        return [float(scores.mean())] * self.n_outputs
