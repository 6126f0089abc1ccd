"""Open lists that somebody edited: each gets one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.sealing.cohort import CohortError
from cohort_selection.sequestration.open_list import read_open, read_open_task

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
