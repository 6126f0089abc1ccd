"""A report as a browser shows it: offline, by keyboard, narrow, in the dark and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.results import OVERALL, Curve, CurvePoint, Result
from tests.support.hand_made import TABLES, estimate, evaluation, released

pytestmark = pytest.mark.browser

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'
LONG = "Mobile digital radiography unit with a very long name of its maker, ward "

CONTRASTS = """() => {
  const rgb = (css) => css.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const luminance = (css) => {
    const [r, g, b] = rgb(css).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const svg of document.querySelectorAll("svg.chart, svg.bar")) {
    let page = svg;
    const clear = (part) => /rgba\\(0, 0, 0, 0\\)/.test(getComputedStyle(part).backgroundColor);
    while (clear(page)) page = page.parentElement;
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      let behind = getComputedStyle(page).backgroundColor;
      for (const mark of svg.querySelectorAll("rect")) {
        const area = mark.getBoundingClientRect();
        if (area.left <= x && x <= area.right && area.top <= y && y <= area.bottom)
          behind = getComputedStyle(mark).fill;
      }
      const [a, b] = [luminance(getComputedStyle(text).fill), luminance(behind)];
      found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text.textContent]);
    }
  }
  return found;
}"""
"""WCAG's ratio of each text in a drawing to what is painted behind its middle."""

OVERLAPS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll("svg.chart, svg.bar")) {
    const boxes = [...svg.querySelectorAll("text")]
      .map((t) => [t.textContent, t.getBoundingClientRect()]).filter(([, box]) => box.width);
    const frame = svg.getBoundingClientRect();
    boxes.forEach(([name, a], i) => {
      if (a.left < frame.left - 1 || a.right > frame.right + 1) found.push([name, "outside"]);
      for (const [other, b] of boxes.slice(i + 1))
        if (a.left < b.right - 1 && b.left < a.right - 1
            && a.top < b.bottom - 3 && b.top < a.bottom - 3)
          found.push([name, other]);
    });
  }
  return found;
}"""
"""Texts of one drawing that lie on each other, or leave it."""


MARKED = (0.0, 0.3, 0.45, 0.6, 0.7, 0.85, 1.0)
"""Sensitivities of a FROC curve from one end of the scale to the other."""


def report(**changes: Any) -> str:
    """A report with every chart, thirty levels with long names and a tested gap."""
    scanners = {f"{LONG}{number}": (100, 50) for number in range(30)}
    p = replace(estimate(0.03, 300, 150), low=None, high=None)
    tested = [
        Result.named(f"auroc_gap_p{end}", "sex", "all levels", p) for end in ("", "_adjusted")
    ]
    marks = [
        Result.named(f"sensitivity_at_false_marks_{rate:g}", *OVERALL, estimate(value, 300, 150))
        for rate, value in zip((0.125, 0.25, 0.5, 1, 2, 4, 8), MARKED, strict=True)
    ]
    scored = evaluation(TABLES | {"scanner": scanners})
    results = (*scored.results, *tested, *marks)
    scored = replace(scored, declared_gaps=(("auroc", "sex"),), results=results)
    found = released(scored=scored, **changes)
    points = (CurvePoint(0.2, 0.4, 0.3, 0.5, 200), CurvePoint(0.4, 0.3, 0.2, 0.4, 150))
    return render_report(
        replace(found, curves=(*found.curves, Curve("decision", *OVERALL, points)))
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report(team=EVIL), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[(1280, "light"), (360, "dark")], ids=["wide light", "phone dark"])
def tab(browser: Browser, place: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The file in a browser without a network; whatever that complains of fails the test."""
    width, scheme = request.param
    said: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda asked: said.append(asked.url) if not _own(asked.url) else None)
    page.goto(place.as_uri())
    yield page
    context.close()
    assert said == []  # a style or script that its policy forbids would stand here too


def _own(url: str) -> bool:
    return re.match(r"file:|data:", url) is not None


def test_it_fits_the_screen_and_no_text_of_a_chart_lies_on_another(tab: Page) -> None:
    assert tab.locator("svg.chart").count() == 9
    assert not tab.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert tab.evaluate(OVERLAPS) == []


def test_the_text_of_every_chart_stands_out(tab: Page) -> None:
    found = tab.evaluate(CONTRASTS)
    assert len(found) > 150
    assert [(round(ratio, 2), text) for ratio, text in found if ratio < 4.5] == []


def test_arrow_keys_go_from_mark_to_mark_and_tell_each(tab: Page) -> None:
    plot = tab.locator("#figure-roc .plot")
    plot.focus()
    tip = plot.locator("[role=status]")
    tab.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("1 \N{MINUS SIGN} specificity 0, sensitivity 0")
    tab.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("1 \N{MINUS SIGN} specificity 0.1, ")
    assert plot.locator(".on").count() == 1
    tab.keyboard.press("End")
    assert tip.inner_text().startswith("threshold 0.5: ")
    tab.keyboard.press("Escape")
    assert tip.inner_text() == ""
    reached = tab.evaluate("[...document.querySelectorAll('.plot')].every((p) => p.tabIndex === 0)")
    assert reached


def test_arrow_keys_read_out_the_froc_curve_from_its_lowest_rate(tab: Page) -> None:
    plot = tab.locator("#figure-froc .plot")
    plot.focus()
    tip = plot.locator("[role=status]")
    tab.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("0.125 false marks an image: sensitivity 0.0")
    tab.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("0.25 false marks an image: sensitivity 0.3")
    tab.keyboard.press("End")
    assert tip.inner_text().startswith("8 false marks an image: sensitivity 1.0")


def test_the_pointer_tells_the_nearest_mark(tab: Page) -> None:
    plot = tab.locator("#figure-forest .plot")
    plot.locator("[data-t^='Female']").hover()
    assert plot.locator("[role=status]").inner_text().startswith("Female: 0.8")
    tab.locator("h1").hover()
    assert plot.locator("[role=status]").inner_text() == ""


def test_paper_holds_what_the_screen_can_open_and_is_not_cut(tab: Page) -> None:
    cell = tab.locator("#figure-roc details td").first
    assert not cell.is_visible()
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 703, "height": 1000})  # A4 within its margins
    for closed in tab.locator("details").all():
        assert closed.locator("td").first.is_visible()
    right = tab.evaluate(
        "Math.max(...[...document.querySelectorAll('svg, th, td, p, dd')]"
        ".map((e) => e.getBoundingClientRect().right))"
    )
    assert right <= 703 + 1
    paper = tab.evaluate("getComputedStyle(document.querySelector('svg.chart text')).fill")
    assert paper in ("rgb(26, 33, 40)", "rgb(91, 102, 114)")  # the light colours, on any screen


def test_the_colours_follow_the_reader_s_choice(browser: Browser, place: Path) -> None:
    page = browser.new_page(color_scheme="light")
    page.goto(place.as_uri())
    ask = "getComputedStyle(document.querySelector('#figure-roc circle')).fill"
    assert page.evaluate(ask) == "rgb(11, 97, 120)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ask) == "rgb(108, 196, 218)"
    page.close()


def test_without_a_script_every_chart_and_table_is_there(browser: Browser, place: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(place.as_uri())
    assert page.locator("svg.chart").count() == 9
    page.locator("#figure-roc summary").click()
    assert page.locator("#figure-roc td").first.is_visible()
    context.close()
