"""Pages of a team: sign in, benchmarks, upload, submissions, tokens, people.

Order of reading: ``routes``, ``shown``, ``signing``, ``passwords``, ``benchmarks``,
``contract_rows``, ``entering``, ``forms``, ``fact_sheet_form``, ``multipart``, ``plain_upload``,
``own_submissions``, ``tokens``, ``people``.
"""

from submissions.service.pages.routes import render_problem, router

__all__ = ["render_problem", "router"]
