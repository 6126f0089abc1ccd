"""Sums long columns on one thread, since the last bits depend on the number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from threadpoolctl import threadpool_limits

_Scoring = TypeVar("_Scoring", bound=Callable[..., object])


def one_thread(scoring: _Scoring) -> _Scoring:
    """Decorate what scores: numpy's scalar products give it the same bits on any processor."""
    return cast(_Scoring, threadpool_limits.wrap(limits=1, user_api="blas")(scoring))
