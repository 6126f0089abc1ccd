"""What the command line prints: tables and lines for a terminal, no rule of its own."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from evaluator.screen import Sheet, console, styled

if TYPE_CHECKING:
    from cohort_selection.catalog.catalog import Indexed
    from cohort_selection.commons.conversion import Imported
    from cohort_selection.commons.simulation import Simulated
    from cohort_selection.dicom.header import Quarantined
    from cohort_selection.leakage.repeated_pictures import RepeatCounts
    from cohort_selection.matching.draw import Margin, Matched
    from cohort_selection.matching.feasibility import GapProspect, Prospect
    from cohort_selection.representativeness.distance import Deviation
    from cohort_selection.sealing.cohort import Cohort
    from evaluator.doctor import Finding
    from evaluator.steward.file_check import Tried
    from evaluator.steward.steward import Sealed, Sequestered
    from evaluator.stores.enclave import Attempt, StageTime
    from metrics.planning.widths import Precision
    from submissions.stage_times import Stage
    from submissions.submission import Submission

MOST_QUARANTINED = 10
MOST_HELP = 5


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where nothing more can be written; it names no file."""


_ADVICE = {
    errno.EISDIR: "a folder stands where a file is needed: give a file",
    errno.ENOTDIR: "a file stands where a folder is needed: give a folder, or a path in one",
    errno.ENOENT: "give a path that is there",
    errno.EEXIST: "give a path where nothing is yet",
    errno.EACCES: "give a path that you may use, or have its owner allow it",
    errno.EROFS: "give a path on a disk that can be written to",
    errno.ENAMETOOLONG: "give a shorter path",
    **dict.fromkeys(
        (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS),
        "files cannot be locked there: give a path on a local disk, or turn on locks of its server",
    ),
}
"""What to do of an error of the system, by its number."""


