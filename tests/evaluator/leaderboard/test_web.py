from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from evaluator.disclosure.control import Release
from evaluator.leaderboard.board.kept import OfReleases
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.web import create_app
from tests.support.axe import serious, serious_on
from tests.support.hand_made import TYPICAL, evaluation, released
from tests.support.serving import serving

EVIL = "<script>alert(1)</script>"
LISTINGS = (
    Listing("chest-opacity", "Airspace opacity", "Adults of five sites."),
    Listing("empty", "Nothing yet", "No submission so far."),
)


def _scored(auroc: float, brier: float = 0.2) -> Release:
    values = {**TYPICAL, "auroc": auroc, "brier": brier}
    return released(scored=evaluation(values=values))


def _named(release: Release, name: str, team: str, model: str, day: int) -> Release:
    entered = released(name, team=team, model=model, day=day)
    return Release.from_json(
        release.to_json()
        .replace('"submission_id":"s-0001"', f'"submission_id":"{name}"')
        .replace('"team":"Radiology Group North"', f'"team":"{team}"')
        .replace('"model":"DenseNet-121, 128 px"', f'"model":"{model}"')
        .replace("2026-01-03", entered.received.date().isoformat())
    )


RELEASES = (
    _named(_scored(0.71, 0.19), "s-1", "Group A", "first", 2),
    _named(_scored(0.88, 0.21), "s-2", EVIL, "=HYPERLINK(1)", 3),
    _named(_scored(0.50, 0.25), "s-3", "baseline", "prevalence", 1),
)


def read(benchmark: str | None) -> Sequence[Release]:
    return [release for release in RELEASES if benchmark in (None, release.benchmark)]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(create_app(read, LISTINGS)) as found:
        yield found


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=None) as found:
        yield found


def test_home_lists_every_benchmark_with_its_best(client: httpx.Client) -> None:
    page = client.get("/").text
    for listing in LISTINGS:
        assert listing.title in page
        assert listing.description in page
        assert f'href="/benchmarks/{listing.name}"' in page
    assert "0.880" in page


def test_the_board_stands_in_the_order_of_its_ranks_without_a_script(client: httpx.Client) -> None:
    page = client.get("/benchmarks/chest-opacity").text
    places = [page.index(f"/submissions/{name}") for name in ("s-2", "s-1", "s-3")]
    assert places == sorted(places)
    assert "0.845–0.914" in page or "0.846–0.914" in page
    assert '<span class="tag">baseline</span>' in page


def test_a_name_is_never_markup(client: httpx.Client) -> None:
    for path in ("/", "/benchmarks/chest-opacity", "/submissions/s-2"):
        page = client.get(path).text
        assert EVIL not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get("/submissions/s-2").text


def test_an_empty_board_says_so(client: httpx.Client) -> None:
    page = client.get("/benchmarks/empty")
    assert page.status_code == 200
    assert "No submission has been released yet." in page.text
    assert "<table" not in page.text


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/benchmarks/none", "/submissions/none", "/submissions/..%2f..%2fetc%2fpasswd"],
)
def test_what_is_not_there_is_a_page_that_says_so(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text
    assert "passwd" not in answer.text


def test_a_missing_board_is_json_where_json_was_asked_for(client: httpx.Client) -> None:
    answer = client.get("/api/benchmarks/none/leaderboard.json")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "No benchmark here has this name; choose one from the list."}


