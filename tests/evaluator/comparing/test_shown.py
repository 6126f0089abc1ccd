"""The page and the command show the newest comparison, and no submission since changes a byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from evaluator.leaderboard import comparison_page, published
from evaluator.stores.installed_benchmarks import InstalledBenchmarks
from tests.support.axe import serious_on
from tests.support.commands import refused, succeed
from tests.support.frozen_home import NAME, Home, copied, enter_model, freeze, frozen, name_of
from tests.support.serving import serving

A, B, C = map(name_of, range(3))
TWO = f"/compare?s={A}&s={B}"
LATER = re.compile(r"(?<=UTC; )[^.]*(?=\.)")


@contextmanager
def site(made: Home) -> Iterator[str]:
    with (
        made.ledger() as ledger,
        serving(published.web(ledger, InstalledBenchmarks(made.installation))) as address,
    ):
        yield address


@pytest.fixture(scope="module")
def compared(four: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Five submissions, compared. Not to be changed."""
    made = copied(four, tmp_path_factory.mktemp("compared") / "home")
    enter_model(made, 4)
    assert freeze(made) == [NAME]
    return made


@pytest.fixture(scope="module")
def address(compared: Home) -> Iterator[str]:
    with site(compared) as found:
        yield found


def shown(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_page_shows_the_differences_and_the_figures(compared: Home, address: str) -> None:
    page = httpx.get(address + TWO)
    assert page.status_code == 200
    said = shown(page.text)
    (comparison,) = frozen(compared)
    pairs = list(comparison.between(A, B))
    assert len(pairs) > 2
    for pair in pairs:
        ends = (pair.low, pair.high) if pair.first == A else (-pair.high, -pair.low)
        low, high = (f"{end + 0.0:.3f}".replace("-", "−") for end in ends)
        assert f"{low} to {high}" in said
    for name in (A, B):
        entry = comparison.entry(name)
        assert entry is not None
        assert f"{entry.rank_low} to {entry.rank_high}" in said
        assert f"{entry.value:.3f}" in said
    assert "covers the 5 submissions released by" in said
    assert "none was released since" in said
    assert "Read the difference, and not whether two intervals overlap" in said
    assert "significant" not in said
    assert "<script" not in page.text


def test_no_submission_between_two_comparisons_changes_a_byte(
    compared: Home, tmp_path: Path
) -> None:
    made = copied(compared, tmp_path / "home")
    command = ("compare", A, B, C, "--home", made.root)
    with site(made) as address:
        before = [httpx.get(address + path).text for path in (TWO, f"/compare?benchmark={NAME}")]
        printed = succeed(*command)
        enter_model(made, 5)
        freeze(made)
        after = [httpx.get(address + path).text for path in (TWO, f"/compare?benchmark={NAME}")]
    assert "none was released since" in before[0]
    assert "1 later one is not in it" in after[0]
    assert [LATER.sub("", page) for page in after] == [LATER.sub("", page) for page in before]
    assert LATER.sub("", succeed(*command)) == LATER.sub("", printed)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "No submission is named"),
        ("?benchmark=nowhere", 404, "No benchmark here has this name"),
        ("?s=nobody&s=nothing", 404, "No released submission has this id"),
        (f"?s={A}&s={A}", 200, "Choose submissions"),
        (f"?s={A}&s={'x' * 3000}", 404, "No released submission has this id"),
        (f"?benchmark={NAME}", 200, "Model 3"),
    ],
)
def test_what_cannot_be_shown_is_said(address: str, query: str, status: int, said: str) -> None:
    answer = httpx.get(f"{address}/compare{query}")
    assert answer.status_code == status
    assert said in shown(answer.text)


def test_a_board_that_was_not_compared_says_so(four: Home) -> None:
    with site(four) as address:
        asked = httpx.get(address + TWO)
        assert asked.status_code == 400
        assert "have not been compared yet" in shown(asked.text)
        assert httpx.get(f"{address}/compare?benchmark={NAME}").status_code == 200


def test_a_page_of_the_same_releases_and_comparison_is_made_once(
    compared: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, rendered = copied(compared, tmp_path / "home"), list[str]()
    render = comparison_page.render_comparison

    def counted(*given: Any) -> str:
        rendered.append("once")
        return render(*given)

    monkeypatch.setattr(comparison_page, "render_comparison", counted)
    with site(made) as address:
        first, again = (httpx.get(address + TWO) for _ in range(2))
        known = httpx.get(address + TWO, headers={"If-None-Match": first.headers["etag"]})
        assert (again.text, known.status_code, len(rendered)) == (first.text, 304, 1)
        other = httpx.get(f"{address}/compare?s={B}&s={A}")
        assert other.text != first.text
        assert len(rendered) == 2
        enter_model(made, 5)
        assert "1 later one is not in it" in httpx.get(address + TWO).text
        assert len(rendered) == 3


def test_the_command_prints_each_pair(compared: Home) -> None:
    printed = succeed("compare", C, A, "--home", compared.root)
    assert "A less B" in printed
    (comparison,) = frozen(compared)
    overall = next(iter(comparison.between(A, C)))
    end = overall.low if overall.first == C else -overall.high
    assert f"{end + 0.0:.3f}".replace("-", "−") in printed
    assert "no submission 'nobody'" in refused("compare", A, "nobody", "--home", compared.root)


# -- in a browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A narrow page without JavaScript."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, java_script_enabled=False, color_scheme="dark"
    )
    yield context.new_page()
    context.close()


@pytest.mark.browser
def test_a_reader_chooses_by_keyboard_on_a_phone_without_javascript(
    phone: Page, address: str
) -> None:
    phone.goto(f"{address}/compare?benchmark={NAME}")
    phone.get_by_role("checkbox", name="Model 1").focus()
    phone.keyboard.press("Space")
    phone.get_by_role("checkbox", name="Model 3").focus()
    phone.keyboard.press("Space")
    phone.keyboard.press("Enter")
    phone.wait_for_url("**/compare?**s=**")
    assert phone.get_by_role("heading", level=1).inner_text() == "2 submissions compared"
    assert phone.locator("svg.bar .value").count() > 2
    body = phone.locator("body").bounding_box()
    assert body is not None
    assert body["width"] <= 360
    for region in phone.locator(".scroll").all():
        box = region.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


@pytest.mark.browser
def test_print_leaves_nothing_out(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 718, "height": 1000})  # A4 within its margins
    page.emulate_media(media="print")
    page.goto(address + f"/compare?s={A}&s={B}&s={C}")
    wide = page.evaluate(
        "Math.max(...[...document.querySelectorAll('main table')]"
        ".map(each => each.getBoundingClientRect().right))"
    )
    assert wide <= 718
    assert not page.get_by_role("button", name="Compare").is_visible()
    page.close()


@pytest.mark.browser
def test_axe_finds_nothing_serious(browser: Browser, address: str) -> None:
    pages = (address + TWO, f"{address}/compare?benchmark={NAME}", f"{address}/benchmarks/{NAME}")
    assert serious_on(browser, pages) == []
