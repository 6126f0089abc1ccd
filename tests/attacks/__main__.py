"""``python -m tests.attacks``: run every attack and print what was expected and seen."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from evaluator.engine import Engine
from evaluator.engine_setup import ensure_engine
from submissions.base_image import ensure_base_image
from tests.attacks.arena import breaches, expected, run_attack
from tests.attacks.catalogue import ATTACKS


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    say(ensure_engine(say))
    engine = Engine.connect()
    base = ensure_base_image(say)
    say(f"{engine.description()}; base image {base}\n")
    say(f"{'attack':<62} {'expected':<25} {'seen':<25} {'seconds':>7}")
    failed = 0
    for attack in ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            seen = run_attack(attack, engine, base, Path(folder))
        end = expected(attack, engine)
        must = end.value if end else "ended well"
        found = breaches(attack, seen)
        held = not found and seen.outcome == must
        failed += not held
        say(
            f"{attack.name:<62} {must:<25} {seen.outcome:<25} {seen.seconds:7.1f}"
            f"{'' if held else '  FAILED'}"
        )
        for line in found if found else [] if held else [seen.detail]:
            say(f"    {line}")
    say(
        f"\n{len(ATTACKS)} attacks, {failed} of them got something or ended otherwise than expected"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