def test_a_submission_of_a_benchmark_that_is_not_listed_is_not_shown() -> None:
    with serving(create_app(read, [LISTINGS[1]])) as address:
        assert httpx.get(f"{address}/submissions/s-1", timeout=None).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/benchmarks/chest-opacity",
        "/submissions/s-1",
        "/nowhere",
        "/static/board.js",
        "/static/report.css",
        "/static/charts.css",
        "/api/benchmarks/chest-opacity/leaderboard.json",
        "/healthz",
    ],
)
def test_every_answer_is_hardened_and_sets_no_cookie(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert "set-cookie" not in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "unsafe" not in policy


def test_there_is_no_page_that_documents_itself_from_elsewhere(client: httpx.Client) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/benchmarks/chest-opacity").status_code == 405


def test_head_is_answered(client: httpx.Client) -> None:
    assert client.head("/benchmarks/chest-opacity").status_code == 200


def test_the_json_board_holds_values_bounds_and_digests(client: httpx.Client) -> None:
    document = client.get("/api/benchmarks/chest-opacity/leaderboard.json").json()
    assert document["primary"] == "auroc"
    assert [row["submission"] for row in document["rows"]] == ["s-2", "s-1", "s-3"]
    first = document["rows"][0]
    assert (first["rank"], first["auroc"], first["team"]) == (1, 0.88, EVIL)
    assert first["auroc_low"] < first["auroc"] < first["auroc_high"]
    assert first["release_digest"] == RELEASES[1].digest
    assert [row["baseline"] for row in document["rows"]] == [False, False, True]


def test_the_csv_board_is_inert_in_a_spreadsheet(client: httpx.Client) -> None:
    answer = client.get("/api/benchmarks/chest-opacity/leaderboard.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["model"] == "'=HYPERLINK(1)"


def test_the_release_document_can_be_checked_against_its_digest(client: httpx.Client) -> None:
    text = client.get("/submissions/s-1/release.json").text
    assert Release.from_json(text).digest == RELEASES[0].digest


def test_the_report_can_be_taken_away_as_one_file(client: httpx.Client) -> None:
    answer = client.get("/submissions/s-1/report.html")
    assert 'filename="report.html"' in answer.headers["content-disposition"]
    assert "<svg" in answer.text


def test_of_a_submission_that_was_scored_again_the_newest_release_is_shown() -> None:
    older = _named(_scored(0.65), "s-1", "Group A", "first", 2)
    with serving(create_app(lambda _: [older, *RELEASES], LISTINGS)) as address:
        text = httpx.get(f"{address}/submissions/s-1/release.json", timeout=None).text
    assert Release.from_json(text) == RELEASES[0]


def test_a_store_that_cannot_be_read_is_a_hardened_page_without_details() -> None:
    def fails(_: str | None) -> Sequence[Release]:
        raise OSError("/secret/path/of/the/store")

    with serving(create_app(fails, LISTINGS), log_level="critical") as address:
        answer = httpx.get(f"{address}/", timeout=None)
    assert answer.status_code == 500
    assert "<h1>That did not work</h1>" in answer.text
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_rows_of_different_cohorts_carry_a_warning() -> None:
    other = RELEASES[0].to_json().replace("c0" * 32, "d0" * 32)
    releases = [Release.from_json(other), *RELEASES[1:]]
    with serving(create_app(lambda _: releases, LISTINGS)) as address:
        page = httpx.get(f"{address}/benchmarks/chest-opacity", timeout=None).text
    assert "scored on 2 different cohorts" in page
    assert "different analysis plans" not in page


# -- in a browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Page]:
    """A page whose console must stay silent and whose requests must stay here."""
    troubles: list[str] = []

    def watch(url: str) -> None:
        if not url.startswith((address, "data:")):
            troubles.append(f"request to {url}")

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
    page.on("request", lambda request: watch(request.url))
    yield page
    context.close()
    assert troubles == []


def _order(tab: Page) -> list[str]:
    return [
        (link.get_attribute("href") or "").rsplit("/", 1)[1]
        for link in tab.locator(".board tbody th a").all()
    ]


@pytest.mark.browser
def test_columns_are_sorted_by_mouse_and_by_keyboard(tab: Page, address: str) -> None:
    tab.goto(f"{address}/benchmarks/chest-opacity")
    assert _order(tab) == ["s-2", "s-1", "s-3"]
    status = tab.locator("#board-status")
    tab.get_by_role("link", name="Brier").click()
    expect(status).to_have_text("3 models, sorted by Brier score, ascending.")
    assert _order(tab) == ["s-1", "s-2", "s-3"]
    assert tab.locator("th[aria-sort]").count() == 1
    assert tab.locator("th[aria-sort=ascending]").inner_text() == "Brier"
    tab.keyboard.press("Enter")  # the head that was pressed still has the keyboard
    expect(status).to_have_text("3 models, sorted by Brier score, descending.")
    assert _order(tab) == ["s-3", "s-2", "s-1"]
    tab.go_back()
    expect(status).to_have_text("3 models, sorted by Brier score, ascending.")
    assert _order(tab) == ["s-1", "s-2", "s-3"]


@pytest.mark.browser
@pytest.mark.parametrize("script", [True, False])
def test_rows_are_found_and_columns_chosen(browser: Browser, address: str, script: bool) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{address}/benchmarks/chest-opacity")
    page.get_by_label("Model or team").fill("GROUP a")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#board-status")).to_contain_text("1 of 3 models match")
    assert _order(page) == ["s-1"]
    page.get_by_label("Model or team").fill("")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Expected calibration error").check()
    if script:
        expect(page.locator("thead")).to_contain_text("ECE")
        expect(page.get_by_label("Expected calibration error")).to_be_focused()
    page.get_by_label("Specificity", exact=True).uncheck()
    page.get_by_role("button", name="Show").click()
    expect(page.locator("thead")).to_contain_text("ECE")
    expect(page.locator("thead")).not_to_contain_text("Spec.")
    page.get_by_label("Show", exact=True).select_option("baselines")
    if not script:
        page.get_by_role("button", name="Show").click()
    expect(page.locator("#board-status")).to_contain_text("1 of 3 models match")
    assert _order(page) == ["s-3"]
    assert "show=ece" in page.url
    context.close()


@pytest.mark.browser
def test_what_is_typed_while_the_board_comes_is_not_lost(tab: Page, address: str) -> None:
    tab.goto(f"{address}/benchmarks/chest-opacity")
    field = tab.get_by_label("Model or team")
    field.fill("first")
    field.press("Enter")
    expect(tab.locator("#board-status")).to_contain_text("1 of 3 models match")
    expect(field).to_be_focused()
    expect(field).to_have_value("first")
    tab.keyboard.type("x")
    tab.keyboard.press("Enter")
    expect(tab.locator(".empty")).to_contain_text("No model matches.")


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_of_a_board_is_cut_off(tab: Page, address: str, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(f"{address}/benchmarks/chest-opacity")
    board = tab.locator(".scroll")
    assert board.evaluate("each => each.scrollWidth <= each.clientWidth")
    bar = tab.locator(".board tbody svg.bar").first.bounding_box()
    assert bar is not None
    assert bar["width"] >= 150


@pytest.mark.browser
def test_a_printed_board_fits_a_sheet_of_a4(tab: Page, address: str) -> None:
    tab.set_viewport_size({"width": 703, "height": 900})  # 210 mm less the margins, at 96 dpi
    tab.goto(f"{address}/benchmarks/chest-opacity")
    tab.emulate_media(media="print")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 703
    assert tab.locator(".board").evaluate("each => each.getBoundingClientRect().right") <= 703
    expect(tab.locator(".board-form")).to_be_hidden()
    expect(tab.locator(".legend")).to_be_visible()


@pytest.mark.browser
def test_the_first_tab_stop_skips_to_the_content(tab: Page, address: str) -> None:
    tab.goto(f"{address}/submissions/s-1")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"


@pytest.mark.browser
def test_every_control_can_be_reached_by_keyboard(tab: Page, address: str) -> None:
    tab.goto(f"{address}/benchmarks/chest-opacity")
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("document.activeElement.textContent.trim()"))
    assert {"Sequestra", "AUROC", "Brier", "first", "CSV", "JSON", "Columns", "Show"} <= reached


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_draws_its_figures(tab: Page, address: str, scheme: str) -> None:
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tab.goto(f"{address}/submissions/s-1")
    assert tab.locator("svg.chart").count() > 4
    assert tab.locator("#figure-forest text").count() > 10


@pytest.mark.browser
def test_a_change_of_scheme_recolours_the_figures(tab: Page, address: str) -> None:
    tab.goto(f"{address}/submissions/s-1")
    mark = tab.locator("#figure-roc circle").first
    expect(mark).to_have_css("fill", "rgb(11, 97, 120)")
    tab.emulate_media(color_scheme="dark")
    expect(mark).to_have_css("fill", "rgb(108, 196, 218)")


@pytest.mark.browser
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/benchmarks/chest-opacity",
        "/benchmarks/chest-opacity/about",
        "/benchmarks/empty",
        "/submissions/s-1",
    ],
)
def test_a_phone_never_scrolls_the_page_sideways(tab: Page, address: str, path: str) -> None:
    tab.set_viewport_size({"width": 375, "height": 800})
    tab.goto(address + path)
    width = tab.evaluate("document.documentElement.scrollWidth")
    assert width <= 375


