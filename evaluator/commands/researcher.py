"""The researcher's commands, one function each: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.options import HOME, RESEARCHER, RULE, Home, HomeOption, ServerOption
from evaluator.screen import console
from evaluator.terminal import printing

app = typer.Typer()

SubmissionId = Annotated[str, typer.Argument(help="Id of the submission.")]
Image = Annotated[str, typer.Argument(help="Name, digest or archive of an image.")]
BenchmarkFile = Annotated[
    str, typer.Option("--benchmark", "-b", help="TOML file or name of a benchmark.")
]


@app.command(rich_help_panel=RESEARCHER)
def login(
    address: Annotated[str, typer.Argument(help="Address of a server, as https://HOST.")],
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept http to another machine, unencrypted.")
    ] = False,
    agree: Annotated[
        str | None,
        typer.Option(help="Version of the participation agreement that you read and accept."),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget the login for this address.")
    ] = False,
) -> None:
    """Log in to a server with a token that its page made.

    The token is asked for, or read from standard input. From then on `submit`, `status`, `report`
    and `withdraw` go to this server, and `check` takes its practice cases.
    """
    from evaluator.entering import remote
    from submissions.client import logins

    if forget:
        known = logins.forget(address)
        console.print(f"{'forgot the login for' if known else 'there was no login for'} {address}")
    else:
        remote.log_in(address, insecure=insecure, agree=agree)


@app.command(rich_help_panel=RESEARCHER)
def init(
    directory: Annotated[Path, typer.Argument(help="Folder to write.")],
    benchmark: BenchmarkFile,
    flavour: Annotated[
        str, typer.Option(help="What the program computes with: plain, onnx or torch.")
    ] = "plain",
    server: ServerOption = None,
    home: HomeOption = None,
) -> None:
    """Write a starter kit for a benchmark: Dockerfile, program, test, README."""
    from evaluator.entering import benchmark_file
    from submissions.starter import kit

    with benchmark_file.of(benchmark, server, home, HOME) as file:
        for path in kit.write(directory, kit.read(file), flavour):
            console.print(f"wrote {path}")


@app.command(rich_help_panel=RESEARCHER)
def adapt(
    image: Annotated[str, typer.Argument(help="Image that was built for another platform.")],
    platform: Annotated[str, typer.Option("--from", help="Platform: grand-challenge or midrc.")],
    tag: Annotated[str, typer.Option(help="Name of the new image, as team/model:1.")],
    socket: Annotated[
        str, typer.Option(help="Folder of the input image below /input, as images/chest-xray.")
    ] = "",
    output: Annotated[
        str, typer.Option(help="JSON file that the image writes below /output.")
    ] = "",
    key: Annotated[
        str, typer.Option(help="Place of the score in that file, as 0.metrics.covid.")
    ] = "",
    json_input: Annotated[
        list[str] | None,
        typer.Option(help="FILE=COLUMN: a JSON input from cases.csv; may be repeated."),
    ] = None,
    redirect: Annotated[
        list[Path] | None,
        typer.Option(help="Further file or folder of the program; may be repeated."),
    ] = None,
    missing: Annotated[
        float | None, typer.Option(help="Score of a case that the image skips (default: refuse).")
    ] = None,
    column: Annotated[str, typer.Option(help="The benchmark's output.")] = "probability",
) -> None:
    """Build an image for this contract from one of another platform."""
    from evaluator.option_values import pairs
    from submissions.adapters import adapt as adapting

    places = tuple(path.as_posix() for path in redirect or ())
    inputs = pairs(json_input or (), "--json-input", "age.json=age")
    settings = adapting.Wanted(platform, output, key, socket, places, inputs, missing, column)
    adapted = adapting.adapt(image, tag, settings)
    for line in adapted.changes:
        console.print(f"redirected {line}")
    console.print(f"{tag}\n{adapted.digest}")


@app.command(rich_help_panel=RESEARCHER)
def check(
    image: Image,
    benchmark: BenchmarkFile,
    open_list: Annotated[
        Path | None,
        typer.Option("--open", help="List of the open part (default: the practice cases)."),
    ] = None,
    cases: Annotated[
        int | None,
        typer.Option(min=1, help="Number of cases (default: 10 open ones, all practice cases)."),
    ] = None,
    server: ServerOption = None,
    home: HomeOption = None,
) -> None:
    """Try an image on practice or open cases, under the limits of a real run.

    Without --open, the benchmark's practice cases are fetched from the server of your login and
    kept: the run is the dry run that the server makes after `submit`.
    """
    from evaluator.benchmark.specification import read_contract_alone
    from evaluator.entering import benchmark_file, checking
    from evaluator.own_claims import declares_claims
    from evaluator.queue.dry_run import practise
    from evaluator.terminal import dry_run
    from submissions.ledger.verdicts.sentences import PRACTICE

    with benchmark_file.of(benchmark, server, home, HOME) as file:
        contract, claimed = read_contract_alone(file), declares_claims(file)
        practice = open_list is None
        listed = open_list or checking.practice_list(benchmark, file, server, home, HOME)
    most = cases if practice else cases or 10
    practised = practise(contract, image, listed, most, practice=practice)
    console.print(dry_run.practised(practised, "practice" if practice else "open"), soft_wrap=True)
    if claimed:
        console.print(PRACTICE)
    raise typer.Exit(1 if practised.failure else 0)


@app.command(rich_help_panel=RESEARCHER, help=f"Enter an image for a benchmark.\n\n{RULE}")
def submit(
    image: Image,
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="Name of a benchmark.")],
    model: Annotated[str, typer.Option(help="Name of the model on the board.")],
    team: Annotated[
        str | None, typer.Option(help="Name of the team (default: your only one on a server).")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="A case is called positive at or above this score (default: 0.5)."),
    ] = None,
    fact_sheet: Annotated[
        Path | None, typer.Option(help="TOML or JSON file of the model's fact sheet, for a server.")
    ] = None,
    server: ServerOption = None,
    home: HomeOption = None,
) -> None:
    """Enter an image for a benchmark, on a server or on this machine."""
    from evaluator.entering.place import Entry, place

    entry = Entry(
        image=image,
        benchmark=benchmark,
        model=model,
        team=team,
        threshold=threshold,
        fact_sheet=fact_sheet,
    )
    where = place(server, home, HOME)
    if isinstance(where, Path):
        from evaluator.entering import local

        local.submit(where, entry)
        return
    from evaluator.entering import remote_entry

    with where:
        remote_entry.submit(where, entry)


@app.command(rich_help_panel=RESEARCHER)
def cancel(submission_id: SubmissionId, home: Home = HOME) -> None:
    """Cancel a submission that has no result yet."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    console.print(
        printing.submission_line(lifecycle.cancel(Installation.existing(home), submission_id))
    )


@app.command(rich_help_panel=RESEARCHER)
def withdraw(submission_id: SubmissionId, server: ServerOption = None) -> None:
    """Withdraw a submission from a server, if it has no result yet."""
    from evaluator.entering import remote
    from evaluator.entering.place import client

    with client(server) as connection:
        console.print(remote.line(connection.withdraw(submission_id)))


@app.command(rich_help_panel=RESEARCHER, help=f"Show the state of submissions.\n\n{RULE}")
def status(
    submission_id: Annotated[
        str | None, typer.Argument(help="Id of a submission (default: all).")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep running, and print each change until the end.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two queries.")] = 5.0,
    server: ServerOption = None,
    home: HomeOption = None,
) -> None:
    """Show the state of submissions, on a server or on this machine."""
    from evaluator.entering.place import place

    if watch and submission_id is None:
        raise typer.BadParameter("give the id of the submission to watch")
    where = place(server, home, HOME)
    if isinstance(where, Path):
        from evaluator.entering import local_status

        ended = local_status.status(where, submission_id, every if watch else None)
    else:
        from evaluator.entering import remote_entry

        with where:
            ended = remote_entry.status(where, submission_id, every if watch else None)
    raise typer.Exit(1 if watch and not ended else 0)