def of_the_disk(error: ValueError | OSError) -> ValueError | OSError:
    """The error of a full disk behind this one, where a library raised its own; else this one."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, OSError) and behind.errno in FULL:
            return behind
        behind = behind.__cause__ or behind.__context__
    return error


def system_error(error: Exception) -> str:
    """What the system says of a path, and what to do."""
    if not isinstance(error, OSError):
        return str(error)
    said = (error.strerror or type(error).__name__).lower()
    if error.errno in FULL:
        where = f" at {error.filename}" if error.filename else ""
        return (
            f"the disk is full{where} ({said}); free some space and run the command again; "
            "earlier files are unchanged"
        )
    advice = _ADVICE.get(error.errno or 0, "give a path that exists and that you may use")
    return f"{error.filename}: {said}; {advice}"


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar; yields the function that moves it to (done, total)."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def acts() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar an act; yields the function that moves an act to (done, total)."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def tick(act: str, done: int, total: int) -> None:
            if act not in tasks:
                tasks[act] = bar.add_task(act)
            bar.update(tasks[act], completed=done, total=total)

        yield tick


def simulated(made: Simulated) -> str:
    """The size of a simulated commons and the best score its truth allows."""
    return (
        f"{made.n_patients} patients, {made.n_studies} studies, {made.n_positive} positive; "
        f"achievable AUROC {made.achievable_auroc:.3f}"
    )


def imported(made: Imported) -> RenderableType:
    """How many images became DICOM, and those that did not."""
    line = f"{made.n_images} images of {made.n_patients} patients written to {made.dicom}"
    first = [(each.path, each.reason) for each in made.quarantined[:MOST_QUARANTINED]]
    return Group(line, *_quarantine(first, len(made.quarantined)))


def indexed(found: Indexed, folder: Path, kept_out: Iterable[Quarantined]) -> RenderableType:
    """What an index run read, the annotations beside the images, and the first of the bad files."""
    from cohort_selection.catalog.annotations import annotation

    line = (
        f"{found.n_studies} studies and {found.n_records} clinical records in {folder}; "
        f"{found.n_files} files, {found.n_read} read, {found.n_unchanged} unchanged"
    )
    n_others = found.n_quarantined - sum(found.n_annotations.values())
    others = (each for each in kept_out if not annotation(each.reason)) if n_others else ()
    first = [(each.path, each.reason) for each in islice(others, MOST_QUARANTINED)]
    told = [*found.notes, *_annotations(found.n_annotations)]
    return Group(line, *told, *_quarantine(first, n_others))


def _annotations(n_annotations: Mapping[str, int]) -> list[str]:
    """How many annotations lie beside the images, and what they are good for."""
    if not n_annotations:
        return []
    kinds = " and ".join(
        f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in sorted(n_annotations.items())
    )
    return [
        f"{kinds} beside the images, listed in quarantine.csv: a benchmark whose [task] kind is "
        '"segmentation" or "localisation" takes them as its reference standard'
    ]


def sequestered(done: Sequestered, open_list: Path) -> RenderableType:
    """The flow of the criteria, rule by rule, and the two parts."""
    flow = Sheet(title="Flow", title_justify="left")
    flow.add_column("rule")
    flow.add_column("excluded", justify="right")
    for name in ("of these unknown", "studies left", "patients left"):
        flow.add_column(name, justify="right")
    for step in done.flow:
        counts = (step.excluded, step.unknown, step.remaining, step.patients)
        flow.add_row(step.rule, *map(str, counts))
    parts = (
        f"open: {done.open_cases} cases of {done.open_patients} patients, listed in {open_list}\n"
        f"sequestered: {done.sequestered_cases} cases of {done.sequestered_patients} patients"
    )
    return Group(flow, parts, *_assigned_before(done))


def _assigned_before(done: Sequestered) -> list[str]:
    """What became of the share where patients had been assigned before."""
    if not done.assigned_before:
        return []
    everybody = done.open_patients + done.sequestered_patients
    new = everybody - done.assigned_before
    applied = f"the {new} who are new" if new else "nobody: no patient is new"
    return [
        f"{done.assigned_before} patients were assigned before and stay where they were; "
        f"sequestered_share, {done.share:g}, was applied to {applied}. Sequestered are "
        f"{done.sequestered_patients / everybody:.3g} of these patients. In another "
        "folder (--home) everybody would be new"
    ]


def matched(found: Matched) -> RenderableType:
    """The margins of the drawn cohort beside target and pool."""
    table = _margins(f"Matched cohort: {len(found.cases)} cases", "cohort", found.margins)
    notes = [*found.notes, *found.binding]
    notes.append(f"{found.certain_share:.1%} of the pool's patients were certain to be drawn")
    return Group(table, *notes)


def prospect(found: Prospect) -> RenderableType:
    """What a draw would reach: sizes, margins, subgroups, what binds and who would help."""
    lines = [
        f"the pool has {found.n_patients} patients, the sequestered ones who meet the criteria; "
        f"within the tolerance no cohort has more than {found.largest.bound}, and the largest that "
        f"can be drawn has {found.drawable}"
    ]
    lines += [f"binding: {sentence}" for sentence in found.binding]
    lines += [f"what would help: {sentence}" for sentence in found.helped[:MOST_HELP]]
    if len(found.helped) > MOST_HELP:
        lines.append(f"  and {len(found.helped) - MOST_HELP} more kinds of patients")
    lines += found.notes
    lines.append(found.refusal or f"a cohort of {found.size} can be drawn")
    shown: list[RenderableType] = [*lines]
    if found.margins:
        shown.insert(0, _margins(f"A cohort of {found.size}", "one draw", found.margins))
    if found.subgroups:
        table = Sheet(title=_widths(found.precision), title_justify="left")
        table.add_column("patients")
        for name in ("positives", "negatives", "AUROC +-"):
            table.add_column(name, justify="right")
        for group in found.subgroups:
            width = "-" if group.half_width is None else f"{group.half_width:.3f}"
            width = group.held_back or width
            counts = (f"{group.positives:.1f}", f"{group.negatives:.1f}")
            table.add_row(group.name, *counts, width)
        shown.insert(1, table)
    shown += [_findable(gap) for gap in found.gaps]
    return Group(*shown)


def _widths(what: Precision) -> str:
    """What the widths of the table of subgroups stand for, with all that is assumed."""
    return (
        f"Expected patients. +-: half the width of the {what.confidence:.3g} interval "
        f"({what.interval}) of an AUROC that is truly {what.auroc:g}; "
        f"{what.assurance:.0%} of cohorts have one no wider"
    )


def tried(found: Tried) -> RenderableType:
    """What a catalog says to a benchmark's file: problems, groups not shown, what can be drawn."""
    lines = [f"{found.n_cases} cases of the catalog meet the criteria"]
    lines += [f"problem: {sentence}" for sentence in found.problems]
    lines += [f"not shown: {sentence}" for sentence in found.hidden]
    if not (found.problems or found.hidden):
        lines.append("every level occurs, and every group is large enough to be shown")
    shown: list[RenderableType] = [*map(styled, lines)]
    if found.prospect is not None:
        shown.append("one split by chance; `sequestra match --plan` has that of the installation:")
        shown.append(prospect(found.prospect))
    return Group(*shown)


