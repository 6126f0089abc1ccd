"""Pages of a team over real HTTP: who sees what, what is refused, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup

from submissions.quota import Quota
from submissions.service.pages.signing import inside
from submissions.submission import State
from tests.submissions.service.pages.seeded import ENTERED, ROOMY, entered, practised, rejected
from tests.support.service_running import CHEST, PASSWORD, Running, running

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose benchmark takes many submissions; shared by tests that end nothing."""
    with running(tmp_path_factory.mktemp("roomy") / "home", offered=(ROOMY,)) as started:
        yield started


def text(answer: httpx.Response) -> str:
    return " ".join(BeautifulSoup(answer.text, "html.parser").get_text(" ").split())


def typed(answer: httpx.Response) -> dict[str, str]:
    """What the fields of a page hold."""
    page = BeautifulSoup(answer.text, "html.parser")
    values = {
        str(field["name"]): str(field.get("value", ""))
        for field in page.select("input[name]")
        if field.get("type") not in ("radio", "checkbox", "file")
    }
    values |= {str(field["name"]): field.get_text() for field in page.select("textarea[name]")}
    return {name: value.removeprefix("\n") for name, value in values.items()}


def mistakes(answer: httpx.Response) -> dict[str, str]:
    """The sentence beside each field."""
    page = BeautifulSoup(answer.text, "html.parser")
    return {
        str(each["id"]).removesuffix("-mistake"): each.get_text()
        for each in page.select(".mistake")
    }


PUBLIC = ("/team/sign-in", "/team/sign-up", "/team/benchmarks", "/team/benchmarks/chest")
OWN = ("/team/submissions", "/team/people", "/team/tokens", "/team/benchmarks/chest/enter")


@pytest.mark.parametrize("path", PUBLIC)
def test_whoever_is_not_signed_in_sees_what_is_public(roomy: Running, path: str) -> None:
    with roomy.client() as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/team/agreement", "/team/submissions/abc?x=1&y=2"])
def test_whoever_is_not_signed_in_is_sent_to_the_sign_in_and_back(
    roomy: Running, path: str
) -> None:
    with roomy.client() as client:
        answer = client.get(path)
        assert answer.status_code == 303
        form = client.get(answer.headers["location"])
        sent = {**typed(form), "email": roomy.ada.email, "password": PASSWORD}
        assert sent["next"] == path
        back = client.post("/team/sign-in", data=sent, headers={"Origin": roomy.url})
        assert (back.status_code, back.headers["location"]) == (303, path)


@pytest.mark.parametrize(
    "elsewhere", ["https://example.org/", "//example.org", "/team/../x", "/team\\x", "/teams"]
)
def test_the_sign_in_leads_to_pages_of_a_team_alone(elsewhere: str) -> None:
    assert inside(elsewhere) == "/team"


def test_a_wrong_password_is_told_beside_the_field_and_the_address_is_kept(
    roomy: Running,
) -> None:
    sent = {"email": roomy.ada.email, "password": "something else"}
    with roomy.client() as client:
        answer = client.post("/team/sign-in", data=sent, headers={"Origin": roomy.url})
    assert answer.status_code == 401
    assert mistakes(answer)["password"].startswith("E-mail address and password do not belong")
    assert typed(answer)["email"] == roomy.ada.email
    assert "something else" not in answer.text


@pytest.mark.parametrize("path", [*PUBLIC, *OWN, "/team/agreement", "/team/nothing"])
def test_no_page_runs_anything_that_does_not_come_from_a_file_of_this_server(
    roomy: Running, path: str
) -> None:
    with roomy.browser(roomy.ada) as client:
        answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    page = BeautifulSoup(answer.text, "html.parser")
    for script in page.find_all("script"):
        assert str(script["src"]).startswith("/team/static/")
    assert not page.find_all("style")
    for tag in page.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("path", [*PUBLIC, *OWN, "/team/agreement"])
