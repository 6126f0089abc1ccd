"""Forms: what was typed is kept, each mistake stands beside its field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from submissions.service.problems import Problem

MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, by name of the field, and one sentence for each mistake.

    A mistake under the empty name belongs to no field.
    """

    typed: Mapping[str, str] = field(default_factory=dict)
    mistakes: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """What was typed into a field, or nothing."""
        return self.typed.get(name, "")

    def mistake(self, name: str) -> str:
        """The sentence beside a field, or nothing."""
        return self.mistakes.get(name, "")

    def with_mistakes(self, mistakes: Mapping[str, str]) -> Form:
        """The same fields with mistakes beside them."""
        return Form(self.typed, dict(mistakes))

    def hidden(self, *names: str) -> Sequence[tuple[str, str]]:
        """Fields to carry to the next page."""
        return [(name, self.value(name)) for name in names]


async def posted(request: Request) -> Form:
    """FastAPI dependency: the text fields of a posted form; of a name given twice the last."""
    try:
        sent = await request.form(max_files=0, max_fields=MOST_FIELDS)
    except HTTPException as error:
        if error.status_code == 413:
            raise
        raise Problem(
            400,
            "Not a form",
            f"The form could not be read ({error.detail}); go back and send it again.",
            type="form-invalid",
        ) from None
    return Form({name: text for name, text in sent.items() if isinstance(text, str)})


def sentences(error: ValidationError, labels: Mapping[str, str]) -> dict[str, str]:
    """One sentence for each field that a document of the API does not take.

    ``labels`` has what each field is called, as the subject of a sentence.
    """
    by_field: dict[str, str] = {}
    for details in error.errors(include_url=False):
        name = str(details["loc"][0]) if details["loc"] else ""
        by_field.setdefault(name, f"{labels.get(name, 'The form')} {_predicate(details)}")
    return by_field


def _predicate(details: Any) -> str:
    value, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case "missing":
            return "is empty; fill it in."
        case "string_too_short" if not value:
            return "is empty; fill it in."
        case "string_too_short":
            return f"has {len(value)} characters; give at least {context['min_length']}."
        case "string_too_long":
            return f"has {len(value)} characters; give at most {context['max_length']}."
        case "value_error":
            return f"{context['error']}."
        case _:
            return f"cannot be taken ({details['msg']}); correct it."


def missing(form: Form, labels: Mapping[str, str]) -> dict[str, str]:
    """One sentence for each field of ``labels`` that is empty."""
    return {
        name: f"{label} is empty; fill it in."
        for name, label in labels.items()
        if not form.value(name).strip()
    }


def sentence_of(text: str) -> str:
    """A message as a sentence: a capital letter first, a full stop last."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def chosen(form: Form, names: Iterable[str]) -> list[str]:
    """The boxes that are ticked, by name of the field."""
    return [name for name in names if form.value(name)]