def _findable(found: GapProspect) -> RenderableType:
    """How much worse each level must be for the declared test to find it."""
    gap = found.gap
    title = f"{gap.figure} by {gap.attribute}, tested at {gap.alpha:.3g}"
    reasons = {level.reason for level in found.levels}
    if len(reasons) == 1 and "" not in reasons:
        return f"{title}: {reasons.pop()}"
    if gap.assumed is not None:
        title += (
            f": how much worse than the others, at {gap.assumed:g}, a level must be to be found "
            "with a power of 80 %"
        )
    table = Sheet(title=title, title_justify="left")
    table.add_column("level")
    for name in ("positives", "negatives", "worse by"):
        table.add_column(name, justify="right")
    for level in found.levels:
        worse = level.reason if level.difference is None else f"{level.difference:.3f}"
        counts = (f"{level.positives:.1f}", f"{level.negatives:.1f}")
        table.add_row(level.level, *counts, worse)
    return table


def _margins(title: str, drawn: str, margins: Iterable[Margin]) -> Sheet:
    table = Sheet(title=title, title_justify="left")
    for name in ("attribute", "level"):
        table.add_column(name)
    for name in ("target", "achievable", drawn, "pool", "patients"):
        table.add_column(name, justify="right")
    for margin in margins:
        table.add_row(
            margin.attribute,
            margin.level,
            f"{margin.target:.1%}",
            f"{margin.achievable:.1%}",
            f"{margin.cohort:.1%}",
            f"{margin.pool:.1%}",
            str(margin.n_cohort),
        )
    return table


