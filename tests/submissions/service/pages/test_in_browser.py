"""Pages of a team in a real browser: the whole path, with and without JavaScript."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, sync_playwright

from submissions.service.principal import COOKIE
from submissions.service.uploads import routes
from submissions.service.uploads.store import UploadState, UploadStore
from tests.submissions.service.pages.seeded import (
    ENTERED,
    EVIL,
    ROOMY,
    entered,
    practised,
    rejected,
)
from tests.support.axe import serious_on
from tests.support.commands import sequestra
from tests.support.service_running import PASSWORD, Running, running

pytestmark = pytest.mark.browser

MIB = 2**20


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 1 MiB: the browser takes the size that the service proposes."""
    monkeypatch.setattr(routes, "CHUNK", MIB)


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[Running]:
    """A service whose benchmark takes many submissions."""
    with running(tmp_path / "home", offered=(ROOMY,)) as started:
        yield started


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def scripted(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def archive(folder: Path, size: int, seed: int = 1) -> Path:
    """A file of pseudorandom bytes: the service takes any, and the queue looks at it later."""
    path = folder / "net.tar"
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def watched(context: BrowserContext, address: str) -> tuple[Page, list[str]]:
    """A page, and what it did that no page may: errors, dialogs, requests to other hosts."""
    troubles: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))

    def look(request: Request) -> None:
        if not request.url.startswith((address, "data:")):
            troubles.append(f"request to {request.url}")

    page.on("request", look)
    return page, troubles


def sign_in(page: Page, service: Running, email: str = "ada@example.org") -> None:
    page.goto(f"{service.url}/team/sign-in")
    page.locator("#email").fill(email)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/team/submissions")


def fill_first_form(page: Page, service: Running, **changes: str) -> None:
    page.goto(f"{service.url}/team/benchmarks/chest/enter")
    for name, text in {**ENTERED, **changes}.items():
        page.locator(f'[id="{name}"]').fill(text)
    page.locator("#midrc-no").check()
    page.get_by_role("button", name="Go on to the image").click()
    page.locator("h1", has_text="Send the image").wait_for()


def send(page: Page, path: Path) -> None:
    page.locator("#archive").set_input_files(path)
    page.get_by_role("button", name="Send and submit").click()


def test_a_team_signs_up_and_in_accepts_and_submits(
    browser: Browser, roomy: Running, tmp_path: Path, scripted: bool
) -> None:
    context = browser.new_context(java_script_enabled=scripted)
    page, troubles = watched(context, roomy.url)
    page.goto(f"{roomy.url}/team/benchmarks/chest")
    page.get_by_role("link", name="Request an account").click()
    for name, text in {
        "name": "Cyd",
        "email": "cyd@example.org",
        "password": PASSWORD,
        "team": "West",
        "affiliation": "Hospital West",
        "purpose": "We test a detector.",
    }.items():
        page.locator(f"#{name}").fill(text)
    page.get_by_role("button", name="Send the request").click()
    page.locator("h1", has_text="Request sent").wait_for()
    (request,) = roomy.store.requests.open()
    approved = sequestra("user", "approve", request.request_id, "--home", roomy.folder)
    assert approved.code == 0, approved.complained
    team_id = roomy.store.people.team("West").team_id
    sign_in(page, roomy, "cyd@example.org")
    page.get_by_role("link", name="Benchmarks").click()
    page.get_by_role("link", name="Chest radiographs").click()
    page.get_by_role("link", name="Enter a model").click()
    page.get_by_label("I accept the participation agreement").check()
    page.get_by_role("button", name="Accept").click()
    page.locator("h1", has_text="Enter a model").wait_for()
    fill_first_form(page, roomy)
    path = archive(tmp_path, 2 * MIB + 5)
    send(page, path)
    page.wait_for_url("**/team/submissions/*")
    assert page.locator(".state").first.inner_text() == "received"
    (submission,) = roomy.ledger.submissions()
    assert page.url.endswith(submission.submission_id)
    assert (submission.team, submission.model) == ("West", "Net")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert submission.image_digest == f"archive:{digest}"
    assert roomy.drop.archive(team_id, digest).read_bytes() == path.read_bytes()
    assert UploadStore(roomy.store).holding() == []
    page.get_by_role("link", name="Submissions").click()
    assert page.locator("table").inner_text().count("Net") == 1
    page.get_by_role("button", name="Sign out").click()
    page.locator("h1", has_text="Sign in").wait_for()
    context.close()
    assert troubles == []


def cut_after(page: Page, pieces: int) -> list[int]:
    """Let so many pieces of an upload through and cut the others off; the sizes let through."""
    sizes: list[int] = []

    def passing(route: Route) -> None:
        if route.request.method != "PATCH":
            route.fallback()
        elif len(sizes) < pieces:
            sizes.append(int(route.request.headers.get("upload-offset", "-1")))
            route.fallback()
        else:
            route.abort()

    page.route("**/api/v1/uploads/*", passing)
    return sizes


