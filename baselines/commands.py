"""The researcher's commands: train, export, package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from submissions.host.extras import need

app = typer.Typer(no_args_is_help=True)
console = Console(markup=False, emoji=False, soft_wrap=True)

PANEL = "Researcher: train, check, submit"
"""Where the help of the whole command line lists these commands."""

OpenList = Annotated[
    Path, typer.Argument(help="The open part: CSV of case_id, patient_id, label, files.")
]
Model = Annotated[Path, typer.Argument(help="Model directory written by `sequestra train`.")]


@app.command(rich_help_panel=PANEL)
def train(
    open_csv: OpenList,
    output: Annotated[Path, typer.Option(help="Model directory to write.")] = Path("model"),
    network: Annotated[
        str, typer.Option(help="densenet-small, densenet121 or radiomics.")
    ] = "densenet-small",
    epochs: Annotated[int, typer.Option(help="Largest number of passes.")] = 16,
    size: Annotated[int, typer.Option(help="Pixels of each side.")] = 96,
    batch: Annotated[int, typer.Option(help="Images in a step.")] = 32,
    learning_rate: Annotated[
        float, typer.Option(help="Largest step of the one-cycle rule.")
    ] = 3e-3,
    seed: Annotated[int, typer.Option(help="Same seed, same model.")] = 0,
    validation_share: Annotated[
        float, typer.Option(help="Share of the patients for validation.")
    ] = 0.25,
    patience: Annotated[
        int, typer.Option(help="Stop after this number of epochs without a better AUROC.")
    ] = 8,
    threads: Annotated[int, typer.Option(help="Threads; more are faster on an idle machine.")] = 1,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="MLflow store; without it, MLFLOW_TRACKING_URI or mlflow.db beside the model."
        ),
    ] = None,
) -> None:
    """Train a MONAI network on the open part, calibrate it and track the run in MLflow."""
    need("baselines", "`sequestra train`")
    with _counting() as progress:
        from baselines.training import train as training

        settings = training.Settings(
            network, epochs, size, batch, learning_rate, seed, validation_share, patience, threads
        )
        card = training.train(
            open_csv, output, settings, tracking_uri=tracking_uri, progress=progress
        )
    console.print(f"{output}: validation AUROC {card.validation_auroc:.3f} ({card.seconds:.0f} s)")
    console.print(f"threshold {card.threshold:.6f} (Youden, validation part)")


@app.command(rich_help_panel=PANEL)
def export(
    model: Model,
    check_on: Annotated[
        Path | None, typer.Option(help="Open list with the images on which the export is checked.")
    ] = None,
) -> None:
    """Write the model as ONNX and prove that it gives the same probabilities."""
    need("baselines", "`sequestra export`")
    with console.status("loading torch"):
        from baselines.packaging import onnx as exporting

    with console.status("exporting"):
        cases = exporting.read_checked(check_on) if check_on else ()
        difference = exporting.export(model, cases)
    console.print(f"{model / 'model.onnx'}: largest difference from torch {difference:.1g}")


@app.command(rich_help_panel=PANEL)
def package(
    tag: Annotated[str, typer.Option(help="Name of the image, e.g. team/model:1.")],
    model: Annotated[Path | None, typer.Option(help="Exported model directory.")] = None,
    prevalence: Annotated[
        Path | None, typer.Option(help="Open list: build the constant model from it instead.")
    ] = None,
) -> None:
    """Build the container image of a model, or of the constant model."""
    with console.status("packaging") as status:
        from baselines.packaging import image as packaging

        packaged = packaging.package(
            tag, model=model, prevalence_of=prevalence, progress=status.update
        )
    console.print(f"{packaged.tag}\n{packaged.digest}")
    console.print(f"declare the threshold {packaged.threshold:.6f} when you submit it")


@contextmanager
def _counting() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar that moves by (what, done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        tasks = {"reading": bars.add_task("reading images", total=None)}

        def show(what: str, done: int, total: int) -> None:
            stage = what.split()[0]
            if stage not in tasks:
                tasks[stage] = bars.add_task(what, total=total)
            bars.update(tasks[stage], description=what, completed=done, total=total)

        yield show
