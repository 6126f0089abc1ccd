"""The commands about the audit chain and its signatures: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from evaluator.commands.options import (
    EVERYONE,
    HOME,
    OPERATOR,
    REVIEWER,
    RULE,
    Home,
    HomeOption,
    ServerOption,
    file_to_write,
)
from evaluator.screen import console, styled


class _RunsByDefault(TyperGroup):
    """A group in which `audit ID` means `audit runs ID`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command where the first word is none of the group's."""
        if args and args[0] != "--help" and args[0] not in self.commands:
            args = ["runs", *args]
        return super().parse_args(ctx, args)


app = typer.Typer()
audit = typer.Typer(cls=_RunsByDefault, no_args_is_help=True)
app.add_typer(
    audit,
    name="audit",
    help="Show who did what, verify the audit chain, or show the runs of a submission.",
    rich_help_panel=OPERATOR,
)

SubmissionId = Annotated[str, typer.Argument(help="Id of the submission.")]
PublicKey = Annotated[
    Path, typer.Option("--key", help="Public key: `sequestra audit key -o FILE`.")
]


@audit.command(rich_help_panel=OPERATOR)
def runs(submission_id: SubmissionId, home: Home = HOME) -> None:
    """Show each run of a submission's container, with its log."""
    from evaluator.stores.installation import Installation
    from evaluator.terminal import printing

    installation = Installation.existing(home)
    console.print(printing.submission_line(installation.ledger().submission(submission_id)))
    enclave = installation.enclave()
    for attempt in enclave.attempts(submission_id):
        console.print(printing.attempt(attempt))
    console.print(printing.exact_stage_times(enclave.stages(submission_id)))


@audit.command(rich_help_panel=OPERATOR)
def show(
    submission: Annotated[str, typer.Option(help="Id of a submission.")] = "",
    team: Annotated[str, typer.Option(help="Name of a team.")] = "",
    event: Annotated[
        str, typer.Option(help="Kind of event, as `release`; `state:` stands for all states.")
    ] = "",
    home: Home = HOME,
) -> None:
    """Show who did what, and in which hour."""
    from evaluator import audit_lines
    from evaluator.stores.installation import Installation

    ledger = Installation.existing(home).ledger(examine=True)
    lines = audit_lines.lines(ledger, submission=submission, team=team, event=event)
    for line in lines:
        console.print(line, soft_wrap=True)
    if not lines:
        console.print("no such entry in the audit chain")


@audit.command(rich_help_panel=OPERATOR)
def verify(
    head: Annotated[
        list[Path] | None,
        typer.Option(help="Signed head or release, kept elsewhere; may be repeated."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(help="Public key to trust; may be repeated (default: this enclave's)."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Look for any change of the ledger: edits, deletions, another order, a cut-off end."""
    from evaluator import audit_lines
    from evaluator.signing import verification
    from evaluator.stores.installation import Installation
    from submissions.signatures import read_signed
    from submissions.verifying_key import VerifyingKey

    installation = Installation.existing(home)
    ledger = installation.ledger(examine=True)
    keys = [VerifyingKey.read(path) for path in key or ()] or verification.own_keys(installation)
    outside = [(str(path), read_signed(path)) for path in head or ()]
    outside += verification.remembered_head(installation, keys)
    trusted = keys or verification.announced_keys(ledger)
    result = verification.verify_ledger(ledger, trusted, outside)
    for problem in result.problems:
        console.print(styled((problem, "red")), soft_wrap=True)
    for line in audit_lines.verified(result, trusted=bool(keys)):
        console.print(line, soft_wrap=True)
    raise typer.Exit(1 if result.problems else 0)


@audit.command(rich_help_panel=OPERATOR)
def key(
    output: Annotated[Path | None, file_to_write("--output", "-o", help="File to write.")] = None,
    home: Home = HOME,
) -> None:
    """Print the public key that verifies releases, or write it into a file."""
    from cohort_selection.atomic_files import write_bytes
    from evaluator.signing.key import SigningKey
    from evaluator.stores.installation import Installation

    public = SigningKey.of(Installation.existing(home).enclave().folder).public
    if output is None:
        console.print(public.pem.rstrip())
        return
    write_bytes(output, public.pem.encode())
    console.print(f"wrote {output}: key {public.key_id:.16}")


@audit.command(rich_help_panel=OPERATOR)
def head(
    output: Annotated[Path, file_to_write("--output", "-o", help="File to write.")],
    home: Home = HOME,
) -> None:
    """Write the newest signed head of the audit chain, to be kept in another place."""
    from cohort_selection.atomic_files import write_bytes
    from evaluator.signing.key import SigningError
    from evaluator.stores.installation import Installation

    heads = Installation.existing(home).ledger().chain.signed_heads()
    if not heads:
        raise SigningError("no head of the audit chain is signed yet; `sequestra run` signs one")
    write_bytes(output, heads[-1].signed.to_json().encode())
    console.print(f"wrote {output}: audit entry {heads[-1].audit_number}")


@audit.command(rich_help_panel=OPERATOR)
def protect(home: Home = HOME) -> None:
    """Make the triggers again that keep rows of the ledger from being changed."""
    from evaluator.stores.installation import Installation

    ledger = Installation.existing(home).ledger(examine=True)
    for fault in ledger.chain.protect():
        console.print(f"found: {fault}")
    left = ledger.chain.guard_faults()
    for fault in left:
        console.print(styled((f"left: {fault}; drop it by hand", "red")))
    if not left:
        console.print("every trigger is in its place")
    raise typer.Exit(1 if left else 0)


@app.command(
    "release-file",
    help=f"Write a released result with its signature, as one file.\n\n{RULE}",
    rich_help_panel=REVIEWER,
)
def release_file(
    submission_id: SubmissionId,
    output: Annotated[Path, file_to_write("--output", "-o", help="JSON file to write.")],
    server: ServerOption = None,
    home: HomeOption = None,
) -> None:
    """Write a released result with its signature, as one file."""
    from cohort_selection.atomic_files import write_bytes
    from evaluator.entering.place import place
    from evaluator.signing.key import SigningError
    from evaluator.stores.installation import Installation

    where = place(server, home, HOME)
    if not isinstance(where, Path):
        with where:
            write_bytes(output, where.signed_release(submission_id))
        console.print(f"wrote {output}; `sequestra verify-release` verifies it")
        return
    signed = Installation.existing(where).ledger().signed_release(submission_id)
    if signed is None:
        raise SigningError(
            f"the result of {submission_id} has no signature yet; `sequestra run` signs what this "
            f"installation scored"
        )
    write_bytes(output, signed.to_json().encode())
    console.print(f"wrote {output}: signed by key {signed.key_id:.16}")


@app.command("verify-release", rich_help_panel=EVERYONE)
def verify_release(
    file: Annotated[Path, typer.Argument(help="File that `sequestra release-file` wrote.")],
    key: PublicKey,
) -> None:
    """Verify that a released result is as it was signed; this needs no installation."""
    from submissions.verifying_key import VerifyingKey, read_release

    content = read_release(file, VerifyingKey.read(key))
    console.print(f"{file} is as it was signed")
    shown = ("submission", "team", "model", "benchmark", "image_digest", "published")
    for name in shown:
        console.print(f"{name.replace('_', ' ')}: {content.get(name)}")
    console.print(f"audit entry at that time: {content.get('head', {}).get('audit_number')}")
