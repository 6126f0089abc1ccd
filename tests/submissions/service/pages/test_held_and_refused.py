"""What a team is told of a held result and of a refusal: on its pages and by the API."""

from __future__ import annotations

from submissions.ledger.database.audit_chain import digest_of
from submissions.ledger.voting.votes import Choice, Vote, Votes
from submissions.submission import State
from tests.submissions.service.pages.seeded import entered
from tests.support.service_running import Running

DOCUMENT = '{"auroc":0.75}'


def vote(service: Running, name: str, who: str, choice: Choice, reason: str) -> None:
    cast = Vote(
        submission_id=name,
        evaluation_key="k",
        document=digest_of(DOCUMENT),
        reviewer=who,
        choice=choice,
        reason=reason,
    )
    Votes(service.ledger).cast(cast, 2)


def test_a_team_reads_questions_then_the_reason_and_other_teams_neither(service: Running) -> None:
    name = entered(service, "Net")
    service.ledger.admitted(name, "sha256:" + "ab" * 32, State.LINTED, State.QUEUED)
    for state in (State.RUNNING, State.SCORING, State.HELD):
        service.ledger.move(name, state)
    question, reason = "Which <data> was it trained on?", "it was trained on these cases"
    with service.browser(service.ada) as ada, service.browser(service.ben) as ben:
        page = f"/team/submissions/{name}"
        vote(service, name, "ann", Choice.ASK_AGAIN, question)
        held = ada.get(page).text
        assert "Held for review: reviewers look at the result" in held
        assert "Which" not in held  # the other reviewer has not voted
        vote(service, name, "bea", Choice.RELEASE, "fine by me")
        asked = ada.get(page).text
        assert "Which &lt;data&gt; was it trained on?" in asked
        assert "fine by me" not in asked
        for who in ("ann", "bea"):
            vote(service, name, who, Choice.REFUSE, reason)
        Votes(service.ledger).refuse(name, DOCUMENT)
        refused = ada.get(page).text
        assert "Reviewers refused to release the result" in refused
        assert "It was trained on these cases." in refused
        assert "Which" not in refused
        assert ben.get(page).status_code == 404
    with service.client(service.ada) as api:
        told = api.get(f"/api/v1/submissions/{name}").json()
        assert (told["state"], told["finding"]) == ("refused", "It was trained on these cases.")
    assert len(service.ledger.charged("north", "chest")) == 1
