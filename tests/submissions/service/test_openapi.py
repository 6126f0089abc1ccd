"""The API keeps what its OpenAPI promises: requests made from it find no undocumented answer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from submissions.quota import Quota
from submissions.service.principal import Scope
from submissions.service.rates import Rates
from tests.support.practice_files import practice_cases
from tests.support.service_entries import metadata, submission_of
from tests.support.service_running import CHEST, Running, running

EXAMPLES = int(os.environ.get("API_EXAMPLES", "6"))
"""Requests made for each route; `make api` makes a hundred times as many."""

OFTEN = settings(
    max_examples=EXAMPLES,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MANY = "1000000/minute"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with a submission, without limits of rate, which other tests hold."""
    rates = Rates(MANY, MANY, MANY, MANY, MANY, MANY, MANY)
    folder = tmp_path_factory.mktemp("api") / "home"
    practice = practice_cases(folder / "practice" / "chest")
    benchmark = replace(
        CHEST, quota=Quota(per_team=100_000, days=1), practice=True, practice_folder=practice
    )
    with running(folder, offered=(benchmark,), rates=rates) as started:
        submission_of(started, started.ada)
        yield started


@pytest.fixture(scope="module")
def document(api: Running) -> Any:
    return schemathesis.openapi.from_url(f"{api.url}/api/v1/openapi.json")


def test_each_route_answers_as_documented(document: Any, api: Running) -> None:
    asked: set[str] = set()
    for found in document.get_all_operations():
        operation = found.ok()

        @OFTEN
        @hypothesis.given(case=operation.as_strategy())
        def answers_as_documented(case: Any) -> None:
            asked.add(case.operation.label)
            case.call_and_validate(headers=valid(api), checks=CHECKS, timeout=30)

        answers_as_documented()
    assert {"GET /api/v1/me", "POST /api/v1/submissions", "POST /api/v1/uploads"} <= asked


LINKED = {
    "GET /api/v1/benchmarks/{benchmark_name}",
    "GET /api/v1/benchmarks/{benchmark_name}/file",
    "GET /api/v1/benchmarks/{benchmark_name}/practice",
    "GET /api/v1/submissions/{submission_id}",
    "GET /api/v1/submissions/{submission_id}/practice",
    "GET /api/v1/submissions/{submission_id}/release",
    "GET /api/v1/submissions/{submission_id}/release/signed",
    "GET /api/v1/submissions/{submission_id}/report",
    "POST /api/v1/submissions/{submission_id}/withdraw",
    "DELETE /api/v1/tokens/{token_id}",
    "HEAD /api/v1/uploads/{upload_id}",
    "PATCH /api/v1/uploads/{upload_id}",
    "DELETE /api/v1/uploads/{upload_id}",
    "POST /api/v1/uploads/{upload_id}",
    "POST /api/v1/submissions",
}
"""Routes that take an id which another route gives."""


def test_requests_that_follow_each_other_are_answered_as_documented(
    document: Any, api: Running
) -> None:
    machine: Any = document.as_state_machine()
    assert document.operations_with_incoming_links() == LINKED
    seen: Counter[tuple[str, int]] = Counter()

    class Workflow(machine):
        def before_call(self, case: Any, **more: Any) -> None:
            if case.operation.label == "POST /api/v1/submissions" and isinstance(case.body, dict):
                case.body = {**case.body, "benchmark": "chest", "team": "north"}

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {**valid(api), **of_tus(case)}, "timeout": 30}

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            seen[case.operation.label, response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

    Workflow.run(settings=OFTEN)
    followed = {label for label, status in seen if status < 300} & LINKED
    assert len(followed) >= 3, seen


def valid(api: Running) -> dict[str, str]:
    """A token of Ada's: the requests before may have revoked the last one."""
    if api.store.tokens.principal(TOKEN[0], "") is None:
        _, TOKEN[0] = api.store.tokens.new(api.ada.person_id, "made for requests", Scope, 1)
    return {"Authorization": f"Bearer {TOKEN[0]}"}


TOKEN = [""]


def of_tus(case: Any) -> dict[str, str]:
    """Headers that OpenAPI does not name, for requests of uploads."""
    if "/uploads" not in case.operation.label:
        return {}
    told = metadata(benchmark="chest", team="north", model="m", filename="m.tar")
    sent = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": told}
    return {**sent, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
