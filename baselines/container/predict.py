"""The program of a model's container: /input/cases.csv to one calibrated probability a case.

Needs the standard library, numpy, pydicom with its decoders and onnxruntime; no torch. The score
of a case is the mean over its images. A file that cannot be decoded is left out. A case without
any decodable file gets the prevalence that the model was trained at.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

MODEL = Path(__file__).resolve().parents[2]
"""In the image the card and the network lie beside this package."""

INPUT, OUTPUT = Path("/input"), Path("/output/predictions.csv")
BATCH = 16
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


def images_of(case_ids: list[str], directory: Path) -> Iterator[tuple[str, Path]]:
    """Go through all images, case by case."""
    for case_id in case_ids:
        for path in sorted((directory / "images" / case_id).glob("*.dcm")):
            yield case_id, path


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
    import numpy as np

    from baselines.container.images import model_input
    from cohort_selection.pixels.intensities import UnreadableImage

    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    with (directory / "cases.csv").open(newline="", encoding="utf-8") as table:
        case_ids = [row["case_id"] for row in csv.DictReader(table)]
    totals = dict.fromkeys(case_ids, 0.0)
    counts = dict.fromkeys(case_ids, 0)
    images = images_of(case_ids, directory)
    while chunk := list(islice(images, BATCH)):
        owners, pixels = [], []
        for case_id, path in chunk:
            try:
                pixels.append(model_input(path, card["size"]))
                owners.append(case_id)
            except UnreadableImage as error:
                sys.stderr.write(f"left out: {error}\n")
        if pixels:
            (probabilities,) = session.run(None, {"images": np.stack(pixels)[:, np.newaxis]})
            for case_id, probability in zip(owners, probabilities.tolist(), strict=True):
                totals[case_id] += probability
                counts[case_id] += 1
    with output.open("w", newline="", encoding="utf-8") as table:
        table.write("case_id,probability\n")
        for case_id in case_ids:
            seen = counts[case_id]
            score = totals[case_id] / seen if seen else card["prevalence"]
            table.write(f"{case_id},{score:.6f}\n")
    return len(case_ids)


def main() -> None:
    """Run over the mounted cases, with the model that the image holds."""
    threads = cpu_limit()
    limit_threads(threads)
    n_cases = predict(MODEL, INPUT, OUTPUT, threads)
    sys.stderr.write(f"scored {n_cases} cases\n")


def check() -> None:
    """Load all that a run needs: a build that lacks something ends here."""
    import baselines.container.images  # noqa: F401 - numpy and pydicom
    from cohort_selection.pixels.intensities import undecodable

    if missing := undecodable():
        sys.exit(
            f"no decoder in this image for {', '.join(missing)}; "
            "install imagecodecs, and pylibjpeg with its decoders openjpeg and rle"
        )
    open_session(MODEL, cpu_limit())
