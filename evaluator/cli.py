"""One function a command: parse, call, print."""

from __future__ import annotations

import logging
import signal
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from evaluator import printing
from evaluator.collection import few_collections
from submissions.submission import UNDER_WAY, ContractBroken

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Evaluate medical-imaging AI on sequestered data.",
)
console = Console()

_PACKAGES = ("metrics", "cohort_selection", "submissions", "baselines", "evaluator")
_STEWARD = "Steward: build a test cohort"
_RESEARCHER = "Researcher: train, check, submit"
_REVIEWER = "Reviewer: read the results"

Home = Annotated[
    Path,
    typer.Option(
        envvar="SEQUESTRA_HOME",
        help="Folder of the installation: ledger, enclave, MLflow store.",
    ),
]
HOME = Path("sequestra-home")
BenchmarkName = Annotated[str, typer.Argument(help="Name of an installed benchmark.")]
BenchmarkOption = Annotated[
    str, typer.Option("--benchmark", "-b", help="Name of an installed benchmark.")
]
CatalogFolder = Annotated[
    Path, typer.Option("--catalog", "-c", help="The catalog that `sequestra index` wrote.")
]


def main() -> None:
    """Run the command line; a mistake of its user ends in one sentence, a bug in a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        with few_collections():
            add_plugins(app)
            app()
    except ContractBroken as broken:
        _complain(f"{broken.failure.value}: {broken.failure.meaning} ({broken.detail})")
    except (ValueError, OSError) as error:
        ours = type(error).__module__.split(".")[0] in _PACKAGES
        told = isinstance(error, OSError) and (error.filename or error.errno in printing.FULL)
        if not ours and not told:
            raise
        _complain(str(error) if ours else printing.system_error(error))


def add_plugins(program: typer.Typer) -> None:
    """Add the commands that other packages bring."""
    for plugin in entry_points(group="sequestra.commands"):
        program.add_typer(plugin.load())


def _complain(sentence: str) -> NoReturn:
    stderr = Console(stderr=True)
    stderr.print(f"[bold red]error:[/] {printing.escaped(sentence)}", soft_wrap=True)
    sys.exit(2)


@app.callback(invoke_without_command=True)
def about(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Evaluate medical-imaging AI on sequestered data."""
    if show_version:
        console.print(f"sequestra {version('sequestra')}")
        raise typer.Exit


@app.command(rich_help_panel=_STEWARD)
def simulate(
    output: Annotated[Path, typer.Argument(help="Folder to write the commons into.")],
    patients: Annotated[int, typer.Option(min=10)] = 600,
    seed: int = 1,
) -> None:
    """Write a multi-site chest-radiograph commons with known truth, to try things on."""
    from cohort_selection.simulator import simulate as write_commons

    with printing.progress("simulating patients") as tick:
        made = write_commons(output, patients=patients, seed=seed, progress=tick)
    console.print(printing.simulated(made))


@app.command("import-images", rich_help_panel=_STEWARD)
def import_images(
    directory: Annotated[Path, typer.Argument(help="Folder of PNG or JPEG images.")],
    metadata: Annotated[Path, typer.Option(help="CSV with one row an image.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")],
    modality: Annotated[printing.Modality, typer.Option()] = printing.Modality.DX,
    column: Annotated[
        list[str] | None,
        typer.Option(help="A column by another name, as patient='Patient ID'; may be repeated."),
    ] = None,
) -> None:
    """Turn a PNG or JPEG data set with a table into a DICOM commons."""
    from cohort_selection.conversion import import_images as convert

    columns = printing.pairs(column or [])
    with printing.progress("converting images") as tick:
        made = convert(
            directory, metadata, output, modality=modality.value, columns=columns, progress=tick
        )
    console.print(printing.imported(made))


