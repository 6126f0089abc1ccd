"""The networks: MONAI's DenseNet121, and a small DenseNet that two CPU cores train in minutes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from monai.networks.nets import DenseNet, DenseNet121
from torch import Tensor, nn


def _small() -> nn.Module:
    """Build a DenseNet of 39 layers and 0.14 million weights (Huang et al., CVPR 2017, scaled)."""
    return DenseNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        init_features=16,
        growth_rate=12,
        block_config=(4, 4, 4, 4),
        dropout_prob=0.1,
    )


def _densenet121() -> nn.Module:
    """Build DenseNet121: 7 million weights; about ten times slower than the small one."""
    return DenseNet121(spatial_dims=2, in_channels=1, out_channels=1)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "densenet-small": _small,
    "densenet121": _densenet121,
}


class UnknownNetwork(ValueError):
    """No network of that name."""


def build(name: str) -> nn.Module:
    """Give the untrained network: (n, 1, size, size) images in [0, 1] -> (n, 1) logits.

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
