"""The program of a model's container that has torch: on a GPU where it is granted one.

The network is a program of ``torch.export``, so that the image needs torch and no code of ours.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.container import predict

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def load(model: Path, device: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Give what answers for a batch of images or volumes, on ``device``: "cpu" or "cuda"."""
    import torch
    from torch.export.passes import move_to_device_pass

    program = move_to_device_pass(torch.export.load(model / "model.pt2"), device)
    network = program.module()

    def scored(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            outputs: NDArray[np.float32] = (
                network(torch.from_numpy(pixels).to(device)).cpu().numpy()
            )
        return outputs

    return scored


def main() -> None:
    """Run over the mounted cases, with the model that the image holds."""
    threads = predict.cpu_limit()
    predict.limit_threads(threads)
    import torch

    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    scored = load(predict.MODEL, device)
    n_cases = predict.predict_with(scored, predict.MODEL, predict.INPUT, predict.OUTPUT)
    sys.stderr.write(f"scored {n_cases} cases on {device}\n")


def check() -> None:
    """Load all that a run needs: a build that lacks something ends here."""
    predict.refuse_missing_decoders()
    load(predict.MODEL, "cpu")
