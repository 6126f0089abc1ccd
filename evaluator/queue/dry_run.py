"""Runs on public cases with the sequestered run's runner, flags and limits, and their figures.

A researcher's check runs on open cases of their own copy or on the benchmark's practice cases, the
queue's dry run on the latter.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import BlindedCase, Case
from cohort_selection.sequestration.open_list import read_open
from cohort_selection.sequestration.open_part import copy_cases
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.pictures import pictures_of
from evaluator.sandbox.staging import own_folder, remove_leftovers, stage
from evaluator.stores.practice_cases import PracticeError
from submissions.contract import Contract
from submissions.host.base_image import cache
from submissions.predictions import Predictions, read_predictions
from submissions.submission import ContractBroken, Failure

_CHANCE = 0.05  # how seldom chance may turn scores round that are called inverted


@dataclass(frozen=True, slots=True)
class Scores:
    """What the scores of a check look like; on open data the researcher may see everything.

    ``auroc`` is None where all cases have one label. ``inverted``: positive cases score lower than
    negative ones, more than chance would have it. ``of_outputs`` has each of several outputs, on
    the cases in which its finding or class is known; the range is then that of all. Of masks and
    marks ``drawn`` has the positive and the negative cases in which something is.
    """

    n_positive: int
    n_negative: int
    lowest: float
    highest: float
    auroc: float | None
    inverted: bool
    of_outputs: Mapping[str, Scores] = field(default_factory=dict)
    drawn: Sequence[int] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Scores:
        """Read what ``Practised.to_json`` wrote of them."""
        known = {name: each for name, each in document.items() if name in cls.__dataclass_fields__}
        outputs = known.pop("of_outputs", {})
        return cls(**known, of_outputs={name: cls.read(each) for name, each in outputs.items()})

    def as_document(self) -> dict[str, object]:
        """The figures of a document; those of outputs where there are several."""
        found = {**asdict(self), "constant": self.constant}
        del found["of_outputs"], found["drawn"]
        found |= {"drawn": list(self.drawn)} if self.drawn else {}
        if self.of_outputs:
            outputs = {name: each.as_document() for name, each in self.of_outputs.items()}
            found["of_outputs"] = outputs
        return found

    @property
    def constant(self) -> bool:
        """Whether every one of several cases has the same score."""
        return self.lowest == self.highest and self.n_positive + self.n_negative > 1


@dataclass(frozen=True, slots=True)
class Practised:
    """What a check found: a failure and why, or the scores; and what the container said."""

    n_cases: int
    seconds: float
    failure: Failure | None
    detail: str
    log: str
    scores: Scores | None = None

    def to_json(self, expected_seconds: int | None = None) -> str:
        """The document that a team reads: figures, and all that the container said.

        ``expected_seconds`` is how long the sequestered run may take, coarsely.
        """
        document = {
            "n_cases": self.n_cases,
            "seconds": round(self.seconds, 2),
            "expected_seconds": expected_seconds,
            "failure": None if self.failure is None else self.failure.value,
            "detail": self.detail,
            "scores": None if self.scores is None else self.scores.as_document(),
            "log": self.log,
        }
        return json.dumps(document, sort_keys=True)


def practise(
    contract: Contract,
    image: str,
    open_list: Path,
    n_cases: int | None = None,
    *,
    practice: bool = False,
) -> Practised:
    """Run ``image`` on the first ``n_cases`` cases (None: all), just as the sequestered run would.

    ``image`` is a name, a digest, or the path of an image archive. The container gets the cases'
    files through the same copy as sequestered ones; ``practice`` cases are such copies already, and
    run as in the queue. Raises PracticeError where no case is listed,
    DeidentificationError where a file cannot be copied.
    """
    cases = read_open(open_list)[:n_cases]
    if not cases:
        raise PracticeError(f"{open_list} lists no case; give the list `sequestra sequester` wrote")
    blinded = renamed(cases)
    engine = Engine.connect()
    scratch = cache() / "check"
    engine.containers.remove_dead(scratch)
    remove_leftovers(scratch)
    log = ""
    try:
        with engine.receive(image, contract) as found:
            engine.let_in(found, contract)
            with own_folder(scratch) as folder, ExitStack() as laid_out:
                of = blinded, contract
                given = blinded_cases(*of) if practice else _copied(*of, folder)
                staged = laid_out.enter_context(stage(given, contract, scratch, copying=True))
                outcome = engine.run(
                    found.digest,
                    staged,
                    contract,
                    submission_id=f"check-{secrets.token_hex(6)}",
                )
                log = outcome.log_tail
                pictures = pictures_of(given, contract)
                predictions = read_predictions(staged.predictions, set(blinded), contract, pictures)
    except ContractBroken as broken:
        return Practised(len(cases), 0.0, broken.failure, broken.detail, broken.log_tail or log)
    seconds = sum(outcome.seconds.values())
    scores = look_of(blinded, predictions, contract.outputs)
    return Practised(len(cases), seconds, None, "", log, scores)


def renamed(cases: tuple[Case, ...]) -> dict[str, Case]:
    """Cases by ids that are drawn for one run."""
    return {secrets.token_hex(8): case for case in cases}


def blinded_cases(by_id: Mapping[str, Case], contract: Contract) -> tuple[BlindedCase, ...]:
    """Copied cases as a container may see them: under the ids of the run, without a label."""
    return tuple(
        BlindedCase(
            case_id, case.files, {key: case.attributes.get(key, "") for key in contract.visible}
        )
        for case_id, case in by_id.items()
    )


def practice_auroc(document: str | None) -> float | None:
    """The AUROC of a dry run's document; None without one, or where all cases have one label."""
    scores = None if document is None else json.loads(document)["scores"]
    return None if scores is None else scores["auroc"]


