"""Serves boards and reports; reads the public store through one callable."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from evaluator.comparing.chosen import MOST_CHOSEN
from evaluator.disclosure.cohort_card import CohortCard
from evaluator.disclosure.control import Release
from evaluator.leaderboard import comparison_page, draws_page, pages
from evaluator.leaderboard.about import render_about
from evaluator.leaderboard.answers import Answers
from evaluator.leaderboard.board.kept import Board, Comparisons, Kept, OfReleases, Reader
from evaluator.leaderboard.board.selection import columns_of, plain_rows
from evaluator.leaderboard.board.view import ViewError, read_view
from evaluator.leaderboard.drawing.palette import in_the_dark
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.reports.report import render_report
from evaluator.leaderboard.templating.environment import STATIC
from submissions.design.stylesheet import STYLESHEET
from submissions.fact_sheet import FactSheet

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_READ = ["GET", "HEAD"]

FactSheets = Callable[[str], FactSheet | None]
"""The fact sheet of a submission, or None where it came without."""
CohortCards = Callable[[str], CohortCard | None]
"""The public card of a benchmark's cohort, or None where it was sealed without."""

Later = Callable[[str], int]
"""How many submissions of a benchmark were released since its newest comparison."""
Exposures = Callable[[str], Sequence[str]]
"""Sentences on which look a submission was, and how often its cohort was read."""


@lru_cache(maxsize=2 * MOST_CHOSEN)
def _read(document: str) -> Release:
    return Release.from_json(document)


