"""Measures how well headers alone predict the label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cohort_selection.cases import Case
from cohort_selection.deidentification.copy import KEPT
from cohort_selection.pixels.picture import (
    STORED,
    STORED_BYTES,
    TRANSFER_SYNTAX,
    PictureError,
    header_fields,
)
from cohort_selection.sampling.randomness import generator

PIXELS = frozenset(STORED)
HEADERS = (
    # What a sealed image keeps, and a container can read.
    *(name for name in KEPT if name not in PIXELS),
    # What it loses, and the look of the pixels may still tell: the device and how it was used.
    "Manufacturer", "ManufacturerModelName", "InstitutionName", "StationName", "DetectorID",
    "SoftwareVersions", "KVP", "Exposure", "ExposureTime", "XRayTubeCurrent",
    "DistanceSourceToDetector", "Grid", "ConvolutionKernel",
)  # fmt: skip
NUMBER_OF_FILES = "number of files"
TOGETHER = "all fields"
_ATTRIBUTE = "attribute "
_FOLDS = 5
_SMOOTHING = 2.0
_MOST_LEVELS = 20
_GROUPS = 10
_LISTED = 5
_SHUFFLES = 199
_FALSE_ALARMS = 0.01
ALARM = 0.7
"""A header field whose cross-validated AUROC reaches this is a shortcut to be shouted at."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One field's cross-validated AUROC for the label, and the value that gives most away.

    ``high`` is what chance reaches under shuffled labels, its 99 % point: of the strongest of all
    rows, since one looks for the strongest.
    """

    field: str
    auroc: float
    high: float
    telling: str

    @property
    def alarming(self) -> bool:
        """Whether the field predicts the label beyond chance and beyond the alarm."""
        return self.auroc >= ALARM and self.auroc > self.high


class ShortcutError(ValueError):
    """A header tells the label of the cohort's cases."""


def refuse_alarms(shortcuts: Sequence[Shortcut]) -> None:
    """Raise ShortcutError where a field alarms, naming all that do."""
    alarms = [shortcut for shortcut in shortcuts if shortcut.alarming]
    if not alarms:
        return
    headers, attributes = (
        [s for s in alarms if s.field.startswith(_ATTRIBUTE) is declared]
        for declared in (False, True)
    )
    found = []
    if headers:
        found.append(
            "headers alone predict the label, so a model need not look at the picture: "
            + _named(headers)
        )
    if attributes:
        found.append(f"declared attributes alone predict the label: {_named(attributes)}")
    reason = " (that it is medicine, as age may be, is one)" if attributes else ""
    raise ShortcutError(
        f"{'; '.join(found)}; balance the cohort on it (stratify, target) or leave those cases "
        f"out, or seal with --accept-shortcuts REASON{reason}, which is sealed with the cohort"
    )


def _named(alarms: Sequence[Shortcut]) -> str:
    return "; ".join(f"{s.field} with an AUROC of {s.auroc:.2f} ({s.telling})" for s in alarms)


def audit(
    cases: Sequence[Case],
    *,
    attributes: Sequence[str] = (),
    seed: int = 0,
    shuffles: int = _SHUFFLES,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Shortcut, ...]:
    """Measure each header field, sizes, the number of files and attributes; strongest first.

    Reads the headers of all files of a case; where they differ, numbers are averaged and other
    values listed. Numbers of many values are grouped by tenths. The last row, "all fields", adds
    up the log odds of every field but the attributes. Folds keep a patient together, so that
    nobody is learnt by heart. Raises ValueError where a class has fewer than 2 patients, and
    PictureError, which names every file whose header cannot be read.
    """
    fields: dict[str, list[str]] = {name: [] for name in (*HEADERS, TRANSFER_SYNTAX, STORED_BYTES)}
    unreadable: dict[Path, str] = {}
    for done, case in enumerate(cases, start=1):
        headers = []
        for file in case.files:
            try:
                headers.append(header_fields(file, HEADERS))
            except PictureError as error:
                unreadable |= error.reasons
        for name, texts in fields.items():
            if headers:
                texts.append(_of_case([header[name] for header in headers]))
        if progress is not None:
            progress(done, len(cases))
    if unreadable:
        raise PictureError(unreadable, sum(len(case.files) for case in cases))
    fields[NUMBER_OF_FILES] = [str(len(case.files)) for case in cases]
    for name in attributes:
        fields[_ATTRIBUTE + name] = [case.attributes[name] for case in cases]
    return audit_fields(
        fields, [case.label for case in cases], [case.patient_id for case in cases], seed, shuffles
    )


