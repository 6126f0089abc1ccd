"""`sequestra index`: parse, call, print."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from evaluator import option_values
from evaluator.screen import console
from evaluator.terminal import printing

_HOME = Path("sequestra-home")


def index(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder of DICOM files or of an archive, address of a DICOMweb server, "
            "or JSON manifest of a Gen3 download."
        ),
    ],
    clinical: Annotated[
        list[Path],
        typer.Option(help="Clinical table: CSV, TSV, .gz, .xlsx or Parquet; may be repeated."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Catalog folder to write.")],
    loinc_map: Annotated[
        list[Path] | None,
        typer.Option(help="Table of LOINC codes, or of their attributes; may be repeated."),
    ] = None,
    benchmark: Annotated[
        Path | None,
        typer.Option(
            "--benchmark",
            "-b",
            help="TOML file of a benchmark, for its table 'clinical.columns'.",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Name a field's column, as patient='Patient ID'; may be repeated."),
    ] = None,
    fhir: Annotated[
        list[Path] | None,
        typer.Option(help="ImagingStudy and Patient of FHIR, JSON or NDJSON; may be repeated."),
    ] = None,
    downloads: Annotated[
        Path | None,
        typer.Option(help="Folder that gen3-client filled (default: that of the manifest)."),
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First study date to ask a server for."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--until", formats=["%Y-%m-%d"], help="Last study date to ask a server for."),
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="PEM file of the authority of a server's certificate.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder to keep what is fetched or laid out (default: in the home)."),
    ] = None,
    home: Annotated[
        Path, typer.Option(envvar="SEQUESTRA_HOME", help="Folder of the installation.")
    ] = _HOME,
) -> None:
    """Read DICOM headers and clinical tables into a catalog.

    Bad files go to quarantine. A second run reads new and changed files only.
    """
    from cohort_selection.catalog.catalog import read_quarantine
    from cohort_selection.loinc.loinc_map import read_loinc_map
    from evaluator.benchmark.specification import read_clinical_columns
    from evaluator.indexing import Place
    from evaluator.indexing import index as read_commons

    columns = read_clinical_columns(benchmark) if benchmark is not None else {}
    place = Place(
        source=source,
        home=home,
        store=store,
        downloads=downloads,
        first=first.date() if first else None,
        last=last.date() if last else None,
        authorities=ca_file,
    )
    with printing.acts() as tick:
        indexed = read_commons(
            place,
            clinical,
            output,
            columns=columns | option_values.pairs(column or []),
            fhir=fhir or (),
            loinc_map=read_loinc_map(*loinc_map) if loinc_map else None,
            progress=tick,
        )
    console.print(printing.indexed(indexed, output, read_quarantine(output)))
