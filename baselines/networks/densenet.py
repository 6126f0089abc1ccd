"""Convolutional networks: DenseNet121, and a small one for a CPU (MONAI)."""

from __future__ import annotations

from monai.networks.nets import DenseNet, DenseNet121
from torch import nn


def small(n_logits: int = 1) -> nn.Module:
    """Build a DenseNet of 39 layers and 0.14 million weights (Huang et al., CVPR 2017, scaled)."""
    return DenseNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=n_logits,
        init_features=16,
        growth_rate=12,
        block_config=(4, 4, 4, 4),
        dropout_prob=0.1,
    )


def densenet121(n_logits: int = 1) -> nn.Module:
    """Build DenseNet121: 7 million weights; about ten times slower than the small one."""
    return DenseNet121(spatial_dims=2, in_channels=1, out_channels=n_logits)
