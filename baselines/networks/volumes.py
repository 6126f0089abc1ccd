"""A small DenseNet of volumes (MONAI), for CT."""

from __future__ import annotations

from monai.networks.nets import DenseNet
from torch import nn

NAME = "ct3d"


def small(n_logits: int = 1) -> nn.Module:
    """Build a 3D DenseNet of three blocks: (n, 1, depth, size, size), each side at least 16."""
    return DenseNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=n_logits,
        init_features=8,
        growth_rate=8,
        block_config=(2, 3, 3),
        dropout_prob=0.1,
    )
