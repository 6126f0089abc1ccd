"""Measures of a pair of masks on a CT grid, beside surface-distance, MONAI and medpy."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from typing import Any

import numpy as np

from metrics.arrays import Bools
from metrics.masks.measures import measure_pair
from perf.timing import Program, Timed, missing, peak_memory, side_by_side

OURS = "Sequestra: Dice, HD, HD95, ASSD, NSD"
SHAPE, SPACING, TOLERANCE = (300, 512, 512), (1.5, 0.7, 0.7), 2.0
PEERS = {
    "surface-distance": "surface_distance",
    "monai": "monai",
    "medpy": "medpy",
}
RADII = {"lesion": 20.0, "organ": 90.0, "lungs": 150.0}
"""Balls of these radii in mm, the second one 2 mm larger and three columns off."""


def balls(radius: float) -> tuple[Bools, Bools]:
    """Two masks that agree but for a few mm."""
    index = np.ogrid[tuple(slice(0, size) for size in SHAPE)]

    def ball(column: int, reach: float) -> Bools:
        centre = (SHAPE[0] // 2, SHAPE[1] // 2, column)
        square = sum(
            ((i - c) * size) ** 2 for i, c, size in zip(index, centre, SPACING, strict=True)
        )
        return np.asarray(square <= reach**2)

    return ball(SHAPE[2] // 2, radius), ball(SHAPE[2] // 2 + 3, radius + 2.0)


def run(names: tuple[str, ...] = ("lesion", "organ"), rounds: int = 3) -> list[Timed]:
    """Time whole pairs of masks; peers once, as some take most of a minute."""
    rows: list[Timed] = []
    for name in names:
        a, b = balls(RADII[name])
        work = f"{name} of {RADII[name]:g} mm on {' x '.join(map(str, SHAPE))} voxels"
        programs = [Program(OURS, lambda a=a, b=b: _ours(a, b), rounds=rounds)]  # type: ignore[misc]
        absent = []
        for package, module in PEERS.items():
            if importlib.util.find_spec(module) is None:
                absent.append(missing(work, package))
                continue
            peer = _PEERS[package]
            programs.append(
                Program(
                    f"{package}: {_MEASURED[package]}",
                    lambda a=a, b=b, peer=peer: peer(a, b),  # type: ignore[misc]
                    package,
                    rounds=1,
                )
            )
        timed = side_by_side(work, programs)
        timed[0] = replace(timed[0], note=f"peak of the whole process {peak_memory():.0f} MB")
        rows += timed + absent
    return rows


def _ours(a: Bools, b: Bools) -> Any:
    return measure_pair(a, b, SPACING, (TOLERANCE,))


def _surface_distance(a: Bools, b: Bools) -> tuple[float, ...]:
    peer: Any = importlib.import_module("surface_distance")
    found = peer.compute_surface_distances(a, b, SPACING)
    return (
        peer.compute_dice_coefficient(a, b),
        peer.compute_robust_hausdorff(found, 95.0),
        peer.compute_surface_dice_at_tolerance(found, TOLERANCE),
    )


def _monai(a: Bools, b: Bools) -> tuple[float, ...]:
    torch: Any = importlib.import_module("torch")
    peer: Any = importlib.import_module("monai.metrics")
    x, y = (torch.as_tensor(mask[None, None]).float() for mask in (b, a))
    return (
        float(peer.compute_dice(x, y)),
        float(peer.compute_hausdorff_distance(x, y, percentile=95, spacing=SPACING)),
        float(peer.compute_surface_dice(x, y, [TOLERANCE], spacing=SPACING, use_subvoxels=True)),
    )


def _medpy(a: Bools, b: Bools) -> tuple[float, ...]:
    peer: Any = importlib.import_module("medpy.metric.binary")
    return peer.dc(b, a), peer.hd95(b, a, SPACING), peer.assd(b, a, SPACING)


_PEERS = {"surface-distance": _surface_distance, "monai": _monai, "medpy": _medpy}
_MEASURED = {
    "surface-distance": "Dice, HD95, NSD",
    "monai": "Dice, HD95, NSD by area",
    "medpy": "Dice, HD95, ASSD",
}
