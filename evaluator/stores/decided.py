"""Releases in the order in which they were decided, for those of one team that come later.

A release depends on the team's releases that were decided before it, and on no later one: the same
evaluation, decided again, gives the same document. What reviewers refused counts as well, and no
other team's release does.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

from sqlalchemy import insert, select

from cohort_selection.sealing.cohort import Cohort
from evaluator.disclosure.control import Release
from evaluator.disclosure.earlier import Earlier, Shared
from evaluator.stores import case_loads
from evaluator.stores.enclave import Enclave
from evaluator.stores.enclave_tables import DECIDED, DRAWN
from submissions.submission import Submission

MOST_BESIDE = 40
"""Releases that a new one is put beside, the newest: each makes the programme larger."""


def before(
    enclave: Enclave, submission: Submission, key: str, cohort: Cohort
) -> tuple[Earlier, ...]:
    """The team's releases that were decided before the evaluation with this key, oldest first.

    They are the newest ``MOST_BESIDE`` of them.

    Those of other cohorts come with the number of cases that the two cohorts share.
    """
    of_evaluation = (DECIDED.c.submission_id == submission.submission_id) & (
        DECIDED.c.evaluation_key == key
    )
    query = select(DECIDED).where(DECIDED.c.team == submission.team.casefold())
    with enclave.transaction() as connection:
        own = connection.execute(select(DECIDED.c.number).where(of_evaluation)).scalar_one_or_none()
        if own is not None:
            query = query.where(DECIDED.c.number < own)
        newest = query.order_by(DECIDED.c.number.desc()).limit(MOST_BESIDE)
        rows = connection.execute(newest).all()[::-1]
    of_cohort: dict[str, Shared | None] = {cohort.digest: None}
    earlier = []
    for row in rows:
        release = Release.from_json(zlib.decompress(row.document).decode())
        if row.cohort_digest not in of_cohort:
            of_cohort[row.cohort_digest] = _shared(enclave, cohort, release)
        earlier.append(Earlier(release, of_cohort[row.cohort_digest]))
    return tuple(earlier)


def keep(enclave: Enclave, key: str, cohort: Cohort, release: Release) -> None:
    """Remember a release as it was first decided, and which cases its cohort has."""
    case_loads.keep_drawn(enclave, cohort)
    of_evaluation = (DECIDED.c.submission_id == release.submission_id) & (
        DECIDED.c.evaluation_key == key
    )
    with enclave.transaction() as connection:
        if connection.execute(select(DECIDED.c.number).where(of_evaluation)).first() is None:
            connection.execute(
                insert(DECIDED).values(
                    submission_id=release.submission_id,
                    evaluation_key=key,
                    team=release.team.casefold(),
                    cohort_digest=cohort.digest,
                    at=datetime.now(UTC),
                    document=zlib.compress(release.to_json().encode()),
                )
            )


def _shared(enclave: Enclave, cohort: Cohort, other: Release) -> Shared:
    """Cases of a cohort, by class, that the cohort of another release has too."""
    with enclave.transaction() as connection:
        query = select(DRAWN.c.case_id).where(DRAWN.c.cohort_digest == other.cohort_digest)
        theirs = set(connection.execute(query).scalars())
    sources = cohort.sources()
    both = [case for case in cohort.cases() if sources[case.case_id][0] in theirs]
    positive = sum(case.label for case in both)
    return Shared(
        n_positive=positive,
        n_negative=len(both) - positive,
        same_label=_has_same_label(enclave, cohort, other),
        case_ids=frozenset(case.case_id for case in both),
    )


def _has_same_label(enclave: Enclave, cohort: Cohort, other: Release) -> bool:
    """Whether a release is by the same reference standard; by that of a former seal it counts so.

    Benchmarks of several findings share their cases, and each has labels of its own.
    """
    if not enclave.is_sealed(other.benchmark):
        return True
    theirs = enclave.cohort(other.benchmark)
    return theirs.digest != other.cohort_digest or _label(theirs) == _label(cohort)


def _label(cohort: Cohort) -> tuple[object, object]:
    return cohort.criteria.get("label"), cohort.criteria.get("invert_label", False)
