"""Open lists that somebody edited: each gets one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import CohortError
from cohort_selection.sequestration.open_list import read_open, read_open_task, write_open

COLUMNS = "case_id,patient_id,label,files"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{COLUMNS}\nc,p\xe9,1,a.dcm\n".encode("latin-1"), "open.csv is no CSV in UTF-8"),
        (f"{COLUMNS}\n{'c' * 200_000},p,1,a.dcm\n".encode(), "open.csv is no CSV in UTF-8"),
        (f"{COLUMNS},finding:a,finding:b\nc,p,1\n".encode(), "line 2 has fewer cells"),
        (f"{COLUMNS},grade:0-24\nc,p,1,a.dcm,99\n".encode(), "line 2: grade:0-24 is '99'"),
        (f"{COLUMNS},grade:0-024\nc,p,1,a.dcm,9\n".encode(), "it is written 'grade:0-24'"),
    ],
)
def test_an_odd_list_is_refused_in_a_sentence(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "open.csv").write_bytes(text)
    with pytest.raises(CohortError, match=said) as refused:
        read_open(tmp_path / "open.csv")
    assert "\n" not in str(refused.value)


def test_the_task_of_a_list_in_another_encoding_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "open.csv").write_bytes("fall,etikett,größe\n".encode("latin-1"))
    with pytest.raises(CohortError, match="no CSV in UTF-8"):
        read_open_task(tmp_path / "open.csv")


def test_whatever_ids_levels_and_names_hold_is_read_as_it_was_written(tmp_path: Path) -> None:
    texts = [
        "",
        "a,b",
        'say "a"',
        '"',
        "a\nb",
        "a\rb",
        "a\r\nb",
        "\0",
        "\x85",
        "\u2028",
        "\U0001f600",
    ]
    cases = [
        Case(
            f"{number}{text}",
            f"patient {text}",
            (tmp_path / f"{number} {text.strip(chr(0))}.dcm",),
            number % 2,
            {"sex": text, 'the "age", in\nyears': f"{text}."},
        )
        for number, text in enumerate(texts)
    ]
    path = tmp_path / "open.csv"
    write_open(path, cases, list(cases[0].attributes))
    assert list(read_open(path)) == cases
    write_open(path, [], ["sex"])
    assert read_open(path) == ()
