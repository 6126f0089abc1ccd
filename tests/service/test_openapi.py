"""The API keeps what its OpenAPI promises: requests made from it find no undocumented answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
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

from submissions.service.rates import Rates
from tests.service.entries import submission_of
from tests.service.running import Running, running

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
    with running(tmp_path_factory.mktemp("api") / "home", rates=rates) as started:
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
            case.call_and_validate(headers=api.ada.headers, checks=CHECKS, timeout=30)

        answers_as_documented()
    assert {"GET /api/v1/me", "POST /api/v1/submissions", "POST /api/v1/uploads"} <= asked


def test_requests_that_follow_each_other_are_answered_as_documented(
    document: Any, api: Running
) -> None:
    made: list[str] = []

    class Workflow(document.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            made.append(f"{case.method} {case.path}")
            return {"headers": api.ada.headers, "timeout": 30}

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    Workflow.run(settings=OFTEN)
    assert made
