"""The PDF of a release: the same bytes again, the release inside, and tables that can be heard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from evaluator.disclosure.rule import Disclosure
from evaluator.feedback import answering
from evaluator.filing.filed import EVENT, Filed, document, filed
from evaluator.filing.typesetting import FilingError, attached, typeset
from evaluator.leaderboard.published import NotReleased
from evaluator.signing.key import SigningKey
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from submissions.submission import Failure
from submissions.verifying_key import read_release
from tests.support.filed_home import SHEET, failed, home_with, publish, seal
from tests.support.hand_made import evaluation, released
from tests.support.pdf_files import figures_without_words, heading_levels, tables_of, text_of

MARKUP = "*y* #panic() $a$ <b> \\ @ref `r`"
"""What typst would read as markup, and what HTML would."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Ledger]]:
    """An installation with one filed report; tests change nothing in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEQUESTRA_LEDGER", raising=False)
        installation = Installation(tmp_path_factory.mktemp("home"))
        ledger = installation.ledger()
        home_with(installation, ledger, model=f"Net {MARKUP}", team="日本 Équipe")
        yield installation, ledger
        ledger.close()


@pytest.fixture(scope="module")
def made(home: tuple[Installation, Ledger]) -> Filed:
    return filed(*home, "s-0001")


def test_the_release_rides_inside_byte_for_byte_with_its_signature(
    made: Filed, home: tuple[Installation, Ledger], tmp_path: Path
) -> None:
    installation, ledger = home
    inside = attached(made.pdf)
    assert set(inside) == {
        *("release.json", "release.signed.json", "fact-sheet.json", "model-card.xml"),
    }
    assert inside["release.json"] == ledger.releases()[0].document.encode()
    signed = ledger.signed_release("s-0001")
    assert signed is not None
    assert inside["release.signed.json"] == signed.to_json().encode()
    (tmp_path / "signed.json").write_bytes(inside["release.signed.json"])
    key = SigningKey.of(installation.root / "enclave").public
    assert read_release(tmp_path / "signed.json", key)["submission"] == "s-0001"
    assert json.loads(inside["release.json"])["team"] == "日本 Équipe"


def test_texts_are_never_markup_and_other_scripts_are_code_points(made: Filed) -> None:
    text = text_of(made.pdf)
    assert f"Net {MARKUP}" in text
    assert "[U+65E5 U+672C] Équipe" in text
    assert "\N{REPLACEMENT CHARACTER}" not in text


def test_the_same_release_gives_the_same_bytes(
    made: Filed, home: tuple[Installation, Ledger]
) -> None:
    _, ledger = home
    published = ledger.releases()[0]
    again = typeset(document(ledger, published, ledger.signed_release("s-0001"), SHEET, "auroc"))
    assert again == made.pdf


def test_a_filed_report_is_kept_and_given_again_whatever_the_tools_are(
    made: Filed, home: tuple[Installation, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, ledger = home
    assert made.kept
    entries = ledger.chain.entries(event=EVENT)
    assert [(each.subject, each.content) for each in entries] == [
        ("s-0001", f"{made.sha256}; {made.tools}")
    ]
    monkeypatch.setattr("evaluator.filing.filed.typeset", lambda _: pytest.fail("set again"))
    assert filed(installation, ledger, "s-0001") == made
    assert ledger.chain.problems() == []
    assert len(ledger.chain.entries(event=EVENT)) == 1


def test_a_kept_pdf_that_was_changed_is_refused(installation: Installation, ledger: Ledger) -> None:
    home_with(installation, ledger)
    made = filed(installation, ledger, "s-0001")
    (place,) = (installation.root / "filed").glob("*.pdf")
    place.write_bytes(made.pdf + b"\n")
    with pytest.raises(FilingError, match=r"is not the PDF that was filed .* restore it"):
        filed(installation, ledger, "s-0001")
    place.unlink()
    with pytest.raises(FilingError, match="cannot be read"):
        filed(installation, ledger, "s-0001")


def test_every_table_has_header_cells_and_every_figure_words(made: Filed) -> None:
    tables = tables_of(made.pdf)
    assert len(tables) > 12
    for rows in tables:
        assert set(rows[0]) == {"TH"}
        assert all(set(row) == {"TD"} and len(row) == len(rows[0]) for row in rows[1:])
        assert len(rows) > 1
    assert figures_without_words(made.pdf) == 0


def test_no_level_of_headings_is_left_out(made: Filed) -> None:
    levels = heading_levels(made.pdf)
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_report_has_estimand_independence_references_and_annexes(made: Filed) -> None:
    text = text_of(made.pdf)
    for said in (
        "The report estimates the area under the ROC curve of this model",
        "is the seal of this cohort, before the first submission to this benchmark",
        "The chain does not show whether the makers of the model had these images",
        "Annex A: STARD-AI",
        "Annex B: TRIPOD+AI",
        "Annex C: CLAIM 2024",
        "Annex D: Good machine learning practice (IMDRF N88)",
        "BMJ 2024;385:e078378",
        "withheld",
        released().cohort_digest,
    ):
        assert said in text


def test_an_unsigned_release_is_set_and_not_kept(
    installation: Installation, ledger: Ledger
) -> None:
    seal(ledger)
    publish(installation, ledger, released("s-0001"), sheet=None)
    first = filed(installation, ledger, "s-0001")
    assert not first.kept
    assert "This release is not signed yet" in text_of(first.pdf)
    assert set(attached(first.pdf)) == {"release.json", "model-card.xml"}
    sign(installation, ledger)
    assert filed(installation, ledger, "s-0001").kept


def test_a_release_without_any_figure_can_be_filed(
    installation: Installation, ledger: Ledger
) -> None:
    small = replace(released("s-0001", scored=evaluation({}, overall=(12, 2))))
    seal(ledger)
    publish(installation, ledger, small)
    sign(installation, ledger)
    text = text_of(filed(installation, ledger, "s-0001").pdf)
    assert "No figure over all cases was released." in text
    assert "is too small in one class for any figure to be released" in text


def test_a_report_of_the_ladder_says_that_the_value_may_be_another_models(
    installation: Installation, ledger: Ledger
) -> None:
    whole = replace(released("s-0001"), rule=Disclosure(feedback="ladder"))
    auroc = whole.find("auroc")
    assert auroc is not None
    method = "no improvement that the data support; the value is that of submission s-0000"
    seal(ledger)
    publish(installation, ledger, answering._alone(whole, replace(auroc, method=method)))
    sign(installation, ledger)
    text = " ".join(text_of(filed(installation, ledger, "s-0001").pdf).split())
    assert "A later submission that is no step repeats that value." in text
    assert "the value is that of submission s-0000" in text
    assert "The release shows no groups." in text
    for untrue in (
        "The report estimates",
        "the model scores the positive one higher",
        "The benchmark declares no groups",  # nobody is told whether it does
    ):
        assert untrue not in text


def test_a_submission_without_a_result_is_refused_in_a_sentence(
    installation: Installation, ledger: Ledger
) -> None:
    failed(ledger, released("s-9"), Failure.CRASHED)
    with pytest.raises(NotReleased, match="submission s-9 is failed; it has no released result"):
        filed(installation, ledger, "s-9")
