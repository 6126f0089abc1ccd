"""Draws a chest in Hounsfield units from a description: body, lungs, heart, spine, opacities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

AIR, TISSUE, LUNG, HEART, BONE = -1000.0, 40.0, -830.0, 45.0, 420.0
_OPACITY = 620.0
"""Hounsfield units that the densest opacity adds to a lung."""

Places = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chest:
    """One person's chest in mm: half axes of body and lungs, the heart's radius, the lung's HU."""

    body: tuple[float, float]  # to the side, to the back
    lung: tuple[float, float, float]  # to the side, to the back, to the head
    heart: float
    lung_level: float


def chest(rng: np.random.Generator, *, age: int, female: bool) -> Chest:
    """Draw a chest; women's are smaller, the lung thins and the heart grows with age."""
    size = rng.normal(0.94 if female else 1.0, 0.03)
    return Chest(
        body=(170 * size, 112 * size),
        lung=(58 * size, 82 * size, rng.normal(112, 5) * size),
        heart=rng.normal(46 + 0.15 * (age - 50), 3) * size,
        lung_level=rng.normal(LUNG, 15) - 0.4 * (age - 50),
    )


def draw(
    person: Chest,
    left: Places,
    back: Places,
    head: Places,
    rng: np.random.Generator,
    *,
    severity: float,
) -> NDArray[np.float64]:
    """Hounsfield units at places in mm about the chest's middle, three arrays of one shape.

    The more and denser its opacities, the higher ``severity`` (0 to 1). All else is drawn from the
    person and ``rng`` alone.
    """
    shape = left.shape
    found = np.full(shape, AIR)
    found[(left / person.body[0]) ** 4 + (back / person.body[1]) ** 4 < 1] = TISSUE
    lungs = np.zeros(shape, dtype=bool)
    middles = []
    for side in (-1, 1):
        middle = side * (person.lung[0] + 16), -8.0, 0.0
        middles.append(middle)
        inside = sum(
            ((along - at) / half) ** 2
            for along, at, half in zip((left, back, head), middle, person.lung, strict=True)
        )
        lungs |= np.asarray(inside < 1)
    vessels = gaussian_filter(rng.standard_normal(shape), 0.8)
    found[lungs] = person.lung_level + 45 * (vessels / vessels.std())[lungs]
    load = _load(person, middles, left, back, head, rng, severity)
    found[lungs] += _OPACITY * severity * np.tanh(load[lungs])
    heart = ((left - 18) ** 2 + (back + 22) ** 2 + ((head + 30) / 1.2) ** 2) < person.heart**2
    found[heart] = HEART
    spine = (left**2 + (back - 72) ** 2 < 21**2) & (found > AIR)
    found[spine] = BONE
    return found


def _load(
    person: Chest,
    middles: list[tuple[float, float, float]],
    left: Places,
    back: Places,
    head: Places,
    rng: np.random.Generator,
    severity: float,
) -> NDArray[np.float64]:
    """Patches with soft edges, more of them with severity, towards the back and the foot."""
    load = np.zeros(left.shape)
    for _ in range(4 + int(rng.poisson(6 * severity))):
        middle = middles[int(rng.random() < 0.5)]
        way = rng.uniform(-0.6, 0.6, size=3) + np.array([0.0, 0.15, -0.15])
        at = [m + part * half for m, part, half in zip(middle, way, person.lung, strict=True)]
        width = rng.uniform(14, 30)
        distance = (left - at[0]) ** 2 + (back - at[1]) ** 2 + (head - at[2]) ** 2
        load += rng.uniform(0.7, 1.1) * np.exp(-distance / (2 * width**2))
    return load
