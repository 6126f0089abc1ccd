"""The reviewer's commands, one function each: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands import option_values
from evaluator.commands.options import HOME, REVIEWER, BenchmarkName, Home
from evaluator.screen import console

app = typer.Typer()


@app.command(rich_help_panel=REVIEWER)
def leaderboard(benchmark: BenchmarkName, home: Home = HOME) -> None:
    """Print a benchmark's leaderboard."""
    from evaluator.leaderboard import published
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    console.print(published.terminal(installation.ledger(), installation.benchmark(benchmark)))


@app.command(rich_help_panel=REVIEWER)
def report(
    submission_id: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")],
    home: Home = HOME,
) -> None:
    """Write the report of a released submission as one HTML file that works offline."""
    from cohort_selection.atomic_files import write_bytes
    from evaluator.leaderboard import published
    from evaluator.leaderboard.report import render_report
    from evaluator.stores.installation import Installation

    shown = published.released(Installation.existing(home).ledger(), submission_id)
    write_bytes(output, render_report(shown).encode())
    console.print(f"wrote {output}")


@app.command(rich_help_panel=REVIEWER)
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    home: Home = HOME,
) -> None:
    """Serve the leaderboard and the reports; reads the public store alone."""
    import uvicorn

    from evaluator.commands.listening import listening
    from evaluator.leaderboard import published
    from evaluator.stores.installation import Installation

    pages = published.web(Installation.existing(home))
    with listening(host, port) as (taken, address):
        console.print(f"serving {address} (stop with Ctrl-C)")
        uvicorn.Server(uvicorn.Config(pages, log_level="warning")).run(sockets=[taken])


@app.command(rich_help_panel=REVIEWER)
def score(
    predictions: Annotated[
        Path, typer.Argument(help="Table with the scores: CSV, TSV, .gz, .xlsx or Parquet.")
    ],
    truth: Annotated[Path, typer.Argument(help="Table with the labels; may be the same file.")],
    label: Annotated[
        list[str] | None, typer.Option(help="A label column; without it, all label columns.")
    ] = None,
    score_column: Annotated[
        str | None, typer.Option(help="Score column of a single label.")
    ] = None,
    case_column: str | None = None,
    patient_column: Annotated[
        str | None, typer.Option(help="Column of patients, for clustered intervals; '' = none.")
    ] = None,
    list_column: Annotated[
        str, typer.Option(help="Column that lists a case's findings; its items are the labels.")
    ] = "",
    uncertain: Annotated[
        str, typer.Option(help="What CheXpert's -1 counts as: positive, negative or exclude.")
    ] = "refuse",
    blank: Annotated[
        str, typer.Option(help="What an empty or unknown label counts as: negative or exclude.")
    ] = "refuse",
    id_holds_label: Annotated[
        bool,
        typer.Option(
            "--id-holds-label",
            help="Each case's name ends in _ and the label, as in RSNA's tables.",
        ),
    ] = False,
    missing: Annotated[
        str,
        typer.Option(help="A case without a score: refuse, or worst (it gets the worst score)."),
    ] = "refuse",
    subgroup: Annotated[
        list[str] | None,
        typer.Option(help="A subgroup column, or columns crossed, as 'race x sex'."),
    ] = None,
    age_bands: Annotated[
        str | None,
        typer.Option(
            help="Lower bounds of the age groups; without it, the plan's or the cohorts'."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="A case is called positive at or above this score.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(help="A benchmark's TOML file; its table 'analysis' is read.")
    ] = None,
    symmetric: Annotated[
        bool,
        typer.Option(
            "--symmetric", help="Symmetric DeLong intervals, as in pROC, not score intervals."
        ),
    ] = False,
    replicates: Annotated[
        int | None, typer.Option(help="Bootstrap replicates of the ROC curve's band; 0: no band.")
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="How the number of positives arose: sampled (by chance, the default) or "
            "fixed-prevalence (set by design)."
        ),
    ] = None,
    weight_column: Annotated[
        str | None,
        typer.Option(
            help="Column of weights in the truth table, to standardise figures to a population."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON to write.")] = None,
    table: Annotated[Path | None, typer.Option(help="CSV to write, one row a figure.")] = None,
    report_file: Annotated[Path | None, typer.Option("--report", help="HTML to write.")] = None,
) -> None:
    """Score predictions that you already have, from two tables; no installation is needed."""
    from evaluator.benchmark.specification import read_age_bands, read_analysis
    from evaluator.commands.score_screen import summary
    from evaluator.leaderboard import own_scores
    from evaluator.scoring.score import Labels, score_tables

    own_scores.refuse_places((output, table, report_file))
    chosen = read_analysis(
        plan,
        subgroups=subgroup,
        symmetric=symmetric,
        replicates=replicates,
        sampling_design=design,
    )
    bands = (
        option_values.whole_numbers(age_bands, "--age-bands") if age_bands else read_age_bands(plan)
    )
    notes: list[str] = []
    found = score_tables(
        predictions,
        truth,
        chosen,
        age_bands=bands,
        missing=missing,
        how=Labels(list_column, uncertain, blank, id_holds_label),
        tell=notes.append,
        threshold=threshold,
        labels=tuple(label or ()),
        score_column=score_column,
        case_column=case_column,
        patient_column=patient_column,
        weight_column=weight_column,
    )
    console.print(summary(found, chosen.primary, notes))
    if output is not None:
        own_scores.write_json(found, output)
    if table is not None:
        own_scores.write_csv(found, table)
    if report_file is not None:
        own_scores.write_reports(found, report_file)


@app.command(rich_help_panel=REVIEWER)
def demo(
    folder: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo"),
    patients: Annotated[int, typer.Option(min=100)] = 600,
    serve_page: Annotated[
        bool, typer.Option("--serve/--no-serve", envvar="DEMO_SERVE", help="Serve the board.")
    ] = True,
) -> None:
    """Run the whole path on a simulated commons, one command after the other."""
    from evaluator.commands.demo import walk

    walk(folder, patients=patients, serve=serve_page, console=console)
