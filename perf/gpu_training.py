"""Training on one GPU beside its step alone; ``perf/gpu.sh`` runs it.

Images are generated, written to the pixel cache as decoded ones are, and read from it. With --dry
the same path runs on a processor with small images.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.augmentation import augment
from baselines.data.cache import PixelCache
from baselines.data.draws import drawn
from baselines.data.loaders import as_images
from baselines.data.readers import IMAGES, Files, Reader
from baselines.examples import Examples, cached_examples, subset
from baselines.targets import ONE_PROBABILITY
from baselines.training import checkpoint
from baselines.training.devices import Place, joined, reproducible
from baselines.training.loop import Training
from baselines.training.settings import Settings
from cohort_selection.cases import Case
from perf.timing import machine

RESULTS = Path(__file__).resolve().parent / "results"
FITS = {"of": "perf"}


def generated(files: Files, size: int) -> NDArray[np.float32]:
    """Draw noise with a gradient; an image follows from its file's name."""
    digest = blake2b(files[0].name.encode(), digest_size=8).digest()
    random = np.random.default_rng(int.from_bytes(digest, "little"))
    ramp = np.linspace(0, 0.5, size, dtype=np.float32)
    image = random.random((size, size), dtype=np.float32) / 2 + ramp
    if files[0].name.startswith("1"):
        image[size // 4 : size // 2, size // 4 : size // 2] += 0.2
    return np.clip(image, 0, 1)


def _sources() -> tuple[Path, ...]:
    return (Path(__file__),)


GENERATED = Reader("generated", IMAGES.groups, generated, IMAGES.shape, _sources)


def main() -> None:
    parser = argparse.ArgumentParser(prog="perf/gpu.sh", description=__doc__)
    parser.add_argument("--dry", action="store_true", help="on a processor, small")
    parser.add_argument("--folder", type=Path, help="where pixels are kept")
    parser.add_argument("--stopped", action="store_true", help="be the training that is killed")
    options = parser.parse_args()
    if not options.dry and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; `sh perf/gpu.sh --dry` runs on a processor")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        settings, n_images = _asked(options.dry)
        examples = _examples(folder, settings, n_images)
        if options.stopped:
            within = replace(settings, checkpoint_minutes=1e-9)
            _train(examples, within, folder, stop_after=2)
            return
        found: dict[str, Any] = {"machine": machine() | _device(), "settings": settings.logged()}
        precisions = ("float32", "bfloat16") if options.dry else ("float32", "bfloat16", "float16")
        found["rows"] = [_speeds(examples, settings, name, False) for name in precisions]
        if not options.dry:
            found["rows"].append(_speeds(examples, settings, "bfloat16", True))
        found["resume"] = _resumed(examples, settings, folder, options.dry)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    _print(found)


def _asked(dry: bool) -> tuple[Settings, int]:
    if dry:
        return Settings(size=64, batch=16, epochs=2, device="cpu", workers=1), 192
    network = {"network": "densenet121", "size": 512, "batch": 64, "epochs": 2}
    return Settings(**network, device="cuda", learning_rate=1e-3), 4096  # type: ignore[arg-type]


def _examples(folder: Path, settings: Settings, n_images: int) -> Examples:
    files = folder / "files"
    if not files.is_dir():
        files.mkdir(parents=True)
        for number in range(n_images):
            (files / f"{number % 2}-{number}").write_text(str(number))
    cases = [Case(str(n), str(n), (files / f"{n % 2}-{n}",), n % 2, {}) for n in range(n_images)]
    cache = PixelCache(folder / "pixels", GENERATED, settings.size)
    return cached_examples(cases, cache, total=n_images, workers=os.cpu_count() or 1)


def _parts(examples: Examples) -> tuple[Examples, Examples]:
    held_out = np.arange(len(examples.labels)) % 8 == 0
    return subset(examples, ~held_out), subset(examples, held_out)


def _train(
    examples: Examples, settings: Settings, folder: Path, stop_after: int = 0
) -> tuple[Training, checkpoint.Course]:
    """Train, from the checkpoint where one is; kill this process after some checkpoints."""
    written = 0

    def save(course: checkpoint.Course, states: dict[str, dict[str, Any]]) -> None:
        nonlocal written
        checkpoint.save(folder, course, states, FITS)
        written += 1
        if written == stop_after:
            os.kill(os.getpid(), signal.SIGKILL)

    with joined(settings) as place, reproducible(place, settings.threads):
        resumed = checkpoint.load(folder, FITS, place.device)
        work = Training(ONE_PROBABILITY, settings, place, *_parts(examples), save=save)
        return work, work.run(resumed)


def _speeds(
    examples: Examples, settings: Settings, precision: str, compiled: bool
) -> dict[str, object]:
    """Images a second of the second epoch's loop, and of steps on one batch."""
    settings = replace(settings, precision=precision, compile=compiled, epochs=16)
    with joined(settings) as place, reproducible(place, settings.threads):
        work = Training(ONE_PROBABILITY, settings, place, *_parts(examples))
        course = checkpoint.Course()
        work._epoch(course)  # warms up
        _wait(place)
        course.epoch, course.step = 2, 0
        began = time.perf_counter()
        work._epoch(course)
        _wait(place)
        whole = work.steps * settings.batch / (time.perf_counter() - began)
        alone = _alone(work, place)
        peak = torch.cuda.max_memory_allocated() / 2**30 if place.cuda else 0.0
    return {
        "precision": precision + (" compiled" if compiled else ""),
        "images_a_second": round(whole, 1),
        "step_alone": round(alone, 1),
        "share": round(whole / alone, 3),
        "gpu_gib": round(peak, 1),
    }


def _alone(work: Training, place: Place) -> float:
    """Images a second of steps on one batch that lies on the device: no reading, no copying."""
    settings = work.settings
    numbers = np.arange(settings.batch)
    pixels = torch.from_numpy(work.training.pixels.raw(numbers)).to(place.device)
    draws = drawn(0, 1, numbers)
    targets = work._targets[torch.from_numpy(numbers).to(place.device)]

    def step() -> None:
        images = augment(as_images(pixels, place.device), draws)
        work._learn(images, targets)

    for _ in range(3):
        step()
    _wait(place)
    turns = max(5, min(work.steps, 40))
    began = time.perf_counter()
    for _ in range(turns):
        step()
    _wait(place)
    return turns * settings.batch / (time.perf_counter() - began)


def _wait(place: Place) -> None:
    if place.cuda:
        torch.cuda.synchronize()


def _resumed(examples: Examples, settings: Settings, folder: Path, dry: bool) -> dict[str, object]:
    """Kill a training by signal 9 at its second checkpoint, go on with it to the end."""
    checkpoint.discard(folder)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "perf.gpu_training", "--stopped", "--folder", str(folder)),
            *(["--dry"] if dry else []),
        ],
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.returncode
    kept = checkpoint.load(folder, FITS, torch.device("cpu"))
    assert kept is not None
    stopped_at = kept[0].epoch, kept[0].step
    _, course = _train(examples, settings, folder)
    return {
        "stopped_at": stopped_at,
        "epochs": len(course.epochs),
        "auroc": course.epochs[-1].validation_auroc,
    }


def _device() -> dict[str, object]:
    if not torch.cuda.is_available():
        return {"torch": torch.__version__, "gpu": "none"}
    return {"torch": torch.__version__, "gpu": torch.cuda.get_device_name()}


def _print(found: dict[str, Any]) -> None:
    print(f"{found['machine']['gpu']}, torch {found['machine']['torch']}, {found['settings']}")
    print(f"{'precision':<20}{'images/s':>10}{'step alone':>12}{'share':>8}{'GPU GiB':>9}")
    for row in found["rows"]:
        print(
            f"{row['precision']:<20}{row['images_a_second']:>10}{row['step_alone']:>12}"
            f"{row['share']:>8}{row['gpu_gib']:>9}"
        )
    print(f"killed and resumed: {found['resume']}")


if __name__ == "__main__":
    main()
