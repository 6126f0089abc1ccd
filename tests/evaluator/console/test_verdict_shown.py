"""One verdict from the run to the release: what reviewers see, and what its team does."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from rich.console import Console, RenderableType

from evaluator.console.desk import desk_of
from evaluator.console.reviewers import reviewer
from evaluator.leaderboard.published import NotReleased, released
from evaluator.serving.web_process import application, settings_of
from evaluator.stores.installation import Installation
from evaluator.terminal import held as printed
from submissions.service.principal import COOKIE, Role
from submissions.service.store import Store
from tests.evaluator.console.conftest import served
from tests.support.claims_home import BENCHMARK, ClaimsHome, opened, sealed_once
from tests.support.held_home import PASSWORD
from tests.support.held_home import opened as with_people
from tests.support.service_running import accounts
from tests.support.serving import serving


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClaimsHome]:
    folder = tmp_path_factory.mktemp("verdict")
    shutil.copytree(sealed_once(tmp_path_factory.getbasetemp()), folder / "home")
    with opened(Installation(folder / "home")) as claimed:
        yield claimed


@pytest.fixture(scope="module")
def judged(home: ClaimsHome) -> str:
    """A model that tells classes apart a little: its AUROC is shown, its rates are not."""
    return home.run("Net", home.scores(1.5), team="North", by="tess")


def console_text(shown: RenderableType) -> str:
    console = Console(width=200, record=True, quiet=True)
    with console.capture() as kept:
        console.print(shown)
    return kept.get()


def page(address: str, path: str, cookie: str) -> str:
    answer = httpx.get(f"{address}{path}", headers={"Cookie": f"{COOKIE}={cookie}"}, timeout=30)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_reviewers_see_the_whole_verdict_and_what_its_team_is_told(
    home: ClaimsHome, judged: str
) -> None:
    """At the shell and on the page; they cannot ask again, since a question would tell more."""
    with with_people(home.installation) as people:
        ann = reviewer(people.people["ann"], "Ann", [Role.REVIEWER])
        with desk_of(home.installation) as (desk, _):
            shown = desk.look(ann, judged)
            text = console_text(printed.result(shown))
        assert shown.verdict is not None
        assert [each.outcome for each in shown.verdict.claims] == ["met", "not shown"]
        with served(people) as console, httpx.Client(base_url=console.url) as browser:
            browser.headers.update({"Origin": console.url, "Sec-Fetch-Site": "same-origin"})
            answer = browser.post(
                "/console/sign-in", data={"email": "ann@example.org", "password": PASSWORD}
            )
            assert answer.status_code == 303
            told = browser.get(f"/console/held/{judged}").text
    flat = " ".join(unescape(re.sub(r"<[^>]+>", " ", told)).split())
    for where in (flat, " ".join(text.split())):
        assert "Verdict: 1 of 2 claims met" in where
        assert re.search(r"Met: AUROC 0\.\d{3}, lower bound 0\.\d{3}, goal 0\.600 \(60 pos", where)
        assert "Not every claim is met (look 1 of 3, at 0.0083)." in where
    assert 'value="release"' in told
    assert 'value="ask-again"' not in told


def test_the_team_reads_one_word_for_several_claims_and_no_figure(
    home: ClaimsHome, judged: str, tmp_path: Path
) -> None:
    store = Store(home.installation.accounts_url)
    settings = settings_of(home.installation, "http://127.0.0.1")
    ada, _ = accounts(store, settings.agreement.version)
    store.people.join(ada.person_id, store.people.team("North").team_id)
    cookie = store.sessions.open(ada.person_id, 1)
    app = application(home.installation, settings)
    with serving(app) as url:
        told = page(url, f"/team/submissions/{judged}", cookie)
        answer = httpx.get(f"{url}/api/v1/submissions/{judged}", headers=ada.headers).json()
        about = page(url, f"/benchmarks/{BENCHMARK}/about", cookie)
    app.state.store.close()
    app.state.ledger.close()
    store.close()
    for where in (told, " ".join(answer["verdict"]["sentences"])):
        assert "Not every claim is met (look 1 of 3, at 0.0083)." in where
        assert "lower bound" not in where
    assert "Figures, bounds and numbers of cases are told when no look" in told
    assert "1 team has tried these claims." in about
    assert "Declared before the cohort was sealed, on" in about
    with pytest.raises(NotReleased, match="held; it has no released result. Not every claim"):
        released(home.ledger, judged)