@pytest.mark.browser
def test_a_phone_can_sort_the_board(tab: Page, address: str) -> None:
    tab.set_viewport_size({"width": 375, "height": 800})
    tab.goto(f"{address}/benchmarks/chest-opacity")
    tab.get_by_label("Sort by").select_option(label="Brier score")
    expect(tab.locator("#board-status")).to_contain_text("sorted by Brier score")
    assert _order(tab) == ["s-1", "s-2", "s-3"]


@pytest.mark.browser
def test_the_board_reads_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/benchmarks/chest-opacity")
    assert _order(page) == ["s-2", "s-1", "s-3"]
    assert page.locator(".board svg.bar").count() == 4
    page.goto(f"{address}/submissions/s-1")
    assert page.locator("svg.chart").count() > 4
    context.close()


def test_of_hundreds_that_an_address_compares_few_are_read() -> None:
    class Counting(OfReleases):
        read = 0

        def release(self, submission_id: str) -> Release | None:
            self.read += 1
            return super().release(submission_id)

    many = [_named(_scored(0.7), f"s-{n}", "Group A", f"net {n}", 2) for n in range(12)]
    kept = Counting(lambda _: many)
    with serving(create_app(kept, LISTINGS)) as address:
        names = "&".join(f"s=s-{n}" for n in range(12))
        page = httpx.get(f"{address}/compare?{names}")
    assert page.status_code == 400
    assert "12 submissions named; name 2 to 8 different ones of one board" in page.text
    assert kept.read <= 8


@pytest.mark.browser
def test_axe_finds_nothing_serious(browser: Browser, address: str) -> None:
    board = f"{address}/benchmarks/chest-opacity"
    pages = (address, board, f"{board}/about", f"{address}/submissions/s-1")
    assert serious_on(browser, pages) == []


@pytest.mark.browser
def test_axe_finds_what_is_serious(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content('<html lang="en"><title>x</title><main><h1>x</h1><img src="x.png"></main>')
    (found,) = serious(page)
    assert "image-alt" in found
    page.close()
