"""All JSON routes under /api/v1 in one router."""

from __future__ import annotations

from fastapi import APIRouter

from submissions.service.api import account

router = APIRouter(prefix="/api/v1")
router.include_router(account.router)