class _Site:
    """What the pages are made of."""

    def __init__(
        self,
        kept: Kept,
        benchmarks: Sequence[Listing],
        fact_sheets: FactSheets,
        comparisons: Comparisons,
        later: Later,
        cohort_cards: CohortCards,
        exposures: Exposures,
    ) -> None:
        self.exposures = exposures
        self.comparisons = comparisons
        self.later = later
        self.kept = kept
        self.fact_sheets = fact_sheets
        self.cohort_cards = cohort_cards
        self.benchmarks = benchmarks
        self.answers = Answers()

    @property
    def listings(self) -> dict[str, Listing]:
        """The benchmarks by name, as they are now."""
        return {listing.name: listing for listing in self.benchmarks}

    def listing(self, name: str) -> Listing:
        """A benchmark by name; 404 where there is none."""
        found = self.listings.get(name)
        if found is None:
            raise HTTPException(404, "No benchmark here has this name; choose one from the list.")
        return found

    def board(self, name: str) -> tuple[Listing, Board]:
        """A benchmark and its board; 404 where there is none."""
        listing = self.listing(name)
        return listing, self.kept.board(name, listing.primary)

    def draws(self, name: str) -> tuple[tuple[Listing, Board], tuple[Listing, Board]]:
        """A benchmark and that of the draw after it, or before it; 404 where it has one draw."""
        listings, found = self.listings, self.kept.draws(self.listing(name).name)
        for former, later in ((name, found.later), (found.former, name)):
            if former in listings and later in listings:
                return self.board(former), self.board(later)
        raise HTTPException(404, "This benchmark has one draw; its board has all models.")

    def release(self, submission_id: str) -> tuple[Listing, Release]:
        """The newest release of a submission and its benchmark; 404 where there is none."""
        return self.stored(submission_id)[:2]

    def stored(self, submission_id: str) -> tuple[Listing, Release, str]:
        """The same, and the release as it is stored."""
        document = self.kept.document(submission_id)
        release = None if document is None else _read(document)
        listing = None if release is None else self.listings.get(release.benchmark)
        if document is None or release is None or listing is None:
            raise HTTPException(404, "No released submission has this id; open it from its board.")
        return listing, release, document

    def report(self, submission_id: str, *, standalone: bool, part: str = "") -> str:
        """The report of a submission, or of one ``part`` of its task; 404 where it has none."""
        of, found, document = self.stored(submission_id)
        if part and part not in {each.name for each in found.parts}:
            raise HTTPException(404, "This result has no such part; open it from its report.")
        return render_report(
            found,
            title=of.title,
            primary=of.primary,
            standalone=standalone,
            fact_sheet=self.fact_sheets(submission_id),
            exposure=self.exposures(submission_id),
            digest="sha256:" + hashlib.sha256(document.encode()).hexdigest(),
            part=part,
        )

    def compared(self, request: Request, benchmark: str, named: Sequence[str]) -> Response:
        """The page that compares submissions, or lets a reader choose them.

        It is made once for the same releases, by their digests, and the same comparison.
        """
        if not named and not benchmark:
            raise HTTPException(
                400, "No submission is named; open a board and choose those that you compare."
            )
        names = list(dict.fromkeys(named))
        # An address names hundreds, and more than these are refused.
        found = [self.stored(name) for name in names[:MOST_CHOSEN]]
        releases = [release for _, release, _ in found]
        listing = self.listing(releases[0].benchmark if releases else benchmark)
        comparison, later = self.comparisons(listing.name), self.later(listing.name)
        digests = tuple(hashlib.sha256(stored.encode()).digest() for _, _, stored in found)
        frozen = None if comparison is None else comparison.frozen_at
        try:
            return self.give(
                request,
                self.stamped("compare", listing, tuple(names), digests, frozen, later),
                lambda: comparison_page.render(listing, comparison, later, names, releases),
            )
        except comparison_page.NotComparable as refused:
            return HTMLResponse(refused.page, 400)

    def give(
        self,
        request: Request,
        key: Hashable | None,
        make: Callable[[], str],
        *,
        media_type: str = "text/html",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with the page of a key; a browser that has it already is told so (304)."""
        page = self.answers.page(key, make)
        told = {**(headers or {}), "ETag": page.tag, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == page.tag:
            return Response(status_code=304, headers=told)
        if "gzip" in request.headers.get("accept-encoding", ""):
            told["Content-Encoding"] = "gzip"
            return Response(page.packed, media_type=media_type, headers=told)
        return Response(page.plain, media_type=media_type, headers=told)

    def stamped(self, *parts: Hashable) -> Hashable | None:
        """What a page is kept under that shows nothing but what its stamps stand for."""
        return None if self.kept.moment() is None else parts

    def key(self, *parts: Hashable) -> Hashable | None:
        """What a page is kept under until the ledger has another entry; None to keep none."""
        moment = self.kept.moment()
        return None if moment is None else (*parts, moment)


def create_app(
    kept: Kept | Reader,
    benchmarks: Sequence[Listing],
    fact_sheets: FactSheets = lambda submission_id: None,
    comparisons: Comparisons = lambda benchmark: None,
    later: Later = lambda benchmark: 0,
    cohort_cards: CohortCards = lambda benchmark: None,
    exposures: Exposures = lambda submission_id: (),
) -> FastAPI:
    """Build the site; it sets no cookie and asks nobody else for anything.

    ``kept`` may be a function that gives the releases of one benchmark or, for None, of all.
    """
    app = FastAPI(title="Sequestra", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    of = OfReleases(kept) if callable(kept) else kept
    site = _Site(of, benchmarks, fact_sheets, comparisons, later, cohort_cards, exposures)
    _harden(app)
    _tell_problems(app)
    _add_pages(app, site)
    _add_files(app, site)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _harden(app: FastAPI) -> None:
    @app.middleware("http")
    async def harden(request: Request, call_next: Callable[[Request], object]) -> Response:
        response: Response = await call_next(request)  # type: ignore[misc]
        for name, text in HEADERS.items():
            response.headers.setdefault(name, text)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response


def _tell_problems(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def missing(request: Request, problem: HTTPException) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": str(problem.detail)}, problem.status_code)
        heading = "Not found" if problem.status_code == 404 else "That did not work"
        page = pages.render_missing(heading, str(problem.detail))
        return HTMLResponse(page, problem.status_code)

    @app.exception_handler(Exception)
    async def broken(request: Request, problem: Exception) -> Response:
        sentence = "The site could not read what it shows; its steward will find why in the log."
        return HTMLResponse(pages.render_missing("That did not work", sentence), 500, HEADERS)


def _add_pages(app: FastAPI, site: _Site) -> None:
    @app.api_route("/", methods=_READ)
    def home(request: Request) -> Response:
        listings = tuple(site.benchmarks)
        stamps = [site.kept.board(each.name, each.primary).stamp for each in listings]
        key = site.stamped("home", listings, *stamps)
        return site.give(request, key, lambda: pages.render_home(listings, site.kept))

    @app.api_route("/benchmarks/{name}", methods=_READ)
    def board(request: Request, name: str) -> Response:
        listing, found = site.board(name)
        try:
            view = read_view(request.query_params.multi_items(), columns_of(found))
            return site.give(
                request,
                site.stamped("board", listing, view, found.stamp),
                lambda: pages.render_board(listing, found, view, site.kept),
            )
        except ViewError as problem:
            raise HTTPException(400, str(problem)) from problem

    @app.api_route("/benchmarks/{name}/about", methods=_READ)
    def about(request: Request, name: str) -> Response:
        listing, found = site.board(name)
        today = datetime.now(UTC).date()
        card = site.cohort_cards(name)
        return site.give(
            request,
            site.key("about", listing, found.stamp, card, today),
            lambda: render_about(listing, found, card, site.kept, today),
        )

    @app.api_route("/benchmarks/{name}/draws", methods=_READ)
    def draws(request: Request, name: str) -> Response:
        former, later = site.draws(name)
        return site.give(
            request,
            site.stamped("draws", former[0], former[1].stamp, later[0], later[1].stamp),
            lambda: draws_page.render(former, later, site.kept),
        )

    @app.api_route("/submissions/{submission_id}", methods=_READ)
    def report(request: Request, submission_id: str) -> Response:
        key = site.key("report", submission_id, tuple(site.benchmarks))
        return site.give(request, key, lambda: site.report(submission_id, standalone=False))

    @app.api_route("/submissions/{submission_id}/parts/{name}", methods=_READ)
    def part(request: Request, submission_id: str, name: str) -> Response:
        key = site.key("part", submission_id, name, tuple(site.benchmarks))
        return site.give(
            request, key, lambda: site.report(submission_id, standalone=False, part=name)
        )

    @app.api_route("/compare", methods=_READ)
    def compare(
        request: Request,
        s: Annotated[list[str], Query()] = [],  # noqa: B006
        benchmark: str = "",
    ) -> Response:
        return site.compared(request, benchmark, s)


def _add_files(app: FastAPI, site: _Site) -> None:
    @app.api_route("/submissions/{submission_id}/report.html", methods=_READ)
    def download(submission_id: str) -> Response:
        page = site.report(submission_id, standalone=True)
        return _attachment(page, "text/html", "report.html")

    @app.api_route("/submissions/{submission_id}/release.json", methods=_READ)
    def document(submission_id: str) -> Response:
        return Response(site.stored(submission_id)[2], media_type="application/json")

    @app.api_route("/submissions/{submission_id}/fact-sheet.json", methods=_READ)
    def fact_sheet(submission_id: str) -> Response:
        given = site.fact_sheets(site.release(submission_id)[1].submission_id)
        if given is None:
            raise HTTPException(404, "This submission came without a fact sheet.")
        return Response(given.to_json(), media_type="application/json")

    @app.api_route("/api/benchmarks/{name}/leaderboard.json", methods=_READ)
    def board_json(request: Request, name: str) -> Response:
        listing, found = site.board(name)

        def made() -> str:
            rows = plain_rows(found, site.kept)
            return json.dumps(
                {"benchmark": name, "primary": listing.primary, "rows": rows}, ensure_ascii=False
            )

        key = site.stamped("json", listing, found.stamp)
        return site.give(request, key, made, media_type="application/json")

    @app.api_route("/api/benchmarks/{name}/leaderboard.csv", methods=_READ)
    def board_csv(request: Request, name: str) -> Response:
        listing, found = site.board(name)
        return site.give(
            request,
            site.stamped("csv", listing, found.stamp),
            lambda: _csv(plain_rows(found, site.kept)),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="leaderboard.csv"'},
        )

    @app.api_route("/static/style.css", methods=_READ)
    def stylesheet() -> FileResponse:
        return FileResponse(STYLESHEET, media_type="text/css")

    @app.api_route("/static/charts.css", methods=_READ)
    def colours() -> Response:
        return Response(in_the_dark(), media_type="text/css")

    @app.api_route("/healthz", methods=_READ)
    def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"})


def _attachment(text: str, media_type: str, filename: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(text, media_type=media_type, headers=headers)


def _csv(rows: Sequence[dict[str, object]]) -> str:
    """Write rows as CSV; text that a spreadsheet would run as a formula is quoted as text."""
    written = io.StringIO()
    if rows:
        table = csv.DictWriter(written, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows({name: _inert(cell) for name, cell in row.items()} for row in rows)
    return written.getvalue()


def _inert(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + cell
    return cell
