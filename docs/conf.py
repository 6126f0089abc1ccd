"""Builds the documentation site: ``make docs`` writes it to build/docs, readable without a network.

Pages of the repository's root (README and the like) appear in the site under ``project/``. Their
text stays in one place: each page there is a stub that is filled from its file, with the links
rewritten to the pages of the site.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent

project = "Sequestra"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
version = release
copyright = "the Sequestra authors, Apache-2.0"
language = "en"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_static"]
nitpicky = True
myst_heading_anchors = 4

html_theme = "pydata_sphinx_theme"
html_title = "Sequestra"
html_static_path = ["_static", "images"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
# A page that is read from file:// may not fetch another one, so search shows titles alone.
html_show_search_summary = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
}

FROM_ROOT = {
    "project/readme": "README.md",
    "project/architecture": "ARCHITECTURE.md",
    "project/security": "SECURITY.md",
    "project/changelog": "CHANGELOG.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/starter": "submissions/starter/README.md",
}
"""Pages of the site whose text is a file outside docs/."""

_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_RAW = re.compile(r"""(\b(?:src|srcset|href)=")([^"#:]+)(")""")


def _in_site(target: str, folder: str) -> str | None:
    """Where a page under project/ finds a file of the repository; None if the site lacks it."""
    path = (ROOT / folder / target).resolve()
    if not path.is_relative_to(ROOT):
        return None
    place = path.relative_to(ROOT).as_posix()
    for page, source in FROM_ROOT.items():
        if place in (source, source.rpartition("/")[0] or source):
            return f"{Path(page).name}.md"
    return f"../{place.removeprefix('docs/')}" if place.startswith("docs/") else None


def _filled(app: Sphinx, name: str, source: list[str]) -> None:
    """Fill a stub from its file; ``source`` has one item, the page's text (a Sphinx event)."""
    if name not in FROM_ROOT:
        return
    path = ROOT / FROM_ROOT[name]
    app.env.note_dependency(str(path))
    folder = Path(FROM_ROOT[name]).parent.as_posix()

    def rewritten(match: re.Match[str]) -> str:
        if ":" in match[2]:
            return match[0]
        place = _in_site(match[2], folder)
        if place is None:
            raise ValueError(f"{FROM_ROOT[name]}: the site has no page for the link {match[2]}")
        return f"{match[1]}{place}{match[3] or ''}{match[4]}"

    def shown(match: re.Match[str]) -> str:
        place = _in_site(match[2], folder)
        if place is None or not place.startswith("../images/"):
            raise ValueError(f"{FROM_ROOT[name]}: {match[2]} is not in docs/images/; move it there")
        return f"{match[1]}../_static/{Path(place).name}{match[3]}"

    text = _LINK.sub(rewritten, path.read_text(encoding="utf-8"))
    source[0] = _RAW.sub(shown, text)


def setup(app: Sphinx) -> None:
    """Register the filling of stubs with Sphinx."""
    app.connect("source-read", _filled)
