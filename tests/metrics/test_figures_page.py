"""The page of figures is current, and every figure on it is told in full."""

from __future__ import annotations

from metrics import figures_page
from tests.support.repository import REPOSITORY


def test_the_page_in_docs_is_current() -> None:
    written = (REPOSITORY / "docs" / "figures.md").read_text(encoding="utf-8")
    assert written == figures_page.page(), "run: python -m metrics.figures_page > docs/figures.md"


def test_every_figure_says_what_when_undefined_or_whence() -> None:
    sections = figures_page.page().split("\n### ")[1:]
    assert len(sections) >= 60
    for section in sections:
        name, _, text = section.partition("\n")
        told = ("Undefined" in text) + ("**Source.**" in text) + ("**Formula.**" in text)
        told += any(f"{year}" in text for year in range(1926, 2027))
        assert told >= 1, name
        assert len(text.split()) >= 8, name
