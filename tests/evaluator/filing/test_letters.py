from __future__ import annotations

import unicodedata

import pytest
import typst

from evaluator.filing.letters import _RANGES, BREAK, has_glyph, printable

SOURCE = b"""#set document(title: "x")
#set text(lang: "en", font: ("Libertinus Serif", "New Computer Modern"))
#sys.inputs.text"""


def is_set(text: str) -> bool:
    """Whether typst sets a text under the standards that a filed report keeps."""
    try:
        typst.Compiler(SOURCE, ignore_system_fonts=True).compile(
            format="pdf", sys_inputs={"text": text}, pdf_standards=["a-3a", "ua-1"], timestamp=0
        )
    except typst.TypstError:
        return False
    return True


def test_typst_has_a_glyph_for_every_character_that_is_printed_as_it_is() -> None:
    characters = [chr(code) for first, last in _RANGES for code in range(first, last + 1)]
    assigned = [each for each in characters if unicodedata.category(each) != "Cn"]
    assert len(assigned) > 600
    assert is_set("".join(assigned))


@pytest.mark.parametrize("text", ["日本語", "한국어", "ไทย", "\U0001f3e5"])
def test_what_typst_refuses_is_written_as_code_points(text: str) -> None:
    assert not is_set(text)
    assert is_set(printable(f"Model {text}, 2"))


def test_code_points_stand_together_between_brackets() -> None:
    assert printable("Modell 日本 β") == "Modell [U+65E5 U+672C] β"


def test_names_of_europe_and_the_near_east_stay_as_they_are() -> None:
    for name in ("Équipe Łódź", "Ομάδα", "Команда", "צוות", "فريق", "Đội Việt"):
        assert printable(name) == name


def test_controls_and_reordering_characters_are_shown_and_not_obeyed() -> None:
    assert printable("a\u202eb") == "a[U+202E]b"
    assert printable("a\x00b") == "a[U+0000]b"
    assert printable("a\nb\tc") == "a b c"
    assert not has_glyph("\u200b")


def test_a_long_word_may_break_and_a_digest_stays_whole() -> None:
    assert printable("x" * 100).count(BREAK) == 2
    assert printable("x" * 100, whole_words=True) == "x" * 100
