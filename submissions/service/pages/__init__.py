"""Pages of a team: sign in, benchmarks, upload, submissions, tokens, people."""

from submissions.service.pages.routes import render_problem, router

__all__ = ["render_problem", "router"]
