"""Limits the requests of a token, a team, an account or an address in a time."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from submissions.service.problems import Problem


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests in a time, as ``600/minute``; each window moves."""

    token: str = "600/minute"
    team: str = "2400/minute"
    peer: str = "1200/minute"
    refused_peer: str = "60/minute"
    sign_in_account: str = "10/15 minutes"
    sign_in_peer: str = "50/15 minutes"
    requests_peer: str = "10/hour"
    links_account: str = "3/hour"


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of the limit that is nearest to its end; ``reset`` in seconds."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """The headers that show it."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class RateLimits:
    """The limits of one web process, in memory; a restart forgets them."""

    def __init__(self, rates: Rates) -> None:
        """Start with nothing counted."""
        self.rates = rates
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, *keys: tuple[str, str]) -> Left:
        """Count one request for each (limit, key); raise a 429 Problem where one is used up.

        A limit is text as in :class:`Rates`; limits before the one that is used up are counted.
        """
        nearest: Left | None = None
        for limit, key in keys:
            item = _item(limit)
            taken = self._windows.hit(item, limit, key)
            rest = self._left(item, limit, key)
            if not taken:
                raise _refused(rest, item)
            if nearest is None or rest.remaining < nearest.remaining:
                nearest = rest
        assert nearest is not None
        return nearest

    def refuse(self, limit: str, key: str) -> None:
        """Raise a 429 Problem where a limit is used up; nothing is counted."""
        item = _item(limit)
        if not self._windows.test(item, limit, key):
            raise _refused(self._left(item, limit, key), item)

    def _left(self, item: RateLimitItem, limit: str, key: str) -> Left:
        stats = self._windows.get_window_stats(item, limit, key)
        return Left(
            limit=item.amount,
            remaining=max(0, int(stats.remaining)),
            reset=max(1, math.ceil(stats.reset_time - time.time())),
        )


def peer_key(address: str | None) -> str:
    """By what an address is counted: IPv4 whole, IPv6 by its network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
    return str(parsed)


def keys_of_token(rates: Rates, key: str, teams: Sequence[str]) -> list[tuple[str, str]]:
    """Limits that a request with a token or session counts for."""
    return [(rates.token, f"key {key}"), *((rates.team, f"team {team}") for team in teams)]


@cache
def _item(limit: str) -> RateLimitItem:
    return parse(limit)


def _refused(rest: Left, item: RateLimitItem) -> Problem:
    return Problem(
        429,
        "Too many requests",
        f"{item.amount} requests in {_spoken(item.get_expiry())} are allowed and were made; wait "
        f"{rest.reset} seconds.",
        type="rate-limited",
        headers={"Retry-After": str(rest.reset), **rest.headers()},
    )


def _spoken(seconds: int) -> str:
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
