"""A digest of source code changes with what the code does, and with nothing else."""

from __future__ import annotations

import ast
import re
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from threading import Lock

import pytest

from cohort_selection.catalog import reader_version
from cohort_selection.source_digest import source_digest
from evaluator.scoring import code_version
from tests.support.repository import REPOSITORY

RATES = '''"""Rates of a table."""

import math
import numpy as np
from figures.ground import LIMIT, share as part


def rate(table):
    """One rate."""
    if not table:
        raise ValueError("a table is empty", LIMIT)
    return np.sum([part(row) for row in table]) / LIMIT + math.pi
'''
GROUND = """LIMIT = 5


def share(row):
    return row / _whole(row)


def _whole(row):
    return max(row, LIMIT)
"""


def digest(root: Path, **sources: str) -> str:
    """Digest of modules of the package ``figures``."""
    folder = root / "figures"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(text)
    return source_digest(sorted(folder.glob("*.py")), root)


@pytest.fixture
def before(tmp_path: Path) -> str:
    return digest(tmp_path, rates=RATES, ground=GROUND)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""One rate."""', '"""A rate of a table."""'),
        ('"""Rates of a table."""\n', ""),
        ("a table is empty", "give a table with rows"),
        ("import math\n", "import math  # for pi\n"),
        ("import numpy as np", "import numpy"),
        ("share as part", "share"),
        ("(row) for row in table]", "(row)\n        for row in table]"),
        ("    if not", "    from figures import ground\n    if not"),
    ],
)
def test_words_and_the_form_of_imports_do_not_count(
    old: str, new: str, before: str, tmp_path: Path
) -> None:
    changed = RATES.replace(old, new)
    assert changed != RATES
    if new == "import numpy":
        changed = changed.replace("np.", "numpy.")
    if new == "share":
        changed = changed.replace("part(", "share(")
    if "ground\n" in new:
        changed = changed.replace("/ LIMIT", "/ ground.LIMIT")
    assert digest(tmp_path, rates=changed, ground=GROUND) == before


KEY = """from typing import Annotated
from pydantic import Field
from cohort_selection.benchmark_keys.keys import Absent, Give


class Table:
    limit: Annotated[int, Give("a number"), Absent("none"), Field(ge=1, description="most")] = 5


def told(text):
    return dict(description=text or "none")
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ('"a number"', '"a whole number"', False),
        ('"most"', '"the most that is allowed"', False),
        (', description="most"', "", False),
        ('Give("a number"), ', "", False),
        ("ge=1", "ge=2", True),
        ("= 5", "= 6", True),
        ("Annotated[int", "Annotated[float", True),
        ('text or "none"', 'text or "nothing"', True),
        ("from cohort_selection.benchmark_keys.keys", "from other", True),
    ],
)
def test_the_words_of_a_key_do_not_count_and_its_bounds_do(
    old: str, new: str, counts: bool, tmp_path: Path
) -> None:
    (tmp_path / "cohort_selection").mkdir()
    assert old in KEY
    changed = digest(tmp_path, table=KEY.replace(old, new)) != digest(tmp_path, table=KEY)
    assert changed is counts


