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

OpenList = Annotated[Path, typer.Argument(help="List of the open part.")]
Model = Annotated[Path, typer.Argument(help="Folder that `sequestra train` wrote.")]


@app.command(rich_help_panel=PANEL)
def train(
    open_csv: OpenList,
    output: Annotated[Path, typer.Option(help="Folder to write.")] = Path("model"),
    network: Annotated[
        str, typer.Option(help="Network: densenet-small, densenet121 or radiomics.")
    ] = "densenet-small",
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
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="MLflow store (default: MLFLOW_TRACKING_URI, or mlflow.db beside the model)."
        ),
    ] = None,
) -> None:
    """Train and calibrate a network on the open part; track it in MLflow."""
    need("baselines", "`sequestra train`")
    with _counting() as progress:
        from baselines.training import train as training

        settings = training.Settings(
            network=network,
            epochs=epochs,
            size=size,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            validation_share=validation_share,
            patience=patience,
            threads=threads,
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
        Path | None, typer.Option(help="List of open cases on which the export is checked.")
    ] = None,
) -> None:
    """Write the model as ONNX and check that its probabilities are the same."""
    need("baselines", "`sequestra export`")
    with console.status("loading torch"):
        from baselines.packaging import onnx as exporting

    with console.status("exporting"):
        cases = exporting.read_checked(check_on) if check_on else ()
        difference = exporting.export(model, cases)
    console.print(f"{model / 'model.onnx'}: largest difference from torch {difference:.1g}")


@app.command(rich_help_panel=PANEL)
def package(
    tag: Annotated[str, typer.Option(help="Name of the image, as team/model:1.")],
    model: Annotated[Path | None, typer.Option(help="Folder of an exported model.")] = None,
    prevalence: Annotated[
        Path | None, typer.Option(help="List of open cases: package the constant model instead.")
    ] = None,
) -> None:
    """Package a model as a container image."""
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
