"""Sums long columns on one thread, since the last bits depend on the number of threads."""

from __future__ import annotations

from threadpoolctl import threadpool_limits

ONE_THREAD = threadpool_limits.wrap(limits=1, user_api="blas")
"""Decorates what scores; numpy's scalar products then give the same bits on any processor."""