SCOPES = """from figures.ground import LIMIT


def rate(table, weights=None):
    first, second = table
    total = sum(row * first for row in table if row)

    def larger(row):
        limit = row + total
        return limit > second

    return [row for row in table if larger(row)], total
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("first", "one"), ("total", "whole"), ("limit", "bound"), ("second", "limit_of_all")],
)
def test_the_name_of_a_variable_does_not_count(old: str, new: str, tmp_path: Path) -> None:
    renamed = re.sub(rf"\b{old}\b", new, SCOPES)
    assert renamed != SCOPES
    assert digest(tmp_path, rates=renamed) == digest(tmp_path, rates=SCOPES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SCOPES, SCOPES.replace("table", "rows")),  # callers may name a parameter
        (SCOPES, SCOPES.replace("first, second =", "second, first =")),
        (SCOPES, SCOPES.replace("row + total", "row + first")),
        (SCOPES, SCOPES.replace("> second", "> LIMIT")),
        (SCOPES, SCOPES.replace("def larger", "def smaller")),
        (
            "def f(r):\n    a = r\n    b = -r\n    return [a for a in a]\n",
            "def f(r):\n    a = r\n    b = -r\n    return [b for b in b]\n",
        ),
        (
            "def f(r):\n    a = r\n    b = -r\n    [a := each for each in r]\n    return a\n",
            "def f(r):\n    a = r\n    b = -r\n    [b := each for each in r]\n    return a\n",
        ),
        (
            "def f():\n    a, b = 0, 0\n    def g():\n        nonlocal a\n        a = 1\n"
            "    g()\n    return a\n",
            "def f():\n    b, a = 0, 0\n    def g():\n        nonlocal a\n        a = 1\n"
            "    g()\n    return b\n",
        ),
        (
            "def f(r):\n    [a for a in r]\n    [b for b in r]\n    return a\n",
            "def f(r):\n    [a for a in r]\n    [b for b in r]\n    return b\n",
        ),
        (
            "def f(r):\n    a, b = r\n    def g(c=a):\n        a = c\n        return a\n"
            "    return g\n",
            "def f(r):\n    a, b = r\n    def g(c=b):\n        b = c\n        return b\n"
            "    return g\n",
        ),
        (
            "def f(r):\n    class Row:\n        first = 1\n    return Row\n",
            "def f(r):\n    class Row:\n        second = 1\n    return Row\n",
        ),
        (
            "def f(r):\n    a = b = r\n    try:\n        g(r)\n    except KeyError as a:\n"
            "        return a\n",
            "def f(r):\n    a = b = r\n    try:\n        g(r)\n    except KeyError as b:\n"
            "        return a\n",
        ),
    ],
)
def test_which_variable_is_meant_counts(one: str, other: str, tmp_path: Path) -> None:
    assert digest(tmp_path, rates=one) != digest(tmp_path, rates=other)


def test_the_module_of_a_definition_does_not_count(before: str, tmp_path: Path) -> None:
    limit, rest = GROUND.split("\n\n\n", 1)
    share, whole = rest.split("\n\n\n")
    moved = {
        "rates": RATES.replace(
            "figures.ground import LIMIT, share", "figures.a import share"
        ).replace("import math", "import math\nfrom figures.b import LIMIT"),
        "a": f"from figures.b import _whole\n\n\n{share}\n",
        "b": f"{whole}\n\n{limit}\n",
    }
    assert digest(tmp_path, **moved) == before


def test_a_name_that_is_passed_on_counts_as_its_definition(before: str, tmp_path: Path) -> None:
    through = {
        "rates": RATES.replace("figures.ground", "figures"),
        "ground": GROUND,
        "__init__": 'from figures.ground import LIMIT, share\n\n__all__ = ["LIMIT", "share"]\n',
    }
    assert digest(tmp_path, **through) == before


@pytest.mark.parametrize(
    ("rates", "ground"),
    [
        (RATES.replace("math.pi", "math.e"), GROUND),
        (RATES.replace("import math", "import cmath as math"), GROUND),
        (RATES.replace("np.sum", "np.max"), GROUND),
        (RATES.replace("share as part", "_whole as part"), GROUND),
        (RATES.replace('"a table is empty", LIMIT', '"a table is empty"'), GROUND),
        (RATES.replace("ValueError", "TypeError"), GROUND),
        (RATES, GROUND.replace("LIMIT = 5", "LIMIT = 6")),
        (RATES, GROUND.replace("row / _whole", "_whole / row")),
        (RATES + "\n\nrate.limit = 5\n", GROUND),
    ],
)
def test_what_the_code_does_counts(rates: str, ground: str, before: str, tmp_path: Path) -> None:
    assert digest(tmp_path, rates=rates, ground=ground) != before


def test_which_of_two_definitions_of_one_name_is_meant_counts(tmp_path: Path) -> None:
    two = {"a": "def part(row):\n    return 1\n", "b": "def part(row):\n    return 2\n"}
    first = digest(tmp_path, c="from figures.a import part\n\nWHOLE = part(0)\n", **two)
    assert digest(tmp_path, c="from figures.b import part\n\nWHOLE = part(0)\n", **two) != first


def test_a_local_name_is_no_definition(tmp_path: Path) -> None:
    source = "def rate(share):\n    return [share for limit in share if limit]\n"
    alone = digest(tmp_path, rates=source)
    imported = f"from figures.ground import share, limit\n\n\n{source}"
    assert digest(tmp_path, rates=imported) == alone


def test_no_two_threads_parse_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 then fails now and then with a SystemError."""
    parse, under_way, seen = ast.parse, Lock(), []

    def slowly(text: str) -> ast.Module:
        seen.append(under_way.acquire(blocking=False))
        time.sleep(0.01)
        under_way.release()
        return parse(text)

    monkeypatch.setattr("cohort_selection.source_digest.ast.parse", slowly)
    (tmp_path / "rates.py").write_text(RATES)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: source_digest([tmp_path / "rates.py"], tmp_path), range(8)))
    assert len(set(found)) == 1
    assert seen == [True] * 8


