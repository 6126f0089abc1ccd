"""What a training is asked to do, and the digest by which a checkpoint is told to fit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from baselines.choices import CALIBRATIONS, SettingsError, refuse_seed, refuse_shares, refuse_word
from baselines.networks import registry

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bfloat16", "float16")
IMBALANCE = ("weight", "sample", "none")
MOST_AT_ONCE = 256
"""Threads, and processes that read: more exhaust a machine before the first image is read."""

_SAME_MODEL = frozenset(
    {"threads", "workers", "device", "compile", "checkpoint_minutes", "calibration", "sensitivity"}
    | {"target_prevalence"}
)
"""Settings that may change between a kill and the resume: the weights stay comparable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What training is asked to do; all of it is logged. ``size`` in pixels a side.

    One thread gives the same model whatever the machine's cores, and on a busy machine is not
    slower than several, which wait for each other at every layer. ``batch`` is the number of images
    of a step, of all processes together. ``weights`` is a file of pretrained weights.
    ``sensitivity`` is wanted at the threshold on the validation part, else Youden's is taken.
    ``target_prevalence`` is the share of positive cases where the model will be used.
    """

    network: str = "densenet-small"
    epochs: int = 16
    size: int = 96
    batch: int = 32
    learning_rate: float = 3e-3
    seed: int = 0
    validation_share: float = 0.25
    patience: int = 8
    threads: int = 1
    workers: int = -1
    device: str = "auto"
    precision: str = "float32"
    compile: bool = False
    weights: Path | None = None
    imbalance: str = "weight"
    calibration: str = "platt"
    sensitivity: float | None = None
    target_prevalence: float | None = None
    pixel_bits: int = 16
    checkpoint_minutes: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what cannot work, so that it is found before the images are read."""
        if self.network not in registry.NETWORKS:
            registry.build(self.network)
        if not 32 <= self.size <= 1024:
            raise SettingsError(f"size is {self.size} pixels; give a number from 32 to 1024")
        if self.epochs < 1 or self.patience < 1:
            raise SettingsError(
                f"epochs is {self.epochs} and patience {self.patience}; both must be at least 1"
            )
        if self.batch < 2:
            raise SettingsError(f"batch is {self.batch}; batch normalisation needs at least 2")
        if not 1 <= self.threads <= MOST_AT_ONCE:
            raise SettingsError(
                f"threads is {self.threads}; give a number from 1 to {MOST_AT_ONCE}, at most as "
                "many as the machine has processors"
            )
        if not -1 <= self.workers <= MOST_AT_ONCE:
            raise SettingsError(
                f"workers is {self.workers}; give a number of processes up to {MOST_AT_ONCE}, 0 "
                "for none beside this one"
            )
        if not self.checkpoint_minutes > 0:
            raise SettingsError(
                f"checkpoint minutes is {self.checkpoint_minutes:g}; give more than 0"
            )
        if self.pixel_bits not in {8, 16}:
            raise SettingsError(f"pixel bits is {self.pixel_bits}; give 8 or 16")
        refuse_shares(
            learning_rate=self.learning_rate,
            validation_share=self.validation_share,
            sensitivity=self.sensitivity,
            target_prevalence=self.target_prevalence,
        )
        refuse_seed(self.seed)
        if self.weights is not None and not self.weights.is_file():
            raise SettingsError(
                f"weights: {self.weights} is {'a folder' if self.weights.is_dir() else 'not there'}"
                "; give a file of pretrained weights"
            )
        refuse_word("device", self.device, DEVICES)
        refuse_word("precision", self.precision, PRECISIONS)
        refuse_word("imbalance", self.imbalance, IMBALANCE)
        refuse_word("calibration", self.calibration, CALIBRATIONS)

    def logged(self) -> dict[str, str | int | float | bool | None]:
        """Give all settings as a tracker and a card keep them, paths by their names alone."""
        values = asdict(self)
        values["weights"] = self.weights.name if self.weights else None
        return values


def fitting(settings: Settings, **further: str) -> dict[str, str]:
    """Give what must be the same for a checkpoint to be gone on with, by name.

    ``further`` are digests of what is trained on. Pretrained weights count by their content.
    """
    same = {k: str(v) for k, v in settings.logged().items() if k not in _SAME_MODEL}
    if settings.weights is not None:
        same["weights"] = hashlib.sha256(settings.weights.read_bytes()).hexdigest()
    return same | further


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say in words where two of ``fitting`` differ, or "" where they agree."""
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    unset = "not set"
    return ", ".join(
        f"{name.replace('_', ' ')} was {before.get(name, unset)} and is {now.get(name, unset)}"
        for name in names
    )
