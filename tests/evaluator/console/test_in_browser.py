"""Two reviewers at the console in a real browser: blind, by keyboard, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from submissions.ledger.voting.votes import Choice, Decision, Votes, final
from tests.evaluator.console.conftest import Console
from tests.support.axe import serious
from tests.support.held_home import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


def watched(context: BrowserContext, console: Console) -> tuple[Page, list[str]]:
    """A page, and what it did that no page may: errors, dialogs, requests to other hosts."""
    troubles: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))

    def look(request: Request) -> None:
        if not request.url.startswith((console.url, "data:")):
            troubles.append(f"request to {request.url}")

    page.on("request", look)
    return page, troubles


def sign_in(page: Page, console: Console, who: str) -> None:
    page.goto(f"{console.url}/console")
    assert page.url.endswith("/console/sign-in?next=%2Fconsole")
    page.locator("#email").fill(f"{who}@example.org")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def vote(page: Page, choice: str, reason: str = "") -> None:
    page.locator(f"#choice-{choice}").check()
    page.locator("#reason").fill(reason)
    page.get_by_role("button", name="Vote").click()


def test_two_reviewers_decide_without_seeing_each_other(browser: Browser, console: Console) -> None:
    name = console.held.hold("Net")
    contexts = [browser.new_context(java_script_enabled=scripted) for scripted in (True, False)]
    (ann, ann_troubles), (bea, bea_troubles) = (watched(each, console) for each in contexts)
    for page, who in ((ann, "ann"), (bea, "bea")):
        sign_in(page, console, who)
        page.get_by_role("link", name="Net").click()
        page.locator("h1", has_text="Net").wait_for()
        assert "0 of 2 votes are cast" in page.locator("main").inner_text()
        preview = page.frame_locator("iframe.preview")
        assert "Net" in preview.locator("h1").inner_text()  # the report itself
    vote(ann, "refuse")
    assert "The reason is empty; the team reads it" in ann.locator(".mistakes").inner_text()
    assert ann.locator("#choice-refuse").is_checked()
    vote(ann, "refuse", "Trained on <b>these</b> cases")
    assert "You voted refuse: Trained on <b>these</b> cases" in ann.locator("main").inner_text()
    assert ann.get_by_role("button", name="Vote").count() == 0

    bea.reload()
    told = bea.locator("main").inner_text()
    assert "1 of 2 votes are cast" in told
    assert "Trained" not in told
    bea.goto(f"{console.url}/console/decisions")
    assert "Nothing was decided yet" in bea.locator("main").inner_text()
    bea.goto(f"{console.url}/console/held/{name}")
    vote(bea, "release")
    told = bea.locator("main").inner_text()
    assert "Round 1: no agreement" in told
    assert "Ann voted refuse: Trained on <b>these</b> cases" in told
    for page in (bea, ann):
        page.goto(f"{console.url}/console/held/{name}")
        vote(page, "refuse", "Trained on these cases")
    assert "The reviewers have decided: refuse" in ann.locator("main").inner_text()
    rounds = Votes(console.held.ledger).rounds(name)
    assert final(rounds, rounds[-1].document, 2) is Decision.REFUSE
    ann.goto(f"{console.url}/console/decisions")
    assert "Round 2: refused" in ann.locator("main").inner_text()
    viewers = {
        each.content
        for each in console.held.ledger.chain.entries(subjects=[name], event="held-viewed")
    }
    assert viewers == {console.held.people[each] for each in ("ann", "bea")}
    for context in contexts:
        context.close()
    assert ann_troubles == bea_troubles == []


def test_the_own_team_s_result_opens_for_others_alone(browser: Browser, console: Console) -> None:
    name = console.held.hold("Net")
    context = browser.new_context()
    page, troubles = watched(context, console)
    sign_in(page, console, "tess")
    page.locator("h1", has_text="Held results").wait_for()
    assert "Others decide: it is your own team" in page.locator("main").inner_text()
    assert page.get_by_role("link", name="Net").count() == 0
    for path in ("", "/report"):
        answer = page.goto(f"{console.url}/console/held/{name}{path}")
        assert answer is not None
        assert answer.status == 403
        assert "is of your own team" in page.locator("main").inner_text()
    sign_out = page.get_by_role("button", name="Sign out")
    sign_out.click()
    page.locator("h1", has_text="Sign in").wait_for()
    context.close()
    assert troubles == []


def press_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement?.matches(s)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_a_reviewer_needs_no_more_than_a_keyboard(browser: Browser, console: Console) -> None:
    name = console.held.hold("Net")
    context = browser.new_context()
    page, troubles = watched(context, console)
    page.goto(f"{console.url}/console")
    press_to(page, "#email")
    page.keyboard.type("ann@example.org")
    press_to(page, "#password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("h1", has_text="Held results").wait_for()
    press_to(page, "tbody a")
    page.keyboard.press("Enter")
    page.locator("h1", has_text="Net").wait_for()
    press_to(page, "nav.contents a[href='#vote']")
    page.keyboard.press("Enter")
    press_to(page, "#choice-release")
    page.keyboard.press("Space")
    press_to(page, "#reason")
    page.keyboard.type("In order")
    press_to(page, "form.sheet-form button")
    page.keyboard.press("Enter")
    page.get_by_text("You voted").wait_for()
    ((cast,),) = [each.votes for each in Votes(console.held.ledger).rounds(name)]
    assert (cast.choice, cast.reason) == (Choice.RELEASE, "In order")
    context.close()
    assert troubles == []


WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRAST = """() => {
  const light = c => { const m = c.match(/[\\d.]+/g).slice(0, 3).map(Number)
    .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * m[0] + 0.7152 * m[1] + 0.0722 * m[2]; };
  const ground = e => { for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(c) && c !== "transparent") return c; } return "rgb(255, 255, 255)"; };
  const low = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.textContent.trim() || !e.checkVisibility()) continue;
    const a = light(getComputedStyle(e).color), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${n.textContent.trim().slice(0, 40)} ${ratio.toFixed(2)}`);
  }
  return low;
}"""
"""Texts with less contrast than WCAG 2.2 AA asks of text of any size (success criterion 1.4.3)."""


def test_pages_read_well_on_a_phone_in_the_dark_and_on_paper(
    browser: Browser, console: Console, tmp_path: Path
) -> None:
    first = console.held.hold("Net")
    key, document = console.held.installation.enclave().held(first) or ("", "")
    Votes(console.held.ledger).override(first, key, document)
    name = console.held.hold("Net, longer", skill=3.0)
    paths = ("/console", f"/console/held/{name}", "/console/decisions", "/console/held/x")
    for scheme in ("light", "dark"):
        context = browser.new_context(
            viewport={"width": 360, "height": 780},
            color_scheme=scheme,
        )
        page, troubles = watched(context, console)
        sign_in(page, console, "ann")
        page.locator("h1", has_text="Held results").wait_for()
        for path in paths:
            page.goto(f"{console.url}{path}")
            assert page.evaluate(WIDE) <= 0, path
            assert page.evaluate(CONTRAST) == [], (scheme, path)
            assert page.locator("h1").count() == 1, path
        page.goto(f"{console.url}/console/held/{name}")
        told = page.locator("main").inner_text()
        assert "Difference to the team\u2019s last release" in told
        assert "It is large enough itself and protects another group (site: D)" in told
        page.emulate_media(media="print")
        assert not page.locator("form.sheet-form").is_visible()
        assert page.get_by_text("It is small itself").is_visible()
        context.close()
        assert troubles == []


def test_axe_finds_nothing_serious(browser: Browser, console: Console) -> None:
    name = console.held.hold("Net")
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(f"{console.url}/console/sign-in")
    found = serious(page)
    sign_in(page, console, "ann")
    for path in ("", f"/held/{name}", "/decisions"):
        page.goto(f"{console.url}/console{path}")
        found += serious(page)
    assert found == []
    context.close()
