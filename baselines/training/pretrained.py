"""Takes the weights of another training where names and shapes agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from baselines.choices import SettingsError

_HOLDERS = ("state_dict", "model", "network", "best_weights")
_PREFIXES = ("module.", "model.", "network.", "backbone.")
_TORCHVISION = re.compile(r"^(.*denselayer\d+)\.((?:norm|conv)[12]\.\w+)$")
"""torchvision's DenseNet names a layer's parts directly, MONAI's stand in ``layers``."""


def take(network: nn.Module, path: Path) -> tuple[int, int]:
    """Copy weights of a file into a network in place; give how many tensors fitted, of how many.

    The file is one that ``torch.save`` wrote: of this project, of MONAI or of torchvision. A first
    layer for three colours is summed to one. Raises SettingsError where the file cannot be read or
    less than half of the network's tensors are in it.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        raise SettingsError(
            f"weights {path} cannot be read ({type(error).__name__}); give a file that torch.save "
            "wrote with tensors alone, as network.state_dict() has them"
        ) from error
    own = network.state_dict()
    weights = _named(checkpoint)
    fitting = {}
    for name, tensor in own.items():
        weight = weights.get(name)
        if weight is not None and weight.ndim == tensor.ndim and weight.shape != tensor.shape:
            weight = _one_channel(weight, tensor)
        if weight is not None and weight.shape == tensor.shape:
            fitting[name] = weight
    if 2 * len(fitting) < len(own):
        raise SettingsError(
            f"weights {path} fit {len(fitting)} of the network's {len(own)} tensors by name and "
            "shape; give weights of the same network"
        )
    network.load_state_dict(own | fitting)
    return len(fitting), len(own)


def _named(checkpoint: object) -> dict[str, Tensor]:
    """Tensors by the names that MONAI's networks have."""
    for holder in _HOLDERS:
        if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get(holder), Mapping):
            checkpoint = checkpoint[holder]
    if not isinstance(checkpoint, Mapping):
        return {}
    named = {}
    for name, tensor in checkpoint.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            continue
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        named[_TORCHVISION.sub(r"\1.layers.\2", name)] = tensor
    return named


def _one_channel(weight: Tensor, target: Tensor) -> Tensor:
    """Sum the first layer's colours, so that a grey image gives what three equal colours gave."""
    if weight.ndim >= 4 and target.shape[1] == 1 and weight.shape[0] == target.shape[0]:
        return weight.sum(dim=1, keepdim=True)
    return weight
