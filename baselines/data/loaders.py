"""Batches of examples, read by processes beside the one that trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from baselines.data.draws import drawn
from baselines.data.sources import Pixels


@dataclass(frozen=True, slots=True)
class Asked:
    """Examples of one batch; ``epoch`` keys their draws, and 0 asks for none."""

    epoch: int
    numbers: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Pixels as they are kept (k, *shape), the examples' numbers (k,), their draws (k, 13)."""

    pixels: Tensor
    numbers: NDArray[np.int64]
    draws: NDArray[np.float64]

    def pin_memory(self) -> Batch:
        """Keep the pixels where a GPU fetches them by itself; the loader calls this."""
        return Batch(self.pixels.pin_memory(), self.numbers, self.draws)


class _Batches(Dataset[Batch]):
    """Reads a batch at a time, and draws for it."""

    def __init__(self, pixels: Pixels, seed: int) -> None:
        self._pixels = pixels
        self._seed = seed

    def __getitem__(self, asked: Asked) -> Batch:
        draws = (
            drawn(self._seed, asked.epoch, asked.numbers)
            if asked.epoch
            else np.empty((len(asked.numbers), 0))
        )
        return Batch(torch.from_numpy(self._pixels.raw(asked.numbers)), asked.numbers, draws)


class _Order(Sampler[Asked]):
    """What the next pass asks for; processes that read stay and need a new order."""

    def __init__(self) -> None:
        self.asked: Sequence[Asked] = ()

    def __iter__(self) -> Iterator[Asked]:
        return iter(self.asked)

    def __len__(self) -> int:
        return len(self.asked)


class Loader:
    """Reads batches in the asked order; the number of processes changes nothing but the time."""

    def __init__(self, pixels: Pixels, seed: int, *, workers: int, pinned: bool = False) -> None:
        """Prepare to read; processes start with the first pass and stay until the loader goes."""
        self._order = _Order()
        self._loader: DataLoader[Batch] = DataLoader(
            _Batches(pixels, seed),
            batch_size=None,
            sampler=self._order,
            num_workers=workers,
            pin_memory=pinned,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers else None,
            # Forking a process that has threads of torch is not safe; a server without is.
            multiprocessing_context=_forking_server() if workers else None,
            generator=torch.Generator(),
        )

    def read(self, asked: Sequence[Asked]) -> Iterator[Batch]:
        """Read the asked batches, one pass at a time."""
        self._order.asked = asked
        return iter(self._loader)


def _forking_server() -> object:
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def as_images(pixels: Tensor, device: torch.device) -> Tensor:
    """Make (k, 1, *shape) float32 images in [0, 1] of pixels as they are kept, on a device."""
    on_device = pixels.to(device, non_blocking=True)
    if on_device.dtype == torch.int16:
        images = on_device.float().add_(32768.0).mul_(1 / 65535)
    elif on_device.dtype == torch.uint8:
        images = on_device.float().mul_(1 / 255)
    else:
        images = on_device.float()
    return images.unsqueeze(1)


def in_order(n_examples: int, batch: int, first: int = 0, step: int = 1) -> list[Asked]:
    """Ask for all examples in batches, without draws; ``first`` and ``step`` share batches out."""
    numbers = np.arange(n_examples)
    batches = [Asked(0, numbers[k : k + batch]) for k in range(0, n_examples, batch)]
    return batches[first::step]
