"""``python -m tests.attacks``: run every attack and print what was expected and seen."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from evaluator.sandbox.engine import Engine
from evaluator.setup.engine import ensure_engine
from submissions.host.base_image import ensure_base_image
from tests.attacks.archives import archives, verdict
from tests.attacks.arena import breaches, expected, run_attack
from tests.attacks.catalogue import ATTACKS

ELSEWHERE = {
    "tests/attacks/test_attacks_notice.py": "each attack gets through where its flag is missing",
    "tests/attacks/test_neighbours.py": "taking what another container needs",
    "tests/attacks/test_attacks.py": "low bits of a prediction as a carrier",
    "tests/attacks/test_archives.py": "an archive that takes another image's name",
    "tests/attacks/test_sealed_cohort.py": "patients and labels in what is sealed, memorised ids",
    "tests/evaluator/queue/test_tag_moved.py": "a tag that is moved after the entry",
    "tests/evaluator/probing/test_set_apart.py": "probing by many submissions",
    "tests/evaluator/leaderboard/test_web.py": "requests to the board",
}
"""Attacks that are no program in a container, by the tests that make them."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def row(name: str, must: str, seen: str, seconds: float, held: bool) -> None:
    say(f"{name:<62} {must:<25} {seen:<25} {seconds:7.1f}{'' if held else '  FAILED'}")


def main() -> int:
    say(ensure_engine(say))
    engine = Engine.connect()
    base = ensure_base_image(say)
    say(f"{engine.connection.description()}; base image {base}\n")
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
        row(attack.name, must, seen.outcome, seen.seconds, held)
        for line in found if found else [] if held else [seen.detail]:
            say(f"    {line}")
    n = len(ATTACKS)
    for name, make, refusal in archives():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            broken = verdict(Path(folder, "image.tar"), make())
            extracted = len(list(Path(folder).iterdir())) > 1
        said = broken.failure.value if broken else "let in"
        held = said == refusal.value and not extracted
        failed += not held
        n += 1
        row(f"archive: {name}", refusal.value, said, time.monotonic() - began, held)
    say(f"\n{n} attacks, {failed} of them got something or ended otherwise than expected")
    say("\nAttacks of other kinds are made by pytest:")
    for path, what in ELSEWHERE.items():
        say(f"    {path:<40} {what}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
