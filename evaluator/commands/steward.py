"""The steward's commands that build a test cohort, one function each: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluator import option_values
from evaluator.commands.catalog.index import index
from evaluator.commands.options import (
    HOME,
    STEWARD,
    AcceptLookAlikes,
    AcceptShortcuts,
    BenchmarkName,
    CatalogFolder,
    Home,
    Look,
    file_to_write,
)
from evaluator.screen import console, styled
from evaluator.terminal import printing

app = typer.Typer()


@app.command(rich_help_panel=STEWARD)
def simulate(
    output: Annotated[Path, typer.Argument(help="Folder to write.")],
    patients: Annotated[int, typer.Option(min=10, help="Number of patients.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same commons.")] = 1,
    lesions: Annotated[
        bool, typer.Option("--lesions", help="Draw lesions, with outlines.")
    ] = False,
    shortcut: Annotated[
        float, typer.Option(help="Share of studies whose label chooses the scanner, 0 to 1.")
    ] = 0.0,
    modality: Annotated[
        option_values.Simulated, typer.Option(help="DX for radiographs, CT for volumes.")
    ] = option_values.Simulated.DX,
) -> None:
    """Make a commons of simulated chest radiographs or CT volumes of four sites."""
    from cohort_selection.commons.simulation import simulate as write_commons

    with printing.progress("simulating patients") as tick:
        commons = write_commons(
            output,
            patients=patients,
            seed=seed,
            modality=modality,
            lesions=lesions,
            shortcut=shortcut,
            progress=tick,
        )
    console.print(printing.simulated(commons))


@app.command("import-images", rich_help_panel=STEWARD)
def import_images(
    directory: Annotated[Path, typer.Argument(help="Folder of PNG or JPEG images.")],
    metadata: Annotated[Path, typer.Option(help="Table with a row for each image or finding.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    modality: Annotated[
        option_values.Modality, typer.Option(help="Modality of the images.")
    ] = option_values.Modality.DX,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Name a field's column, as patient='Patient ID'; may be repeated."),
    ] = None,
) -> None:
    """Make a commons from PNG or JPEG images and a table."""
    from cohort_selection.commons.conversion import import_images as convert

    columns = option_values.pairs(column or [])
    with printing.progress("converting images") as tick:
        commons = convert(
            directory, metadata, output, modality=modality.value, columns=columns, progress=tick
        )
    console.print(printing.imported(commons))
    for note in commons.notes:
        console.print(styled(note))


app.command(rich_help_panel=STEWARD)(index)


@app.command(rich_help_panel=STEWARD)
def sequester(
    benchmark: Annotated[Path, typer.Argument(help="TOML file of the benchmark.")],
    catalog: CatalogFolder,
    open_list: Annotated[
        Path, file_to_write("--open", help="CSV to write: the list of the open part.", parents=True)
    ],
    flow: Annotated[
        Path | None,
        file_to_write(help="SVG to write: the flow diagram of the rules."),
    ] = None,
    batch: Annotated[str, typer.Option(help="Name of this batch of new patients.")] = "",
    home: Home = HOME,
) -> None:
    """Split the patients into an open and a sequestered part."""
    from cohort_selection.atomic_files import write_bytes
    from cohort_selection.eligibility.flow_diagram import flow_svg
    from evaluator.benchmark.specification import read_benchmark
    from evaluator.steward import steward
    from evaluator.stores.installation import Installation

    split = steward.sequester(
        Installation(home), read_benchmark(benchmark), catalog, open_list, batch=batch
    )
    if flow is not None:
        write_bytes(flow, flow_svg(split.flow).encode())
    console.print(printing.sequestered(split, open_list))


@app.command(rich_help_panel=STEWARD)
def match(
    benchmark: BenchmarkName,
    catalog: CatalogFolder,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what can be reached; draw nobody.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Draw a test cohort that matches the target population."""
    from evaluator.steward import steward
    from evaluator.steward.planned_study import planned_draw
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    of = installation.benchmark(benchmark)
    if plan:
        console.print(printing.prospect(steward.foresee(installation, of, catalog)))
        console.print(planned_draw(installation, of, catalog))
    else:
        console.print(printing.matched(steward.match(installation, of, catalog)))


