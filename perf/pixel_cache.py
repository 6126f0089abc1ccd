"""Memory and time of the pixel cache over a thousand to a hundred thousand generated images.

Each size is a process of its own: it fills the cache, reads every image once in the order of an
epoch with its draws, and trains some steps. ``python -m perf.pixel_cache`` writes
perf/pixel_cache.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from perf.timing import machine, peak_memory

RESULTS = Path(__file__).resolve().parent / "pixel_cache.json"
SIZE = 96
COUNTS = (1_000, 10_000, 100_000)
STEPS = 5


def main() -> None:
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(_measured(int(sys.argv[1]), Path(folder))))
        return
    rows = []
    for count in COUNTS:
        ended = subprocess.run(
            [sys.executable, "-m", "perf.pixel_cache", str(count)],
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append(json.loads(ended.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    RESULTS.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


def _measured(count: int, folder: Path) -> dict[str, object]:
    import torch

    from baselines.data.cache import PixelCache
    from baselines.data.draws import order
    from baselines.data.loaders import Asked, Loader
    from baselines.examples import cached_examples, subset
    from baselines.targets import ONE_PROBABILITY
    from baselines.training.devices import Place, reproducible
    from baselines.training.loop import Training
    from baselines.training.settings import Settings
    from cohort_selection.cases import Case
    from perf.gpu_training import GENERATED

    files = folder / "files"
    files.mkdir()

    def cases() -> Iterator[Case]:
        for number in range(count):
            file = files / f"{number % 2}-{number}"
            file.write_text(str(number))
            yield Case(str(number), str(number), (file,), number % 2, {})

    started = peak_memory()
    began = time.process_time()
    cache = PixelCache(folder / "pixels", GENERATED, SIZE)
    examples = cached_examples(cases(), cache, total=count)
    filled, peak_filled = time.process_time() - began, peak_memory()
    began = time.process_time()
    loader = Loader(examples.pixels, 0, workers=0)
    shuffled = order(0, 1, count)
    read = 0
    for batch in loader.read([Asked(1, part) for part in np.array_split(shuffled, count // 32)]):
        read += len(batch.numbers)
    took = time.process_time() - began
    held_out = np.arange(count) < 500
    place = Place(torch.device("cpu"))
    with reproducible(place, 1):
        parts = subset(examples, ~held_out), subset(examples, held_out)
        work = Training(ONE_PROBABILITY, Settings(), place, *parts)
        for number, batch in enumerate(islice(work._loader.read(work._asked(1)), STEPS)):
            from baselines.training.checkpoint import Course

            work._step(batch, Course(step=number))
    return {
        "images": read,
        "pixels_mb": round(count * SIZE * SIZE * 2 / 1e6),
        "peak_mb_at_start": round(started),
        "peak_mb_filled": round(peak_filled),
        "peak_mb": round(peak_memory()),
        "fill_cpu_ms_an_image": round(1000 * filled / count, 3),
        "read_cpu_ms_an_image": round(1000 * took / count, 4),
    }


if __name__ == "__main__":
    main()
