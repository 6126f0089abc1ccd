"""Inference in a container beside onnxruntime alone on arrays that are decoded already.

The whole program of an image, from its start to the table of predictions, against a program that
opens the same session and runs the same batches. `python -m perf inference`.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perf.decoding import a_radiograph, files_of_every_syntax
from perf.timing import Timed

OURS = "Sequestra: the container's whole program"
LIMIT = "onnxruntime alone, arrays decoded before"
REPOSITORY = Path(__file__).resolve().parent.parent

_WHOLE = """
import sys
from pathlib import Path
from baselines.container import predict
model, given, output, threads = sys.argv[1:]
predict.limit_threads(int(threads))
predict.predict(Path(model), Path(given), Path(output), int(threads))
"""
_ALONE = """
import sys
from pathlib import Path
import numpy as np
from baselines.container import predict
model, arrays, threads = sys.argv[1:]
predict.limit_threads(int(threads))
session = predict.open_session(Path(model), int(threads))
given = np.load(arrays, mmap_mode="r")
number = predict.at_once({"size": given.shape[-1]})
for start in range(0, len(given), number):
    session.run(None, {"images": np.ascontiguousarray(given[start : start + number])})
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A network, its input's size, and the number and kind of images that it is given."""

    network: str
    size: int
    n_images: int
    kind: str


ASKED = (
    Asked("densenet121", 512, 32, "raw, 15 bit"),
    Asked("densenet121", 512, 32, "JPEG lossless, 15 bit"),
    Asked("densenet121", 224, 96, "raw, 8 bit"),
    Asked("densenet-small", 96, 192, "raw, 8 bit"),
)


def run(rounds: int = 3, asked: Sequence[Asked] = ASKED) -> list[Timed]:
    """Time each in turns, in processes of their own, on the processors that this one may use."""
    threads = len(os.sched_getaffinity(0))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        files = files_of_every_syntax(Path(folder), a_radiograph())
        for each in asked:
            found += _beside(Path(folder) / "case", each, files[each.kind], rounds, threads)
    return found


def _beside(folder: Path, asked: Asked, file: Path, rounds: int, threads: int) -> list[Timed]:
    shutil.rmtree(folder, ignore_errors=True)
    model, given = folder / "model", folder / "input"
    _export(model, asked)
    _lay_out(given, file, asked.n_images)
    arrays = folder / "arrays.npy"
    np.save(arrays, _decoded(file, asked))
    whole, alone = [], []
    for _ in range(rounds):
        output = folder / "predictions.csv"
        whole.append(_timed(_WHOLE, model, given, output, threads))
        assert len(output.read_text().splitlines()) == asked.n_images + 1
        alone.append(_timed(_ALONE, model, arrays, threads))
    work = (
        f"{asked.network}, {asked.size} pixels, {asked.n_images} images, {asked.kind}, "
        f"{threads} processors"
    )
    (wall, cpu), (least_wall, least_cpu) = (
        np.median(times, axis=0).tolist() for times in (whole, alone)
    )
    share = f"wall {least_wall / wall:.2f}, CPU {least_cpu / cpu:.2f} of the limit's speed"
    return [
        Timed(work, OURS, "", wall, cpu, rounds, share),
        Timed(work, LIMIT, "", least_wall, least_cpu, rounds),
    ]


def _export(model: Path, asked: Asked) -> None:
    """A network with its first weights: the time of a run does not depend on them."""
    import torch

    from baselines.model_card import CARD
    from baselines.networks import registry
    from baselines.packaging.onnx import OPSET
    from baselines.targets import ONE_PROBABILITY

    model.mkdir(parents=True)
    torch.manual_seed(0)
    network = registry.Calibrated(registry.build(asked.network), ONE_PROBABILITY).eval()
    shapes = {"images": {0: torch.export.Dim("batch")}}
    program = torch.onnx.export(
        network,
        (torch.zeros(2, 1, asked.size, asked.size),),
        input_names=["images"],
        output_names=["probability"],
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes=shapes,
        verbose=False,
    )
    assert program is not None
    (model / "model.onnx").write_bytes(program.model_proto.SerializeToString())
    (model / CARD).write_text(json.dumps({"size": asked.size, "prevalence": 0.5}))


def _lay_out(given: Path, file: Path, n_images: int) -> None:
    lines = ["case_id"]
    for number in range(n_images):
        case = given / "images" / f"{number:05d}"
        case.mkdir(parents=True)
        os.link(file, case / "0.dcm")
        lines.append(case.name)
    (given / "cases.csv").write_text("\n".join(lines) + "\n")


def _decoded(file: Path, asked: Asked) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    from baselines.container.images import model_input

    one = model_input(file, asked.size)[np.newaxis, np.newaxis]
    return np.repeat(one, asked.n_images, axis=0)


def _timed(program: str, *given: object) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    _python(program, *given)
    took = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return took, used


def _python(program: str, *given: object) -> None:
    subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        check=True,
    )
