"""Refuses what no training can be asked to do; baselines without torch ask here too."""

from __future__ import annotations

from cohort_selection.benchmark_keys.meant import did_you_mean

CALIBRATIONS = ("platt", "temperature", "isotonic", "none")


class SettingsError(ValueError):
    """A training setting is out of its range."""


def refuse_shares(**shares: float | None) -> None:
    """Raise SettingsError for a share that does not lie between 0 and 1; None is not set."""
    for name, value in shares.items():
        if value is not None and not 0 < value < 1:
            words = name.replace("_", " ")
            raise SettingsError(f"{words} is {value}; give one between 0 and 1")


def refuse_table(
    validation_share: float, seed: int, calibration: str, sensitivity: float | None
) -> None:
    """Raise SettingsError for what a baseline of tables cannot be asked."""
    refuse_shares(validation_share=validation_share, sensitivity=sensitivity)
    refuse_seed(seed)
    refuse_word("calibration", calibration, CALIBRATIONS)


def refuse_seed(seed: int) -> None:
    """Raise SettingsError for a seed below 0."""
    if seed < 0:
        raise SettingsError(f"seed is {seed}; give a whole number from 0")


def refuse_word(name: str, word: str, known: tuple[str, ...]) -> None:
    """Raise SettingsError for a word that is none of the ``known``."""
    if word not in known:
        raise SettingsError(
            f"{name} is {word!r}{did_you_mean(word, known)}; give one of {', '.join(known)}"
        )
