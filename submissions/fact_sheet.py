"""The fact sheet of a submission: what a team says of its model, for readers of the report."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

LARGEST = 64_000
"""Bytes of a fact sheet as a file."""
LINE, TEXT, LINES = 200, 3000, 40
"""Characters of one line, characters of a text, entries of a list."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: the key, as in ``training.1.sites`` (counted from 1), and a sentence."""

    key: str
    sentence: str


class FactSheetError(ValueError):
    """A fact sheet cannot be taken as it is; each line of the message is one mistake."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        """Keep the mistakes in the order of the keys."""
        super().__init__("\n".join(mistake.sentence for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class Used(StrEnum):
    """Whether data of a kind were used for the model, in training, tuning or pretraining."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def _clean(text: str) -> str:
    """Normalise a text; refuse characters that hide, reorder or control what is read."""
    text = unicodedata.normalize("NFC", re.sub(r"\r\n?", "\n", text)).strip()
    for character in text:
        hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
        if hidden and character not in "\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}":
            raise ValueError(f"holds the control character U+{ord(character):04X}")
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("has more than one line")
    return text


def _contact(text: str) -> str:
    mail = re.fullmatch(r"[^\s@<>\"']+@[^\s@<>\"'.]+(\.[^\s@<>\"'.]+)+", text)
    if not mail and not _is_web(text):
        raise ValueError(f"is {_shown(text)}")
    return text


def _web(text: str) -> str:
    if text and not _is_web(text):
        raise ValueError(f"is {_shown(text)}")
    return text


def _is_web(text: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s<>\"'/?#]+\.[^\s<>\"'/?#]+([/?#][^\s<>\"']*)?", text))


_Clean = AfterValidator(_clean)
_Filled = AfterValidator(_filled)
_OneLine = AfterValidator(_one_line)
# A few characters become two where they are normalised, so the length is held before and after.
_Line = Field(max_length=LINE)
_Text = Field(max_length=TEXT)
_Version = Field(max_length=40)
Line = Annotated[str, _Line, _Clean, _Filled, _OneLine, _Line]
Text = Annotated[str, _Text, _Clean, _Text]


class TrainingData(BaseModel):
    """One set of data that the model was trained or tuned on."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: Line = Field(
        title="Name of the data",
        description="What the data are called, or what they are.",
        examples=["Chest radiographs 2015 to 2020"],
    )
    sites: Annotated[tuple[Line, ...], Field(min_length=1, max_length=LINES, strict=False)] = Field(
        title="Sites",
        description="The hospitals or collections that the data come from, with their countries. "
        "Write unknown if you do not know them.",
        examples=[["University Hospital North, Germany", "Clinic South, France"]],
    )
    patients: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None,
        title="Patients",
        description="How many patients the data are of.",
        examples=[12000],
    )


class FactSheet(BaseModel):
    """What a team says of its model; nobody checks it, and the report says so."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    version: Annotated[str, _Version, _Clean, _Filled, _OneLine, _Version] = Field(
        title="Version",
        description="The version of the model, as your team calls it.",
        examples=["1.2"],
    )
    contact: Annotated[Line, AfterValidator(_contact)] = Field(
        title="Contact",
        description="A mail address or a web address for readers of the report. The report shows "
        "it to everybody.",
        examples=["models@example.org"],
    )
    intended_use: Annotated[Text, _Filled] = Field(
        title="Intended use",
        description="What the model finds, in which patients and images, and what a reader does "
        "with the score.",
        examples=[
            "Finds opacity on frontal chest radiographs of adults. The score orders a work list."
        ],
    )
    method: Text = Field(
        default="",
        title="How it works",
        description="The kind of model, the size of its input, and what it was pretrained on.",
        examples=["DenseNet-121 at 512 pixels, pretrained on ImageNet."],
    )
    limits: Text = Field(
        default="",
        title="Known limits",
        description="What the model is not made for, and where it is known to fail.",
        examples=["Not tried on children or on lateral views."],
    )
    reference: Annotated[str, _Line, _Clean, AfterValidator(_web), _Line] = Field(
        default="",
        title="Where to read more",
        description="The web address of a paper, a model card or the code.",
        examples=["https://example.org/opacity"],
    )
    midrc: Used = Field(
        strict=False,
        title="MIDRC data used",
        description="Whether images of MIDRC were used for the model, in training, tuning or "
        "pretraining: yes, no or unknown.",
        examples=["no"],
    )
    open_data: Annotated[tuple[Line, ...], Field(max_length=LINES, strict=False)] = Field(
        title="Other open data used",
        description="Names of other open data sets that were used for the model, in training, "
        "tuning or pretraining. An empty list says that none was.",
        examples=[["ImageNet", "ChestX-ray14"]],
    )
    training: Annotated[tuple[TrainingData, ...], Field(max_length=LINES, strict=False)] = Field(
        title="Training data",
        description="Each set of data that the model was trained or tuned on, with its sites. "
        "An empty list says that the model was not trained.",
    )

    @classmethod
    def from_json(cls, document: str | bytes) -> FactSheet:
        """Read a fact sheet from JSON; raise FactSheetError."""
        size = len(document.encode("utf-8", "replace") if isinstance(document, str) else document)
        if size > LARGEST:
            raise _whole(f"the fact sheet has {size} bytes; give at most {LARGEST}")
        try:
            return cls.model_validate_json(document)
        except ValidationError as error:
            raise FactSheetError(mistakes(error)) from None

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> FactSheet:
        """Read a fact sheet from plain values, as TOML or a form gives them."""
        try:
            document = json.dumps(values, default=str)
        except (ValueError, RecursionError):
            raise _whole("the fact sheet holds values in each other; give plain ones") from None
        return cls.from_json(document)

    @classmethod
    def from_toml(cls, document: str) -> FactSheet:
        """Read a fact sheet from TOML; raise FactSheetError."""
        if len(document) > LARGEST:
            raise _whole(f"the fact sheet has over {LARGEST} characters; make it shorter")
        try:
            values = tomllib.loads(document)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise _whole(f"the fact sheet is no TOML ({error}); write key = value lines") from None
        return cls.from_values(values)

    def to_json(self) -> str:
        """Write the fact sheet as JSON: keys in the order of the fields, without blanks."""
        values = self.model_dump(mode="json")
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    def to_toml(self) -> str:
        """Write the fact sheet as TOML that :meth:`from_toml` reads back as it was."""
        values = self.model_dump(mode="json", exclude_none=True)
        sets = values.pop("training")
        lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
        for data in sets:
            lines += ["", "[[training]]", *(f"{key} = {_toml(data[key])}" for key in data)]
        return "\n".join(lines) + "\n"


