"""Counts the looks that a team has left for a benchmark, less those that uploads hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from pydantic import ConfigDict

from submissions.ledger.beside_releases import retirement
from submissions.ledger.ledger import Ledger
from submissions.service.offered import Offered
from submissions.service.principal import Membership
from submissions.service.store import Store
from submissions.service.uploads.collaborators import of_app


@dataclass(frozen=True, slots=True)
class Looks:
    """What a team may still enter now; the API answers with it as it is.

    ``used`` were charged in the last ``days`` days and ``held`` by uploads that are not entered
    yet; ``used_ever`` counts against ``lifetime`` (None: no limit), and where a benchmark declares
    claims it counts the looks that brought a verdict. ``renews``: when one more comes back.
    ``shared_with``: other teams with the same allowance.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    benchmark: str
    team: str
    per_team: int
    days: int
    lifetime: int | None
    concurrent: int | None
    used: int
    used_ever: int
    held: int
    remaining: int
    renews: datetime | None
    shared_with: tuple[str, ...]


def looks(app: FastAPI, team: Membership, benchmark: Offered) -> Looks:
    """Count the looks of a team and of the teams that share its allowance."""
    store: Store = app.state.store
    ledger: Ledger = app.state.ledger
    allowance = store.allowance(team.team_id)
    charged = ledger.charged(team.team, benchmark.name, allowance=allowance)
    folded = {name.casefold() for name in allowance}
    held = sum(
        upload.benchmark == benchmark.name and upload.team.casefold() in folded
        for upload in of_app(app).store.holding()
    )
    quota, now = benchmark.quota, datetime.now(UTC)
    spent = ledger.read(lambda held: retirement.spent(held, benchmark.name, quota)) is not None
    lifetime, used_ever = quota.lifetime, len(charged)
    claimed = ledger.verdicts.left(benchmark.name, allowance)
    if claimed is not None:
        lifetime, used_ever = claimed.looks, claimed.spent
        quota = replace(quota, lifetime=None)
        spent = spent or not claimed.remaining
    remaining = 0 if spent else quota.remaining(charged, now)
    if claimed is not None:
        remaining = min(remaining, claimed.remaining)
    return Looks(
        benchmark=benchmark.name,
        team=team.team,
        per_team=quota.per_team,
        days=quota.days,
        lifetime=lifetime,
        concurrent=quota.concurrent,
        used=sum(at > now - timedelta(days=quota.days) for at in charged),
        used_ever=used_ever,
        held=held,
        remaining=max(0, remaining - held),
        renews=None if spent else quota.renews(charged, now),
        shared_with=tuple(name for name in allowance if name != team.team),
    )