@app.command(rich_help_panel=STEWARD)
def seal(
    benchmark: BenchmarkName,
    catalog: CatalogFolder,
    look: Look = True,
    accept_shortcuts: AcceptShortcuts = "",
    accept_look_alikes: AcceptLookAlikes = "",
    home: Home = HOME,
) -> None:
    """Check the cohort for leaks, de-identify it and seal it."""
    from evaluator.steward import steward
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    with printing.acts() as tick:
        sealed = steward.seal_cohort(
            installation,
            installation.benchmark(benchmark),
            catalog,
            look=look,
            accepted=steward.Accepted(accept_shortcuts, accept_look_alikes),
            progress=tick,
        )
    console.print(printing.sealed(sealed))


@app.command(rich_help_panel=STEWARD)
def card(
    benchmark: BenchmarkName,
    catalog: CatalogFolder,
    output: Annotated[Path, file_to_write("--output", "-o", help="HTML file to write.")],
    json_file: Annotated[Path | None, file_to_write("--json", help="JSON to write.")] = None,
    text: Annotated[
        bool, typer.Option("--text/--no-text", help="Look for text in the pixels.")
    ] = True,
    suspects: Annotated[
        Path | None, file_to_write(help="CSV to write: images that seem to have text.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Write a page that describes a matched or sealed cohort."""
    from cohort_selection.atomic_files import write_bytes
    from cohort_selection.representativeness.card import card_json
    from cohort_selection.representativeness.card_page import render_card
    from evaluator.steward.card import draw_card
    from evaluator.stores.installation import Installation

    if suspects is not None and not text:
        raise option_values.OptionError(
            "--suspects lists the files that look as if they had text, and --no-text looks for "
            "none; leave one of the two out"
        )
    installation = Installation.existing(home)
    with printing.acts() as tick:
        drawn = draw_card(
            installation,
            installation.benchmark(benchmark),
            catalog,
            text=text,
            suspects_list=suspects,
            progress=tick,
        )
    write_bytes(output, render_card(drawn).encode())
    if json_file is not None:
        write_bytes(json_file, card_json(drawn).encode())
    console.print(f"wrote {output}")


@app.command(rich_help_panel=STEWARD)
def representativeness(
    table: Annotated[
        Path,
        typer.Argument(help="Table of patients, or of attribute,level,count."),
    ],
    other: Annotated[Path, typer.Argument(help="The same for the other population.")],
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="Column to compare; may be repeated (default: all in common)."),
    ] = None,
    age_bands: Annotated[
        str, typer.Option(help="Lower bounds of the age groups.")
    ] = "0,18,30,40,50,65,75,85",
) -> None:
    """Compare two populations, beside what chance alone would give."""
    from cohort_selection.representativeness import population

    bands = option_values.whole_numbers(age_bands, "--age-bands")
    one, two = (population.read_population(path, bands) for path in (table, other))
    names = population.common_attributes(one, two, attribute or [])
    console.print(printing.distances(population.compare_populations(one, two, names)))


@app.command(rich_help_panel=STEWARD)
def verify(benchmark: BenchmarkName, home: Home = HOME) -> None:
    """Check that a sealed cohort and the audit chain are unchanged."""
    from cohort_selection.sealing.cohort import verify as check_cohort
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    cohort = installation.enclave().cohort(benchmark)
    problems = [*check_cohort(cohort), *installation.ledger().chain.problems()]
    console.print(printing.verified(cohort, problems))
    raise typer.Exit(1 if problems else 0)


@app.command("open-part", rich_help_panel=STEWARD)
def open_part(
    open_list: Annotated[Path, typer.Argument(help="List that `sequestra sequester` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
) -> None:
    """Copy the open part for researchers, without names of patients."""
    from cohort_selection.sequestration.open_part import copy_open_part
    from evaluator.terminal import dry_run

    with printing.progress("copying cases") as tick:
        copy = copy_open_part(open_list, output, progress=tick)
    console.print(dry_run.copied(copy), soft_wrap=True)
