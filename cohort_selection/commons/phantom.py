"""Draws a chest radiograph from a description: lungs, heart, ribs, opacities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit

Picture = NDArray[np.float64]

# Brightness in [0, 1], white is dense.
_AIR, _TISSUE, _LUNG, _HEART, _BONE = 0.03, 0.62, 0.26, 0.80, 0.10
_OPACITY = 0.42  # brightness that the densest opacity adds to a lung


@dataclass(frozen=True, slots=True)
class Anatomy:
    """One person's chest, in shares of the image's width; drawn once a patient."""

    width: float  # of the thorax, half
    lung_height: float
    heart: float  # radius
    rib_pitch: float
    breast: float  # brightness of the breast shadow, 0 for none
    density: float  # of the lung itself: thin in the old and in smokers


@dataclass(frozen=True, slots=True)
class Pose:
    """How the patient stood or lay for one image."""

    shift: tuple[float, float]
    tilt: float  # radians
    inspiration: float  # 1 for a full breath; less gives shorter, denser lungs
    magnified_heart: float  # an AP beam shows the heart larger


def anatomy(rng: np.random.Generator, *, age: int, female: bool) -> Anatomy:
    """Draw a chest; the heart grows and the lung thins a little with age, women are smaller."""
    return Anatomy(
        width=rng.normal(0.395 if female else 0.415, 0.015),
        lung_height=rng.normal(0.56, 0.025),
        heart=rng.normal(0.125 + 0.0006 * (age - 50), 0.012),
        rib_pitch=rng.normal(0.098, 0.006),
        breast=max(0.0, rng.normal(0.07, 0.03)) if female else 0.0,
        density=rng.normal(0.0, 0.018) - 0.0004 * (age - 50),
    )


def pose(rng: np.random.Generator, *, view: str) -> Pose:
    """Draw a stance; lying patients (AP) breathe in less and lie less straight."""
    frontal = view == "PA"
    return Pose(
        shift=(rng.normal(0, 0.018), rng.normal(0, 0.018)),
        tilt=rng.normal(0, 0.02 if frontal else 0.045),
        inspiration=float(np.clip(rng.normal(1.0 if frontal else 0.94, 0.035), 0.8, 1.1)),
        magnified_heart=1.0 if frontal else 1.12,
    )


def draw(
    chest: Anatomy,
    stance: Pose,
    rng: np.random.Generator,
    *,
    severity: float,
    visibility: float = 1.0,
    size: int = 128,
) -> Picture:
    """Give a (size, size) image in [0, 1]; the denser its opacities, the higher ``severity``.

    ``severity`` runs from 0 (no opacity) to 1; ``visibility`` scales what of it can be seen.
    All else is drawn from the anatomy, the stance and ``rng`` alone.
    """
    x, y = _grid(size, stance)
    body = _inside(x, y + 0.02, chest.width + 0.075, 0.78, 4.0, size)
    picture = _AIR + (_TISSUE - _AIR) * body
    lungs, left, right = _lungs(x, y, chest, stance, size)
    lung_level = _LUNG + chest.density + 0.25 * (1.0 - stance.inspiration)
    picture += lungs * (lung_level - _TISSUE)
    picture += lungs * 0.035 * _texture(rng, size, 1.5)  # vessels
    picture += _opacities(x, y, rng, left, right, severity) * (_OPACITY * visibility)
    picture = _mediastinum(picture, x, y, chest, stance, size)
    picture += _bones(x, y, chest, size) * body
    picture += _breasts(x, y, chest, size)
    picture += 0.02 * _texture(rng, size, size / 12)  # uneven tissue
    if rng.random() < 0.25:
        picture = np.maximum(picture, _electrodes(x, y, rng, size))
    return np.clip(picture, 0.0, 1.0)


def _grid(size: int, stance: Pose) -> tuple[Picture, Picture]:
    """Coordinates from -0.5 to 0.5, x to the image's right and y down, in the body's frame."""
    axis = (np.arange(size) + 0.5) / size - 0.5
    x, y = np.meshgrid(axis - stance.shift[0], axis - stance.shift[1])
    cosine, sine = np.cos(stance.tilt), np.sin(stance.tilt)
    return cosine * x + sine * y, cosine * y - sine * x


def _inside(x: Picture, y: Picture, a: float, b: float, power: float, size: int) -> Picture:
    """A superellipse with an edge one to two pixels soft."""
    across, down = np.square(x / a), np.square(y / b)
    if power == 2.0:
        radius = np.sqrt(across + down)
    elif power == 4.0:
        radius = np.sqrt(np.sqrt(np.square(across) + np.square(down)))
    else:
        radius = (across ** (power / 2) + down ** (power / 2)) ** (1 / power)
    return np.asarray(expit((1.0 - radius) * (min(a, b) * size)))


def _lungs(
    x: Picture, y: Picture, chest: Anatomy, stance: Pose, size: int
) -> tuple[Picture, Picture, Picture]:
    height = chest.lung_height * stance.inspiration / 2
    half = chest.width * 0.43
    centre = chest.width * 0.52
    top = -0.05 - (chest.lung_height / 2 - height)
    lean = 0.10 * (y + 0.3)  # lungs are wider below
    left = _inside(x + centre + lean, y - top, half, height, 2.6, size)
    right = _inside(x - centre - lean, y - top, half * 0.94, height, 2.6, size)
    floor = 0.24 * stance.inspiration
    for side, at in ((left, -centre), (right, centre)):  # the domes of the diaphragm
        dome = floor - 0.05 * np.exp(-(((x - at) / 0.12) ** 2))
        side *= expit((dome - y) * (size * 0.8))
    return np.clip(left + right, 0.0, 1.0), left, right


def _texture(rng: np.random.Generator, size: int, scale: float) -> Picture:
    """Smooth noise with a standard deviation of 1."""
    noise = gaussian_filter(rng.standard_normal((size, size)), scale, mode="wrap")
    return np.asarray(noise / noise.std())


def _opacities(
    x: Picture,
    y: Picture,
    rng: np.random.Generator,
    left: Picture,
    right: Picture,
    severity: float,
) -> Picture:
    """Patches with soft edges, more of them and denser with severity, the lower lungs first."""
    size = x.shape[0]
    load = np.zeros_like(x)
    lower = np.exp(2.0 * y)
    chances = [np.cumsum(side * lower) for side in (left, right)]
    for _ in range(4 + int(rng.poisson(5 * severity))):
        which = int(rng.random() < 0.5)
        chance, side = chances[which], (left, right)[which]
        place = int(np.searchsorted(chance, rng.random() * chance[-1]))
        row, column = divmod(min(place, size * size - 1), size)
        across, down = rng.uniform(0.05, 0.10, size=2)
        distance = ((x - x[row, column]) / across) ** 2 + ((y - y[row, column]) / down) ** 2
        load += side * np.exp(-distance / 2) * rng.uniform(0.7, 1.1)
    mottled = load * np.clip(1.0 + 0.25 * _texture(rng, size, 2.0), 0.0, None)
    return np.asarray(severity * np.tanh(mottled))


def _mediastinum(
    picture: Picture, x: Picture, y: Picture, chest: Anatomy, stance: Pose, size: int
) -> Picture:
    radius = chest.heart * stance.magnified_heart
    heart = _inside(x - 0.045, y - 0.11, radius * 1.15, radius, 2.0, size)
    spine = _inside(x, y, 0.055, 0.6, 6.0, size)
    arch = _inside(x - 0.035, y + 0.13, 0.05, 0.045, 2.0, size)
    shadow = np.maximum(np.maximum(heart, 0.9 * spine), 0.8 * arch)
    return np.asarray(picture + shadow * np.clip(_HEART - picture, 0.0, None))


def _bones(x: Picture, y: Picture, chest: Anatomy, size: int) -> Picture:
    """Ribs as arcs that fall away from the spine, and two clavicles."""
    outward = np.abs(x) / chest.width
    phase = (y + 0.36 - 0.20 * outward**1.6) / chest.rib_pitch
    stripe = np.exp(-(((phase - np.round(phase)) / 0.17) ** 2))
    caged = (outward < 1.05) & (phase > -0.5) & (phase < 7.5) & (outward > 0.12)
    clavicle = np.exp(-(((y + 0.335 + 0.10 * outward) * size / 2.2) ** 2)) * (outward < 1.1)
    return np.asarray(_BONE * (stripe * caged + 1.2 * clavicle))


def _breasts(x: Picture, y: Picture, chest: Anatomy, size: int) -> Picture:
    if chest.breast == 0:
        return np.zeros_like(x)
    off = np.abs(x) - chest.width * 0.55
    return chest.breast * _inside(off, y - 0.15, 0.15, 0.13, 2.0, size)


def _electrodes(x: Picture, y: Picture, rng: np.random.Generator, size: int) -> Picture:
    """Stickers and leads of a monitor, on some patients and with no regard to their lungs."""
    shown = np.zeros_like(x)
    for _ in range(int(rng.integers(2, 5))):
        across, down = rng.uniform(-0.35, 0.35), rng.uniform(-0.3, 0.3)
        shown = np.maximum(shown, 0.95 * _inside(x - across, y - down, 0.014, 0.014, 2.0, size))
    return shown
