"""Finds the images of submissions in the workers' engines, or archives of them."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evaluator.queue.job import Job
from evaluator.queue.readiness import Fitness
from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.stores.enclave import Enclave

if TYPE_CHECKING:
    from evaluator.workers.workers import Workers


class ImageSupply:
    """Has an archive of an image written for hosts whose engines lack it."""

    def __init__(self, enclave: Enclave, fitness: Fitness) -> None:
        """Keep archives in the enclave, whose folder all hosts have."""
        self._enclave = enclave
        self._fitness = fitness

    def finds(self, workers: Workers, job: Job) -> bool:
        """Whether a host has the image, or may have; for those that lack it there is an archive."""
        answers = workers.have(job.submission.image_digest)
        is_there = all(answers)
        if not is_there:
            job.archive = self._saved(job.submission.image_digest)
            is_there = job.archive.exists() or any(answer is not False for answer in answers)
        if is_there:
            self._fitness.find_image(job.submission)
        return is_there

    def _saved(self, digest: str) -> Path:
        """The archive of an image, written where there is none yet."""
        path = self._enclave.image_archive(digest)
        if not path.exists():
            # A worker that lacks the image will say so.
            with suppress(EngineUnavailable), closing(Engine.connect()) as engine:
                engine.save(digest, path)
        return path