@app.command(rich_help_panel=_STEWARD)
def index(
    directory: Annotated[Path, typer.Argument(help="Folder of DICOM files.")],
    clinical: Annotated[
        list[Path], typer.Option(help="A clinical table (CSV or TSV); may be repeated.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Catalog folder to write.")],
    loinc_map: Annotated[
        list[Path] | None,
        typer.Option(
            help="Study descriptions to LOINC codes, and the codes' attributes; may be repeated."
        ),
    ] = None,
    benchmark: Annotated[
        Path | None,
        typer.Option("--benchmark", "-b", help="A benchmark's TOML file, for [clinical.columns]."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="A column by another name, as patient='Patient ID'; may be repeated."),
    ] = None,
) -> None:
    """Read DICOM headers and clinical tables into a catalog; bad files go to quarantine.

    Run again on a folder that has grown, it reads the new and changed files alone.
    """
    from cohort_selection import catalog
    from cohort_selection import clinical as tables
    from cohort_selection.loinc_map import read_loinc_map
    from evaluator.specification import read_clinical_columns

    columns = read_clinical_columns(benchmark) if benchmark is not None else {}
    mapped = read_loinc_map(*loinc_map) if loinc_map else None
    records = tables.read(*clinical, columns=columns | printing.pairs(column or []))
    with printing.progress("reading headers") as tick:
        indexed = catalog.update(directory, records, output, loinc_map=mapped, progress=tick)
    console.print(printing.indexed(indexed, output, catalog.read_quarantine(output)))


@app.command(rich_help_panel=_STEWARD)
def sequester(
    benchmark: Annotated[Path, typer.Argument(help="The benchmark's TOML file.")],
    catalog: CatalogFolder,
    open_list: Annotated[
        Path, typer.Option("--open", help="Where to write the list of the open part (CSV).")
    ],
    flow: Annotated[
        Path | None, typer.Option(help="SVG to write: studies and patients left by each rule.")
    ] = None,
    batch: Annotated[
        str, typer.Option(help="A name for the patients that are new, for figures over time.")
    ] = "",
    home: Home = HOME,
) -> None:
    """Split the commons into open and sequestered, by patient; install the benchmark."""
    from cohort_selection.atomic import write_bytes
    from cohort_selection.flow import flow_svg
    from evaluator import steward
    from evaluator.installation import Installation
    from evaluator.specification import read_benchmark

    done = steward.sequester(
        Installation(home), read_benchmark(benchmark), catalog, open_list, batch=batch
    )
    if flow is not None:
        write_bytes(flow, flow_svg(done.flow).encode())
    console.print(printing.sequestered(done, open_list))


