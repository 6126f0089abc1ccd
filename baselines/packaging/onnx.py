"""Exports a trained network to ONNX and compares the probabilities."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.container.predict import open_session
from baselines.examples import generator, read_examples
from baselines.model_card import (
    ONNX,
    WEIGHTS,
    Card,
    ModelDirectoryError,
    calibrations_of,
    read_card,
    task_of,
)
from baselines.networks import registry
from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import read_open

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
TOLERANCE = 1e-5
N_CHECKED = 32
_REMARKS = ("metadata_props", "doc_string")
"""Where torch's exporter notes the Python stack of each operation, with the researcher's folders;
in a small network this is a third of the file."""


class ExportDiffers(ValueError):
    """The exported model does not give the probabilities of the trained one."""


def load(directory: Path) -> tuple[registry.Calibrated, Card]:
    """Read a model directory: the calibrated network in evaluation mode, and its card.

    Raises ModelDirectoryError.
    """
    card = read_card(directory)
    task = task_of(card)
    network = registry.build(card.network, task)
    try:
        network.load_state_dict(torch.load(directory / WEIGHTS, weights_only=True))
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        raise ModelDirectoryError(
            f"{directory / WEIGHTS} does not hold the weights of {card.network} "
            f"({type(error).__name__}); train the model again"
        ) from error
    return registry.Calibrated(network, task, calibrations_of(card)).eval(), card


def export(directory: Path, cases_to_check: tuple[Case, ...] = ()) -> float:
    """Write ``model.onnx`` into a model directory; give the largest difference found.

    The probabilities of onnxruntime and torch are compared on the images of up to 32
    ``cases_to_check``, or on generated images where none are given, at batches of 1 and of all.
    Raises ExportDiffers above 1e-5, ModelDirectoryError.
    """
    model, card = load(directory)
    images = _images(card, cases_to_check)
    example = torch.from_numpy(images[:2])
    with _quiet():
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["images"],
            output_names=["probability"],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    assert program is not None  # as it is where no file is named
    network = program.model_proto
    forget_origin(network)
    write_bytes(directory / ONNX, network.SerializeToString())
    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).numpy()
    session = open_session(directory, threads=1)
    together = session.run(None, {"images": images})[0]
    alone = np.concatenate([session.run(None, {"images": one[np.newaxis]})[0] for one in images])
    difference = float(max(np.abs(together - expected).max(), np.abs(alone - expected).max()))
    if not difference <= TOLERANCE:
        raise ExportDiffers(
            f"{directory / ONNX} differs from the trained network by {difference:.2g} on "
            f"{len(images)} images; at most {TOLERANCE:g} is allowed, so do not use it"
        )
    return difference


def forget_origin(part: ModelProto) -> None:
    """Remove the exporter's remarks from a network, or from a part of one, in place.

    What it computes stays the same.
    """
    for field, value in part.ListFields():
        if field.name in _REMARKS:
            part.ClearField(field.name)
        elif hasattr(value, "ListFields"):
            forget_origin(value)
        elif field.message_type is not None:
            for each in value:
                forget_origin(each)


def read_checked(open_csv: Path) -> tuple[Case, ...]:
    """Take the first cases of the open list, to check an export on."""
    return tuple(islice(read_open(open_csv), N_CHECKED))


def _images(card: Card, cases: tuple[Case, ...]) -> NDArray[np.float32]:
    """Give images (n, 1, size, size): real ones of ``cases``, else generated."""
    if cases:
        images = read_examples(cases[:N_CHECKED], card.size).images[:, np.newaxis]
        return np.concatenate([images, images]) if len(images) < 2 else images
    random = generator(card.seed, "export")
    return random.random((N_CHECKED, 1, card.size, card.size), dtype=np.float32)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's own progress lines and notices about itself off the console."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        try:
            yield
        finally:
            logger.setLevel(level)
