"""Runs a command of this program for as long as the process that started it is there.

    python -m evaluator.serving.beside DESCRIPTOR COMMAND ...

``DESCRIPTOR`` is the end of a pipe that this process reads and whose other end its starter alone
holds. A starter that is killed can end nobody, but the system closes its end of the pipe.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the command, and end it as SIGTERM does once the starter is gone."""
    descriptor = int(sys.argv.pop(1))
    threading.Thread(target=_end_with_starter, args=(descriptor,), daemon=True).start()
    runpy.run_module("evaluator.cli", run_name="__main__", alter_sys=True)


def _end_with_starter(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: it returns at the end
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
