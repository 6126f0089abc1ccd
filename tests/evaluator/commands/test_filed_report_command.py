"""`sequestra report --pdf` as a person uses it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.filing.filed import document
from evaluator.filing.typesetting import attached, typeset
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from tests.support.commands import refused, succeed
from tests.support.filed_home import SHEET, home_with

OWN = {"PYTHONHASHSEED": "0"}
"""Any such variable gives a command a process of its own; a forked one did not end here."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Ledger]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEQUESTRA_LEDGER", raising=False)
        folder = tmp_path_factory.mktemp("home")
        ledger = Installation(folder).ledger()
        home_with(Installation(folder), ledger)
        yield folder, ledger
        ledger.close()


def test_another_process_writes_the_same_bytes_and_the_chain_tells_of_them(
    home: tuple[Path, Ledger], tmp_path: Path
) -> None:
    folder, ledger = home
    place = tmp_path / "report.pdf"
    printed = succeed("report", "s-0001", "--pdf", "-o", place, "--home", folder, env=OWN)
    pdf = place.read_bytes()
    digest = hashlib.sha256(pdf).hexdigest()
    assert f"SHA-256 {digest}, set by typst 0.15" in " ".join(printed.split())
    published, signed = ledger.releases()[0], ledger.signed_release("s-0001")
    assert typeset(document(ledger, published, signed, SHEET, "auroc")) == pdf
    assert attached(pdf)["release.json"] == published.document.encode()
    shown = succeed("audit", "show", "--event", "filed", "--home", folder, env=OWN)
    assert f"steward: filed the report of s-0001, SHA-256 {digest[:16]}" in " ".join(shown.split())
    assert "nothing was changed" in succeed("audit", "verify", "--home", folder, env=OWN)


def test_a_submission_that_is_not_there_is_refused_in_one_sentence(
    home: tuple[Path, Ledger], tmp_path: Path
) -> None:
    place = tmp_path / "r.pdf"
    said = refused("report", "nobody", "--pdf", "-o", place, "--home", home[0], env=OWN)
    assert "no submission 'nobody'" in " ".join(said.split())
    assert not place.exists()
