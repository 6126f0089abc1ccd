"""One verdict from the run to the release: what reviewers see, and what its team does."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from rich.console import Console, RenderableType

from evaluator.console.console_process import COOKIE as CONSOLE
from evaluator.console.desk import desk_of
from evaluator.console.reviewers import reviewer
from evaluator.leaderboard.published import NotReleased, released
from evaluator.serving.web_process import application, settings_of
from evaluator.stores.installation import Installation
from evaluator.terminal import held as printed
from submissions.ledger.voting.votes import Choice
from submissions.service.principal import COOKIE, Role, Scope
from tests.evaluator.console.conftest import served
from tests.support.claims_home import BENCHMARK, ClaimsHome, opened, sealed_once
from tests.support.held_home import HeldHome
from tests.support.held_home import opened as with_people
from tests.support.serving import serving


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClaimsHome]:
    folder = tmp_path_factory.mktemp("verdict")
    shutil.copytree(sealed_once(tmp_path_factory.getbasetemp()), folder / "home")
    with opened(Installation(folder / "home")) as claimed:
        yield claimed


@pytest.fixture(scope="module")
def people(home: ClaimsHome) -> Iterator[HeldHome]:
    with with_people(home.installation) as found:
        yield found


@pytest.fixture(scope="module")
def judged(home: ClaimsHome) -> str:
    """A model that tells classes apart a little: its AUROC is shown, its rates are not."""
    return home.run("Net", home.scores(1.0), team="North", by="tess")


def console_text(shown: RenderableType) -> str:
    kept = io.StringIO()
    Console(file=kept, width=200).print(shown)
    return kept.getvalue()


def page(address: str, path: str, cookie: str) -> str:
    answer = httpx.get(f"{address}{path}", headers={"Cookie": f"{COOKIE}={cookie}"}, timeout=30)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_reviewers_see_the_whole_verdict_and_what_its_team_is_told(
    home: ClaimsHome, people: HeldHome, judged: str
) -> None:
    """At the shell and on the page; they cannot ask again, since a question would tell more."""
    ann = reviewer(people.people["ann"], "Ann", [Role.REVIEWER])
    with desk_of(home.installation) as (desk, store):
        cookie = store.sessions.open(ann.person_id, 1)
        shown = desk.look(ann, judged)
        text = console_text(printed.result(shown))
    assert shown.verdict is not None
    assert [each.outcome for each in shown.verdict.claims] == ["met", "not shown"]
    with served(people) as console:
        headers = {"Cookie": f"{CONSOLE}={cookie}"}
        told = httpx.get(f"{console.url}/console/held/{judged}", headers=headers).text
    flat = " ".join(unescape(re.sub(r"<[^>]+>", " ", told)).split())
    for where in (flat, " ".join(text.split())):
        assert "Verdict: 1 of 2 claims met" in where
        assert re.search(r"Met: AUROC 0\.\d{3}, lower bound 0\.\d{3}, goal 0\.600 \(60 pos", where)
        assert "Not every claim is met (look 1 of 3, at 0.0083)." in where
    assert 'value="release"' in told
    assert 'value="ask-again"' not in told


def test_the_team_reads_one_word_for_several_claims_and_no_figure(
    home: ClaimsHome, people: HeldHome, judged: str
) -> None:
    settings = settings_of(home.installation, "http://127.0.0.1")
    tess, store = people.people["tess"], people.store
    store.accept(tess, settings.agreement.version)
    cookie = store.sessions.open(tess, 1)
    _, token = store.tokens.new(tess, "a laptop", Scope, 30)
    app = application(home.installation, settings)
    with serving(app) as url:
        told = page(url, f"/team/submissions/{judged}", cookie)
        mine = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{url}/api/v1/submissions/{judged}", headers=mine).json()
        about = page(url, f"/benchmarks/{BENCHMARK}/about", cookie)
    app.state.store.close()
    app.state.ledger.close()
    for where in (told, " ".join(answer["verdict"]["sentences"])):
        assert "Not every claim is met (look 1 of 3, at 0.0083)." in where
        assert "lower bound" not in where
    assert "Figures, bounds and numbers of cases are told when no look" in told
    assert "1 team has tried these claims." in about
    assert "Declared before the cohort was sealed, on" in about
    with pytest.raises(NotReleased, match=r"held; it has no released result\. Not every claim"):
        released(home.ledger, judged)


def test_a_vote_says_that_its_result_waits_for_looks(
    home: ClaimsHome, people: HeldHome, judged: str
) -> None:
    """The decision stands with its votes; the queue does nothing of it while looks are open."""
    assert judged  # the first look
    second = home.run("Second", home.scores(1.0, seed=2), team="North", by="tess")
    ann = reviewer(people.people["ann"], "Ann", [Role.REVIEWER])
    with desk_of(home.installation) as (desk, store):
        cast = desk.vote(ann, second, Choice.RELEASE, "")
        cookie = store.sessions.open(ann.person_id, 1)
        (waiting,) = (each for each in desk.waiting(ann) if each.decision)
        said = printed.voted(second, cast, later=desk.waits_for_looks(second))
    waits = "once no look of any team at these cases is open"
    assert f"`sequestra run` releases it {waits}" in said
    line = " ".join(console_text(printed.line(waiting)).split())
    assert f"1 of 1 votes decided: release; `sequestra run` does so {waits}" in line
    with served(people) as console:
        headers = {"Cookie": f"{CONSOLE}={cookie}"}
        page_of = httpx.get(f"{console.url}/console/held/{second}", headers=headers).text
    assert f"The queue does so {waits}." in " ".join(re.sub(r"<[^>]+>", "", page_of).split())