def read_fact_sheet(path: Path) -> FactSheet:
    """Read a fact sheet from a file of TOML, or of JSON where its name ends so.

    Raises FactSheetError; OSError where the file cannot be read.
    """
    with path.open("rb") as file:
        written = file.read(LARGEST + 1)
    if path.suffix.lower() == ".json":
        return FactSheet.from_json(written)
    try:
        document = written.decode("utf-8")
    except UnicodeDecodeError as error:
        sentence = f"the fact sheet is no UTF-8 at byte {error.start}; save it as UTF-8"
        raise _whole(sentence) from None
    return FactSheet.from_toml(document)


def template() -> str:
    """A fact sheet in TOML to begin with: each key with its explanation and an example."""
    lines: list[str] = []
    for key, field in FactSheet.model_fields.items():
        lines += _explained(field)
        if key == "training":
            lines.append("[[training]]")
            for inner, part in TrainingData.model_fields.items():
                lines += [*_explained(part), f"{inner} = {_toml((part.examples or [''])[0])}"]
        else:
            lines += [f"{key} = {_toml((field.examples or [''])[0])}", ""]
    return "\n".join(lines) + "\n"


def mistakes(error: ValidationError) -> list[Mistake]:
    """One sentence for each mistake that pydantic saw: found, expected, what to do."""
    errors = error.errors(include_url=False)
    # A list with a wrong entry is called too short as well.
    own = [each for each in errors if not (each["type"] == "too_short" and each["input"])]
    return [_mistake(details) for details in own]


def _explained(field: FieldInfo) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(explanation(field), 98)]


def explanation(field: FieldInfo) -> str:
    """What a key means, and whether it may be left out."""
    may = "" if field.is_required() else " This key may be left out."
    return f"{field.description}{may}"


def _whole(sentence: str) -> FactSheetError:
    return FactSheetError([Mistake("", sentence)])


def _mistake(details: Mapping[str, Any]) -> Mistake:
    place = [str(part + 1) if isinstance(part, int) else part for part in details["loc"]]
    if not place:
        if details["type"] == "json_invalid":
            cause = details["ctx"]["error"]
            return Mistake("", f"the fact sheet is no JSON ({cause}); write a JSON object")
        value = _shown(details["input"])
        return Mistake("", f"the fact sheet is {value}; give an object with the documented keys")
    key = ".".join(place)
    if details["type"] == "extra_forbidden":
        fields = TrainingData.model_fields if len(place) > 1 else FactSheet.model_fields
        return Mistake(key, f"{key} is no key of a fact sheet; known keys: {', '.join(fields)}")
    return Mistake(key, f"{key} {_found(details)}; {_give(place)}")


def _found(details: Mapping[str, Any]) -> str:
    context = details.get("ctx", {})
    match details["type"]:
        case "missing":
            return "is missing"
        case "string_too_long":
            return f"has {len(details['input'])} characters"
        case "too_short":
            return "is an empty list"
        case "too_long":
            return f"has more than {context['max_length']} entries"
        case "value_error":
            return str(context["error"])
        case _:
            return f"is {_shown(details['input'])}"


_GIVE = {
    "version": 'give one line of at most 40 characters, such as "1.2"',
    "intended_use": f"say in at most {TEXT} characters what the model finds, and for what use",
    "contact": "give an address such as models@example.org or https://example.org/opacity",
    "midrc": "give yes, no or unknown",
    "open_data": f'give a list of at most {LINES} names, such as ["ImageNet"], or [] for none',
    "reference": "give an address such as https://example.org/opacity, or leave it out",
    "training": f"give at most {LINES} sets of data with name, sites and patients, or [] for none",
    "name": f"give one line of at most {LINE} characters",
    "sites": f'give a list of 1 to {LINES} sites, such as ["University Hospital North, Germany"]',
    "patients": "give a whole number from 1 to 1000000000, or leave it out",
}


def _give(place: Sequence[str]) -> str:
    names = [part for part in place if not part.isdecimal()]
    entry = place[-1].isdecimal() and names[-1] in ("open_data", "sites")
    if entry:
        return f"give one line of 1 to {LINE} characters"
    return _GIVE.get(names[-1], f"give a text of at most {TEXT} characters")


def _shown(value: object) -> str:
    written = json.dumps(value, ensure_ascii=False, default=str)
    written = "".join(c if c.isprintable() else "?" for c in written)
    return written if len(written) <= 60 else f"{written[:57]}..."


def _toml(value: object) -> str:
    """A text, a whole number or a list of texts; TOML's strings are JSON's here."""
    return json.dumps(value, ensure_ascii=False)
