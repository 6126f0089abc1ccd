"""MLflow: one run for each release, with intervals, digests and the report; no per-case value.

``python -m evaluator.tracking.mlflow_runs HOME`` tracks the untracked releases at each line of its
input, and once more at its end.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evaluator.claims import words
from evaluator.disclosure.control import Release
from evaluator.feedback_choice import told_how
from evaluator.garbage_collection import few_collections
from evaluator.leaderboard.board.ranking import worst_group
from evaluator.leaderboard.published import exposure, fact_sheet, primary_figure
from evaluator.leaderboard.templating.environment import environment
from evaluator.stores.installation import Installation
from evaluator.tracking import artifacts
from evaluator.tracking.headline import groups, headline, parts
from evaluator.tracking.headline import named as own_names
from evaluator.tracking.keys import KEYS_FILE, SUFFIXES, document, keys, named
from evaluator.tracking.process import REFUSED, TrackingError, untracked
from metrics.estimate import Estimate
from submissions.addresses.tracker import configured_tracker, tracker_fault
from submissions.fact_sheet import FactSheet
from submissions.ledger.ledger import Ledger, LedgerError, PublishedRelease

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST = 36
"""Characters of a dataset's digest; MLflow takes no more."""

HOW = "how values are told"
"""The tag of a run whose one figure may be another submission's, or of practice cases."""

_LOG = logging.getLogger(__name__)
_RELEASE_TAG = "sequestra.release"


