"""The network; ``python3 network.py`` writes weights.pt, which stands in for trained weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

WEIGHTS = Path(__file__).resolve().parent / "weights.pt"


def network() -> nn.Module:
    """A network for pictures [batch, 1, rows, columns]; gives one logit a picture."""
    return nn.Sequential(
        nn.Conv2d(1, 4, kernel_size=3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 1),
    )


if __name__ == "__main__":
    torch.manual_seed(1)
    torch.save(network().state_dict(), WEIGHTS)
