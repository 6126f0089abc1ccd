"""What pages tell of a look: its number, and how often the cohort was read; the ledger has it."""

from __future__ import annotations

from submissions.ledger.beside_releases import exposures
from submissions.ledger.ledger import Ledger


def in_words(ledger: Ledger, submission_id: str) -> tuple[str, ...]:
    """Sentences for a report: 'look n of m', and the load factor of the cohort at that time."""
    found = ledger.read(lambda connection: exposures.of_submission(connection, submission_id))
    if found is None or found.look is None:
        return ()
    of_all = f" of {found.lifetime}" if found.lifetime is not None else ""
    told = [f"Look {found.look}{of_all} of the team and its people at this cohort."]
    if found.load_factor is not None:
        told.append(
            f"Load factor of the cohort: {found.load_factor:g}, the mean number of looks, of all "
            f"teams together, that have read a case."
        )
    return tuple(told)