def prepare(installation: Installation) -> None:
    """Import what tracking needs and open its store, while there is nothing to track yet."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow.exceptions  # slow: only what tracks may need it

    # It sets itself to INFO when imported.
    logging.getLogger(mlflow.__name__).setLevel(logging.WARNING)
    environment().get_template("report.html")
    if not _unreachable(installation.tracking_uri):
        # Sent away in the midst of this, it would leave a store that is half made.
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with suppress(Exception):  # said again, and heard, when there is something to track
            mlflow.MlflowClient(tracking_uri=_prepared(installation))
        signal.signal(signal.SIGTERM, before)


def track_releases(installation: Installation, ledger: Ledger) -> None:
    """Give every release its one MLflow run; raise TrackingError where the server takes none."""
    waiting = untracked(installation, ledger)
    if not waiting:
        return
    refused: list[tuple[PublishedRelease, str]] = []
    if problem := _unreachable(installation.tracking_uri):
        raise _waits(waiting[0], problem, len(waiting))
    for number, published in enumerate(waiting):
        try:
            sheet = fact_sheet(ledger, published.submission_id)
            looked = exposure(ledger, published.submission_id)
            run_id = track(published, installation, sheet, looked)
        except Exception as error:  # whatever it is, the others are not to wait for it
            refused.append((published, " ".join(str(error).split())[:300]))
            if not _answers(installation):
                raise _waits(*refused[0], len(refused) + len(waiting) - number - 1) from error
        else:
            ledger.tracked(published.number, run_id)
    if refused:
        raise _waits(*refused[0], len(refused))


def _waits(release: PublishedRelease, problem: str, number: int) -> TrackingError:
    return TrackingError(
        f"MLflow does not take the release of submission {release.submission_id} ({problem}); "
        f"{number} wait in the ledger and are on the board: mend it, then `sequestra run` tracks "
        f"them"
    )


def _unreachable(uri: str) -> str:
    """What is wrong with a tracker's database, which MLflow would ask for minutes; else empty.

    A server it asks with limits of its own, longer ones, as one that is busy needs.
    """
    fault = None if uri.startswith("http") else tracker_fault(uri)
    return "" if fault is None else fault.sentence


def _answers(installation: Installation) -> bool:
    """Whether the store takes anything, so that the next release need not wait for one refused."""
    from mlflow import MlflowClient

    if _unreachable(installation.tracking_uri):
        return False
    try:
        MlflowClient(tracking_uri=_prepared(installation)).search_experiments(max_results=1)
    except Exception:  # whatever it raises: the store is not one that answers
        return False
    return True


def track(
    published: PublishedRelease,
    installation: Installation,
    sheet: FactSheet | None = None,
    looked: Sequence[str] = (),
) -> str:
    """Write the release to MLflow, its fact sheet beside it, and return the run's id.

    A run that was cut off half-way is replaced.
    """
    from mlflow import MlflowClient

    uri = _prepared(installation)
    client = MlflowClient(tracking_uri=uri)
    released = Release.from_json(published.document)
    experiment = _experiment(client, released.benchmark, installation)
    tag = f"{published.submission_id}/{published.number}"
    of_release = f"tags.`{_RELEASE_TAG}` = '{tag}'"
    for run in client.search_runs([experiment], of_release):
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        client.delete_run(run.info.run_id)
    primary = primary_figure(installation, released.benchmark)
    start, end = _hours(released, published)
    run = client.create_run(
        experiment,
        start_time=start,
        run_name=f"{released.team} / {released.model}",
        tags={_RELEASE_TAG: tag, **_tags(released, primary)},
    )
    run_id = str(run.info.run_id)
    shown = [*headline(released, primary), *parts(released)]
    by_group = groups(released, primary)
    names = keys([named(result) for result in (*shown, *by_group)])
    estimates = [(names[named(each)], each.estimate) for each in shown]
    estimates += [(name, each.estimate) for name, each in own_names(released, primary)]
    # Bounds of groups would be most of the charts that MLflow draws.
    estimates += [
        (names[named(each)], replace(each.estimate, low=None, high=None)) for each in by_group
    ]
    client.log_batch(run_id, metrics=_metrics(estimates, start), params=_parameters(released))
    client.log_inputs(run_id, [_dataset(released)])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        artifacts.write(folder, published.document, released, primary, sheet, looked)
        (folder / KEYS_FILE).write_text(document(names), encoding="utf-8")
        client.log_artifacts(run_id, str(folder))
    client.set_terminated(run_id, "FINISHED", end_time=end)
    if uri.startswith("http"):
        # MLflow asks a server again whose answer was lost, which may have made a run both times.
        for run in client.search_runs([experiment], of_release):
            if run.info.run_id != run_id:
                client.delete_run(run.info.run_id)
    return run_id


def _prepared(installation: Installation) -> str:
    uri = installation.tracking_uri
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return uri


def _experiment(client: MlflowClient, benchmark: str, installation: Installation) -> str:
    name = f"sequestra/{benchmark}"
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    place = None if configured_tracker() else installation.artifacts.as_uri()
    # Without it MLflow's pages open the experiment as one of language models.
    kind = {"mlflow.experimentKind": "custom_model_development"}
    return str(client.create_experiment(name, artifact_location=place, tags=kind))


def _hours(released: Release, published: PublishedRelease) -> tuple[int, int]:
    """When a run begins and ends, in ms: hours that are public, so that neither tells of the run.

    The exact end of a container could carry a message out.
    """
    received = released.received.replace(minute=0, second=0, microsecond=0)
    start, end = (int(each.timestamp() * 1000) for each in (received, published.published))
    return min(start, end), end


def _tags(released: Release, primary: str) -> dict[str, str]:
    worst = worst_group(released, primary)
    tags = {} if worst is None else {"worst group": f"{worst.attribute}: {worst.level}"}
    if how := told_how(released.rule):
        tags[HOW] = how
    if released.verdict is not None:
        tags |= words.tags(released.verdict)
    return tags | {
        "team": released.team,
        "model": released.model,
        "benchmark": released.benchmark,
        "sequestra.submission": released.submission_id,
        "sequestra.benchmark": released.benchmark,
        "sequestra.cohort_digest": released.cohort_digest,
        "sequestra.image_digest": released.image_digest,
        "sequestra.plan_digest": released.plan_digest,
        "sequestra.code_version": released.code_version,
    }


def _metrics(estimates: Sequence[tuple[str, Estimate]], at: int) -> list[object]:
    """Each figure's value and bounds as MLflow's metrics, at a time in ms."""
    from mlflow.entities import Metric

    metrics: list[object] = []
    for name, estimate in estimates:
        values = (estimate.value, estimate.low, estimate.high)
        for suffix, value in zip(("", *SUFFIXES), values, strict=True):
            if value is not None:
                metrics.append(Metric(f"{name}{suffix}", value, at, 0))
    return metrics


def _dataset(released: Release) -> object:
    """The sealed cohort as a dataset: a name and a digest, and nothing that could be loaded."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    source = CodeDatasetSource(
        {
            "sequestra.benchmark": released.benchmark,
            "sequestra.cohort_digest": released.cohort_digest,
        }
    )
    short = released.cohort_digest.removeprefix("sha256:")[:DIGEST]
    dataset = MetaDataset(source, name=released.benchmark, digest=short)
    context = InputTag("mlflow.data.context", "sequestered cohort")
    return DatasetInput(dataset=dataset._to_mlflow_entity(), tags=[context])


def _parameters(released: Release) -> list[object]:
    from mlflow.entities import Param

    values = {
        "team": released.team,
        "model": released.model,
        "benchmark": released.benchmark,
        "threshold": str(released.threshold),
        "n_cases": str(released.n_cases),
        "n_patients": str(released.n_patients),
        "confidence": str(released.confidence),
    }
    if released.n_positive is not None:
        values["n_positive"] = str(released.n_positive)
    return [Param(key, value) for key, value in values.items()]


def _serve(root: Path) -> None:
    installation = Installation(root)
    # It gets the processors that nothing which a submission waits for would have.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        ledger = installation.ledger()
        with ledger.tracking():  # the process of a dispatcher that was killed may still end a run
            prepare(installation)
            problem = ""
            for _ in sys.stdin:
                try:
                    track_releases(installation, ledger)
                except (TrackingError, LedgerError) as error:  # tried again
                    if str(error) != problem:
                        problem = str(error)
                        _LOG.warning(problem)
                else:
                    problem = ""
            track_releases(installation, ledger)
    except (TrackingError, LedgerError) as error:
        sys.stdout.write(str(error))
        sys.exit(REFUSED)


if __name__ == "__main__":
    with few_collections():
        _serve(Path(sys.argv[1]))
