"""Exports a trained network to ONNX, or for torch, and compares the outputs."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from baselines.container.predict import open_session
from baselines.container.predict_torch import load as load_program
from baselines.examples import generator, read_examples
from baselines.ladder import LADDER
from baselines.model_card import (
    ONNX,
    TABLE,
    TORCH,
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

    Of a baseline that reads a table the network takes encoded features (n, n_features). Raises
    ModelDirectoryError.
    """
    card = read_card(directory)
    task = task_of(card)
    network = (
        _linear(directory, card) if _reads_a_table(card) else registry.build(card.network, task)
    )
    if not _reads_a_table(card):
        try:
            network.load_state_dict(torch.load(directory / WEIGHTS, weights_only=True))
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            raise ModelDirectoryError(
                f"{directory / WEIGHTS} does not hold the weights of {card.network} "
                f"({type(error).__name__}); train the model again"
            ) from error
    return registry.Calibrated(network, task, calibrations_of(card)).eval(), card


def _reads_a_table(card: Card) -> bool:
    return card.baseline in LADDER and not LADDER[card.baseline].sees_pixels


def _linear(directory: Path, card: Card) -> nn.Module:
    """The regression of a table as one layer in double precision."""
    if card.baseline == "prevalence":
        raise ModelDirectoryError(
            f"{directory} holds the constant model, which has no network to export; package it"
        )
    table = json.loads((directory / TABLE).read_text(encoding="utf-8"))
    weights = torch.tensor(table["weights"], dtype=torch.float32)
    layer = nn.Linear(weights.shape[1], weights.shape[0])
    layer.load_state_dict({"weight": weights, "bias": torch.tensor(table["intercepts"])})
    return layer


def export(
    directory: Path, cases_to_check: tuple[Case, ...] = (), *, flavour: str = "onnx"
) -> float:
    """Write ``model.onnx`` into a model directory; give the largest difference found.

    The flavour "torch" writes ``model.pt2`` instead, a program of ``torch.export``. The outputs
    are compared with torch's on the images of up to 32 ``cases_to_check``, or on generated ones
    where none are given, at batches of 1 and of all. Raises ExportDiffers, ModelDirectoryError.
    """
    model, card = load(directory)
    inputs = _inputs(model, card, cases_to_check)
    with torch.inference_mode():
        expected = model(torch.from_numpy(inputs)).numpy()
    if flavour == "torch":
        written, run = directory / TORCH, _exported_for_torch(model, directory, inputs)
    else:
        written, run = directory / ONNX, _exported(model, card, directory, inputs)
    alone = np.concatenate([run(one[np.newaxis]) for one in inputs])
    difference = float(max(np.abs(run(inputs) - expected).max(), np.abs(alone - expected).max()))
    scale = max(1.0, float(np.abs(expected).max()))  # a grade or a score is no probability
    if not difference <= TOLERANCE * scale:
        raise ExportDiffers(
            f"{written} differs from the trained network by {difference:.2g} on {len(inputs)} "
            f"inputs; at most {TOLERANCE * scale:g} is allowed, so do not use it"
        )
    return difference


_Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def _exported(model: nn.Module, card: Card, directory: Path, arrays: NDArray[np.float32]) -> _Run:
    """Write ``model.onnx``, and give what runs it."""
    name = "features" if _reads_a_table(card) else "images"
    with _quiet():
        program = torch.onnx.export(
            model,
            (torch.from_numpy(arrays[:2]),),
            input_names=[name],
            output_names=["probability" if card.kind == "binary" else "outputs"],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    assert program is not None  # as it is where no file is named
    network = program.model_proto
    forget_origin(network)
    write_bytes(directory / ONNX, network.SerializeToString())
    session = open_session(directory, threads=1)
    return lambda inputs: session.run(None, {name: inputs})[0]


def _exported_for_torch(model: nn.Module, directory: Path, inputs: NDArray[np.float32]) -> _Run:
    """Write ``model.pt2``, and give what runs it as the container does."""
    shapes = {"images": {0: torch.export.Dim("batch")}}
    # The file holds its example, so that may be no picture of a patient.
    example = torch.zeros((2, *inputs.shape[1:]))
    program = torch.export.export(model, (example,), dynamic_shapes=shapes, strict=False)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # has the researcher's folders
        node.meta.pop("nn_module_stack", None)
    content = io.BytesIO()
    torch.export.save(program, content)
    write_bytes(directory / TORCH, content.getvalue())
    return load_program(directory, "cpu")


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


def _inputs(model: registry.Calibrated, card: Card, cases: tuple[Case, ...]) -> NDArray[np.float32]:
    """Give inputs of a network: images (n, 1, ...) of ``cases``, else generated."""
    random = generator(card.seed, "export")
    if _reads_a_table(card):
        n_features = model.network.get_parameter("weight").shape[1]
        return random.normal(size=(N_CHECKED, n_features)).astype(np.float32)
    if cases and not card.depth:
        images = read_examples(cases[:N_CHECKED], card.size).images[:, np.newaxis]
        return np.concatenate([images, images]) if len(images) < 2 else images
    shape = (card.depth, card.size, card.size) if card.depth else (card.size, card.size)
    return random.random((N_CHECKED, 1, *shape), dtype=np.float32)


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
