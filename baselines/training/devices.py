"""Where a training runs: a processor, a GPU, or several processes that ``torchrun`` starts."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as group

from baselines.choices import SettingsError
from baselines.training.settings import Settings

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

MOST_READERS = 8
_MEMORY: Any = torch.utils.deterministic
_PRECISIONS = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_NATIVE = ("avx512_bf16", "amx_bf16", "bf16")
"""What /proc/cpuinfo calls a processor's own arithmetic of bfloat16, on Intel, AMD and Arm."""


@dataclass(frozen=True, slots=True)
class Place:
    """The device of one process, and which of how many processes it is."""

    device: torch.device
    precision: torch.dtype | None = None
    process: int = 0
    processes: int = 1
    on_machine: int = 0

    @property
    def first(self) -> bool:
        """Whether this process writes and tracks; the others only compute."""
        return self.process == 0

    @property
    def cuda(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"

    def mixed(self) -> AbstractContextManager[object]:
        """Compute layers in the chosen precision while the block runs."""
        if self.precision is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def readers(self, most: int) -> int:
        """Number of processes that read: as asked, else none on a processor and 8 beside a GPU.

        A row of a cached image is read in microseconds, so that a processor's step hides it.
        """
        if most >= 0:
            return most
        cores = len(os.sched_getaffinity(0))
        return min(MOST_READERS, max(1, cores - 1)) if self.cuda else 0

    def gathered(self, own: _T) -> list[_T]:
        """Give every process what each of them has, in the order of the processes."""
        if self.processes == 1:
            return [own]
        all_of_them: list[_T | None] = [None] * self.processes
        group.all_gather_object(all_of_them, own)
        return all_of_them  # type: ignore[return-value]

    def together(self) -> None:
        """Wait until every process has come here."""
        if self.processes > 1:
            group.barrier()


@contextmanager
def joined(settings: Settings) -> Iterator[Place]:
    """Find the device and join the other processes where ``torchrun`` has started several.

    Raises SettingsError where the device or its precision cannot be had.
    """
    device = _device(settings)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    precision = _precision(settings, device)
    if settings.batch < 2 * processes:
        raise SettingsError(
            f"batch is {settings.batch} for {processes} processes; give at least 2 images for each"
        )
    if processes == 1:
        yield Place(device, precision)
        return
    group.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        device_id=device if device.type == "cuda" else None,
    )
    try:
        yield Place(
            device,
            precision,
            process=group.get_rank(),
            processes=processes,
            on_machine=int(os.environ.get("LOCAL_RANK", "0")),
        )
    finally:
        group.destroy_process_group()


def _device(settings: Settings) -> torch.device:
    has_cuda = torch.cuda.is_available()
    if settings.device == "cuda" and not has_cuda:
        raise SettingsError(
            "device is cuda and torch finds no GPU here; install a build of torch for CUDA with "
            "its driver, or train with --device cpu"
        )
    if settings.device == "cpu" or not has_cuda:
        return torch.device("cpu")
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise SettingsError(
            f"torchrun started process {number + 1} of this machine, which has "
            f"{torch.cuda.device_count()} GPUs; start one process a GPU"
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def _precision(settings: Settings, device: torch.device) -> torch.dtype | None:
    if settings.precision == "float16" and device.type != "cuda":
        raise SettingsError(
            "precision float16 needs a GPU; give bfloat16 on a processor that has it, or float32"
        )
    if settings.precision == "bfloat16" and device.type == "cpu" and not _has_bfloat16():
        _LOG.warning(
            "this processor has no bfloat16 of its own, and is slower with it than with float32"
        )
    return _PRECISIONS.get(settings.precision)


def _has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    try:
        words = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return True  # another system: nothing is known against it
    return not words.isdisjoint(_NATIVE)


@contextmanager
def reproducible(place: Place, threads: int) -> Iterator[None]:
    """Hold torch to ``threads``, and a processor to kernels that repeat; then restore its state.

    On a GPU the fastest kernels are taken: their sums differ in the last bits from run to run.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    benchmark = torch.backends.cudnn.benchmark
    filled = _MEMORY.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[place.device] if place.cuda else []):
        torch.use_deterministic_algorithms(not place.cuda)
        # Filling new memory costs a twelfth of a step; nothing here reads what it did not write.
        _MEMORY.fill_uninitialized_memory = False
        torch.backends.cudnn.benchmark = place.cuda
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0])
            _MEMORY.fill_uninitialized_memory = filled
            torch.backends.cudnn.benchmark = benchmark
            torch.set_num_threads(before[1])


def prepared(network: nn.Module, place: Place) -> nn.Module:
    """Move a network to its device, its weights laid out with the channels last.

    ``Module.to`` is what lays them out: ``Tensor.contiguous`` leaves a first layer of one channel
    as it is, and with it all that follows.
    """
    layout = torch.channels_last_3d if _axes(network) == 3 else torch.channels_last
    network.to(place.device)
    return network.to(memory_format=layout)  # type: ignore[call-overload]


def laid_out(images: Tensor) -> Tensor:
    """Lay images (n, 1, *shape) out as the networks of ``prepared`` read them."""
    layout = torch.channels_last_3d if images.ndim == 5 else torch.channels_last
    return images.to(memory_format=layout)


def _axes(network: nn.Module) -> int:
    volumes = any(isinstance(part, nn.Conv3d) for part in network.modules())
    return 3 if volumes else 2


def shared(network: nn.Module, place: Place) -> nn.Module:
    """Give the network as it is trained: its gradients averaged over all processes.

    On GPUs batch normalisation counts the batches of all processes; on processors each its own.
    """
    if place.processes == 1:
        return network
    if place.cuda:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    devices = [place.device] if place.cuda else None
    return nn.parallel.DistributedDataParallel(network, device_ids=devices)


def compiled(network: nn.Module, example: Tensor, place: Place) -> nn.Module:
    """Compile a network, and try it on one batch; give it as it was, with a word, where that fails.

    The weights and what batch normalisation has seen stay as they were.
    """
    before = deepcopy(network.state_dict())
    try:
        fast: nn.Module = torch.compile(network)  # type: ignore[assignment]
        with place.mixed():
            fast(example).float().sum().backward()
    except Exception as error:  # of the compiler, of its own many kinds
        _LOG.warning(
            "torch.compile does not work here (%s); training goes on without it",
            " ".join(str(error).split())[:200] or type(error).__name__,
        )
        torch._dynamo.reset()
        fast = network
    network.load_state_dict(before)
    network.zero_grad(set_to_none=True)
    return fast