@app.command(rich_help_panel=_STEWARD)
def match(
    benchmark: BenchmarkName,
    catalog: CatalogFolder,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what can be reached; draw nobody.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Draw a test cohort from the sequestered part, matched to the target population."""
    from evaluator import steward
    from evaluator.installation import Installation

    installation = Installation.existing(home)
    found = installation.benchmark(benchmark)
    if plan:
        console.print(printing.prospect(steward.foresee(installation, found, catalog)))
    else:
        console.print(printing.matched(steward.match(installation, found, catalog)))


@app.command(rich_help_panel=_STEWARD)
def seal(
    benchmark: BenchmarkName,
    catalog: CatalogFolder,
    look: Annotated[
        bool,
        typer.Option("--look/--no-look", help="Compare pictures with the open part, not bytes."),
    ] = True,
    accept_shortcuts: Annotated[
        str, typer.Option(metavar="REASON", help="Why headers may tell the label; sealed too.")
    ] = "",
    accept_look_alikes: Annotated[
        str, typer.Option(metavar="REASON", help="Why pictures may look alike; sealed too.")
    ] = "",
    home: Home = HOME,
) -> None:
    """Check the matched cohort for leaks and shortcuts, de-identify it, seal it with a digest."""
    from evaluator import steward
    from evaluator.installation import Installation

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


@app.command(rich_help_panel=_STEWARD)
def card(
    benchmark: BenchmarkName,
    catalog: CatalogFolder,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="JSON to write.")] = None,
    text: Annotated[
        bool, typer.Option("--text/--no-text", help="Look for text burned into the pictures.")
    ] = True,
    suspects: Annotated[
        Path | None, typer.Option(help="CSV to write: the files that look as if they had text.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Write a matched or sealed cohort's card, for the steward, as a page that works offline."""
    from cohort_selection.atomic import write_bytes
    from cohort_selection.card import card_json
    from cohort_selection.card_page import render_card
    from evaluator.cohort_card import draw_card
    from evaluator.installation import Installation

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


@app.command(rich_help_panel=_STEWARD)
def representativeness(
    table: Annotated[
        Path, typer.Argument(help="CSV or TSV: a row a patient, or attribute,level,count.")
    ],
    other: Annotated[Path, typer.Argument(help="The same of the population to compare with.")],
    attribute: Annotated[
        list[str] | None, typer.Option(help="A column; all in common if none is named.")
    ] = None,
    age_bands: Annotated[
        str, typer.Option(help="Lower bounds of the groups of a column of ages.")
    ] = "0,18,30,40,50,65,75,85",
) -> None:
    """Compare a table of patients, or counts, with another: distances beside those by chance."""
    from cohort_selection import population

    bands = printing.whole_numbers(age_bands, "--age-bands")
    one, two = (population.read_population(path, bands) for path in (table, other))
    names = population.common_attributes(one, two, attribute or [])
    console.print(printing.distances(population.compare_populations(one, two, names)))


@app.command(rich_help_panel=_STEWARD)
def verify(benchmark: BenchmarkName, home: Home = HOME) -> None:
    """Check every byte of a sealed cohort against its digest, and the audit chain."""
    from cohort_selection.cohort import verify as check_cohort
    from evaluator.installation import Installation

    installation = Installation.existing(home)
    cohort = installation.enclave().cohort(benchmark)
    problems = [*check_cohort(cohort), *installation.ledger().audit_problems()]
    console.print(printing.verified(cohort, problems))
    raise typer.Exit(1 if problems else 0)


@app.command(rich_help_panel=_RESEARCHER)
def check(
    image: Annotated[str, typer.Argument(help="An image: tag, digest or `docker save` archive.")],
    benchmark: BenchmarkOption,
    open_list: Annotated[Path, typer.Option("--open", help="The list of the open part.")],
    cases: Annotated[int, typer.Option(min=1, help="How many open cases to run on.")] = 10,
    home: Home = HOME,
) -> None:
    """Run an image on open cases with the sequestered run's own runner, flags and limits."""
    from evaluator.installation import Installation
    from evaluator.practice import practise

    found = practise(Installation.existing(home), benchmark, image, open_list, cases)
    console.print(printing.practised(found))
    raise typer.Exit(1 if found.failure else 0)


@app.command(rich_help_panel=_RESEARCHER)
def submit(
    image: Annotated[str, typer.Argument(help="An image: tag, digest or `docker save` archive.")],
    benchmark: BenchmarkOption,
    team: Annotated[str, typer.Option(help="The team's name.")],
    model: Annotated[str, typer.Option(help="The model's name, as the board shows it.")],
    threshold: Annotated[
        float, typer.Option(help="Operating point, fixed on public data before submitting.")
    ] = 0.5,
    home: Home = HOME,
) -> None:
    """Enter an image for a benchmark; `sequestra run` then takes it up."""
    from evaluator import lifecycle
    from evaluator.engine import Engine
    from evaluator.installation import Installation

    installation = Installation.existing(home)
    found = installation.benchmark(benchmark)
    entered = lifecycle.submit(
        installation, Engine.connect(), found, image, team=team, model=model, threshold=threshold
    )
    console.print(printing.submission_line(entered))


@app.command(rich_help_panel=_STEWARD)
def run(
    scheduler: Annotated[
        str, typer.Option(help="A Dask scheduler, as tcp://host:8786; this machine works if none.")
    ] = "",
    shards: Annotated[
        int, typer.Option(min=1, help="Containers that share the cases of one submission.")
    ] = 1,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on when the queue is empty, until stopped.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="End when MLflow has a run of each release, too.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Run what is queued on the sequestered cases, score it and release it."""
    from evaluator.dispatch import Work, run_queue
    from evaluator.installation import Installation

    # Ended by its supervisor, it puts back what is under way as if it were interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worked = run_queue(
        Installation.existing(home),
        Work(scheduler, shards, watch, wait),
        report=lambda submission: console.print(printing.submission_line(submission)),
    )
    follows = "" if wait or not worked else "; MLflow's runs follow (--wait waits for them)"
    console.print(f"{worked} submission{'s' * (worked != 1)} worked on{follows}")


@app.command(rich_help_panel=_RESEARCHER)
def cancel(submission_id: str, home: Home = HOME) -> None:
    """Cancel a submission that has no result yet; one that never ran is not charged."""
    from evaluator import lifecycle
    from evaluator.installation import Installation

    console.print(
        printing.submission_line(lifecycle.cancel(Installation.existing(home), submission_id))
    )


@app.command(rich_help_panel=_STEWARD)
def rescore(benchmark: BenchmarkName, home: Home = HOME) -> None:
    """Score the released submissions of a benchmark anew from what they predicted."""
    from evaluator import lifecycle
    from evaluator.installation import Installation

    anew = lifecycle.score_anew(Installation.existing(home), benchmark)
    for submission in anew:
        console.print(printing.submission_line(submission))
    console.print(f"{len(anew)} submission{'s' * (len(anew) != 1)} scored anew")


@app.command(rich_help_panel=_STEWARD)
def prune(
    days: Annotated[
        int, typer.Option(min=0, help="Keep images of submissions that ended since.")
    ] = 30,
    home: Home = HOME,
) -> None:
    """Give up the images of submissions that ended long ago; what they predicted stays."""
    from evaluator import lifecycle
    from evaluator.engine import Engine
    from evaluator.installation import Installation

    freed = lifecycle.prune(Installation.existing(home), Engine.connect(), days)
    for submission in freed:
        console.print(printing.submission_line(submission))
    console.print(f"{len(freed)} image{'s' * (len(freed) != 1)} given up")


@app.command(rich_help_panel=_STEWARD)
def release(submission_id: str, home: Home = HOME) -> None:
    """Release a submission whose result is held."""
    from evaluator import lifecycle
    from evaluator.installation import Installation

    console.print(
        printing.submission_line(lifecycle.release_held(Installation.existing(home), submission_id))
    )


@app.command(rich_help_panel=_RESEARCHER)
def status(
    submission_id: Annotated[str | None, typer.Argument(help="One submission; or all.")] = None,
    home: Home = HOME,
) -> None:
    """Show what became of submissions, as a team may see it."""
    from evaluator.installation import Installation

    installation = Installation.existing(home)
    ledger = installation.ledger()
    found = [ledger.submission(submission_id)] if submission_id else ledger.submissions()
    for submission in found:
        console.print(printing.submission_line(submission))
    if submission_id:
        console.print(printing.stage_times(ledger.times(submission_id)))
    if any(submission.state in UNDER_WAY for submission in found) and not (
        installation.is_dispatching()
    ):
        console.print("nothing works on the queue now; `sequestra run` takes up what was cut off")


@app.command(rich_help_panel=_STEWARD)
def audit(submission_id: str, home: Home = HOME) -> None:
    """Show the steward every start of a submission's container, with details and logs."""
    from evaluator.installation import Installation

    installation = Installation.existing(home)
    console.print(printing.submission_line(installation.ledger().submission(submission_id)))
    enclave = installation.enclave()
    for attempt in enclave.attempts(submission_id):
        console.print(printing.attempt(attempt))
    console.print(printing.exact_stage_times(enclave.stages(submission_id)))


@app.command(rich_help_panel=_REVIEWER)
def leaderboard(benchmark: BenchmarkName, home: Home = HOME) -> None:
    """Print a benchmark's leaderboard."""
    from evaluator import published
    from evaluator.installation import Installation

    installation = Installation.existing(home)
    console.print(published.terminal(installation.ledger(), installation.benchmark(benchmark)))


@app.command(rich_help_panel=_REVIEWER)
def report(
    submission_id: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")],
    home: Home = HOME,
) -> None:
    """Write the report of a released submission as one HTML file that works offline."""
    from cohort_selection.atomic import write_bytes
    from evaluator import published
    from evaluator.installation import Installation
    from evaluator.leaderboard.report import render_report

    shown = published.released(Installation.existing(home).ledger(), submission_id)
    write_bytes(output, render_report(shown).encode())
    console.print(f"wrote {output}")


@app.command(rich_help_panel=_REVIEWER)
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    home: Home = HOME,
) -> None:
    """Serve the leaderboard and the reports; reads the public store alone."""
    import uvicorn

    from evaluator import published
    from evaluator.installation import Installation

    console.print(f"serving http://{host}:{port} (stop with Ctrl-C)")
    uvicorn.run(
        published.web(Installation.existing(home)), host=host, port=port, log_level="warning"
    )


