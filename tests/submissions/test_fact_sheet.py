"""The fact sheet of a submission: what is taken, what is refused, in which words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from submissions.fact_sheet import (
    FactSheet,
    FactSheetError,
    TrainingData,
    Used,
    read_fact_sheet,
    template,
)
from tests.support.repository import REPOSITORY

VALUES: dict[str, object] = {
    "version": "2.0",
    "contact": "models@example.org",
    "intended_use": "Finds effusions.",
    "midrc": "yes",
    "open_data": [],
    "training": [{"name": "Own", "sites": ["North, Norway", "unknown"], "patients": 1200}],
}


def refused(**changes: object) -> dict[str, str]:
    """The sentence at each key where the values above, so changed, are refused."""
    with pytest.raises(FactSheetError) as caught:
        FactSheet.from_values({**VALUES, **changes})
    assert str(caught.value).splitlines() == [each.sentence for each in caught.value.mistakes]
    return {mistake.key: mistake.sentence for mistake in caught.value.mistakes}


def test_every_key_is_read() -> None:
    sheet = FactSheet.from_json(json.dumps({**VALUES, "method": "A network.", "limits": "None."}))
    assert (sheet.version, sheet.contact, sheet.midrc) == ("2.0", "models@example.org", Used.YES)
    assert (sheet.method, sheet.limits, sheet.reference) == ("A network.", "None.", "")
    (data,) = sheet.training
    assert (data.name, data.sites, data.patients) == ("Own", ("North, Norway", "unknown"), 1200)


def test_parsed_json_is_taken_like_json_as_a_body_of_the_api_is() -> None:
    assert FactSheet.model_validate(VALUES) == FactSheet.from_values(VALUES)
    with pytest.raises(ValidationError):
        FactSheet.model_validate({**VALUES, "open_data": [1]})


def test_each_mistake_gets_one_sentence_at_its_place() -> None:
    with pytest.raises(FactSheetError) as caught:
        FactSheet.from_json(
            '{"version": 2, "contact": "us", "intended_use": " ", "midrc": "perhaps", '
            '"training": [{"name": "a\\nb", "sites": ["North", ""], "patients": 0, "hosts": 1}], '
            '"seen": 1}'
        )
    assert {mistake.key: mistake.sentence for mistake in caught.value.mistakes} == {
        "version": 'version is 2; give one line of at most 40 characters, such as "1.2"',
        "contact": 'contact is "us"; give an address such as models@example.org or '
        "https://example.org/opacity",
        "intended_use": "intended_use is empty; say in at most 3000 characters what the model "
        "finds, and for what use",
        "midrc": 'midrc is "perhaps"; give yes, no or unknown',
        "open_data": 'open_data is missing; give a list of at most 40 names, such as ["ImageNet"], '
        "or [] for none",
        "training.1.name": "training.1.name has more than one line; give one line of at most 200 "
        "characters",
        "training.1.sites.2": "training.1.sites.2 is empty; give one line of 1 to 200 characters",
        "training.1.patients": "training.1.patients is 0; give a whole number from 1 to "
        "1000000000, or leave it out",
        "training.1.hosts": "training.1.hosts is no key of a fact sheet; known keys: name, sites, "
        "patients",
        "seen": "seen is no key of a fact sheet; known keys: version, contact, intended_use, "
        "method, limits, reference, midrc, open_data, training",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "x" * 41),
        ("version", "1\n2"),
        ("contact", "someone at home"),
        ("contact", "javascript:alert(1)"),
        ("contact", "a@b"),
        ("intended_use", "x" * 3001),
        ("intended_use", "\u0958" * 3000),  # two characters each, once they are normalised
        ("intended_use", "left \u202e right"),
        ("method", "a\x00b"),
        ("method", None),
        ("reference", "file:///etc/hosts"),
        ("reference", "https://"),
        ("midrc", True),
        ("open_data", "ImageNet"),
        ("open_data", ["x"] * 41),
        ("training", {"name": "Own"}),
    ],
)
def test_a_value_that_nobody_can_show_is_refused(key: str, value: object) -> None:
    (found,) = refused(**{key: value})
    assert found == key


@pytest.mark.parametrize(
    "contact", ["a.b@clinic.example", "https://example.org/opacity?x=1", "http://example.org"]
)
def test_a_contact_is_a_mail_address_or_a_web_address(contact: str) -> None:
    assert FactSheet.from_values({**VALUES, "contact": contact}).contact == contact


def test_a_text_keeps_its_lines_and_loses_its_margins() -> None:
    sheet = FactSheet.from_values({**VALUES, "limits": "  Adults only.\r\nNo lateral views. "})
    assert sheet.limits == "Adults only.\nNo lateral views."


@pytest.mark.parametrize(
    ("document", "begins"),
    [
        ("", "the fact sheet is no JSON"),
        ("[]", "the fact sheet is []; give an object"),
        ("[" * 50_000, "the fact sheet is no JSON"),
        ('{"version": "' + "x" * 64_000, "the fact sheet has 64013 bytes; give at most 64000"),
        (b"\xff\xfe", "the fact sheet is no JSON"),
    ],
)
def test_what_is_no_object_gets_one_sentence(document: str | bytes, begins: str) -> None:
    with pytest.raises(FactSheetError, match=f"^{re.escape(begins)}") as caught:
        FactSheet.from_json(document)
    assert "\n" not in str(caught.value)


def test_a_file_is_read_by_its_name(tmp_path: Path) -> None:
    sheet = FactSheet.from_values(VALUES)
    (tmp_path / "fact-sheet.toml").write_text(sheet.to_toml(), encoding="utf-8")
    (tmp_path / "fact-sheet.json").write_text(sheet.to_json(), encoding="utf-8")
    assert read_fact_sheet(tmp_path / "fact-sheet.toml") == sheet
    assert read_fact_sheet(tmp_path / "fact-sheet.json") == sheet


@pytest.mark.parametrize(
    ("written", "begins"),
    [
        (b"version", "the fact sheet is no TOML"),
        (b"a = " + b"[" * 50_000, "the fact sheet is no TOML"),
        ("version = '\u00e4'".encode("latin-1"), "the fact sheet is no UTF-8 at byte 11"),
        (b"#" * 64_001, "the fact sheet has over 64000 characters"),
        (b"version = 1.2", "version is 1.2; give one line"),
    ],
)
def test_a_file_that_cannot_be_read_gets_one_sentence(
    tmp_path: Path, written: bytes, begins: str
) -> None:
    (tmp_path / "fact-sheet.toml").write_bytes(written)
    with pytest.raises(FactSheetError, match=f"^{re.escape(begins)}"):
        read_fact_sheet(tmp_path / "fact-sheet.toml")


WORDS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp"]), min_size=1, max_size=60
).filter(lambda text: text.strip())


@given(version=WORDS.map(lambda text: text[:40]).filter(str.strip), use=WORDS, site=WORDS)
def test_both_forms_give_back_what_was_written(version: str, use: str, site: str) -> None:
    sheet = FactSheet.from_values(
        {
            **VALUES,
            "version": version.replace("\n", " "),
            "intended_use": f"{use}\n\\ \" ''' {use}",
            "training": [{"name": "a", "sites": [site]}, {"name": "b", "sites": [site, site]}],
        }
    )
    assert FactSheet.from_json(sheet.to_json()) == sheet
    assert FactSheet.from_toml(sheet.to_toml()) == sheet


def page() -> str:
    return (REPOSITORY / "docs" / "fact-sheet.md").read_text(encoding="utf-8")


def test_the_page_explains_every_key() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (yes|no) \|$", page(), flags=re.MULTILINE)
    fields = [*FactSheet.model_fields.items(), *TrainingData.model_fields.items()]
    assert rows == [
        (key, field.description, "yes" if field.is_required() else "no") for key, field in fields
    ]


def test_the_file_of_the_page_is_the_template_and_is_taken() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", page(), flags=re.DOTALL)
    assert example == template()
    sheet = FactSheet.from_toml(example)
    assert sheet.training[0].patients == 12000
    assert sheet.open_data == ("ImageNet", "ChestX-ray14")


def test_the_refusal_of_the_page_is_what_is_said() -> None:
    (sentence,) = re.findall(r"```text\n(.*?)\n```", page())
    assert refused(contact="us")["contact"] == sentence
