"""The head of an ordinal task: one severity, cut by rising thresholds."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class Cumulative(nn.Module):
    """Cumulative logits, proportional odds: images -> (n, cuts) logits of P(grade > k).

    The network gives one severity s; logit k is s - t_k with t_0 < t_1 < ..., so that the
    probabilities never cross (McCullagh, Regression models for ordinal data, JRSS B 1980).
    """

    def __init__(self, network: nn.Module, cuts: int) -> None:
        """Put ``cuts`` thresholds, evenly from -2 to 2, behind a network of one output."""
        super().__init__()
        self.network = network
        self.first = nn.Parameter(torch.tensor(-2.0 if cuts > 1 else 0.0))
        step = torch.tensor(4.0 / max(cuts - 1, 1))
        self.steps = nn.Parameter(torch.log(torch.expm1(step)).repeat(cuts - 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of all cuts."""
        severity: Tensor = self.network(images)
        rises = torch.cat([torch.zeros_like(self.first)[None], softplus(self.steps).cumsum(0)])
        return severity - (self.first + rises)
