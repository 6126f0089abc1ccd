"""A benchmark whose cohort is spent takes no byte and no entry, and says where to go."""

from __future__ import annotations

from submissions.ledger.beside_releases import retirement
from tests.support.service_entries import created, entered, sent
from tests.support.service_running import Running


def test_a_retired_benchmark_refuses_uploads_and_entries(service: Running) -> None:
    upload_id, _ = sent(service, service.ada, b"an archive")
    service.ledger.record(retirement.RETIRED, "chest", "its 100 answers with noise are given")
    service.ledger.record(retirement.NEXT_DRAW, "chest", "chest-draw-2; 0 of 200 patients")
    with service.client(service.ben) as client:
        told = client.get("/api/v1/quota", params={"benchmark": "chest", "team": service.ben.team})
    uploaded = created(service, service.ben, 10)
    for refused in (uploaded, entered(service, service.ada, upload_id=upload_id)):
        assert (refused.status_code, refused.json()["type"]) == (429, "quota-used")
        assert refused.json()["detail"].startswith(
            "benchmark 'chest' takes no new submissions, since its cohort is spent: its 100 "
            "answers with noise are given; submit to 'chest-draw-2'"
        )
    assert (told.json()["remaining"], told.json()["renews"]) == (0, None)
