"""The researcher's commands: train, export, package."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from baselines.ladder import LADDER, rung

if TYPE_CHECKING:
    from baselines.asked import Asked
    from baselines.model_card import Card

app = typer.Typer(no_args_is_help=True)
console = Console(markup=False, emoji=False, soft_wrap=True)

PANEL = "Researcher: train, check, submit"
"""Where the help of the whole command line lists these commands."""

FLAVOURS = ("onnx", "torch")

OpenList = Annotated[Path, typer.Argument(help="List of the open part.")]
Model = Annotated[Path, typer.Argument(help="Folder that `sequestra train` wrote.")]


@app.command(rich_help_panel=PANEL)
def train(
    open_csv: OpenList,
    output: Annotated[Path, typer.Option(help="Folder to write.")] = Path("model"),
    baseline: Annotated[
        str | None, typer.Option(help=f"Baseline: {', '.join(LADDER)} (default: densenet).")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="Network in place of the baseline's own, as densenet121."),
    ] = None,
    benchmark: Annotated[
        Path | None,
        typer.Option(help="TOML file of the benchmark: kind of task, outputs, visible attributes."),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="Attribute that demographics sees; may be repeated (default: all)."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Largest number of epochs.")] = 16,
    size: Annotated[int, typer.Option(help="Width and height of an image in pixels.")] = 96,
    batch: Annotated[int, typer.Option(help="Images in a batch.")] = 32,
    learning_rate: Annotated[
        float, typer.Option(help="Largest learning rate of the one-cycle schedule.")
    ] = 3e-3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    validation_share: Annotated[
        float, typer.Option(help="Share of the patients for validation.")
    ] = 0.25,
    patience: Annotated[
        int, typer.Option(help="Epochs without a better AUROC before training stops.")
    ] = 8,
    threads: Annotated[int, typer.Option(help="Number of threads.")] = 1,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that read images; changes no result (default: 0, up to 8 beside a GPU)."
        ),
    ] = -1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, or float16 on a GPU.")
    ] = "float32",
    compile_: Annotated[
        bool, typer.Option("--compile", help="Try torch.compile, which pays in long trainings.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="File of pretrained weights of the same network.")
    ] = None,
    imbalance: Annotated[
        str,
        typer.Option(
            help="Rare findings: weight them in the loss, sample both sides alike, or none."
        ),
    ] = "weight",
    calibration: Annotated[
        str, typer.Option(help="platt, temperature, isotonic or none; on the validation part.")
    ] = "platt",
    sensitivity: Annotated[
        float | None,
        typer.Option(help="Sensitivity wanted at the threshold (default: Youden's threshold)."),
    ] = None,
    target_prevalence: Annotated[
        float | None,
        typer.Option(
            help="Share of positive cases that probabilities are for (default: the benchmark's)."
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of decoded pixels, shared by trainings (default: pixels)."),
    ] = None,
    pixel_bits: Annotated[int, typer.Option(help="Bits kept of a pixel, 8 or 16.")] = 16,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="Minutes between checkpoints within an epoch.")
    ] = 10.0,
    resume: Annotated[bool, typer.Option(help="Go on with a training that was stopped.")] = True,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="MLflow store (default: MLFLOW_TRACKING_URI, or mlflow.db beside the model)."
        ),
    ] = None,
) -> None:
    """Train and calibrate a baseline on the open part; networks are tracked in MLflow."""
    from baselines.asked import asked_task
    from baselines.choices import refuse_shares, refuse_word
    from submissions.host.extras import need

    name = baseline or ("densenet" if network is None else "")
    if name:
        refuse_word("baseline", name, (*LADDER,))
    refuse_shares(target_prevalence=target_prevalence)
    if output.exists() and not output.is_dir():
        raise typer.BadParameter(f"{output} is a file; give a folder", param_hint="--output")
    if name not in LADDER or LADDER[name].sees_pixels:
        need("baselines", "`sequestra train`")
    task_asked = asked_task(open_csv, benchmark, attribute)
    chosen = rung(name, task_asked.task) if name else None
    if chosen is not None and not chosen.sees_pixels:
        if network is not None:
            raise typer.BadParameter(
                f"{name} has no network; leave one of both out", param_hint="--network"
            )
        _train_on_table(
            open_csv, output, name, task_asked, validation_share, seed, calibration, sensitivity
        )
        return
    with _counting() as progress:
        from baselines.training import train as training

        settings = training.Settings(
            network=network or (chosen.network if chosen is not None else ""),
            epochs=epochs,
            size=size,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            validation_share=validation_share,
            patience=patience,
            threads=threads,
            workers=workers,
            device=device,
            precision=precision,
            compile=compile_,
            weights=weights,
            imbalance=imbalance,
            calibration=calibration,
            sensitivity=sensitivity,
            target_prevalence=target_prevalence or task_asked.prevalence,
            pixel_bits=pixel_bits,
            checkpoint_minutes=checkpoint_minutes,
        )
        card = training.train(
            open_csv,
            output,
            settings,
            task=task_asked.task,
            tracking_uri=tracking_uri,
            cache=cache,
            resume=resume,
            progress=progress,
            baseline=name,
        )
    if training.writes():
        _tell(output, card, sensitivity)


def _train_on_table(
    open_csv: Path,
    output: Path,
    name: str,
    asked: Asked,
    validation_share: float,
    seed: int,
    calibration: str,
    sensitivity: float | None,
) -> None:
    """Train a baseline that sees no picture; it needs neither torch nor a tracker."""
    with _counting("reading headers" if name == "headers" else "reading") as progress:
        from baselines.tabular import learning

        card = learning.train(
            open_csv,
            output,
            name,
            asked.task,
            attributes=asked.visible,
            validation_share=validation_share,
            seed=seed,
            calibration=calibration,
            sensitivity=sensitivity,
            progress=progress,
        )
    _tell(output, card, sensitivity)


def _tell(output: Path, card: Card, sensitivity: float | None) -> None:
    from baselines.container.answers import ORDINAL
    from baselines.model_card import VALIDATION, task_of
    from baselines.validation_table import score_options

    console.print(f"{output}: validation AUROC {card.validation_auroc:.3f} ({card.seconds:.0f} s)")
    rule = "Youden" if sensitivity is None else f"sensitivity {sensitivity:g}"
    if card.kind != ORDINAL:  # a benchmark of grades says where they are cut
        console.print(f"threshold {card.threshold:.6f} ({rule}, validation part)")
    validation = output / VALIDATION
    if validation.is_file():
        options = score_options(task_of(card))
        console.print(f"whole report: sequestra score {validation} {validation}{options}")


@app.command("send-metrics", rich_help_panel=PANEL)
def send_metrics(
    model: Model,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="MLflow store (default: MLFLOW_TRACKING_URI, or mlflow.db beside the model)."
        ),
    ] = None,
) -> None:
    """Send MLflow what it missed of a training: metrics, card and weights."""
    from baselines.training import tracking
    from submissions.addresses.tracker import configured_tracker, refuse_tracker

    address = tracking_uri or configured_tracker() or tracking.beside(model)
    refuse_tracker(address)
    with console.status("sending"):
        count, run = tracking.send(model, address)
    console.print(f"{run}: {count} metrics sent")


@app.command(rich_help_panel=PANEL)
def export(
    model: Model,
    check_on: Annotated[
        Path | None, typer.Option(help="List of open cases on which the export is checked.")
    ] = None,
    flavour: Annotated[
        str, typer.Option(help="onnx, or torch for an image that runs on GPUs.")
    ] = "onnx",
) -> None:
    """Write the model as ONNX, or for torch, and check that its outputs are the same."""
    from baselines.model_card import ONNX, TORCH
    from submissions.host.extras import need

    _refuse_flavour(flavour)
    need("baselines", "`sequestra export`")
    with console.status("loading torch"):
        from baselines.packaging import onnx as exporting

    with console.status("exporting"):
        cases = exporting.read_checked(check_on) if check_on else ()
        difference = exporting.export(model, cases, flavour=flavour)
    written = TORCH if flavour == "torch" else ONNX
    console.print(f"{model / written}: largest difference from torch {difference:.1g}")


@app.command(rich_help_panel=PANEL)
def package(
    tag: Annotated[str, typer.Option(help="Name of the image, as team/model:1.")],
    model: Annotated[Path | None, typer.Option(help="Folder of an exported model.")] = None,
    prevalence: Annotated[
        Path | None, typer.Option(help="List of open cases: package the constant model instead.")
    ] = None,
    flavour: Annotated[
        str, typer.Option(help="onnx, which needs no torch, or torch, which runs on GPUs.")
    ] = "onnx",
    base: Annotated[
        str | None, typer.Option(help="Image to build on; the torch flavour needs one with torch.")
    ] = None,
) -> None:
    """Package a model as a container image, with its card and its bill of materials."""
    _refuse_flavour(flavour)
    with console.status("packaging") as status:
        from baselines.packaging import image as packaging

        packaged = packaging.package(
            tag,
            model=model,
            prevalence_of=prevalence,
            flavour=flavour,
            base=base,
            progress=status.update,
        )
    console.print(f"{packaged.tag}\n{packaged.digest}")
    if packaged.threshold is not None:
        console.print(f"declare the threshold {packaged.threshold:.6f} when you submit it")


def _refuse_flavour(flavour: str) -> None:
    if flavour not in FLAVOURS:
        raise typer.BadParameter(
            f"it is {flavour!r}; give {' or '.join(FLAVOURS)}", param_hint="--flavour"
        )


@contextmanager
def _counting(first: str = "reading images") -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar that moves by (what, done, total); ``first`` is what comes first."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = TimeElapsedColumn(), TimeRemainingColumn()
    others = os.environ.get("RANK", "0") != "0"  # torchrun started them beside the first
    with Progress(*columns, *times, console=console, disable=others) as bars:
        tasks = {"reading": bars.add_task(first, total=None)}

        def show(what: str, done: int, total: int) -> None:
            stage = what.split()[0]
            if stage not in tasks:
                tasks[stage] = bars.add_task(what, total=total)
            bars.update(tasks[stage], description=what, completed=done, total=total)

        yield show
