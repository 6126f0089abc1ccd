"""Memory of a thread that is used again for image after image.

A fresh array of some megabytes costs more to have its pages given by the system than to be filled.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class _Held(threading.local):
    def __init__(self) -> None:
        self.by_use: dict[str, NDArray[np.uint8]] = {}


_HELD = _Held()


def scratch(use: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of any content, which the next call for the same ``use`` in this thread takes again.

    A thread keeps the most that was ever asked for, for each use.
    """
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    held = _HELD.by_use.get(use)
    if held is None or len(held) < size:
        held = _HELD.by_use[use] = np.empty(size, dtype=np.uint8)
    return held[:size].view(kind).reshape(shape)