def test_an_upload_goes_on_after_the_page_was_closed(
    browser: Browser, roomy: Running, tmp_path: Path
) -> None:
    context = browser.new_context()
    page, troubles = watched(context, roomy.url)
    sign_in(page, roomy)
    fill_first_form(page, roomy)
    path = archive(tmp_path, 2 * MIB + 9)
    cut_after(page, 1)
    send(page, path)
    page.get_by_text("Trying again").wait_for()
    page.close(run_before_unload=False)
    uploads = UploadStore(roomy.store)
    (upload,) = uploads.holding()
    assert roomy.drop.offset(upload.upload_id) == MIB

    page, more_troubles = watched(context, roomy.url)
    page.goto(f"{roomy.url}/team/submissions")
    assert "1.05 MB of 2.1 MB" in page.locator("main").inner_text()
    fill_first_form(page, roomy)
    offsets = cut_after(page, 100)
    send(page, path)
    page.wait_for_url("**/team/submissions/*")
    assert offsets == [MIB, 2 * MIB]
    found = uploads.upload(upload.upload_id)
    assert found is not None
    assert found.state is UploadState.ENTERED
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    context.close()
    assert troubles == more_troubles == []


def test_another_file_of_the_same_name_and_size_is_not_mixed_with_the_first(
    browser: Browser, roomy: Running, tmp_path: Path
) -> None:
    context = browser.new_context()
    page, _ = watched(context, roomy.url)
    sign_in(page, roomy)
    fill_first_form(page, roomy)
    cut_after(page, 1)
    send(page, archive(tmp_path, MIB + 9, seed=1))
    page.get_by_text("Trying again").wait_for()
    page.close(run_before_unload=False)

    page, _ = watched(context, roomy.url)
    fill_first_form(page, roomy)
    offsets = cut_after(page, 100)
    path = archive(tmp_path, MIB + 9, seed=2)
    send(page, path)
    page.wait_for_url("**/team/submissions/*")
    assert offsets == [0, MIB]
    (submission,) = roomy.ledger.submissions()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert submission.image_digest == f"archive:{digest}"
    assert UploadStore(roomy.store).holding() == []
    context.close()


