"""Type I error and cover in reader studies of five readers: ``python -m perf.readers``.

Scores follow the model of Roe & Metz 1997: a shift for positive cases, and normal terms of reader,
case, modality x reader, modality x case, reader x case and error, all apart for each class. Names
of structures as there: the first letter is the correlation of a case's scores (high, low), the
second the spread of readers. ``VARIANCES`` has the numbers. Two modalities that are truly equal.

Each cell tells how often the test rejects at 0.05 (random readers and cases with either
covariance; fixed readers; fixed cases), and the cover of 95 % intervals: of one modality's mean
AUROC (ours, and the published one cut at 1), of the difference, of the mean sensitivity and its
difference at a threshold, and of the difference of a model, truly equal, to the mean reader. What
came of it is kept in ``perf/readers.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from metrics.arrays import Floats
from metrics.intervals.linearised import quantile
from metrics.readers import figures
from metrics.readers.covariances import DELONG, JACKKNIFE
from metrics.readers.obuchowski_rockette import Spread, analyse
from metrics.readers.panel import against_panel
from metrics.readers.reads import Reads

KEPT = Path(__file__).resolve().parent / "readers.json"
READERS = 5
VARIANCES = {"H": (0.3, 0.3, 0.2, 0.2), "L": (0.1, 0.1, 0.2, 0.6)}
"""Case, modality x case, reader x case, error; they add to 1."""
SPREADS = {
    "L": {0.75: 0.0055, 1.5: 0.0055, 2.5: 0.0055},
    "H": {0.75: 0.011, 1.5: 0.030, 2.5: 0.056},
}
"""Variance of readers, and of readers within a modality, by the shift."""
CASES = ((25, 25), (50, 50), (20, 180))


def drawn(
    rng: np.random.Generator, structure: str, shift: float, cases: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Scores (2, readers, cases), positives first, and those of a model (cases,)."""
    case, modality_case, reader_case, error = VARIANCES[structure[0]]
    spread = math.sqrt(SPREADS[structure[1]][shift])
    parts, models = [], []
    for n, mean, of_model in ((cases[0], shift, model_shift(structure, shift)), (cases[1], 0, 0)):
        own = rng.normal(0, math.sqrt(case), (1, 1, n))
        found = mean + own + rng.normal(0, math.sqrt(modality_case), (2, 1, n))
        found = found + rng.normal(0, spread, (1, READERS, 1))
        found = found + rng.normal(0, spread, (2, READERS, 1))
        found = found + rng.normal(0, math.sqrt(reader_case), (1, READERS, n))
        parts.append(found + rng.normal(0, math.sqrt(error), (2, READERS, n)))
        models.append(of_model + own[0, 0] + rng.normal(0, math.sqrt(1 - case), n))
    return np.concatenate(parts, axis=2), np.concatenate(models)


def true_auroc(structure: str, shift: float) -> float:
    """Mean AUROC over all readers."""
    return float(ndtr(shift / math.sqrt(2.0 + 4.0 * SPREADS[structure[1]][shift])))


def model_shift(structure: str, shift: float) -> float:
    """Shift of a model whose AUROC is that mean."""
    return float(math.sqrt(2.0) * ndtri(true_auroc(structure, shift)))


def true_sensitivity(structure: str, shift: float) -> float:
    """Mean share of positives at or above half the shift."""
    return float(ndtr(shift / 2.0 / math.sqrt(1.0 + 2.0 * SPREADS[structure[1]][shift])))


def cell(
    structure: str, shift: float, cases: tuple[int, int], studies: int, seed: int
) -> dict[str, object]:
    """Shares of the studies of one setting."""
    rng = np.random.default_rng([seed, int(1000 * shift), *cases, *map(ord, structure)])
    y = np.arange(sum(cases)) < cases[0]
    patient = np.arange(y.size)
    area, share = true_auroc(structure, shift), true_sensitivity(structure, shift)
    seen: Counter[str] = Counter()
    for _ in range(studies):
        scores, model = drawn(rng, structure, shift, cases)
        study = Reads(y, scores, patient, y.size)
        seen.update(_of_area(study, area))
        calls = Reads(y, (scores >= shift / 2.0).astype(np.float64), patient, y.size)
        found = analyse(calls, figures.sensitivity).finding
        seen["rejects, sensitivity"] += (1.0 if found.p is None else found.p) < 0.05
        seen["cover, mean sensitivity"] += _covers(found.means[0], share)
        one = Reads(y, scores[:1], patient, y.size)
        panel = against_panel(one, model)
        seen["cover, model less mean reader"] += _covers(panel.difference, 0.0)
        seen["model superior, one-sided"] += panel.superior
        seen["model superior, symmetric interval"] += panel.published.low > 0.0
    return {
        "structure": structure,
        "auroc": round(area, 4),
        "cases": list(cases),
        "studies": studies,
        **{name: round(count / studies, 4) for name, count in sorted(seen.items())},
    }


def _of_area(study: Reads, truth: float) -> dict[str, int]:
    found = analyse(study, covariance=JACKKNIFE)
    by_delong = analyse(study, covariance=DELONG)
    mean = found.finding.means[0]
    reach = quantile(0.95, mean.freedom) * mean.standard_error
    p = {
        "rejects, random readers and cases, jackknife": found.finding.p,
        "rejects, random readers and cases, DeLong": by_delong.finding.p,
        "rejects, fixed readers": found.fixed_readers.p,
        "rejects, fixed cases": found.fixed_cases.p,
    }
    return {
        **{name: int(value is not None and value < 0.05) for name, value in p.items()},
        "cover, difference": int(
            not found.finding.differences or _covers(found.finding.differences[0].spread, 0.0)
        ),
        "cover, mean": _covers(mean, truth),
        "cover, mean, published": int(abs(mean.estimate - truth) <= reach),
        "published mean interval passes 1": int(mean.estimate + reach > 1.0),
    }


def _covers(spread: Spread, truth: float) -> int:
    return int(spread.low <= truth <= spread.high)


def main() -> None:
    """Simulate every setting and keep the shares."""
    parser = argparse.ArgumentParser(prog="python -m perf.readers", description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--output", type=Path, default=KEPT)
    options = parser.parse_args()
    start = time.perf_counter()
    cells = [
        cell(first + second, shift, cases, options.studies, options.seed)
        for cases in CASES
        for shift in SPREADS["L"]
        for first in VARIANCES
        for second in SPREADS
    ]
    named = sorted(name for name, value in cells[0].items() if isinstance(value, float))
    whole = {
        name: [
            round(float(f([float(str(each[name])) for each in cells])), 4)
            for f in (np.min, np.mean, np.max)
        ]
        for name in named
        if name != "auroc"
    }
    seconds = round(time.perf_counter() - start, 1)
    document = {
        "readers": READERS,
        "smallest, mean and largest over all settings": whole,
        "seconds": seconds,
        "settings": cells,
    }
    options.output.write_text(json.dumps(document, indent=1) + "\n")
    for name, three in whole.items():
        print(f"{name}: {three[0]:.3f} to {three[2]:.3f}, mean {three[1]:.3f}")


if __name__ == "__main__":
    main()
