"""Submissions of team north in several states, and what a person types into the forms."""

from __future__ import annotations

import json
from dataclasses import replace

from submissions.fact_sheet import FactSheet
from submissions.quota import Quota
from submissions.receiving import Entry, receive
from submissions.submission import Failure, State
from tests.support.service_running import CHEST, Running

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
ROOMY = replace(CHEST, quota=Quota(per_team=20, days=7))
"""The benchmark of the fixture with room for many submissions."""

SHEET = {
    "version": "1.2",
    "contact": "models@example.org",
    "intended_use": "Finds opacity.",
    "midrc": "no",
    "open_data": ["ImageNet"],
    "training": [{"name": "Own", "sites": ["North, Norway"], "patients": 12000}],
}

ENTERED = {
    "model": "Net",
    "version": "1.2",
    "contact": "models@example.org",
    "intended_use": "Finds opacity.",
    "training.1.name": "Own",
    "training.1.sites": "North, Norway\nSouth, France",
    "training.1.patients": "12 000",
}
"""Fields of the first form of entering; ``midrc`` is a choice beside them."""


def entered(service: Running, model: str, **changes: str) -> str:
    """Enter a reference for team north; the id of the submission."""
    sheet = FactSheet.from_values({**SHEET, **changes})
    digest = f"{abs(hash((model, *changes.values()))):064x}"[:64]
    submission = receive(
        service.ledger,
        entry=Entry(
            team="north",
            model=model,
            benchmark="chest",
            reference=f"registry.example.org/north/net@sha256:{digest}",
            submitted_by=service.ada.person_id,
            fact_sheet=sheet,
        ),
        quota=Quota(per_team=1000),
    )
    return submission.submission_id


def practised(service: Running, model: str, *, log: str = "ready", detail: str = "") -> str:
    """A submission after its dry run: queued, or rejected where there is a ``detail``."""
    name = entered(service, model)
    service.ledger.admitted(name, "sha256:" + "ab" * 32, State.LINTED, State.DRY_RUN)
    scores = {
        "n_positive": 5,
        "n_negative": 7,
        "lowest": 0.125,
        "highest": 0.875,
        "auroc": 0.25,
        "inverted": True,
        "constant": False,
    }
    document = {
        "n_cases": 12,
        "seconds": 3.5,
        "expected_seconds": None if detail else 256,
        "failure": "crashed" if detail else None,
        "detail": detail,
        "scores": None if detail else scores,
        "log": log,
    }
    state, failure = (State.REJECTED, Failure.CRASHED) if detail else (State.QUEUED, None)
    service.ledger.practised(name, json.dumps(document), state=state, failure=failure)
    return name


def rejected(service: Running, model: str, sentence: str) -> str:
    """A submission whose image breaks the contract."""
    name = entered(service, model)
    service.ledger.reject(name, Failure.IMAGE_INVALID, sentence)
    return name
