"""Models by name, and the probability of each model's logit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from baselines.networks import densenet, radiomics

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "densenet-small": densenet.small,
    "densenet121": densenet.densenet121,
    radiomics.NAME: radiomics.Radiomics,
}


class UnknownNetwork(ValueError):
    """No network of that name."""


def build(name: str) -> nn.Module:
    """Give the untrained model: (n, 1, size, size) images in [0, 1] -> (n, 1) logits.

    Raises UnknownNetwork.
    """
    if name not in NETWORKS:
        raise UnknownNetwork(f"network {name!r} is unknown; choose from {', '.join(NETWORKS)}")
    return NETWORKS[name]()


class Calibrated(nn.Module):
    """A network with its input scaling and calibration: images in [0, 1] -> (n,) probabilities."""

    def __init__(self, network: nn.Module, slope: float, intercept: float) -> None:
        """Hold the logistic recalibration beside the network."""
        super().__init__()
        self.network = network
        self.slope = slope
        self.intercept = intercept

    def forward(self, images: Tensor) -> Tensor:
        """Return the calibrated probability of the positive class."""
        logits = self.network(images)[:, 0]
        return torch.sigmoid(self.slope * logits + self.intercept)