@app.command(rich_help_panel=_REVIEWER)
def score(
    predictions: Annotated[Path, typer.Argument(help="CSV (or .csv.gz) with the scores.")],
    truth: Annotated[Path, typer.Argument(help="CSV with the labels; may be the same file.")],
    label: Annotated[
        list[str] | None, typer.Option(help="A label column; all found if none is named.")
    ] = None,
    score_column: Annotated[
        str | None, typer.Option(help="Score column of a single label.")
    ] = None,
    case_column: str | None = None,
    patient_column: Annotated[
        str | None, typer.Option(help="Patients, for clustered intervals; '' = none.")
    ] = None,
    subgroup: Annotated[list[str] | None, typer.Option(help="A subgroup column.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="A case is called positive at or above this score.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(help="A benchmark's TOML file; its table 'analysis' is read.")
    ] = None,
    symmetric: Annotated[
        bool, typer.Option(help="Symmetric DeLong intervals, as pROC's, not score ones.")
    ] = False,
    replicates: Annotated[
        int | None, typer.Option(help="Bootstrap replicates of the ROC curve's band; 0: no band.")
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="How the number of positives came about: sampled (by chance, the default) or "
            "fixed-prevalence (set by design)."
        ),
    ] = None,
    weight_column: Annotated[
        str | None,
        typer.Option(help="Weights of the truth table that standardise figures to a population."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON to write.")] = None,
    table: Annotated[Path | None, typer.Option(help="CSV to write, one row a figure.")] = None,
    report_file: Annotated[Path | None, typer.Option("--report", help="HTML to write.")] = None,
) -> None:
    """Score predictions you already have: the scoring path alone, on two CSV files."""
    from evaluator import own_scores
    from evaluator.scoring import score_tables
    from evaluator.specification import read_analysis

    own_scores.refuse_places((output, table, report_file))
    chosen = read_analysis(
        plan,
        subgroups=subgroup,
        symmetric=symmetric,
        replicates=replicates,
        sampling_design=design,
    )
    found = score_tables(
        predictions,
        truth,
        chosen,
        threshold=threshold,
        labels=tuple(label or ()),
        score_column=score_column,
        case_column=case_column,
        patient_column=patient_column,
        weight_column=weight_column,
    )
    for name, evaluation in found.items():
        console.print(printing.evaluation(name, evaluation))
    if output is not None:
        own_scores.write_json(found, output)
    if table is not None:
        own_scores.write_csv(found, table)
    if report_file is not None:
        own_scores.write_reports(found, report_file)


@app.command(rich_help_panel=_STEWARD)
def doctor(home: Home = HOME) -> None:
    """Check that this installation is what it says it is."""
    from evaluator.doctor import examine
    from evaluator.installation import Installation

    findings = examine(Installation.existing(home))
    for finding in findings:
        console.print(printing.finding(finding))
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)


@app.command(rich_help_panel=_REVIEWER)
def demo(
    folder: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo"),
    patients: Annotated[int, typer.Option(min=100)] = 600,
    serve_page: Annotated[
        bool, typer.Option("--serve/--no-serve", envvar="DEMO_SERVE", help="Serve the board.")
    ] = True,
) -> None:
    """Walk the whole path on a simulated commons, one command after the other."""
    from evaluator.demo import walk

    walk(folder, patients=patients, serve=serve_page, console=console)
