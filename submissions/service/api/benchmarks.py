"""Routes for anyone: which benchmarks are offered, with limits and dates; practice cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse

from submissions.practice_archive import Packed
from submissions.service.api.documents import Strict, problems
from submissions.service.offered import Offered
from submissions.service.principal import Principal, Scope, counted_peer, require
from submissions.service.problems import Problem, not_found

router = APIRouter(tags=["benchmarks"], dependencies=[Depends(counted_peer)])

BenchmarkName = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class PracticeShown(Strict):
    """The archive of a benchmark's practice cases: its SHA-256, its bytes, its cases."""

    sha256: str
    size: int
    n_cases: int


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
    practice_archive: PracticeShown | None
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
    known: Mapping[str, Offered] = request.app.state.offered
    return Benchmarks(benchmarks=[_shown(request, each) for each in known.values()])


@router.get("/benchmarks/{benchmark_name}", responses=problems())
def benchmark(request: Request, benchmark_name: BenchmarkName) -> BenchmarkShown:
    """Show one benchmark."""
    return _shown(request, offered(request, benchmark_name))


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


@router.get(
    "/benchmarks/{benchmark_name}/practice",
    response_class=StreamingResponse,
    responses={**problems(), 200: {"content": {"application/x-tar": {}}}},
)
def practice_cases(
    request: Request,
    benchmark_name: BenchmarkName,
    principal: Annotated[Principal, Depends(require(Scope.READ))],
) -> StreamingResponse:
    """Give the practice cases as a tar, with the digest that the benchmark tells."""
    benchmark = offered(request, benchmark_name)
    packed = _packed(request, benchmark)
    if packed is None:
        raise Problem(
            404,
            "No practice cases",
            f"Benchmark {benchmark.name!r} has no practice cases here; check your image on open "
            f"cases of your own (`sequestra check --open LIST`).",
            type="no-practice-cases",
        )
    return StreamingResponse(
        packed.pieces(),
        media_type="application/x-tar",
        headers={
            "Content-Length": str(packed.size),
            "Content-Disposition": f'attachment; filename="{benchmark.name}-practice.tar"',
        },
    )


def _packed(request: Request, benchmark: Offered) -> Packed | None:
    found: Packed | None = request.app.state.practice_archives.of(benchmark)
    return found


def _shown(request: Request, benchmark: Offered) -> BenchmarkShown:
    packed = _packed(request, benchmark)
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
        practice_archive=None
        if packed is None
        else PracticeShown(sha256=packed.sha256, size=packed.size, n_cases=packed.n_cases),
        threshold=benchmark.threshold,
    )
