"""Pages of the benchmarks: what each asks and grants, its dates, and what is left of the quota."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from submissions.design.dates import day
from submissions.quota import Quota
from submissions.service.entries.looks import looks
from submissions.service.offered import Offered
from submissions.service.pages.contract_rows import contract_rows
from submissions.service.pages.shown import page
from submissions.service.principal import Principal, signed_in_or_none
from submissions.service.problems import not_found

router = APIRouter()
Somebody = Annotated[Principal | None, Depends(signed_in_or_none)]


def offered(request: Request, name: str) -> Offered:
    """A benchmark by name; raise a 404 Problem where there is none."""
    benchmarks: Mapping[str, Offered] = request.app.state.offered
    if name not in benchmarks:
        raise not_found("benchmark")
    return benchmarks[name]


def today() -> date:
    """The day by which a benchmark is open or not."""
    return datetime.now(UTC).date()


def opening(benchmark: Offered, on: date) -> str:
    """When a benchmark takes submissions, in a sentence."""
    if benchmark.opens is not None and on < benchmark.opens:
        until = (
            "" if benchmark.closes is None else f" and closes at the end of {day(benchmark.closes)}"
        )
        return f"It opens on {day(benchmark.opens)}{until} (UTC)."
    if benchmark.closes is not None and on > benchmark.closes:
        return f"It closed at the end of {day(benchmark.closes)} (UTC)."
    if benchmark.closes is not None:
        return f"It is open until the end of {day(benchmark.closes)} (UTC)."
    return "It is open, without a closing date."


def allowance(quota: Quota) -> str:
    """What a team may use, in a sentence."""
    looks = "1 look" if quota.per_team == 1 else f"{quota.per_team} looks"
    period = "day" if quota.days == 1 else f"{quota.days} days"
    return f"{looks} in any {period}"


@router.get("/benchmarks")
def benchmarks(request: Request, principal: Somebody) -> Response:
    """All benchmarks, those that are open first."""
    on = today()
    every = sorted(
        request.app.state.offered.values(), key=lambda each: (not each.is_open(on), each.title)
    )
    cards = [(each, opening(each, on), allowance(each.quota)) for each in every]
    return page(request, "benchmarks.html", cards=cards, on=on)


@router.get("/benchmarks/{name}")
def benchmark(request: Request, name: str, principal: Somebody) -> Response:
    """One benchmark: its contract, dates, quota, and what is left of it for each team."""
    shown = offered(request, name)
    return page(
        request,
        "benchmark.html",
        benchmark=shown,
        is_open=shown.is_open(today()),
        opening=opening(shown, today()),
        allowance=allowance(shown.quota),
        contract=contract_rows(shown.contract),
        left=[looks(request.app, team, shown) for team in principal.teams] if principal else [],
    )


@router.get("/benchmarks/{name}/file")
def file(request: Request, name: str) -> Response:
    """The benchmark's file, for `sequestra check` on the team's own machine."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.toml"'}
    return Response(offered(request, name).toml, media_type="application/toml", headers=headers)
