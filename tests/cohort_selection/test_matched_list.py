"""The list of a drawn cohort is read as it was written, whatever its ids hold, or refused."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cohort_selection import column_text
from cohort_selection.case_table import ByCase
from cohort_selection.cases import Case, Region
from cohort_selection.matched_list import (
    MatchedListError,
    digest_of,
    read_matched,
    write_matched,
)

HOSTILE = [
    "", "1.2.3", "a,b", 'say "a"', '"', "a\nb", "a\rb", "\0", "\x01", "\x7f", "é", "患者",
    "\U0001f600", "\ufffd", "back\\slash", "\\", "x, ", ", ", '", "', '": 1, ', '"\\": 0.5, "',
    ": 1", ": ", '}, "pool": "', '"inclusion": {', "null", "a: 0.5", " a",
]  # fmt: skip


def listed(ids: list[str]) -> dict[str, object]:
    ids = sorted(ids)
    number = np.array([(i + 1) / 7 for i in range(len(ids))])
    return {
        "benchmark_digest": '}, "pool": "',
        "binding": ['"inclusion": {', "sex"],
        "drawn": pa.array(ids[::2], pa.large_string()),
        "inclusion": ByCase(pa.array(ids, pa.large_string()), number),
        "pool": "0123",
    }


def plain(document: dict[str, object]) -> dict[str, object]:
    """The same, as the standard library takes it."""
    inclusion, drawn = document["inclusion"], document["drawn"]
    assert isinstance(inclusion, ByCase)
    return {**document, "inclusion": dict(inclusion), "drawn": pa.array(drawn).to_pylist()}


@pytest.mark.parametrize("block", [1, 2, 1 << 16])
def test_it_is_json_with_sorted_keys_and_read_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """In one block or in many; each hostile id alone, too."""
    monkeypatch.setattr(column_text, "BLOCK", block)
    path = tmp_path / "matched.json"
    for ids in (HOSTILE, [], *([text] for text in HOSTILE), *(["a", text] for text in HOSTILE)):
        document = listed(ids)
        digest = write_matched(path, document)
        expected = json.dumps(plain(document), sort_keys=True).encode()
        assert path.read_bytes() == expected
        assert digest == sha256(expected).hexdigest()
        rest, inclusion = read_matched(path)
        assert {**rest, "inclusion": dict(inclusion)} == json.loads(expected)
        assert list(inclusion) == sorted(ids)


def test_ids_of_the_marks_of_json_are_read_as_the_standard_library_reads_them(
    tmp_path: Path,
) -> None:
    rng, path = random.Random(3), tmp_path / "matched.json"
    for _ in range(300):
        ids = {"".join(rng.choices('",: \\{}1é', k=rng.randrange(6))) for _ in range(8)}
        write_matched(path, listed(list(ids)))
        _, inclusion = read_matched(path)
        assert dict(inclusion) == json.loads(path.read_bytes())["inclusion"]


def test_a_list_that_another_program_wrote_in_another_form_is_read(tmp_path: Path) -> None:
    path = tmp_path / "matched.json"
    for ids in (["b", "a", "c"], ['x"', "x, "]):
        numbers = {text: (i + 1) / 8 for i, text in enumerate(ids)}
        for indent in (None, 2):
            document = {"pool": "1", "inclusion": numbers, "drawn": ids}
            path.write_text(json.dumps(document, indent=indent), "utf-8")
            rest, inclusion = read_matched(path)
            assert dict(inclusion) == numbers
            assert list(inclusion) == sorted(ids)
            assert rest == {"pool": "1", "drawn": ids}


WRITTEN = '{"drawn": ["a"], "inclusion": {"a": 0.5, "b": 0.25}, "pool": "1"}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0.5", "half"),
        ("0.5", '"0.5x"'),
        ("0.5", "null"),
        ('"a": 0.5', '"a" 0.5'),
        ('"a": 0.5', 'a": 0.5'),
        ('"b"', '"a"'),
        ('"inclusion"', '"chances"'),
        ('{"a": 0.5, "b": 0.25}', "[0.5, 0.25]"),
        ('"1"}', '"1"'),
        ('"drawn"', '"dr\\awn"'),
        (WRITTEN, ""),
        (WRITTEN, "null"),
        (WRITTEN, "[" * 200_000),
    ],
)
def test_a_damaged_list_is_refused_in_one_sentence(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "matched.json"
    assert before in WRITTEN
    path.write_text(WRITTEN.replace(before, after, 1), "utf-8")
    with pytest.raises(MatchedListError, match=r"matched\.json is not as it was written .*again$"):
        read_matched(path)
    path.write_bytes(b"\xff\xfe" + WRITTEN.encode())
    with pytest.raises(MatchedListError):
        read_matched(path)


def test_a_failed_write_leaves_the_list_of_before(tmp_path: Path) -> None:
    path = tmp_path / "matched.json"
    write_matched(path, listed(["a"]))
    before = path.read_bytes()
    lost = pa.array(["a", None], pa.large_string())
    with pytest.raises(ValueError, match="1 of 2 rows have no text"):
        write_matched(path, {"drawn": lost})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["matched.json"]


def case(case_id: str, patient: str, label: int = 0, **attributes: str) -> Case:
    return Case(case_id, patient, (Path("/a.dcm"),), label, attributes)


def by_hand(cases: list[Case]) -> str:
    """What the digest stands for, written case by case."""
    rows = []
    for each in sorted(cases, key=lambda each: each.case_id):
        row: list[object] = [each.case_id, each.patient_id, each.label]
        row.append([list(pair) for pair in sorted(each.attributes.items())])
        if each.targets:
            row.append([list(pair) for pair in sorted(each.targets.items())])
        if each.regions:
            row.append([[r.source, r.frame, r.lesion, r.runs, r.box] for r in each.regions])
        rows.append(row)
    return sha256(json.dumps(rows).encode()).hexdigest()


@pytest.mark.parametrize("block", [2, 1 << 16])
def test_the_digest_of_a_pool_is_that_of_its_rows(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(column_text, "BLOCK", block)
    odd = [case(text, f"p{text}", i % 2, sex=text, **{'a"': "é"}) for i, text in enumerate(HOSTILE)]
    assert digest_of(odd) == digest_of(odd[::-1]) == by_hand(odd)
    assert digest_of([]) == by_hand([])
    told = [Case(str(i), "p", (), 0, {}, {"b": None if i else 0.5, "a": 1.0}) for i in range(5)]
    assert digest_of(told) == by_hand(told)
    lesion = Region("1.2", 1, 1, box=(0.0, 1.5, 2.0, 3.0))
    found = [Case(str(i), "p", (), 1, {}, {}, (lesion,) * (i % 2)) for i in range(5)]
    assert digest_of(found) == by_hand(found)


def test_whatever_a_draw_depends_on_changes_the_digest() -> None:
    first = [case("1", "p", 0, sex="F"), case("2", "q", 1, sex="M")]
    changed = [
        [case("1", "p", 1, sex="F"), first[1]],
        [case("1", "r", 0, sex="F"), first[1]],
        [case("3", "p", 0, sex="F"), first[1]],
        [case("1", "p", 0, sex="M"), first[1]],
        first[:1],
    ]
    digests = {digest_of(cases) for cases in (first, *changed)}
    assert len(digests) == 1 + len(changed)
