"""When no look of any team on the cases of a study is open any more.

Until then figures, bounds and numbers of cases stay with the stewards: what was told to one team
before another's last look would steer that look.
"""

from __future__ import annotations

from datetime import date

from submissions.ledger.beside_releases import retirement
from submissions.ledger.ledger import Ledger
from submissions.period import Period
from submissions.quota import Quota


def is_closed(ledger: Ledger, benchmark: str, period: Period, quota: Quota, today: date) -> bool:
    """Whether no look is open: none can be entered any more, and none is under way.

    Entries end with the period, with the cohort's cap on looks or on the uses of a case, or as the
    cohort is retired. ``today`` is a day of UTC.
    """
    over = period.closes is not None and today > period.closes
    if not over:
        over = ledger.read(lambda held: retirement.spent(held, benchmark, quota)) is not None
    return over and not ledger.verdicts.in_progress(benchmark)


def refusal(submission_id: str, benchmark: str) -> str:
    """Why a held result with a verdict is not released yet."""
    return (
        f"submission {submission_id} has a verdict on the claims of benchmark {benchmark!r}, and "
        f"its figures are told once no look of any team at these cases is open; `sequestra run` "
        f"releases it then, as the reviewers decided"
    )
