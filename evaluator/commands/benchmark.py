"""The commands on a benchmark's file: a check, and the schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.options import HOME, STEWARD, BenchmarkName, Home
from evaluator.option_values import OptionError
from evaluator.screen import console, styled
from evaluator.terminal import printing

group = typer.Typer(no_args_is_help=True, help="Check a benchmark's file, or print its schema.")
app = typer.Typer()
app.add_typer(group, name="benchmark", rich_help_panel=STEWARD)


@group.command(rich_help_panel=STEWARD)
def check(
    file: Annotated[Path, typer.Argument(help="TOML file of the benchmark.")],
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", "-c", help="Folder that `sequestra index` wrote."),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of an installation, whose patients stay where they are."),
    ] = None,
) -> None:
    """Read a benchmark's file, and try it against a catalog if one is given.

    Nothing is written. The exit code is 1 where the file does not fit the catalog.
    """
    from evaluator.benchmark.specification import read_benchmark
    from evaluator.feedback_choice import explained
    from evaluator.readers.sealed_reads import check_panels
    from evaluator.steward.study import read_comparators

    benchmark = read_benchmark(file)
    read_comparators(benchmark.study, benchmark.path.parent)
    check_panels(benchmark.panels, benchmark.path.parent)
    console.print(styled(f"{file.name} is a benchmark: {benchmark.name}"))
    quota, practice = benchmark.quota, benchmark.practice
    explanation = explained(
        benchmark.disclosure, lifetime=quota.lifetime, practice_cases=practice.cases
    )
    for sentence in filter(None, (*explanation, benchmark.disclosure.advice)):
        console.print(styled(sentence), soft_wrap=True)
    if catalog is None:
        if home is not None:
            raise OptionError("--home is given without --catalog; give both, or neither")
        return
    from evaluator.steward import steward
    from evaluator.steward.file_check import try_file
    from evaluator.stores.installation import Installation

    assigned = steward.assigned(Installation.existing(home)) if home is not None else {}
    tried = try_file(benchmark, catalog, assigned)
    console.print(printing.tried(tried))
    raise typer.Exit(1 if tried.problems else 0)


@group.command(rich_help_panel=STEWARD)
def schema() -> None:
    """Print the JSON Schema of a benchmark's file, for an editor."""
    from evaluator.benchmark.file import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@group.command("add-claims", rich_help_panel=STEWARD)
def add_claims(
    benchmark: BenchmarkName,
    file: Annotated[Path, typer.Argument(help="TOML file that declares claims.")],
    home: Home = HOME,
) -> None:
    """Add claims, dated and signed, to a cohort sealed without any that nobody has read."""
    from evaluator.signing.signer import Signer
    from evaluator.steward.addenda import add_claims as add
    from evaluator.stores.installation import Installation
    from evaluator.terminal.sealed_claims import sealed_claims

    installation = Installation.existing(home)
    signer = Signer(installation, installation.ledger())
    console.print(sealed_claims(add(installation, benchmark, file, signer.state)))
    signer.sign()