def test_every_control_has_a_name_and_every_reference_an_end(roomy: Running, path: str) -> None:
    with roomy.browser(roomy.ada) as client:
        page = BeautifulSoup(client.get(path).text, "html.parser")
    ids = [str(tag["id"]) for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert page.html is not None
    assert page.html["lang"] == "en"
    assert len(page.find_all("h1")) == 1
    labelled = {str(label["for"]) for label in page.find_all("label")}
    for field in page.select("input:not([type=hidden]), select, textarea"):
        assert field["id"] in labelled, field
    for button in page.find_all("button"):
        assert button.get_text().strip(), button
    for tag in page.find_all(True):
        for name in ("aria-describedby", "aria-labelledby"):
            assert set(str(tag.get(name, "")).split()) <= set(ids), tag
    levels = [int(tag.name[1]) for tag in page.find_all(re.compile("^h[1-6]$"))]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_request_for_an_account_waits_for_the_steward(service: Running) -> None:
    sent = {
        "name": "Cyd",
        "email": "cyd@example.org",
        "password": PASSWORD,
        "team": "West",
        "affiliation": "Hospital West",
        "purpose": "We test a detector.",
    }
    with service.client() as client:
        client.headers["Origin"] = service.url
        answer = client.post("/team/sign-up", data=sent)
        assert answer.status_code == 202
        assert "A steward reads the request" in text(answer)
        (request,) = service.store.requests.open()
        assert (request.name, request.team) == ("Cyd", "West")
        refused = client.post("/team/sign-in", data=sent)
        assert refused.status_code == 401
        service.store.requests.approve(request.request_id)
        assert client.post("/team/sign-in", data=sent).status_code == 303


def test_a_request_with_mistakes_keeps_what_was_typed_but_the_password(service: Running) -> None:
    sent = {"name": "Cyd", "email": "no address", "password": "short", "team": "W\u200best"}
    with service.client() as client:
        client.headers["Origin"] = service.url
        answer = client.post("/team/sign-up", data=sent)
    assert answer.status_code == 422
    assert mistakes(answer) == {
        "email": "The e-mail address is not an e-mail address; give one such as name@hospital.org.",
        "password": "The password has 5 characters; give at least 12.",
        "team": "The team's name has the hidden character U+200B; leave it out.",
        "affiliation": "The institution is empty; fill it in.",
        "purpose": "The purpose is empty; fill it in.",
    }
    assert typed(answer)["name"] == "Cyd"
    assert typed(answer)["password"] == ""
    assert service.store.requests.open() == []


def test_the_agreement_comes_before_the_first_entry(service: Running) -> None:
    with service.store.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM agreements")
    with service.browser(service.ada) as client:
        answer = client.get("/team/benchmarks/chest/enter")
        assert answer.status_code == 303
        asked = client.get(answer.headers["location"])
        assert "Participation agreement" in text(asked)
        unticked = client.post("/team/agreement", data=typed(asked))
        assert mistakes(unticked) == {
            "accept": "The box is empty; tick it if you accept the agreement."
        }
        accepted = client.post("/team/agreement", data={**typed(asked), "accept": "yes"})
        assert accepted.headers["location"] == "/team/benchmarks/chest/enter"
        assert client.get("/team/benchmarks/chest/enter").status_code == 200
    assert service.ledger.is_recorded("agreement-accepted", service.ada.person_id)


def test_a_token_is_shown_once_works_and_can_be_revoked(service: Running) -> None:
    with service.browser(service.ada) as client:
        sent = {"name": "laptop", "read": "yes", "days": "30"}
        made = client.post("/team/tokens", data=sent)
        page = BeautifulSoup(made.text, "html.parser")
        secret = page.select_one("#secret")
        assert secret is not None
        bearer = {"Authorization": f"Bearer {secret.get_text()}"}
        me = httpx.get(f"{service.url}/api/v1/me", headers=bearer)
        assert me.json()["scopes"] == ["read"]
        listed = client.get("/team/tokens")
        assert secret.get_text() not in listed.text
        assert "laptop" in text(listed)
        form = BeautifulSoup(listed.text, "html.parser").select("form[action$=revoke]")[0]
        assert client.post(str(form["action"])).status_code == 303
        assert httpx.get(f"{service.url}/api/v1/me", headers=bearer).status_code == 401


def test_a_token_without_a_name_or_a_right_is_refused(roomy: Running) -> None:
    with roomy.browser(roomy.ada) as client:
        answer = client.post("/team/tokens", data={"name": "", "days": "30"})
    assert mistakes(answer) == {
        "name": "The name is empty; fill it in.",
        "scopes": "No box is ticked; say what the token may do.",
    }


def test_what_is_left_and_when_more_comes_is_shown_before_an_upload(service: Running) -> None:
    entered(service, "first")
    entered(service, "second")
    with service.browser(service.ada) as client:
        shown = text(client.get("/team/benchmarks/chest"))
        assert "north has 0 looks left of 2 in any 7 days" in shown
        renewed = datetime.now(UTC) + timedelta(days=7)
        assert f"One more comes back on {renewed.day} {renewed:%B %Y}" in shown
        sent = {**ENTERED, "midrc": "no", "team": service.ada.team_id}
        refused = client.post("/team/benchmarks/chest/enter", data=sent)
        assert refused.status_code == 422
        assert mistakes(refused)["team"].startswith("Team north has no look left; the next comes")
        assert typed(refused)["model"] == "Net"


def test_every_mistake_of_the_first_form_stands_at_its_field(roomy: Running) -> None:
    sent = {
        "team": roomy.ada.team_id,
        "model": "",
        "version": "x" * 41,
        "contact": "us",
        "intended_use": "Finds opacity.",
        "open_data": f"ImageNet\n{'x' * 201}",
        "rows": "4",
        "training.3.name": "",
        "training.3.sites": "",
        "training.3.patients": "many",
    }
    with roomy.browser(roomy.ada) as client:
        answer = client.post("/team/benchmarks/chest/enter", data=sent)
    assert answer.status_code == 422
    assert mistakes(answer) == {
        "model": "The model's name is empty; fill it in.",
        "version": "Version has 41 characters; give one line of at most 40 characters, such as "
        '"1.2".',
        "contact": 'Contact is "us"; give an address such as models@example.org or '
        "https://example.org/opacity.",
        "midrc": "No answer is chosen; choose one.",
        "open_data": "Other open data used, line 2, has 201 characters; give one line of 1 to 200 "
        "characters.",
        "training.3.name": "Name of the data is empty; give one line of at most 200 characters.",
        "training.3.sites": "Sites is empty; write one site on each line, or unknown.",
        "training.3.patients": 'Patients is "many"; give a whole number from 1 to 1000000000, or '
        "leave it out.",
    }
    assert typed(answer)["intended_use"] == "Finds opacity."
    assert typed(answer)["training.3.patients"] == "many"


def test_more_rows_come_without_a_script_and_without_losing_anything(roomy: Running) -> None:
    with roomy.browser(roomy.ada) as client:
        sent = {**ENTERED, "more": "yes", "rows": "2"}
        answer = client.post("/team/benchmarks/chest/enter", data=sent)
    assert answer.status_code == 200
    assert mistakes(answer) == {}
    assert {f"training.{row}.name" for row in range(1, 5)} <= set(typed(answer))
    assert typed(answer)["training.1.sites"].splitlines() == ["North, Norway", "South, France"]


def test_a_reference_is_entered_with_names_and_fact_sheet(service: Running) -> None:
    reference = f"registry.example.org/north/net@sha256:{'0f' * 32}"
    with service.browser(service.ada) as client:
        sent = {**ENTERED, "midrc": "yes", "team": service.ada.team_id}
        image = client.post("/team/benchmarks/chest/enter", data=sent)
        assert image.status_code == 200
        carried = typed(image)
        refused = client.post(
            "/team/benchmarks/chest/submit", data={**carried, "reference": "north/net:latest"}
        )
        assert refused.status_code == 422
        assert mistakes(refused)["reference"].startswith("The reference is 'north/net:latest'")
        assert typed(refused)["reference"] == "north/net:latest"
        done = client.post(
            "/team/benchmarks/chest/submit", data={**typed(refused), "reference": reference}
        )
        assert done.status_code == 303
        shown = text(client.get(done.headers["location"]))
    (submission,) = service.ledger.submissions()
    assert (submission.model, submission.team, submission.threshold) == ("Net", "north", 0.5)
    for part in ("received It arrived", "Finds opacity.", "Own (North, Norway; South, France)"):
        assert part in shown


def test_the_next_entry_begins_with_the_fact_sheet_of_the_last(service: Running) -> None:
    entered(service, "first", intended_use="Finds fractures.")
    with service.browser(service.ada) as client:
        form = typed(client.get("/team/benchmarks/chest/enter"))
    assert form["intended_use"] == "Finds fractures."
    assert form["training.1.patients"] == "12000"
    assert form["model"] == ""


def test_a_team_that_is_not_ones_own_cannot_be_entered(roomy: Running) -> None:
    sent = {**ENTERED, "midrc": "no", "team": roomy.ada.team_id}
    with roomy.browser(roomy.ben) as client:
        carried = {**sent, "fact_sheet": "{}", "reference": "x"}
        assert client.post("/team/benchmarks/chest/submit", data=carried).status_code == 404
        assert client.get(f"/team/submissions/{entered(roomy, 'secret')}").status_code == 404
        assert "secret" not in client.get("/team/submissions").text


def test_a_closed_benchmark_says_so_and_takes_nothing(tmp_path: Path) -> None:
    past = replace(CHEST, closes=TODAY - timedelta(days=1))
    coming = replace(CHEST, name="coming", opens=TODAY + timedelta(days=1))
    with (
        running(tmp_path / "home", offered=(past, coming)) as service,
        service.browser(service.ada) as client,
    ):
        assert "It closed at the end of" in text(client.get("/team/benchmarks/chest"))
        assert "It opens on" in text(client.get("/team/benchmarks/coming"))
        for name in ("chest", "coming"):
            answer = client.get(f"/team/benchmarks/{name}/enter")
            assert answer.status_code == 409
            assert "takes no submissions now" in text(answer)


def test_practice_figures_log_and_warnings_are_shown_to_the_own_team(roomy: Running) -> None:
    name = practised(roomy, "practised", log="loading weights\nWARNING: slow")
    with roomy.browser(roomy.ada) as client:
        shown = text(client.get(f"/team/submissions/{name}"))
        log = client.get(f"/team/submissions/{name}/log")
    for part in (
        "queued It waits for its run on the sequestered cases.",
        "It ran on 12 practice cases in 3.5 seconds.",
        "AUROC 0.250 on 5 positive and 7 negative cases.",
        "Scores go from 0.125 to 0.875.",
        "Positive cases score lower than negative ones: turn the scores round.",
        "takes about 4.27 minutes or less",
        "WARNING: slow",
    ):
        assert part in shown
    assert log.text == "loading weights\nWARNING: slow"
    assert log.headers["content-type"].startswith("text/plain")
    assert "attachment" in log.headers["content-disposition"]
    with roomy.browser(roomy.ben) as client:
        assert client.get(f"/team/submissions/{name}/log").status_code == 404


def test_a_failure_says_what_happened_and_what_to_do(roomy: Running) -> None:
    crashed = practised(roomy, "crashing", detail="exit code 1", log="ImportError: torch")
    wrong = rejected(roomy, "unfit", "the image declares VOLUME /data; remove it")
    with roomy.browser(roomy.ada) as client:
        shown = text(client.get(f"/team/submissions/{crashed}"))
        assert "crashed : The container ended with a non-zero exit code" in shown
        assert "Only /tmp and /output/predictions.csv are writable" in shown
        assert "ImportError: torch" in shown
        shown = text(client.get(f"/team/submissions/{wrong}"))
        assert "The image declares VOLUME /data; remove it." in shown
        again = client.get(f"/team/benchmarks/chest/enter?like={wrong}")
        assert typed(again)["model"] == "unfit"


def test_a_submission_is_withdrawn_after_a_question(roomy: Running) -> None:
    name = entered(roomy, "withdrawn")
    with roomy.browser(roomy.ada) as client:
        asked = client.get(f"/team/submissions/{name}/withdraw")
        assert "so the look is free for another submission" in text(asked)
        assert roomy.ledger.submission(name).state is State.RECEIVED
        assert client.post(f"/team/submissions/{name}/withdraw").status_code == 303
        assert "failed It ended without a result." in text(client.get(f"/team/submissions/{name}"))
        again = client.post(f"/team/submissions/{name}/withdraw")
        assert again.status_code == 409
        assert "only one without a result can be withdrawn" in text(again)
    with roomy.browser(roomy.ben) as client:
        assert client.get(f"/team/submissions/{name}/withdraw").status_code == 404
        assert client.post(f"/team/submissions/{name}/withdraw").status_code == 404


def test_teams_that_share_a_person_see_that_they_share_their_looks(service: Running) -> None:
    service.store.people.join(service.ada.person_id, service.ben.team_id)
    with service.browser(service.ada) as client:
        people = text(client.get("/team/people"))
        assert "Looks at sequestered cases are shared with south" in people
        assert "Ben" in people
        assert "The looks are shared with south." in text(client.get("/team/benchmarks/chest"))


def test_a_lifetime_of_looks_is_shown(tmp_path: Path) -> None:
    few = replace(CHEST, quota=Quota(per_team=2, days=7, lifetime=5, concurrent=1))
    with (
        running(tmp_path / "home", offered=(few,)) as service,
        service.browser(service.ada) as client,
    ):
        shown = text(client.get("/team/benchmarks/chest"))
    assert "It has used 0 of the 5 looks at this cohort that it may ever have." in shown
    assert "At most 1 of its submissions runs at the same time." in shown


def test_the_sign_out_ends_the_session_on_the_server(service: Running) -> None:
    with service.browser(service.ada) as client:
        assert client.get("/team/people").status_code == 200
        answer = client.post("/team/sign-out")
        assert answer.headers["location"] == "/team/sign-in"
        assert client.get("/team/people").status_code == 303


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://example.org"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_no_other_site_can_post_a_form(roomy: Running, headers: dict[str, str]) -> None:
    name = entered(roomy, "aimed at")
    with roomy.browser(roomy.ada) as client:
        answer = client.post(f"/team/submissions/{name}/withdraw", headers=headers)
    assert answer.status_code == 403
    assert roomy.ledger.submission(name).state is State.RECEIVED