def test_an_upload_is_paused_and_goes_on(browser: Browser, roomy: Running, tmp_path: Path) -> None:
    context = browser.new_context()
    page, troubles = watched(context, roomy.url)
    sign_in(page, roomy)
    fill_first_form(page, roomy)
    path = archive(tmp_path, MIB + 9)
    page.route(
        "**/api/v1/uploads/*",
        lambda route: None if route.request.method == "PATCH" else route.fallback(),
    )
    send(page, path)
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused", exact=True).wait_for()
    page.unroute("**/api/v1/uploads/*")
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/team/submissions/*")
    assert len(roomy.ledger.submissions()) == 1
    context.close()
    assert troubles == []


def test_a_refusal_stands_at_the_file_and_the_form_stays(
    browser: Browser, service: Running, tmp_path: Path, scripted: bool
) -> None:
    context = browser.new_context(java_script_enabled=scripted)
    page, troubles = watched(context, service.url)
    sign_in(page, service)
    fill_first_form(page, service)
    entered(service, "first")
    entered(service, "second")
    send(page, archive(tmp_path, MIB))
    page.locator("#archive-mistake").wait_for()
    assert "has used its 2 submissions of 7 days" in page.locator("#archive-mistake").inner_text()
    assert page.locator("#archive").get_attribute("aria-invalid") == "true"
    assert page.locator("#send [name=model]").get_attribute("value") == "Net"
    assert UploadStore(service.store).holding() == []
    assert service.drop.arriving() == []
    context.close()
    assert troubles == []


def test_an_unfinished_upload_is_discarded_and_its_look_is_free(
    browser: Browser, service: Running, tmp_path: Path
) -> None:
    context = browser.new_context()
    page, _ = watched(context, service.url)
    sign_in(page, service)
    fill_first_form(page, service)
    cut_after(page, 0)
    send(page, archive(tmp_path, MIB))
    page.get_by_text("Trying again").wait_for()
    page.close(run_before_unload=False)
    page, _ = watched(context, service.url)
    page.goto(f"{service.url}/team/benchmarks/chest")
    assert "1 look left of 2" in page.locator("main").inner_text()
    page.goto(f"{service.url}/team/submissions")
    page.get_by_role("button", name="Discard").click()
    page.locator(".empty").wait_for()
    assert UploadStore(service.store).holding() == []
    page.goto(f"{service.url}/team/benchmarks/chest")
    assert "2 looks left of 2" in page.locator("main").inner_text()
    context.close()


def every_page(service: Running, names: list[str]) -> list[str]:
    """Addresses of all pages of a person."""
    return [
        "/team/submissions",
        *(f"/team/submissions/{name}" for name in names),
        f"/team/submissions/{names[0]}/withdraw",
        "/team/benchmarks",
        "/team/benchmarks/chest",
        "/team/benchmarks/chest/enter",
        "/team/people",
        "/team/tokens",
        "/team/agreement",
        "/team/sign-in",
        "/team/sign-up",
        "/team/nothing",
    ]


def seeded(service: Running) -> list[str]:
    """Submissions whose every text is markup."""
    return [
        entered(service, EVIL, intended_use=EVIL, version=EVIL[:40]),
        practised(service, f"a{EVIL}", log=EVIL),
        practised(service, f"b{EVIL}", detail=EVIL, log=EVIL),
        rejected(service, f"c{EVIL}", EVIL),
    ]


def test_script_in_every_text_stays_text(browser: Browser, roomy: Running) -> None:
    person = roomy.store.people.add_person(EVIL, "evil@example.org", PASSWORD)
    roomy.store.people.join(person, roomy.ada.team_id)
    roomy.store.people.join(person, roomy.store.people.add_team(EVIL, EVIL))
    roomy.store.accept(person, roomy.settings.agreement.version)
    names = seeded(roomy)
    context = browser.new_context()
    page, troubles = watched(context, roomy.url)
    sign_in(page, roomy, "evil@example.org")
    for path in every_page(roomy, names):
        page.goto(roomy.url + path)
        assert page.locator("img").count() == 0, path
        assert page.locator("script:not([src])").count() == 0, path
    page.goto(f"{roomy.url}/team/submissions/{names[2]}")
    assert page.locator("main").inner_text().count("alert(1)") >= 3
    page.goto(f"{roomy.url}/team/people")
    assert page.locator("main").inner_text().count(EVIL) >= 3
    page.goto(f"{roomy.url}/team/tokens")
    page.locator("#name").fill(EVIL[:100])
    page.get_by_role("button", name="Make the token").click()
    page.locator("#secret").wait_for()
    assert page.locator("h1").inner_text().endswith(EVIL[:100])
    context.close()
    assert troubles == []


CONTRAST = """() => {
  const lit = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) =>
    0.2126 * lit(r / 255) + 0.7152 * lit(g / 255) + 0.0722 * lit(b / 255);
  const parsed = (colour) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parsed(getComputedStyle(each).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.matches("button[disabled], script, noscript")) continue;
    const [one, other] = [parsed(getComputedStyle(element).color), behind(element)]
      .map(luminance).sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${texts.currentNode.data.trim().slice(0, 40)}`);
  }
  return poor;
}"""
"""Texts with less contrast than WCAG 2.2 asks of small text (1.4.3, level AA)."""


CUT = """() => [...document.querySelectorAll(".rows th, .rows td")]
  .filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
  .map((cell) => cell.textContent.trim())"""
"""Cells whose text runs out of them, over the next one."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_can_be_read_in_both_schemes(
    browser: Browser, roomy: Running, scheme: str
) -> None:
    names = seeded(roomy)
    context = browser.new_context(
        viewport={"width": 375, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page, _ = watched(context, roomy.url)
    sign_in(page, roomy)
    for path in every_page(roomy, names):
        page.goto(roomy.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
        assert page.evaluate(CONTRAST) == [], path
        assert page.evaluate(CUT) == [], path
    page.goto(f"{roomy.url}/team/benchmarks/chest/enter")
    page.get_by_role("button", name="Go on to the image").click()
    page.locator(".mistakes").wait_for()
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    context.close()


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    browser: Browser, roomy: Running
) -> None:
    context = browser.new_context()
    page, _ = watched(context, roomy.url)
    sign_in(page, roomy)
    fill_first_form(page, roomy)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or page.evaluate("document.activeElement === document.body")
    controls = {"Submissions", "Sign out", "archive", "start", "reference", "Submit the reference"}
    assert controls <= reached
    context.close()


def test_axe_finds_nothing_serious(browser: Browser, roomy: Running) -> None:
    name = practised(roomy, "Net")
    public = ("sign-in", "sign-up", "password", "benchmarks", "benchmarks/chest")
    own = ("submissions", f"submissions/{name}", "people", "tokens", "benchmarks/chest/enter")
    secret = roomy.store.sessions.open(roomy.ada.person_id, 1)
    found = serious_on(browser, [f"{roomy.url}/team/{path}" for path in public])
    addresses = [f"{roomy.url}/team/{path}" for path in own]
    found += serious_on(browser, addresses, f"{COOKIE}={secret}")
    assert found == []
