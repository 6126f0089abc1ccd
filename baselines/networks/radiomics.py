"""Logistic regression on intensity and texture features; trains in seconds.

The features are those of first-order radiomics (mean and spread, by region) with gradients at four
scales and the asymmetry of the two sides, written in torch so that the fitted model is exported
and packaged as a network is.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from baselines import logistic
from baselines.data.sources import in_blocks
from baselines.examples import Examples
from baselines.targets import ONE_PROBABILITY, Task

NAME = "radiomics"
GRID = 4
SCALES = 4
N_FEATURES = 2 + 2 * GRID**2 + 4 * SCALES + 2
FLOOR = 1e-6
"""Added under every root. One value for all: torch 2.13 exports 1e-8 beside 1e-6 as 1e-6."""


class Radiomics(nn.Module):
    """Features, their standardisation, and one linear layer: (n, 1, s, s) -> (n, n_logits).

    Inside it counts in double precision, since weights of several units on standardised features
    would carry the last bits of single precision into the predictions.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, n_logits: int = 1) -> None:
        """Hold an unfitted model."""
        super().__init__()
        self.register_buffer("centre", torch.zeros(N_FEATURES, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(N_FEATURES, dtype=torch.float64))
        self.linear = nn.Linear(N_FEATURES, n_logits, dtype=torch.float64)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        standard = (features(images.double()) - self.centre) / self.spread
        logits: Tensor = self.linear(standard)
        return logits.float()


def features(images: Tensor) -> Tensor:
    """Measure images (n, 1, s, s), s at least 32, as (n, 52) features."""
    overall_mean = images.mean((1, 2, 3))[:, None]
    overall_spread = _spread(images - overall_mean[:, :, None, None], (1, 2, 3))[:, None]
    columns = [overall_mean, overall_spread, *_by_region(images)]
    scaled = images
    for _ in range(SCALES):
        columns.append(_gradients(scaled))
        scaled = _halve(scaled)
    mirrored = images.flip(3)
    half = images.shape[3] // 2
    sides = images[:, :, :, :half].mean((1, 2, 3)) - mirrored[:, :, :, :half].mean((1, 2, 3))
    columns += [(images - mirrored).abs().mean((1, 2, 3))[:, None], sides[:, None]]
    return torch.cat(columns, dim=1)


def _by_region(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread in each cell of a 4 x 4 grid, each (n, 16)."""
    side = images.shape[2] // GRID
    cut = images[:, :, : side * GRID, : side * GRID]
    cells = cut.reshape(-1, GRID, side, GRID, side)
    mean = cells.mean((2, 4))
    spread = _spread(cells - mean[:, :, None, :, None], (2, 4))
    return mean.flatten(1), spread.flatten(1)


def _gradients(images: Tensor) -> Tensor:
    """Mean and spread of the gradient, and the mean of each direction, (n, 4)."""
    across = images[:, :, :-1, 1:] - images[:, :, :-1, :-1]
    down = images[:, :, 1:, :-1] - images[:, :, :-1, :-1]
    size = torch.sqrt(across**2 + down**2 + FLOOR)
    mean = size.mean((1, 2, 3))
    spread = _spread(size - mean[:, None, None, None], (1, 2, 3))
    directions = across.abs().mean((1, 2, 3)), down.abs().mean((1, 2, 3))
    return torch.stack([mean, spread, *directions], dim=1)


def _halve(images: Tensor) -> Tensor:
    """Average blocks of 2 x 2; an odd last row or column is left off."""
    rows, columns = images.shape[2] // 2 * 2, images.shape[3] // 2 * 2
    top, bottom = images[:, :, 0:rows:2, :columns], images[:, :, 1:rows:2, :columns]
    both = (top + bottom) / 2
    return (both[:, :, :, 0::2] + both[:, :, :, 1::2]) / 2


def _spread(deviations: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Root mean square, kept off 0 where a root would magnify the last bits."""
    return torch.sqrt((deviations**2).mean(axes) + FLOOR)


def fit(training: Examples, seed: int, task: Task = ONE_PROBABILITY) -> Radiomics:
    """Fit on the training part; the penalty is chosen by cross-validation between patients."""
    with torch.inference_mode():
        measured = np.concatenate(
            [
                features(torch.from_numpy(block[:, np.newaxis]).double()).numpy()
                for block in in_blocks(training.pixels)
            ]
        )
    centre, spread = measured.mean(axis=0), measured.std(axis=0) + 1e-6
    of_image = training.case_of_image
    weights, intercepts = logistic.fit(
        (measured - centre) / spread,
        training.image_targets,
        training.patients[of_image].astype(np.str_),
        task,
        seed,
    )
    model = Radiomics(task.n_logits)
    model.load_state_dict(
        {
            "centre": torch.from_numpy(centre),
            "spread": torch.from_numpy(spread),
            "linear.weight": torch.from_numpy(weights),
            "linear.bias": torch.from_numpy(intercepts),
        }
    )
    return model
