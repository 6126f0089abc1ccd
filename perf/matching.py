"""Matching at scale, and beside MIDRC's greedy rule and scikit-learn: python -m perf.matching [N].

The pool: age 6 x sex 3 x race 6 x ethnicity 3 x label 2 x modality 4 x site 12; race depends on the
site, label on age and race. The target: census-like margins with 30 % positives.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from cohort_selection.matching.achievable import largest, programme
from cohort_selection.matching.draw import allocate
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.sampling.joint_table import tabulate_codes
from cohort_selection.sampling.randomness import draw_in_cells, generator

NAMES = ("age", "sex", "race", "ethnicity", "label", "modality", "site")
SIZES = (6, 3, 6, 3, 2, 4, 12)
SHARES = {
    "age": (0.22, 0.17, 0.16, 0.20, 0.15, 0.10),
    "sex": (0.505, 0.49, 0.005),
    "race": (0.60, 0.13, 0.06, 0.012, 0.003, 0.195),
    "ethnicity": (0.18, 0.78, 0.04),
    "label": (0.7, 0.3),
    "modality": (0.4, 0.4, 0.18, 0.02),
    "site": (1 / 12,) * 12,
}


def pool(n: int, seed: int = 0) -> list[NDArray[np.int8]]:
    rng = np.random.default_rng(seed)

    def draw(
        weights: NDArray[np.float64], rows: NDArray[np.int8] | None = None
    ) -> NDArray[np.int8]:
        cumulative = np.cumsum(weights / weights.sum(axis=-1, keepdims=True), axis=-1)
        u = rng.random(n)
        if rows is None:
            return np.searchsorted(cumulative, u).astype(np.int8)
        codes = np.zeros(n, dtype=np.int8)
        for k in range(cumulative.shape[1] - 1):
            codes += u > cumulative[rows, k]
        return codes

    site = draw(np.arange(12, 0, -1, dtype=float))
    age = draw(np.array([0.08, 0.12, 0.15, 0.25, 0.25, 0.15]))
    sex = draw(np.array([0.5, 0.49, 0.01]))
    race = draw(rng.dirichlet([6, 2, 1, 0.2, 0.1, 1.5], 12), site)
    ethnicity = draw(rng.dirichlet([2, 7, 1], 6), race)
    label = (rng.random(n) < 0.1 + 0.02 * age + 0.01 * race).astype(np.int8)
    modality = draw(np.array([0.45, 0.35, 0.18, 0.02]))
    return [age, sex, race, ethnicity, label, modality, site]


def greedy(codes: list[NDArray[np.int8]], target: Target, tolerance: float) -> int:
    """MIDRC's task-based sampling, ported: delete the highest scores, 1 % at a time."""
    names = [name for name in NAMES if name in target.margins]
    columns = [codes[NAMES.index(name)] for name in names]
    shares = [np.array(list(target.margins[name].values())) for name in names]
    kept = np.arange(len(columns[0]))
    while len(kept) > 5:
        excess = [
            np.bincount(c[kept], minlength=len(s)) / len(kept) - s
            for c, s in zip(columns, shares, strict=True)
        ]
        if max(np.abs(e).max() for e in excess) <= tolerance:
            return len(kept)
        score = sum(e[c[kept]] for e, c in zip(excess, columns, strict=True))
        order = np.argsort(-np.asarray(score), kind="stable")
        kept = np.sort(kept[order[max(round(0.01 * len(kept)), 5) :]])
    return 0


def from_parquet(codes: list[NDArray[np.int8]]) -> None:
    """Write the pool as text columns, as a table of patients has them, and time reading it back."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with TemporaryDirectory() as folder:
        path = Path(folder) / "patients.parquet"
        columns = {
            name: pa.DictionaryArray.from_arrays(column, [f"{name} {i}" for i in range(size)])
            for name, column, size in zip(NAMES, codes, SIZES, strict=True)
        }
        pq.write_table(pa.table(columns), path)
        began = time.perf_counter()
        table = pq.read_table(path, read_dictionary=list(NAMES))
        read = [table.column(name).unify_dictionaries().combine_chunks() for name in NAMES]
        levels = [tuple(column.dictionary.to_pylist()) for column in read]
        tabulate_codes(NAMES, [column.indices.to_numpy() for column in read], levels)
        print(f"read from Parquet and tabulate: {time.perf_counter() - began:.2f} s")


def main(n: int) -> None:
    codes = pool(n)
    from_parquet(codes)
    levels = [tuple(str(i) for i in range(size)) for size in SIZES]
    target = Target(
        {name: {str(i): s for i, s in enumerate(shares)} for name, shares in SHARES.items()}
    )
    size = min(10_000, n // 10)
    for run in ("first run, compiling", "second run"):
        began, cpu = time.perf_counter(), time.process_time()
        used = [NAMES.index(name) for name in target.margins]
        cells = tabulate_codes(
            tuple(NAMES[k] for k in used), [codes[k] for k in used], [levels[k] for k in used]
        )
        tabulated = time.perf_counter()
        asked = programme(cells, target, Tolerance(), Minimum())
        found = allocate(asked, size, generator(1, "round"))
        allocated = time.perf_counter()
        drawn = draw_in_cells(cells.of_unit, found.take, generator(1, "draw"))
        ended = time.perf_counter()
        print(
            f"{run}: {n:,} patients, {len(cells.counts)} cells, {drawn.sum():,} drawn: "
            f"tabulate {tabulated - began:.2f} s, allocate {allocated - tabulated:.2f} s, "
            f"draw {ended - allocated:.2f} s, all {ended - began:.2f} s, "
            f"{time.process_time() - cpu:.2f} s of CPU"
        )
    worst = max(
        float(np.abs(found.take @ cells.indicator(k) - found.achievable[k]).max())
        for k in range(len(cells.attributes))
    )
    print(f"largest miss of a margin: {worst:.2f} patients")
    began = time.perf_counter()
    bound = largest(programme(cells, target, Tolerance(0.01), Minimum(), widened=True)).bound
    print(f"bound on N within 1 pp: {bound:,} in {time.perf_counter() - began:.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB")
    if n <= 1_000_000:
        began = time.perf_counter()
        kept = greedy(codes, target, 0.01)
        print(f"MIDRC's greedy rule keeps {kept:,} in {time.perf_counter() - began:.2f} s")
        from sklearn.model_selection import StratifiedShuffleSplit

        began = time.perf_counter()
        joint = cells.codes[:, 0] * SIZES[1] * SIZES[2] + cells.codes[:, 1] * SIZES[2]
        joint = (joint + cells.codes[:, 2])[cells.of_unit]  # age x sex x race: all it can take
        often = np.bincount(joint)[joint] > 1
        chosen, _ = next(
            StratifiedShuffleSplit(1, train_size=size, random_state=0).split(
                joint[often], joint[often]
            )
        )
        off = max(
            float(
                np.abs(
                    np.bincount(codes[NAMES.index(k)][often][chosen], minlength=len(v)) / size
                    - np.array(v)
                ).max()
            )
            for k, v in SHARES.items()
        )
        print(
            f"StratifiedShuffleSplit, which cannot aim at a target: {off:.3f} from it, "
            f"{time.perf_counter() - began:.2f} s"
        )


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000)
