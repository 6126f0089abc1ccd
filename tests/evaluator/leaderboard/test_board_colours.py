"""Contrast of text and of drawn marks on the boards' pages, by own arithmetic, in both schemes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.web import create_app
from tests.support.hand_made import released
from tests.support.serving import serving

RELEASES = [released("s-1"), released("s-2", team="baseline", model="prevalence")]
FOUND = """() => {
  const seen = new Map();
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const add = (kind, colour, element) =>
    seen.set(`${kind} ${colour} ${behind(element)}`, [kind, colour, behind(element)]);
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (!element.getClientRects().length || style.visibility !== "visible") continue;
    const words = [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    if (element instanceof SVGElement) {
      if (words) add("text", style.fill, element);
      if (element.matches(".range, .wider")) add("mark", style.stroke, element);
      if (element.matches(".value")) add("mark", style.fill, element);
    } else if (words) add("text", style.color, element);
    if (element.matches("input, select, .board-form button")) {
      add("mark", style.borderTopColor, element.parentElement);
    }
  }
  return [...seen.values()];
}"""
"""Kind, colour and background of each text and each mark that tells something."""


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance of a computed colour, which is rgb() or color(srgb)."""
    numbers = [float(each) for each in re.findall(r"[\d.]+", colour.removeprefix("color(srgb"))]
    channels = [each if colour.startswith("color") else each / 255 for each in numbers[:3]]
    assert len(numbers) == 3, f"{colour} lets something through"
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = create_app(lambda _: RELEASES, [Listing("chest-opacity", "Airspace opacity", "Adults.")])
    with serving(app) as found:
        yield found


def test_contrast_is_as_known() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("color(srgb 1 1 1)", "rgb(119, 119, 119)") == pytest.approx(4.48, abs=0.01)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("media", ["screen", "print"])
def test_text_and_marks_stand_out(browser: Browser, address: str, scheme: str, media: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light",
        media="print" if media == "print" else "screen",
    )
    for path in ("/", "/benchmarks/chest-opacity", "/benchmarks/chest-opacity/about"):
        page.goto(address + path)
        found = page.evaluate(FOUND)
        if path.endswith("chest-opacity"):
            assert {kind for kind, _, _ in found} == {"text", "mark"}
        for kind, colour, background in found:
            least = 4.5 if kind == "text" else 3.0  # WCAG 2.2: 1.4.3 and 1.4.11, level AA
            assert contrast(colour, background) >= least, (path, kind, colour, background)
    context.close()
