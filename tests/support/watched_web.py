"""Runs the web process of an installation and writes down every file that it opens.

``python -m tests.support.watched_web HOME LIST``: serves HOME until it is ended, then writes LIST.
With ``console`` after them it is the console's process instead.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Watch, then serve."""
    home, written = Path(sys.argv[1]), Path(sys.argv[2])
    opened: set[str] = set()

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "sqlite3.connect", "os.listdir", "os.scandir", "subprocess.Popen"):
            first = arguments[0]
            text = first.decode() if isinstance(first, bytes) else str(first)
            opened.add(f"{event} {text}")

    sys.addaudithook(watch)
    from evaluator.stores.installation import Installation

    if sys.argv[3:] == ["console"]:
        from evaluator.console.console_process import serve
    else:
        from evaluator.serving.web_process import serve
    try:
        serve(Installation(home), host="127.0.0.1", port=0, address="", proxies=())
    finally:
        modules = {f"import {name}" for name in sys.modules}
        written.write_text("\n".join(sorted(opened | modules)))


if __name__ == "__main__":
    main()
