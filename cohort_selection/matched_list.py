"""Writes and reads the list of a drawn cohort, and the digest of the pool that it was drawn from.

Both are JSON in one fixed form, put together from columns: a pool has millions of cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from cohort_selection.atomic_files import written
from cohort_selection.case_table import ByCase, CaseTable
from cohort_selection.cases import Case
from cohort_selection.coded import order_of
from cohort_selection.column_text import as_json, blocks, data_of, joined, numbers, spread

INCLUSION = "inclusion"
_BEFORE = b'"inclusion": {'
_AFTER = b'}, "pool": "'  # no quote stands in a text of JSON without a backslash before it
_ONE_COLUMN = pyarrow.csv.ReadOptions(column_names=["entry"])
_LINES = pyarrow.csv.ParseOptions(delimiter="\x01", quote_char=False)
_TEXTS = pyarrow.csv.ConvertOptions(column_types={"entry": pa.large_string()})


class MatchedListError(ValueError):
    """The list is not as it was written."""


def write_matched(path: Path, document: Mapping[str, object]) -> str:
    """Write JSON with sorted keys, whole or not at all; return its SHA-256.

    A value may be the numbers of cases, or a column of texts.
    """
    digest = sha256()
    with written(path) as stream:
        for piece in _pieces(document):
            stream.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def read_matched(path: Path) -> tuple[dict[str, Any], ByCase]:
    """Read what :func:`write_matched` wrote: all else, and the probabilities of the cases.

    Raises MatchedListError where it is not as it was written.
    """
    content = path.read_bytes()
    start, end = content.find(_BEFORE) + len(_BEFORE), content.find(_AFTER)
    try:
        if len(_BEFORE) <= start <= end:
            document: dict[str, Any] = json.loads(content[:start] + content[end:])
            del document[INCLUSION]
            return document, _entries(content[start:end])
        document = json.loads(content)
        return document, _by_case(document.pop(INCLUSION))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MatchedListError(
            f"{path.name} is not as it was written ({type(error).__name__}); restore it from a "
            "copy, or match again"
        ) from error


def digest_of(cases: Sequence[Case]) -> str:
    """SHA-256 of all that a draw depends on; where a file lies is no part of it."""
    table = CaseTable.of(cases).in_order()
    digest = sha256(b"[")
    for block in blocks(len(table)):
        text = data_of(_rows(table, block))
        digest.update(text if block.start else text[len(", ") :])
    digest.update(b"]")
    return digest.hexdigest()


def _rows(table: CaseTable, block: slice) -> pa.LargeStringArray:
    """A comma and a list for each case: its id, patient, label, attributes, targets, regions."""
    columns: list[pa.LargeStringArray | str] = [
        ", [",
        as_json(table.case_id[block]),
        ", ",
        as_json(table.patients.take(pa.array(table.patient[block]))),
        spread([", 0, [", ", 1, ["], table.label[block]),
    ]
    for number, (name, column) in enumerate(sorted(table.attributes.items())):
        texts = [", " * (number > 0) + json.dumps([name, level]) for level in column.levels]
        columns.append(spread(texts, column.codes[block]))
    columns.append("]")
    for number, (name, told) in enumerate(sorted(table.targets.items())):
        before = f"{', ' if number else ', ['}[{json.dumps(name)}, "
        columns += [before, numbers(told[block], json.dumps), "]"]
    columns.append("]" * bool(table.targets))
    if table.regions:
        columns.append(pa.array(map(_regions, table.regions[block]), pa.large_string()))
    return joined(*columns, "]")


def _regions(regions: Sequence[Any]) -> str:
    return f", {json.dumps(sorted(map(astuple, regions), key=str))}" if regions else ""


def _pieces(document: Mapping[str, object]) -> Iterator[bytes | memoryview]:
    before = "{"
    for key in sorted(document):
        yield f"{before}{json.dumps(key)}: ".encode()
        value, before = document[key], ", "
        if isinstance(value, ByCase):
            yield b"{"
            for block in blocks(len(value)):
                told = numbers(value.number[block], json.dumps)
                yield _listed(joined(", ", as_json(value.case_id[block]), ": ", told), block)
            yield b"}"
        elif isinstance(value, pa.LargeStringArray):
            yield b"["
            for block in blocks(len(value)):
                yield _listed(joined(", ", as_json(value[block])), block)
            yield b"]"
        else:
            yield json.dumps(value, sort_keys=True).encode()
    yield b"}"


def _listed(texts: pa.LargeStringArray, block: slice) -> memoryview:
    return data_of(texts)[0 if block.start else len(", ") :]


def _entries(content: bytes) -> ByCase:
    """The cases and their numbers between the braces of a JSON object."""
    if not content:
        return _by_case({})
    lines = pa.BufferReader(content.replace(b', "', b'\n"'))
    column = pyarrow.csv.read_csv(lines, _ONE_COLUMN, _LINES, _TEXTS).column(0).combine_chunks()
    both = pc.split_pattern(column, ": ", max_splits=1, reverse=True)
    halves = pc.list_flatten(both)
    quoted = halves.take(pa.array(np.arange(0, len(halves), 2)))
    whole = pc.match_substring_regex(quoted, '(?s)^".*"$')  # not so where an id ends with ", "
    if len(halves) != 2 * len(column) or not pc.all(whole).as_py():
        return _by_case(json.loads(b"{" + content + b"}"))
    told = pc.cast(halves.take(pa.array(np.arange(1, len(halves), 2))), pa.float64())
    return _in_order(_unquoted(quoted), told.to_numpy())


def _by_case(found: Mapping[str, float]) -> ByCase:
    return _in_order(
        pa.array(list(found), pa.large_string()), np.array(list(found.values()), np.float64)
    )


def _in_order(case_id: pa.LargeStringArray, number: NDArray[np.float64]) -> ByCase:
    order = order_of(case_id)
    case_id = case_id.take(pa.array(order))
    if pc.any(pc.equal(case_id[:-1], case_id[1:])).as_py():
        raise ValueError("a case stands there twice")
    if np.isnan(number).any():
        raise ValueError("a case has no number")
    return ByCase(case_id, number[order])


def _unquoted(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    plain = pc.utf8_slice_codeunits(texts, 1, -1)
    escaped = pc.match_substring(texts, "\\")
    if not pc.any(escaped).as_py():
        return plain
    told = [json.loads(text) for text in texts.filter(escaped).to_pylist()]
    return pc.replace_with_mask(plain, escaped, pa.array(told, pa.large_string()))
