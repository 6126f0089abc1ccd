"""What pages tell of a look: its number, and how often the cohort was read; the ledger has it."""

from __future__ import annotations

from submissions.ledger.beside_releases import exposures
from submissions.ledger.ledger import Ledger


def in_words(ledger: Ledger, submission_id: str) -> tuple[str, ...]:
    """Sentences for a report: 'look n of m', and the load factor of the cohort at that time."""
    exposure = ledger.read(lambda connection: exposures.of_submission(connection, submission_id))
    if exposure is None or exposure.look is None:
        return ()
    of_all = f" of {exposure.lifetime}" if exposure.lifetime is not None else ""
    sentences = [f"Look {exposure.look}{of_all} of the team and its people at this cohort."]
    if exposure.load_factor is not None:
        sentences.append(
            f"Load factor of the cohort: {exposure.load_factor:g}, the mean number of looks, of "
            f"all teams together, that have read a case."
        )
    return tuple(sentences)
