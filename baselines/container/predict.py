"""The program of a model's container: /input/cases.csv to the calibrated outputs of each case.

Needs the standard library, numpy, pydicom with its decoders and onnxruntime; no torch. The score
of a case is the mean over its images. A file that cannot be decoded is left out. A case without
any decodable file gets the mean of the training's targets.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.container import answers
from baselines.container.ahead import ahead

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

MODEL = Path(__file__).resolve().parents[2]
"""In the image the card and the network lie beside this package."""

INPUT, OUTPUT = Path("/input"), Path("/output/predictions.csv")
BATCH, MOST_PIXELS = 16, 16 * 256 * 256
"""Inputs that a network is given at once: fewer of many pixels, for the sake of memory. DenseNet121
takes 2.7 GB for 16 images of 512 x 512 and 1.3 GB for 4, in the same time an image."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cpu_limit(control_group: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Give the number of whole CPUs that this process may use, at least 1."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = control_group.read_text(encoding="ascii").split()
        return max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):  # another control group version, or "max"
        return allowed


def limit_threads(threads: int) -> None:
    """Hold numpy's libraries to ``threads``; they read it when they are first imported."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(threads))


def open_session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    """Load the network of a model directory to run on ``threads`` threads."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it looks when it is imported, and never again
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(model / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )


def predict(model: Path, directory: Path, output: Path, threads: int) -> int:
    """Score the cases of ``directory`` with the model directory ``model``; give their number."""
    session = open_session(model, threads)

    def scored(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        (outputs,) = session.run(None, {"images": pixels})
        return outputs

    return predict_with(scored, model, directory, output, threads)


def predict_with(
    scored: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    model: Path,
    directory: Path,
    output: Path,
    threads: int = 1,
) -> int:
    """As :func:`predict`, with what gives the outputs of a batch of images or volumes."""
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    kind, names, defaults = answers.outputs_of(card)
    case_ids = [row["case_id"] for row in answers.read_cases(directory)]
    totals = {case_id: [0.0] * len(names) for case_id in case_ids}
    counts = dict.fromkeys(case_ids, 0)
    for owners, pixels in _batches(inputs_of(case_ids, directory, card, threads), at_once(card)):
        outputs = scored(pixels).reshape(len(owners), len(names)).tolist()
        for case_id, values in zip(owners, outputs, strict=True):
            totals[case_id] = [a + b for a, b in zip(totals[case_id], values, strict=True)]
            counts[case_id] += 1
    rows = {
        case_id: [total / counts[case_id] for total in totals[case_id]]
        if counts[case_id]
        else defaults
        for case_id in case_ids
    }
    answers.write_predictions(output, names, rows, kind)
    return len(case_ids)


def at_once(card: Mapping[str, Any]) -> int:
    """How many inputs of a card's size a network is given at once."""
    pixels = int(card["size"]) ** 2 * max(1, int(card.get("depth") or 0))
    return max(1, min(BATCH, MOST_PIXELS // pixels))


def inputs_of(
    case_ids: list[str], directory: Path, card: Mapping[str, Any], threads: int = 1
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Go through what the network sees, case by case; what cannot be read is left out, and said.

    Images (size, size), or volumes (depth, size, size) where the card has a depth. ``threads`` read
    ahead of the network.
    """

    def reads() -> Iterator[Callable[[], tuple[str, NDArray[np.float32] | None]]]:
        for case_id in case_ids:
            files = sorted((directory / "images" / case_id).glob("*.dcm"))
            for read in _readings(files, card):
                yield partial(_tried, case_id, read)

    for case_id, pixels in ahead(reads(), threads, 2 * BATCH):
        if pixels is not None:
            yield case_id, pixels


def _tried(
    case_id: str, read: Callable[[], NDArray[np.float32]]
) -> tuple[str, NDArray[np.float32] | None]:
    """What ``read`` gives; None of what cannot be read, which is said."""
    from cohort_selection.pixels.intensities import UnreadableImage

    try:
        return case_id, read()
    except UnreadableImage as error:
        sys.stderr.write(f"left out: {error}\n")
        return case_id, None


def _readings(
    files: list[Path], card: Mapping[str, Any]
) -> Iterator[Callable[[], NDArray[np.float32]]]:
    """What to call for each image of a case, or for its one volume."""
    size = int(card["size"])
    if card.get("depth"):
        from baselines.container.volumes import model_volume

        yield partial(model_volume, files, size)
        return
    from baselines.container.images import model_input

    for file in files:
        yield partial(model_input, file, size)


def _batches(
    inputs: Iterator[tuple[str, NDArray[np.float32]]], number: int
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Stack what comes, with an axis for the one channel."""
    import numpy as np

    while chunk := list(islice(inputs, number)):
        yield (
            [owner for owner, _ in chunk],
            np.stack([pixels for _, pixels in chunk])[:, np.newaxis],
        )


def main() -> None:
    """Run over the mounted cases, with the model that the image holds."""
    threads = cpu_limit()
    limit_threads(threads)
    n_cases = predict(MODEL, INPUT, OUTPUT, threads)
    sys.stderr.write(f"scored {n_cases} cases\n")


def check() -> None:
    """Load all that a run needs: a build that lacks something ends here."""
    refuse_missing_decoders()
    open_session(MODEL, cpu_limit())


def refuse_missing_decoders() -> None:
    """End the program where pictures of some kind could not be decoded in this image."""
    import baselines.container.images  # noqa: F401 - numpy and pydicom
    from cohort_selection.pixels.intensities import undecodable

    if missing := undecodable():
        sys.exit(
            f"no decoder in this image for {', '.join(missing)}; "
            "install imagecodecs, and pylibjpeg with its decoders openjpeg and rle"
        )
