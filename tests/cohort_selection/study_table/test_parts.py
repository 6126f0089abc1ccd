"""Parts of the table of studies are read as they were written, or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cohort_selection.study_table.commons import Commons
from cohort_selection.study_table.parts import (
    FOLDER,
    LIST,
    CatalogError,
    PartWriter,
    read_parts,
    write_list,
)
from cohort_selection.study_table.schema import schema

NOTE = "findings.note"


def table(n: int, columns: Mapping[str, Sequence[object] | pa.Array]) -> pa.Table:
    """So many studies, and nothing else is known of them."""
    whole = schema(["note"])
    given = {
        "study_uid": [f"1.{i:07d}" for i in range(n)],
        "patient_id": [f"P{i // 2}" for i in range(n)],
        "recorded": [True] * n,
        "images": [1] * n,
        **{name: [[]] * n for name in ("doubts", "files")},
        **columns,
    }
    return pa.table(
        [
            pa.array(given[field.name], field.type)
            if field.name in given
            else pa.nulls(n, field.type)
            for field in whole
        ],
        schema=whole,
    )


def written(folder: Path, *tables: pa.Table) -> Commons:
    """A catalog whose parts have the studies of one table each."""
    writer = PartWriter(folder, ["note"])
    for each in tables:
        writer.write(each)
        writer.close()
    write_list(folder, ["note"], writer.parts)
    found = read_parts(folder)
    return Commons(found.n_studies, found.findings, found.columns, at=found.at)


def plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column.cast(kind)


def test_a_group_whose_distinct_texts_outgrow_its_dictionary_is_read_as_written(
    tmp_path: Path,
) -> None:
    """Parquet gives up the dictionary of a column half-way through the group."""
    n = 1 << 16
    texts = [f"{number:07d}" + chr(97 + number % 26) * 1100 for number in range(n)]
    lists = [[text] if i % 3 else [text, ""] if i % 2 else None for i, text in enumerate(texts)]
    assert sum(map(len, texts)) > 1 << 26
    before = table(n, {NOTE: texts, "ImageType": lists, "ScanOptions": [["same"]] * n})
    commons = written(tmp_path, before)
    for name in (NOTE, "ImageType", "ScanOptions"):
        read = commons.columns([name]).column(0)
        assert plain(read, before.schema.field(name).type).equals(before.column(name))
    known = commons.known("ImageType")
    assert len(known.values) == n - len(range(0, n, 6)) + 1
    rows = np.array([n - 1, 3, n // 2, 3])
    assert commons.at is not None
    picked = commons.at(["ImageType", NOTE], rows)
    assert picked.column(0).to_pylist() == [lists[row] for row in rows]
    assert picked.column(1).to_pylist() == [texts[row] for row in rows]


def test_studies_are_picked_from_many_parts_in_any_order(tmp_path: Path) -> None:
    tables = [table(n, {NOTE: [f"{n} {i % 3}" for i in range(n)]}) for n in (5, 1, 7)]
    commons = written(tmp_path, *tables)
    texts = pa.concat_tables(tables).column(NOTE).to_pylist()
    assert commons.columns([NOTE]).column(0).to_pylist() == texts
    assert commons.at is not None
    for rows in ([12, 0, 5, 5, 4], [], [6]):
        picked = commons.at([NOTE, "study_uid"], np.array(rows, np.int64))
        assert picked.column(0).to_pylist() == [texts[row] for row in rows]


def test_an_absent_item_of_a_list_is_an_image_that_does_not_say(tmp_path: Path) -> None:
    lists = [["PA", None], [None], [], None, ["PA", ""], ["PA"]]
    known = written(tmp_path, table(6, {"ViewPosition": lists})).known("ViewPosition")
    values = [known.values[code] for code in known.codes]
    assert values[0] == values[4]
    assert values[0].in_part
    assert not values[5].in_part
    assert [value.texts for value in values] == [("PA",), (), (), (), ("PA",), ("PA",)]


def test_whatever_texts_hold_is_read_as_it_was_written(tmp_path: Path) -> None:
    odd = ["", "a,b", 'say "a"', "a\nb", "\0", "a\0b", "é", "\U0001f600", "\ufeff", None, "null"]
    lists = [[text, text] for text in odd]
    before = table(len(odd), {NOTE: odd, "ImageType": lists, "files": lists, "description": odd})
    commons = written(tmp_path, before.slice(0, 4), before.slice(4))
    for name in (NOTE, "ImageType", "files", "description"):
        assert commons.columns([name]).column(0).to_pylist() == before.column(name).to_pylist()


@pytest.mark.parametrize("parts", [0, 1])
def test_a_catalog_without_studies_answers_everything(tmp_path: Path, parts: int) -> None:
    commons = written(tmp_path, *[table(0, {})] * parts)
    assert commons.n_studies == 0
    for name in sorted(commons.known_names):
        assert commons.known(name).codes.tolist() == []
    assert len(commons.study_uids()) == len(commons.patients()) == len(commons.ages()) == 0
    assert commons.recorded().tolist() == []
    assert commons.doubts() == {}
    assert commons.files(np.zeros(0, np.int64)).to_pylist() == []


def test_parts_that_were_swapped_renamed_or_told_twice_are_refused(tmp_path: Path) -> None:
    tables = [table(3, {NOTE: [mark] * 3}) for mark in "ab"]
    written(tmp_path, *tables)
    one, other = (tmp_path / FOLDER / f"part-00000{i}.parquet" for i in (0, 1))
    assert one.stat().st_size == other.stat().st_size
    other.rename(tmp_path / "aside")
    with pytest.raises(CatalogError, match=r"part-000001\.parquet is not there; run sequestra"):
        read_parts(tmp_path)
    one.rename(other)
    (tmp_path / "aside").rename(one)
    with pytest.raises(CatalogError, match=r"part-000000\.parquet is damaged, or of another"):
        read_parts(tmp_path)
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    listed = json.loads((tmp_path / LIST).read_text())
    listed["parts"].append(listed["parts"][0])
    (tmp_path / LIST).write_text(json.dumps(listed))
    with pytest.raises(CatalogError, match=r"studies\.json has a part twice; run sequestra"):
        read_parts(tmp_path)
