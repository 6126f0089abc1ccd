"""All JSON routes under /api/v1 in one router."""

from __future__ import annotations

from fastapi import APIRouter

from submissions.service.api import account, benchmarks, signing_in, submissions

router = APIRouter(prefix="/api/v1")
for _routes in (benchmarks, signing_in, account, submissions):
    router.include_router(_routes.router)
