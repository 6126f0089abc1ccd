"""Routes for anyone: which benchmarks are offered, with their limits and dates."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from submissions.service.api.documents import Strict, problems
from submissions.service.offered import Offered
from submissions.service.principal import counted_peer
from submissions.service.problems import not_found

router = APIRouter(tags=["benchmarks"], dependencies=[Depends(counted_peer)])

BenchmarkName = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class BenchmarkShown(Strict):
    """One benchmark: what a container gets, how often a team may enter, when."""

    name: str
    title: str
    description: str
    primary: str
    contract: dict[str, Any]
    quota: dict[str, Any]
    opens: date | None
    closes: date | None
    open: bool
    practice: bool
    threshold: float | None


class Benchmarks(Strict):
    """Every benchmark that is offered."""

    benchmarks: list[BenchmarkShown]


def offered(request: Request, name: str) -> Offered:
    """A benchmark by name; raise a 404 Problem."""
    benchmark: Offered | None = request.app.state.offered.get(name)
    if benchmark is None:
        raise not_found("benchmark")
    return benchmark


@router.get("/benchmarks", responses=problems())
def benchmarks(request: Request) -> Benchmarks:
    """List the benchmarks."""
    known: dict[str, Offered] = request.app.state.offered
    return Benchmarks(benchmarks=[_shown(each) for each in known.values()])


@router.get("/benchmarks/{benchmark_name}", responses=problems())
def benchmark(request: Request, benchmark_name: BenchmarkName) -> BenchmarkShown:
    """Show one benchmark."""
    return _shown(offered(request, benchmark_name))


@router.get(
    "/benchmarks/{benchmark_name}/file",
    response_class=Response,
    responses={**problems(), 200: {"content": {"application/toml": {}}}},
)
def benchmark_file(request: Request, benchmark_name: BenchmarkName) -> Response:
    """Give the benchmark's file, which `sequestra check` reads."""
    benchmark = offered(request, benchmark_name)
    name = f'attachment; filename="{benchmark.name}.toml"'
    return Response(
        benchmark.toml, media_type="application/toml", headers={"Content-Disposition": name}
    )


def _shown(benchmark: Offered) -> BenchmarkShown:
    return BenchmarkShown(
        name=benchmark.name,
        title=benchmark.title,
        description=benchmark.description,
        primary=benchmark.primary,
        contract=asdict(benchmark.contract),
        quota=asdict(benchmark.quota),
        opens=benchmark.opens,
        closes=benchmark.closes,
        open=benchmark.is_open(datetime.now(UTC).date()),
        practice=benchmark.practice,
        threshold=benchmark.threshold,
    )