def _copied(blinded: dict[str, Case], contract: Contract, folder: Path) -> tuple[BlindedCase, ...]:
    """The cases as a container may see them, their files copied below ``folder``."""
    copied, _ = copy_cases(tuple(blinded.values()), folder / "copies")
    return blinded_cases(dict(zip(blinded, copied, strict=True)), contract)


def look_of(
    blinded: Mapping[str, Case], predictions: Predictions, outputs: Sequence[str] = ()
) -> Scores:
    """How predictions look, case by case, beside the labels.

    ``outputs`` are those of the contract. Where cases have targets for several of them each is
    looked at by itself, and no figure is of all; else the first is looked at.
    """
    label = np.array([float(case.label) for case in blinded.values()])
    score = np.array([predictions.values[case_id] for case_id in blinded], dtype=np.float64)
    if predictions.regions:
        drawn = [int((score[label == each, 0] > 0).sum()) for each in (1, 0)]
        return replace(_look_of_one(label, score[:, 0]), auroc=None, inverted=False, drawn=drawn)
    known = {name for case in blinded.values() for name in case.targets}
    if len(outputs) < 2 or known.isdisjoint(outputs):
        return _look_of_one(label, score[:, 0])
    targets = [[case.targets.get(name) for name in outputs] for case in blinded.values()]
    target = np.array(targets, dtype=np.float64)  # None becomes NaN
    found = {
        name: _look_of_one(target[there, place], score[there, place])
        for place, name in enumerate(outputs)
        for there in [~np.isnan(target[:, place])]
        if there.any()
    }
    return Scores(
        n_positive=int(label.sum()),
        n_negative=int((1.0 - label).sum()),
        lowest=float(score.min()),
        highest=float(score.max()),
        auroc=None,
        inverted=False,
        of_outputs=found,
    )


def _look_of_one(label: NDArray[np.float64], score: NDArray[np.float64]) -> Scores:
    """One output beside its labels, 0 or 1."""
    from scipy.stats import mannwhitneyu  # slow, and a queue without dry runs needs none of it

    from metrics.discrimination.curves import auroc

    positive, negative = score[label == 1], score[label == 0]
    reached, inverted = None, False
    if len(positive) and len(negative):
        reached = auroc(label, score)
        inverted = bool(
            reached < 0.5 and mannwhitneyu(positive, negative, alternative="less").pvalue < _CHANCE
        )
    return Scores(
        len(positive), len(negative), float(score.min()), float(score.max()), reached, inverted
    )
