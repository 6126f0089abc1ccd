"""How often each case was read by a run, over all draws: kept inside the enclave."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import func, insert, select

from cohort_selection.sealing.cohort import Cohort
from evaluator.stores.enclave import Enclave
from evaluator.stores.enclave_tables import DRAWN, PREDICTIONS


def keep_drawn(enclave: Enclave, cohort: Cohort) -> None:
    """Store which cases a sealed cohort has, by the ids of the source; once."""
    query = select(DRAWN.c.case_id).where(DRAWN.c.cohort_digest == cohort.digest).limit(1)
    with enclave.transaction() as connection:
        if connection.execute(query).first() is not None:
            return
    cases = [case_id for case_id, _ in cohort.sources().values()]
    rows = [{"cohort_digest": cohort.digest, "case_id": each} for each in cases]
    with enclave.transaction() as connection:
        connection.execute(insert(DRAWN), rows)


def shared(enclave: Enclave, cohort_digest: str) -> Mapping[str, int]:
    """For each stored cohort, how many cases it shares with this one; itself has all of its own."""
    own, other = DRAWN.alias(), DRAWN.alias()
    query = (
        select(other.c.cohort_digest, func.count())
        .join(own, own.c.case_id == other.c.case_id)
        .where(own.c.cohort_digest == cohort_digest)
        .group_by(other.c.cohort_digest)
    )
    with enclave.transaction() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def runs(enclave: Enclave) -> Mapping[str, int]:
    """For each cohort, how many submissions have predictions of its cases."""
    query = select(PREDICTIONS.c.cohort_digest, func.count()).group_by(PREDICTIONS.c.cohort_digest)
    with enclave.transaction() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def loads(enclave: Enclave) -> Mapping[str, int]:
    """For each case that was ever drawn, how many runs read it: its load."""
    of_cohort = runs(enclave)
    counts: dict[str, int] = {}
    with enclave.transaction() as connection:
        for row in connection.execute(select(DRAWN)):
            counts[row.case_id] = counts.get(row.case_id, 0) + of_cohort.get(row.cohort_digest, 0)
    return counts


def met_before(enclave: Enclave, cohort: Cohort, submissions: Collection[str]) -> frozenset[str]:
    """The sealed ids of a cohort's cases that runs of these submissions read in another draw."""
    keep_drawn(enclave, cohort)
    read = select(PREDICTIONS.c.submission_id, PREDICTIONS.c.cohort_digest).where(
        PREDICTIONS.c.cohort_digest != cohort.digest
    )
    with enclave.transaction() as connection:
        others = {
            row.cohort_digest
            for row in connection.execute(read)
            if row.submission_id in submissions
        }
        drawn = select(DRAWN.c.case_id).where(DRAWN.c.cohort_digest.in_(others))
        patients = set(connection.execute(drawn).scalars())
    return frozenset(
        sealed for sealed, (source, _) in cohort.sources().items() if source in patients
    )