def test_a_former_name_is_that_of_the_present_code() -> None:
    """Two changes that meet give the code a third name: then figures would be made again.

    Where the figures themselves have changed, no former name is left.
    """
    pinned = (REPOSITORY / "constraints.txt").read_text().splitlines()
    libraries = ("numpy", "numba", "llvmlite")
    if not all(f"{name}=={version(name)}" in pinned for name in libraries):
        pytest.skip("the name depends on numpy, numba and llvmlite, which are not those pinned")
    assert set(code_version._FORMERLY) <= {code_version.code_version()}


def test_the_former_name_of_the_reader_is_that_of_the_present_source() -> None:
    assert set(reader_version._FORMERLY) <= {reader_version._digest()}
    former = [mark for mark in reader_version.readers() if mark != reader_version.reader()]
    assert len(former) == len(reader_version._FORMERLY)


def reached(root: Path, ground: str, **options: list[tuple[str, str]]) -> str:
    (root / "figures").mkdir(exist_ok=True)
    (root / "figures" / "rates.py").write_text(RATES + "\n\ndef other(table):\n    return LIMIT\n")
    (root / "figures" / "ground.py").write_text(ground)
    return source_digest(sorted((root / "figures").glob("*.py")), root, **options)


def test_only_what_a_definition_reaches_counts_for_it(tmp_path: Path) -> None:
    rate, other = [("figures.rates", "rate")], [("figures.rates", "other")]
    halved = GROUND.replace("row / _whole", "row / 2 / _whole")
    deeper = GROUND.replace("max(row", "min(row")  # two definitions away
    for changed in (halved, deeper):
        before = {
            name[0][1]: reached(tmp_path, GROUND, reached_from=name) for name in (rate, other)
        }
        assert reached(tmp_path, changed, reached_from=rate) != before["rate"]
        assert reached(tmp_path, changed, reached_from=other) == before["other"]
    never = [("figures.ground", "share")]
    assert reached(tmp_path, halved, reached_from=rate, without=never) == reached(
        tmp_path, deeper, reached_from=rate, without=never
    )
    for options in ({"reached_from": [("figures.rates", "nobody")]}, {"without": [("a", "b")]}):
        with pytest.raises(LookupError, match="no source defines"):
            reached(tmp_path, GROUND, **options)


def test_a_table_that_a_statement_fills_counts_for_those_who_read_it(tmp_path: Path) -> None:
    filled = GROUND + "\n\nTABLE = {}\nTABLE['a'] = 1\n\n\ndef share(row):\n    return TABLE[row]\n"
    rate = [("figures.rates", "rate")]
    before = reached(tmp_path, filled, reached_from=rate)
    assert reached(tmp_path, filled.replace("= 1", "= 2"), reached_from=rate) != before