def audit_fields(
    fields: Mapping[str, Sequence[str]],
    labels: Sequence[int],
    patients: Sequence[str],
    seed: int = 0,
    shuffles: int = _SHUFFLES,
) -> tuple[Shortcut, ...]:
    """As :func:`audit`, for fields that are already read; each (cases,) long."""
    y = np.asarray(labels, dtype=np.int64)
    owner = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)[1].reshape(-1)
    for label in (0, 1):
        if len(np.unique(owner[y == label])) < 2:
            raise ValueError(
                f"the shortcut audit needs 2 patients of each class; label {label} has "
                f"{len(np.unique(owner[y == label]))}"
            )
    rng = generator(seed, "shortcuts")
    fold = rng.permutation(int(owner.max()) + 1)[owner] % _FOLDS
    coded = {
        name: np.unique(np.asarray(_grouped(values), dtype=np.str_), return_inverse=True)
        for name, values in fields.items()
    }
    varying = {name: pair for name, pair in coded.items() if len(pair[0]) > 1}
    if not varying:
        return ()
    headers = [name for name in varying if not name.startswith(_ATTRIBUTE)]

    def weighed(z: NDArray[np.int64]) -> tuple[dict[str, float], float]:
        """AUROC of each field, and of all headers together, for labels ``z``."""
        evidence = {
            name: _evidence(codes.reshape(-1), z, fold, len(values))
            for name, (values, codes) in varying.items()
        }
        whole = (
            np.sum([evidence[name] for name in headers], axis=0) if headers else np.zeros(len(z))
        )
        *each, together = _aurocs(np.array([*evidence.values(), whole]), z)
        return dict(zip(evidence, each, strict=True)), together

    reached, whole = weighed(y)
    by_chance = []
    for _ in range(shuffles):
        each, together = weighed(_shuffle(y, owner, rng))
        by_chance.append(max(together, *each.values()))
    # Above this value stands at most the share of false alarms, the true labels counted in.
    place = max(1, int(_FALSE_ALARMS * (shuffles + 1) + 1e-9))
    high = sorted(by_chance)[-place]
    found = [
        Shortcut(name, reached[name], high, _telling(values, codes.reshape(-1), y))
        for name, (values, codes) in varying.items()
    ]
    found.sort(key=lambda shortcut: -shortcut.auroc)
    if headers:
        leader = next(s.field for s in found if s.field in headers)
        found.append(Shortcut(TOGETHER, whole, high, f"led by {leader}"))
    return tuple(found)


def _of_case(texts: Sequence[str]) -> str:
    """One value for all files of a case."""
    distinct = sorted(set(texts))
    if len(distinct) == 1:
        return distinct[0]
    try:
        return f"{np.mean([float(text) for text in texts]):.9g}"
    except ValueError:
        few = len(distinct) <= _LISTED
        return " | ".join(distinct) if few else f"{len(distinct)} different values"


def _grouped(values: Sequence[str]) -> list[str]:
    """Numbers of many values as ranges, each a tenth of the cases; all else as it is."""
    if len(set(values)) <= _MOST_LEVELS:
        return list(values)
    try:
        numbers = np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        return list(values)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return list(values)
    cuts = np.unique(np.quantile(known, np.arange(_GROUPS + 1) / _GROUPS, method="lower"))
    place = np.clip(np.searchsorted(cuts, numbers, side="right") - 1, 0, len(cuts) - 1)
    names = [f"{low:g} to {high:g}" for low, high in zip(cuts, [*cuts[1:], cuts[-1]], strict=True)]
    return [
        names[k] if np.isfinite(x) else "" for k, x in zip(place.tolist(), numbers, strict=True)
    ]


def _shuffle(
    y: NDArray[np.int64], owner: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give every case the label of another patient's case; patients keep their cases together."""
    order = np.argsort(rng.permutation(int(owner.max()) + 1)[owner], kind="stable")
    shuffled: NDArray[np.int64] = np.empty_like(y)
    shuffled[np.argsort(owner, kind="stable")] = y[order]
    return shuffled


def _evidence(
    codes: NDArray[np.int64], y: NDArray[np.int64], fold: NDArray[np.int64], n_values: int
) -> NDArray[np.float64]:
    """Log odds of the label given a field's value, learnt on the other folds, shrunk to none."""
    place = codes * _FOLDS + fold
    shape = (n_values, _FOLDS)
    positive = np.bincount(place, weights=y, minlength=n_values * _FOLDS).reshape(shape)
    count = np.bincount(place, minlength=n_values * _FOLDS).reshape(shape)
    positive, count = (table.sum(axis=1, keepdims=True) - table for table in (positive, count))
    learnt = count.sum(axis=0)
    prior = np.where(learnt > 0, positive.sum(axis=0) / np.maximum(learnt, 1), 0.5)
    prior = np.clip(prior, 1e-3, 1.0 - 1e-3)
    rate = (positive + _SMOOTHING * prior) / (count + _SMOOTHING)
    odds = np.log(rate / (1.0 - rate)) - np.log(prior / (1.0 - prior))
    score: NDArray[np.float64] = odds[codes, fold]
    return score


def _aurocs(scores: NDArray[np.float64], y: NDArray[np.int64]) -> list[float]:
    """Mann-Whitney of each row of ``scores`` (fields, cases), with ties counted one half."""
    n1 = int(y.sum())
    n0 = len(y) - n1
    if not (n1 and n0):
        return [0.5] * len(scores)
    ranks = rankdata(scores, axis=1)
    found: list[float] = ((ranks[:, y == 1].sum(axis=1) - n1 * (n1 + 1) / 2) / (n1 * n0)).tolist()
    return found


def _telling(values: NDArray[np.str_], codes: NDArray[np.int64], y: NDArray[np.int64]) -> str:
    """Describe the value whose share of positives is furthest from the whole, in patients."""
    count = np.bincount(codes)
    positive = np.bincount(codes, weights=y)
    excess = positive - count * y.mean()
    k = int((np.abs(excess) + 1e-9 * (excess > 0)).argmax())  # of two that tell as much, the higher
    return f"{values[k] or 'absent'}: {int(positive[k])} of {int(count[k])} positive"
