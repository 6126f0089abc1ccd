"""One container's work, done by whichever worker takes it: stage, run, read what was predicted."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cohort_selection.cases import BlindedCase
from evaluator.host.resources import Room
from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.sandbox.images import NoImage
from evaluator.sandbox.pictures import pictures_of
from evaluator.sandbox.staging import Staged, remove_leftovers, stage
from submissions.addresses.engine import EngineSick
from submissions.contract import Contract
from submissions.predictions import Predictions, read_predictions
from submissions.stage_times import Stage
from submissions.submission import ContractBroken, Failure

CLEAN_SECONDS = 10.0
"""How often a host is looked over, at most, for what a killed process left on it."""

LAID_OUT = threading.Event()
"""Set as soon as this process has laid out the cases of a run."""

_OF_THREAD = threading.local()
_GIVEN_UP: set[str] = set()
_UNDER_WAY: list[tuple[Path, str]] = []
"""Staging folder and attempt of each shard that this process works on."""
_LOOK_SECONDS = 0.05

_CLEANED: dict[Path, float] = {}


@dataclass(frozen=True, slots=True)
class Shard:
    """Cases for one container, and the limits it runs under; there is no label in it.

    ``staging`` is the folder in which the run's input is laid out, on the file system of the
    sealed images. ``archive`` is where a worker finds the image that its engine does not have.
    ``attempt`` names the try that the shard belongs to, so that it can be given up. ``practice``:
    its cases are public, so that they may be copied, and all that the container says is kept.
    """

    submission_id: str
    image_digest: str
    cases: tuple[BlindedCase, ...]
    contract: Contract
    staging: Path
    archive: Path | None = None
    attempt: str = ""
    practice: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a shard ended: predictions, the team's failure, or what the engine refused.

    ``engine_gone`` tells an engine that does not answer or starts nothing from one that refuses
    this image alone; ``lacks_image`` one that needs an archive of it.
    ``seconds`` has the stages load, start and infer, as far as they were reached.
    """

    host: str
    predictions: Predictions | None = None
    failure: Failure | None = None
    detail: str = ""
    log: str = ""
    engine_fault: str = ""
    engine_gone: bool = False
    lacks_image: bool = False
    harness_fault: str = ""
    seconds: Mapping[Stage, float] = field(default_factory=dict)


def run_shard(shard: Shard, room: Room | None = None) -> Ended:
    """Run the image on the shard's cases; never raises for what a team or an engine does.

    The container waits until there is ``room`` for it and its attempt is admitted there.
    Raises OSError where the worker's disk fails.
    """
    attempt = (shard.staging, shard.attempt)
    _UNDER_WAY.append(attempt)
    try:
        return _run(shard, room)
    finally:
        _UNDER_WAY.remove(attempt)


def _run(shard: Shard, room: Room | None) -> Ended:
    host = socket.gethostname()
    seconds: dict[Stage, float] = {}
    log = ""

    def given_up() -> bool:
        return shard.attempt in _GIVEN_UP

    def in_room() -> AbstractContextManager[None]:
        if room is None:
            return nullcontext()
        return room.taken(shard.contract, shard.attempt, given_up)

    try:
        engine = _engine()
        if time.monotonic() - _CLEANED.get(shard.staging, -CLEAN_SECONDS) >= CLEAN_SECONDS:
            clean_host(shard.staging)
        seconds[Stage.LOAD] = _load(engine, shard)
        with stage(
            shard.cases, shard.contract, shard.staging, copying=shard.practice, awaiting=False
        ) as staged:
            LAID_OUT.set()
            with _not_for_want_of_disk(staged, shard.contract):
                outcome = engine.run(
                    shard.image_digest,
                    staged,
                    shard.contract,
                    submission_id=shard.submission_id,
                    given_up=given_up,
                    room=in_room,
                    whole_log=shard.practice,
                )
                seconds.update(outcome.seconds)
                log = outcome.log_tail
                case_ids = {case.case_id for case in shard.cases}
                pictures = pictures_of(shard.cases, shard.contract)
                predictions = read_predictions(
                    staged.predictions, case_ids, shard.contract, pictures
                )
    except NoImage:
        lacking = f"the engine of {host} has no image {shard.image_digest}; load it there again"
        return Ended(host, engine_fault=lacking, lacks_image=True)
    except ContractBroken as broken:
        seconds.update(broken.seconds)
        return Ended(
            host,
            failure=broken.failure,
            detail=broken.detail,
            log=broken.log_tail or log,
            seconds=seconds,
        )
    except EngineUnavailable as error:
        engine_gone = isinstance(error, EngineSick) or not _answers()
        return Ended(host, engine_fault=str(error), engine_gone=engine_gone)
    return Ended(
        host,
        predictions=predictions,
        log=log,
        seconds=seconds,
    )


