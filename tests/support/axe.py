"""axe-core over a page in a real browser: what an accessibility check finds serious.

The script comes with axe-playwright-python; nothing is fetched. It gives no verdict on text in SVG,
whose contrast ``test_board_colours`` works out by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

SERIOUS = ("serious", "critical")
SCHEMES = ("light", "dark")


def serious(page: Page) -> list[str]:
    """The serious findings on the page that is open, each with where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url} {each['id']}: {each['help']} at {node['target']}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def serious_on(browser: Browser, addresses: Iterable[str], cookie: str = "") -> list[str]:
    """The serious findings on pages, in light and in dark; ``cookie`` is a session's header."""
    found: list[str] = []
    for scheme in SCHEMES:
        # The pages' policy lets no script of others run, axe neither.
        context = browser.new_context(bypass_csp=True, color_scheme=scheme)  # type: ignore[arg-type]
        if cookie:
            context.set_extra_http_headers({"Cookie": cookie})
        page = context.new_page()
        for address in addresses:
            page.goto(address)
            found += serious(page)
        context.close()
    return found
