"""The documentation site builds without a warning, and a browser needs nothing but its files."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

from evaluator import commands_page as commands_page
from submissions.submission import NEXT
from tests.support.repository import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
GENERATED = {
    "docs/figures.md",
    "docs/grades.md",
    "docs/intervals.md",
    "docs/benchmark.md",
    "docs/masks-and-marks.md",
}
"""Pages with lines as long as what they are made from."""
LOADED = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "object": "data"}
"""Elements that make a browser load another file, by the attribute that names it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` builds it: a warning is an error."""
    built = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html"),
            *("-d", str(tmp_path_factory.mktemp("doctrees")), str(DOCS), str(built)),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    return built


def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def html_of(site: Path) -> list[Path]:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(PAGES)  # each page, and the index and the search
    return pages


def of(tag: Tag, attribute: str) -> str:
    return str(tag.get(attribute) or "")


def test_every_page_is_built_and_can_be_reached_from_the_first(site: Path) -> None:
    reached, open_ends = set(), [site / "index.html"]
    while open_ends:
        page = open_ends.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in soup(page).find_all("a"):
            target = urldefrag(of(link, "href")).url
            if target and not urlsplit(target).scheme and target.endswith(".html"):
                open_ends.append((page.parent / unquote(target)).resolve())
    wanted = {site / path.relative_to(DOCS).with_suffix(".html") for path in PAGES}
    assert wanted <= reached


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    styles = {sheet: sheet.read_text(encoding="utf-8") for sheet in site.rglob("*.css")}
    for page in html_of(site):
        tree = soup(page)
        loaded = [of(tag, name) for kind, name in LOADED.items() for tag in tree.find_all(kind)]
        links = tree.find_all("link")
        loaded += [of(tag, "href") for tag in links if "canonical" not in of(tag, "rel")]
        for target in loaded:
            assert not urlsplit(target).scheme or target.startswith("data:"), f"{page}: {target}"
            assert not target.startswith("//"), f"{page}: {target}"
        inline = [tag.get_text() for tag in tree.find_all("style")]
        styles[page] = "\n".join(
            [*inline, *(of(tag, "style") for tag in tree.find_all(style=True))]
        )
    for place, style in styles.items():
        for target in re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")\s]+)", style):
            assert not target.startswith(("http", "//", "url(http")), f"{place}: {target}"


def test_every_internal_link_leads_to_a_file_and_a_place_in_it(site: Path) -> None:
    anchors = {
        page: {of(tag, "id") for tag in soup(page).find_all(id=True)} for page in html_of(site)
    }
    links = 0
    for page in anchors:
        for link in soup(page).find_all("a"):
            href = of(link, "href")
            if not href or urlsplit(href).scheme:
                continue
            target, anchor = urldefrag(href)
            file = (page.parent / unquote(target)).resolve() if target else page
            assert file.is_file(), f"{page}: {href}"
            if anchor and file.suffix == ".html":
                assert unquote(anchor) in anchors[file], f"{page}: {href}"
            links += 1
    assert links > 1000


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_without_a_network_shows_and_searches_it(
    site: Path, chromium: str, scheme: str
) -> None:
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
        context.set_offline(True)
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: faults.append(str(error)))
        for name in (
            "index.html",
            "roles/steward.html",
            "exactly-once.html",
            "project/readme.html",
        ):
            tab.goto((site / name).as_uri())
            tab.wait_for_load_state("load")
            assert tab.evaluate("document.documentElement.dataset.theme") == scheme
            assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        tab.goto(f"{(site / 'search.html').as_uri()}?q=quarantine")
        tab.wait_for_selector("#search-results li a")
        browser.close()
    assert asked
    assert {urlsplit(url).scheme for url in asked} <= {"file", "data"}
    assert faults == []


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    written = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert written == commands_page.page(), "run the command that the page names at its beginning"


def test_the_drawing_of_the_states_has_the_transitions_that_the_code_allows() -> None:
    drawn = {
        (path.get("data-from"), path.get("data-to"))
        for path in ET.parse(DOCS / "images" / "states.svg").iter(
            "{http://www.w3.org/2000/svg}path"
        )
        if path.get("data-from")
    }
    assert drawn == {(state.value, then.value) for state, after in NEXT.items() for then in after}


def test_each_decision_has_its_parts_and_is_listed() -> None:
    pages = [path for path in (DOCS / "decisions").glob("*.md") if path.stem != "index"]
    architecture = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.search(r"^Decided on \d{4}-\d\d-\d\d\.$", text, flags=re.MULTILINE), page.name
        parts = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
        assert parts == ["Decision", "Why", "Alternatives", "Evidence"], page.name
        assert f"(docs/decisions/{page.name})" in architecture
        assert f"({page.name})" in index


def test_the_documents_name_only_files_there_are() -> None:
    named = [
        (page, file)
        for page in (REPOSITORY / "ARCHITECTURE.md", *PAGES)
        for file in re.findall(
            r"`((?:metrics|cohort_selection|submissions|baselines|evaluator|tests|perf)/[\w/]+\.py)`",
            page.read_text(encoding="utf-8"),
        )
    ]
    assert named
    assert [
        f"{page.name}: {file}" for page, file in named if not (REPOSITORY / file).is_file()
    ] == []


def test_each_step_of_the_path_is_a_function_there_is() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    steps = re.findall(r"\| `([\w/]+\.py)`: `(\w+)` \|", text)
    assert len(steps) > 10
    for file, function in steps:
        source = (REPOSITORY / file).read_text(encoding="utf-8")
        assert re.search(rf"^\s*def {function}\(", source, flags=re.MULTILINE), (file, function)


def test_lines_outside_tables_have_at_most_100_characters() -> None:
    written = [page for page in PAGES if page.relative_to(REPOSITORY).as_posix() not in GENERATED]
    long = [
        f"{page.name}:{number}"
        for page in (*written, REPOSITORY / "ARCHITECTURE.md", REPOSITORY / "CONTRIBUTING.md")
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 100 and not line.startswith("|")
    ]
    assert long == []
