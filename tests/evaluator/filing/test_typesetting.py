"""What the typesetter refuses ends in one sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evaluator.filing.blocks import charts, heading, table
from evaluator.filing.typesetting import Document, FilingError, attached, typeset
from evaluator.leaderboard.drawing.chart import Chart
from tests.support.pdf_files import text_of

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40">'
    '<text x="4" y="20" font-size="12" fill="#123456">{}</text></svg>'
)
PLAIN = Document(
    title="T",
    lede="",
    running="",
    identity="",
    foot="",
    date=datetime(2026, 1, 3, 12, tzinfo=UTC),
    keywords=(),
    parts=[heading("A")],
    attachments=(),
)


def chart(svg: str) -> Chart:
    return Chart(name="c", title="C", description="A chart", svg=svg, width=200, height=40)


def test_a_broken_chart_is_told_in_one_sentence() -> None:
    broken = replace(PLAIN, parts=[charts([chart("<svg")], 1)])
    with pytest.raises(FilingError, match=r"cannot be set as PDF .* HTML report meanwhile"):
        typeset(broken)


@pytest.mark.parametrize("label", ["日本語", "\U0001f3e5", "ไทย", "فريق", "צוות"])
def test_labels_of_charts_in_any_script_can_be_set(label: str) -> None:
    pdf = typeset(replace(PLAIN, parts=[charts([chart(SVG.format(label))], 2)]))
    assert "C." in text_of(pdf)
    assert attached(pdf) == {}


def test_a_row_of_another_length_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="has not 2 cells"):
        table("t", ("a", "b"), [("1",)])


def test_the_date_of_the_document_is_that_of_the_release() -> None:
    pdf = typeset(PLAIN)
    assert typeset(PLAIN) == pdf
    assert typeset(replace(PLAIN, date=datetime(2026, 1, 4, tzinfo=UTC))) != pdf