def clean_host(staging: Path) -> None:
    """Remove the containers, half-entered images and folders of runs that were killed here."""
    _CLEANED[staging] = time.monotonic()
    with suppress(EngineUnavailable):
        _engine().containers.remove_dead(staging)
        _engine().images.forget_dead(staging)
    remove_leftovers(staging)


def kill_containers(submission_id: str, attempt: str) -> int:
    """Kill the containers of a submission on this host, and start none for the attempt."""
    _GIVEN_UP.add(attempt)
    try:
        return _engine().kill(submission_id)
    except EngineUnavailable:
        return 0


def kill_left(staging: Path) -> int:
    """Kill the containers that this host runs for a dispatcher that is gone, and start no more."""
    _GIVEN_UP.update(attempt for folder, attempt in tuple(_UNDER_WAY) if folder == staging)
    try:
        return _engine().containers.kill_over(staging)
    except EngineUnavailable:
        return 0


def wait_for_shards(seconds: float) -> bool:
    """Wait until this process works on no shard: containers and folders of all are then gone.

    A shard that was given up ends in its thread after its submission did. False where one is still
    at work after so many ``seconds``.
    """
    until = time.monotonic() + seconds
    while _UNDER_WAY and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    return not _UNDER_WAY


def has_image(image_digest: str) -> bool | None:
    """Whether this host's engine has an image; None where it does not say."""
    try:
        return _engine().has(image_digest)
    except EngineUnavailable:
        return None


@contextmanager
def _not_for_want_of_disk(staged: Staged, contract: Contract) -> Iterator[None]:
    """Raise OSError where a run that failed could not have written what it may: ours, not theirs.

    What it did write, or hold of the disk, is given back when it is over, and counts as room.
    """
    try:
        yield
    except ContractBroken:
        held = staged.predictions.lstat().st_blocks * 512
        if shutil.disk_usage(staged.folder).free + held < contract.output_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(staged.folder)) from None
        raise


def _engine() -> Engine:
    """This thread's connection to the host's engine."""
    engine: Engine | None = getattr(_OF_THREAD, "engine", None)
    if engine is None:
        engine = Engine.connect()
        _OF_THREAD.engine = engine
    return engine


def _answers() -> bool:
    """Whether the engine answers, asked over a new connection."""
    _OF_THREAD.engine = None
    try:
        _engine()
    except EngineUnavailable:
        return False
    return True


def _load(engine: Engine, shard: Shard) -> float:
    """Load the image from its archive, where there is one and the engine needs it; the seconds."""
    started = time.monotonic()
    archive = shard.archive
    if archive is not None and archive.is_file() and not engine.has(shard.image_digest):
        try:
            loaded = engine.load(archive, shard.contract, shard.staging)
        except ContractBroken as broken:
            # It was accepted when it was entered: what is wrong with the copy is not the team's.
            raise EngineUnavailable(f"the archive {archive} is not loaded: {broken}") from broken
        if loaded != shard.image_digest:
            raise EngineUnavailable(
                f"the archive of image {shard.image_digest} holds {loaded}; remove {archive}"
            )
    return time.monotonic() - started