def distances(rows: Sequence[Deviation]) -> RenderableType:
    """Jensen-Shannon distances with those of random draws, and the largest deviations."""
    table = Sheet(
        title="Jensen-Shannon distance, base 2", title_justify="left", box=SIMPLE, pad_edge=False
    )
    table.add_column("attribute", overflow="fold", min_width=9)
    for name in ("distance", "reported", "chance", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("worst level", overflow="fold")
    for name in ("off by", "mean", "std."):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        numbers = (row.jsd, row.jsd_without_not_reported, row.chance_median, row.chance_high)
        table.add_row(
            row.attribute,
            *("" if number is None else f"{number:.4f}" for number in numbers),
            row.worst_level,
            f"{row.maximum:.1%}",
            f"{row.mean:.1%}",
            f"{row.standardised:.3f}",
        )
    told = (
        "reported: without Not Reported. chance, 95 %: median and 95 % point of random draws of as "
        "many patients. std.: standardised difference, 0.1 the usual limit."
    )
    return Group(table, told)


def sealed(done: Sealed) -> RenderableType:
    """The digest of a sealed cohort, its distance from the target and what the checks found."""
    from evaluator.claims import sealed_study
    from evaluator.terminal.sealed_claims import sealed_claims

    table = Sheet(title="Against the target", title_justify="left")
    table.add_column("attribute")
    table.add_column("Jensen-Shannon distance", justify="right")
    table.add_column("largest deviation", justify="right")
    for deviation in done.deviations:
        table.add_row(
            deviation.attribute,
            f"{deviation.jsd:.4f}",
            f"{deviation.maximum:.1%} ({deviation.worst_level})",
        )
    cohort, wall = done.cohort, done.wall
    told: list[RenderableType] = [
        styled(
            ("shortcut:", "bold red"),
            f" {each.field} alone predicts the label with an AUROC of {each.auroc:.2f}",
            f" ({each.telling})" if each.telling else "",
        )
        for each in done.shortcuts
        if each.alarming
    ]
    if not done.shortcuts:
        told = [
            "headers alone: not audited (a class has fewer than 2 patients, or no header varies)"
        ]
    elif not told:
        strongest = done.shortcuts[0]
        told = [
            f"headers alone: the strongest, {strongest.field}, predicts the label with an "
            f"AUROC of {strongest.auroc:.2f}; chance reaches {strongest.high:.2f}"
        ]
    compared = "pictures and stored pixels" if wall.looked else "stored pixels (not pictures)"
    told.append(
        f"{compared} of {wall.sealed_files} files compared with {wall.open_files} open ones: "
        + (f"{wall.look_alikes} look-alikes, accepted" if wall.look_alikes else "none alike")
    )
    if done.repeats is not None:
        told.append(_repeated(done.repeats))
    burned = cohort.report.get("burned_in_annotation_files")
    if burned:
        told.append(styled((f"{burned} files say that text is burned into their pixels", "yellow")))
    if (study := sealed_study.of(cohort)) is not None:
        told.append(sealed_claims(study))
    line = f"sealed {cohort.n_cases} cases of {cohort.n_patients} patients: {cohort.digest}"
    return Group(table, *told, line)


def _repeated(found: RepeatCounts) -> RenderableType:
    said = f"{found.files} files of the pool compared with each other: "
    if not found.in_pool:
        return said + "no picture stands under two patients or labels"
    inside = (
        f"{found.in_cohort} in the cohort, accepted" if found.in_cohort else "none in the cohort"
    )
    text = (
        f"{said}{found.in_pool} pictures stand under several patients or labels, "
        f"{found.in_pool_opposite} of them under opposite labels; {inside}; listed in "
        "repeated-pictures.csv of the benchmark's folder in the enclave"
    )
    return styled((text, "yellow"))


def verified(cohort: Cohort, problems: Sequence[str]) -> RenderableType:
    """Whether every byte is as it was sealed."""
    if not problems:
        return f"{cohort.n_cases} cases, seal whole: {cohort.digest}"
    return styled(("\n".join(problems), "red"))


def submission_line(submission: Submission) -> str:
    """One line a submission: its id, who, and its state or failure."""
    said = submission.state.value
    if said == "held":
        said = "held for review"
    if submission.failure is not None:
        said = f"{said}: {submission.failure.value}. {submission.failure.meaning}"
    who = f"{submission.team} / {submission.model}"
    return f"{submission.submission_id}  {who}  {submission.benchmark}  {said}"


def attempt(found: Attempt) -> RenderableType:
    """One line of a run's story, for the steward."""
    said = found.event.value if found.failure is None else found.failure.value
    lines = [f"{found.at:%Y-%m-%d %H:%M:%S}  {said}"]
    lines += [text for text in (found.detail, found.log) if text]
    return Group(*lines)


def stage_times(times: Mapping[Stage, int]) -> str:
    """What stages took at most, in powers of two, as a team may see it."""
    return "  ".join(f"{stage.value} under {seconds} s" for stage, seconds in times.items())


def exact_stage_times(times: Sequence[StageTime]) -> str:
    """What each stage of each container took, for the steward."""
    return "\n".join(
        f"{each.stage.value:8}{each.seconds:10.3f} s  {each.host}".rstrip() for each in times
    )


def finding(found: Finding) -> RenderableType:
    """One line of the doctor's."""
    mark = ("well", "green") if found.well else ("not well", "red")
    return styled(mark, f"  {found.subject}: {found.seen}")


def _quarantine(first: Sequence[tuple[Path, str]], total: int) -> list[RenderableType]:
    if not total:
        return []
    lines: list[RenderableType] = [styled((f"{total} files in quarantine", "yellow"))]
    lines += [f"  {path!s}: {reason}" for path, reason in first]
    if total > len(first):
        lines.append(f"  and {total - len(first)} more: see quarantine.csv")
    return lines
