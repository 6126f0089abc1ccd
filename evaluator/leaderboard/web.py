"""Serves boards and reports; reads the public store through one callable."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from evaluator.disclosure.control import Release
from evaluator.leaderboard import pages
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.report import render_report
from submissions.design.stylesheet import STYLESHEET
from submissions.fact_sheet import FactSheet

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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

Reader = Callable[[str | None], Sequence[Release]]
"""Released documents of one benchmark, or of all where the name is None; oldest first."""
FactSheets = Callable[[str], FactSheet | None]
"""The fact sheet of a submission, or None where it came without."""


class _Site:
    """What the pages are made of."""

    def __init__(
        self, read_releases: Reader, benchmarks: Sequence[Listing], fact_sheets: FactSheets
    ) -> None:
        self.read_releases = read_releases
        self.fact_sheets = fact_sheets
        self.benchmarks = benchmarks

    @property
    def listings(self) -> dict[str, Listing]:
        """The benchmarks by name, as they are now."""
        return {listing.name: listing for listing in self.benchmarks}

    def listing(self, name: str) -> Listing:
        """A benchmark by name; 404 where there is none."""
        found = self.listings.get(name)
        if found is None:
            raise HTTPException(404, "There is no benchmark of this name here.")
        return found

    def release(self, submission_id: str) -> Release:
        """The newest release of a submission; 404 where there is none."""
        for release in reversed(self.read_releases(None)):
            if release.submission_id == submission_id and release.benchmark in self.listings:
                return release
        raise HTTPException(404, "There is no released submission with this id.")

    def report(self, submission_id: str, *, standalone: bool) -> str:
        """The report of a submission, under the primary figure of its benchmark."""
        found = self.release(submission_id)
        of = self.listings[found.benchmark]
        return render_report(
            found,
            title=of.title,
            primary=of.primary,
            standalone=standalone,
            fact_sheet=self.fact_sheets(submission_id),
        )

    def rows(self, name: str) -> list[dict[str, object]]:
        """The board of a benchmark as plain values."""
        return pages.board_rows(self.listing(name), self.read_releases(name))


def create_app(
    read_releases: Reader,
    benchmarks: Sequence[Listing],
    fact_sheets: FactSheets = lambda submission_id: None,
) -> FastAPI:
    """Build the site; it sets no cookie, asks nobody else for anything and keeps no state."""
    app = FastAPI(title="Sequestra", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    site = _Site(read_releases, benchmarks, fact_sheets)
    _harden(app)
    _tell_problems(app)
    _add_pages(app, site)
    _add_files(app, site)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
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
    def home() -> HTMLResponse:
        return HTMLResponse(pages.render_home(site.benchmarks, site.read_releases(None)))

    @app.api_route("/benchmarks/{name}", methods=_READ)
    def board(name: str) -> HTMLResponse:
        return HTMLResponse(pages.render_board(site.listing(name), site.read_releases(name)))

    @app.api_route("/submissions/{submission_id}", methods=_READ)
    def report(submission_id: str) -> HTMLResponse:
        return HTMLResponse(site.report(submission_id, standalone=False))


def _add_files(app: FastAPI, site: _Site) -> None:
    @app.api_route("/submissions/{submission_id}/report.html", methods=_READ)
    def download(submission_id: str) -> Response:
        page = site.report(submission_id, standalone=True)
        return _attachment(page, "text/html", "report.html")

    @app.api_route("/submissions/{submission_id}/release.json", methods=_READ)
    def document(submission_id: str) -> Response:
        return Response(site.release(submission_id).to_json(), media_type="application/json")

    @app.api_route("/submissions/{submission_id}/fact-sheet.json", methods=_READ)
    def fact_sheet(submission_id: str) -> Response:
        given = site.fact_sheets(site.release(submission_id).submission_id)
        if given is None:
            raise HTTPException(404, "This submission came without a fact sheet.")
        return Response(given.to_json(), media_type="application/json")

    @app.api_route("/api/benchmarks/{name}/leaderboard.json", methods=_READ)
    def board_json(name: str) -> JSONResponse:
        primary = site.listing(name).primary
        return JSONResponse({"benchmark": name, "primary": primary, "rows": site.rows(name)})

    @app.api_route("/api/benchmarks/{name}/leaderboard.csv", methods=_READ)
    def board_csv(name: str) -> Response:
        return _attachment(_csv(site.rows(name)), "text/csv", "leaderboard.csv")

    @app.api_route("/static/style.css", methods=_READ)
    def stylesheet() -> FileResponse:
        return FileResponse(STYLESHEET, media_type="text/css")

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
