"""The reviewer's commands, one function each: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluator import option_values
from evaluator.commands.options import (
    EVERYONE,
    HOME,
    OPERATOR,
    REVIEWER,
    RULE,
    BenchmarkName,
    Home,
    HomeOption,
    ServerOption,
    file_to_write,
)
from evaluator.screen import console

app = typer.Typer()


@app.command(rich_help_panel=REVIEWER)
def leaderboard(
    benchmark: BenchmarkName,
    page: Annotated[int, typer.Option(min=1, help="Page of 50 rows.")] = 1,
    home: Home = HOME,
) -> None:
    """Print the board of a benchmark, a page at a time."""
    from evaluator.leaderboard import printed
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    of = installation.benchmark(benchmark)
    console.print(printed.terminal(installation.ledger(), of, page=page))


@app.command(rich_help_panel=REVIEWER)
def compare(
    submission_ids: Annotated[
        list[str], typer.Argument(help="Ids of two submissions of one board, or more.")
    ],
    home: Home = HOME,
) -> None:
    """Print the differences of submissions, from the newest comparison of their board."""
    from evaluator.comparing.chosen import choose
    from evaluator.leaderboard import published
    from evaluator.stores.installation import Installation
    from evaluator.terminal.comparing import sheets

    ledger = Installation.existing(home).ledger()
    benchmark = published.board_of(ledger, submission_ids)
    chosen = choose(published.comparison(ledger, benchmark), benchmark, submission_ids)
    for each in sheets(chosen, published.later(ledger, benchmark)):
        console.print(each)


@app.command(
    rich_help_panel=REVIEWER,
    help="Write the report of a result: an HTML file that works offline, or a PDF to file."
    f"\n\n{RULE}",
)
def report(
    submission_id: Annotated[str, typer.Argument(help="Id of the submission.")],
    output: Annotated[Path, file_to_write("--output", "-o", help="File to write.")],
    pdf: Annotated[
        bool,
        typer.Option("--pdf", help="PDF/A-3a and PDF/UA-1, with the signed release inside."),
    ] = False,
    part: Annotated[str, typer.Option(help="One finding, class or grade of the task.")] = "",
    server: ServerOption = None,
    home: HomeOption = None,
) -> None:
    """Write the report of a result, from a server or from this machine."""
    from evaluator.entering.place import place
    from evaluator.terminal import report_files

    where = place(server, home, HOME)
    report_files.write(where, submission_id, output, pdf=pdf, part=part)


Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
PublicAddress = Annotated[
    str,
    typer.Option(
        envvar="SEQUESTRA_ADDRESS",
        help="Public address, as https://sequestra.example.org (default: where it listens).",
    ),
]
Proxies = Annotated[
    list[str] | None,
    typer.Option(
        "--proxy", help="Address of a proxy whose X-Forwarded-For is trusted; may be repeated."
    ),
]


@app.command(rich_help_panel=REVIEWER)
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    address: PublicAddress = "",
    proxy: Proxies = None,
    home: Home = HOME,
) -> None:
    """Serve boards, reports, team pages and the API to submit through."""
    from evaluator.serving import web_process
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    web_process.serve(installation, host=host, port=port, address=address, proxies=proxy or ())


@app.command(rich_help_panel=OPERATOR)
def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    address: PublicAddress = "",
    proxy: Proxies = None,
    home: Home = HOME,
) -> None:
    """Serve the web pages and work the queue, each in a process of its own."""
    from evaluator.serving import web_process
    from evaluator.stores.installation import Installation

    Installation.existing(home)
    where = web_process.home_option(home)
    web = ["serve", "--host", host, "--port", str(port), *where]
    web += ["--address", address] if address else []
    for each in proxy or ():
        web += ["--proxy", each]
    raise typer.Exit(web_process.up([web, ["run", "--watch", *where]]))


@app.command(rich_help_panel=EVERYONE)
def score(
    predictions: Annotated[
        Path, typer.Argument(help="Table of scores: CSV, TSV, .gz, .xlsx or Parquet.")
    ],
    truth: Annotated[
        Path | None, typer.Argument(help="Table of labels; may be the same file.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Label column; may be repeated (default: all).")
    ] = None,
    score_column: Annotated[
        str | None, typer.Option(help="Score column, if the table has one label.")
    ] = None,
    case_column: Annotated[str | None, typer.Option(help="Column of cases.")] = None,
    patient_column: Annotated[
        str | None, typer.Option(help="Column of patients; '' if each case is a patient.")
    ] = None,
    list_column: Annotated[
        str, typer.Option(help="Column with a list of findings, each a label, or the class.")
    ] = "",
    uncertain: Annotated[
        str, typer.Option(help="What -1 counts as: positive, negative, exclude or refuse.")
    ] = "refuse",
    blank: Annotated[
        str, typer.Option(help="What an empty label counts as: negative, exclude or refuse.")
    ] = "refuse",
    id_holds_label: Annotated[
        bool,
        typer.Option(
            "--id-holds-label",
            help="The name of a case ends in _ and the label, as in RSNA's tables.",
        ),
    ] = False,
    missing: Annotated[
        str,
        typer.Option(help="A case without a score: refuse it, or give it the worst score (worst)."),
    ] = "refuse",
    subgroup: Annotated[
        list[str] | None,
        typer.Option(help="Column of subgroups, or two, as 'race x sex'; may be repeated."),
    ] = None,
    age_bands: Annotated[
        str | None,
        typer.Option(help="Lower bounds of the age groups (default: as in a benchmark)."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="A case is called positive at or above this score.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(help="TOML file of a benchmark, for its analysis and its task.")
    ] = None,
    symmetric: Annotated[
        bool,
        typer.Option("--symmetric", help="Symmetric DeLong intervals, as in pROC."),
    ] = False,
    replicates: Annotated[
        int | None, typer.Option(help="Bootstrap replicates of the ROC band; 0: no band.")
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="Number of positives: sampled (by chance, the default) or fixed-prevalence."
        ),
    ] = None,
    weight_column: Annotated[
        str | None,
        typer.Option(help="Column of weights in the table of labels, for another population."),
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option(help="TOML file that declares claims: prints the verdict, self-scored."),
    ] = None,
    output: Annotated[Path | None, file_to_write("--output", "-o", help="JSON to write.")] = None,
    table: Annotated[
        Path | None, file_to_write(help="CSV to write, a row for each figure.")
    ] = None,
    report_file: Annotated[Path | None, file_to_write("--report", help="HTML to write.")] = None,
    readers: Annotated[
        Path | None,
        typer.Option(help="Table of readers: with labels alone a study, with scores a panel."),
    ] = None,
    reader_threshold: Annotated[
        float | None, typer.Option(help="A reader calls a case positive at or above this score.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Margin below the readers that is still not inferior.")
    ] = None,
    covariances: Annotated[
        str, typer.Option(help="Covariances of readers: jackknife, or DeLong for the AUROC.")
    ] = "jackknife",
    task: Annotated[
        str, typer.Option(help="multilabel, multiclass, score, or ordinal:0-24:4,12 (with cuts).")
    ] = "",
) -> None:
    """Score predictions that you already have, or reads of several readers, from tables."""
    from evaluator import own_claims, own_regions
    from evaluator.benchmark.specification import read_age_bands, read_analysis
    from evaluator.case_tables.scoring_input import Reading
    from evaluator.leaderboard import own_scores
    from evaluator.own_readers.own_study import Written
    from evaluator.own_tasks.declared import own_task
    from evaluator.readers.study import Asked
    from evaluator.scoring.score import Labels
    from evaluator.terminal import verdicts
    from evaluator.terminal.readers_screen import print_study
    from evaluator.terminal.score_screen import summary
    from evaluator.terminal.task_screen import print_task

    outputs = (output, table, report_file)
    option_values.refuse_one_file_twice(outputs, (predictions, truth, plan, claims, readers))
    chosen = read_analysis(
        plan,
        subgroups=subgroup,
        symmetric=symmetric,
        replicates=replicates,
        sampling_design=design,
    )
    bands = (
        option_values.whole_numbers(age_bands, "--age-bands")
        if age_bands
        else read_age_bands(plan or claims)
    )
    notes: list[str] = []
    reading: Reading = {
        "age_bands": bands,
        "missing": missing,
        "how": Labels(list_column, uncertain, blank, id_holds_label),
        "labels": tuple(label or ()),
        "score_column": score_column,
        "case_column": case_column,
        "patient_column": patient_column,
        "weight_column": weight_column,
    }
    places = Written(*outputs)
    if truth is None or readers is not None:
        unused = {"--subgroup": subgroup, "--claims": claims, "--task": task}
        options = Asked(
            threshold=reader_threshold,
            model_threshold=threshold,
            margin=margin,
            covariance=covariances,
        )
        return print_study(readers, predictions, truth, reading, options, places, unused)
    if (own := own_task(task, plan, reading)) is not None:
        return print_task(*own, (predictions, truth), chosen, threshold, places, claims)
    judged = None
    if claims is not None:
        judged = own_claims.judge_tables(
            claims, predictions, truth, threshold=threshold, symmetric=symmetric, **reading
        )
        console.print(verdicts.verdict(judged))
    reading["tell"] = notes.append
    task_scored = own_regions.score_own(predictions, truth, chosen, plan, threshold, **reading)
    console.print(summary(task_scored, chosen.primary, notes))
    if output is not None:
        own_scores.write_json(task_scored, output, judged)
    if table is not None:
        own_scores.write_csv(task_scored, table)
    if report_file is not None:
        own_scores.write_reports(task_scored, report_file, chosen.primary, judged)


@app.command(rich_help_panel=EVERYONE)
def demo(
    folder: Annotated[Path, typer.Option(help="Folder to write.")] = Path("demo"),
    patients: Annotated[int, typer.Option(min=100, help="Number of patients.")] = 600,
    serve_page: Annotated[
        bool,
        typer.Option("--serve/--no-serve", envvar="DEMO_SERVE", help="Serve the board at the end."),
    ] = True,
) -> None:
    """Run the whole path on simulated images."""
    from evaluator.demonstration import walk

    walk(folder, patients=patients, serve=serve_page, console=console)
