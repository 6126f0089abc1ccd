"""All that the service tells while looks are open follows from met and not shown alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from evaluator.serving.web_process import application, settings_of
from evaluator.stores.installation import Installation
from submissions.service.principal import COOKIE
from submissions.service.store import Store
from tests.support.claims_home import BENCHMARK, ClaimsHome, opened, sealed_once
from tests.support.service_running import Account, accounts
from tests.support.serving import serving

API = "/api/v1"


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClaimsHome]:
    shutil.copytree(sealed_once(tmp_path_factory.getbasetemp()), tmp_path / "home")
    with opened(Installation(tmp_path / "home")) as claimed:
        yield claimed


def everything(url: str, account: Account, cookie: str, name: str) -> dict[str, str]:
    """What the service answers about a submission, a team and the benchmark, without names.

    Ids, the model's name, digests of images, hours and seconds before the run are left out.
    """
    paths = [
        *(f"{API}/submissions/{name}{more}" for more in ("", "/release", "/release/signed")),
        f"{API}/submissions/{name}/report",
        f"{API}/submissions/{name}/practice",
        f"{API}/submissions",
        f"{API}/quota?benchmark={BENCHMARK}&team={account.team}",
        f"{API}/benchmarks",
        f"{API}/benchmarks/{BENCHMARK}",
        f"/team/submissions/{name}",
        "/team/submissions",
        f"/team/benchmarks/{BENCHMARK}",
        "/",
        f"/{BENCHMARK}/",
        f"/{BENCHMARK}/board.json",
    ]
    told = {}
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": url}
    with httpx.Client(base_url=url, timeout=30, follow_redirects=True) as client:
        for path in paths:
            own = account.headers if path.startswith(API) else {"Cookie": f"{COOKIE}={cookie}"}
            answer = client.get(path, headers={**headers, **own})
            text = answer.text.replace(name, "ID")
            text = re.sub(r"sha256:[0-9a-f]{64}|[0-9a-f]{64}", "DIGEST", text)
            text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?", "TIME", text)
            text = re.sub(r"\d\d? \w+ \d{4}, \d\d:\d\d UTC", "TIME", text)
            told[path.replace(name, "ID")] = f"{answer.status_code} {text}"
    return told


def test_two_models_with_one_verdict_are_told_the_same_whatever_their_figures(
    home: ClaimsHome, tmp_path: Path
) -> None:
    """One shows neither claim and the other the first alone: both are told that not all are met."""
    told = []
    for number, skill in enumerate((0.0, 0.9)):
        copied = tmp_path / f"copy {number}"
        shutil.copytree(home.home, copied)
        with opened(Installation(copied)) as one:
            store = Store(one.installation.accounts_url)
            settings = settings_of(one.installation, "http://127.0.0.1")
            ada, _ = accounts(store, settings.agreement.version)
            name = one.run("Model", one.scores(skill), team="north", by=ada.person_id)
            cookie = store.sessions.open(ada.person_id, 1)
            app = application(one.installation, settings)
            with serving(app) as url:
                found = everything(url, ada, cookie, name)
            told.append({path: text.replace(url, "URL") for path, text in found.items()})
            verdict = one.ledger.verdicts.recorded(name)
            assert verdict is not None
            assert verdict.claims[0].verdict == ("met" if skill else "not shown")
            app.state.store.close()
            app.state.ledger.close()
            store.close()
    assert told[0].keys() == told[1].keys()
    for path, text in told[0].items():
        assert text == told[1][path], path
    detail = told[0][f"{API}/submissions/ID"]
    assert detail.startswith("200")
    assert '"verdict":"told later"' in detail
    assert '"score"' not in detail  # nor how long it took to score
    assert all(
        told[0][f"{API}/submissions/ID/{each}"].startswith("409")
        for each in ("release", "release/signed", "report")
    )
