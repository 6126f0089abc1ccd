"""Strict documents of the JSON routes, and the problems that OpenAPI promises."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from submissions.service import texts
from submissions.service.problems import MEDIA_TYPE


class Strict(BaseModel):
    """A document with known members alone, each of its own type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ProblemShown(BaseModel):
    """A refusal in the form of RFC 9457: ``detail`` says the cause and the remedy."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


Line = Annotated[
    str, Field(min_length=1, max_length=100), AfterValidator(texts.line), Field(max_length=100)
]
LongLine = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(texts.line), Field(max_length=200)
]
"""Bounded before and after: normalising makes up to 18 characters of one."""
Paragraph = Annotated[str, Field(min_length=1, max_length=3000), AfterValidator(texts.paragraph)]
Email = Annotated[
    str,
    Field(min_length=3, max_length=254, examples=["ada@hospital.org"]),
    AfterValidator(texts.email),
]

_DETAILS = {
    400: "The body is no JSON: it ends within a text; send UTF-8 JSON.",
    401: "Nobody is signed in; sign in with a browser, or send an API token as 'Authorization: "
    "Bearer sqst_...'.",
    403: "This token may read; the request needs the scope 'submit': make a token that has it.",
    404: "No submission of this name or id is visible to you; check it in the list.",
    405: "PUT is not possible here; use GET.",
    408: "Nothing came for 30 seconds, and the body is not whole; send the request again.",
    409: "Submission 3f2a has a result already; only one without a result can be withdrawn.",
    413: "The body has more than the 65536 bytes that are taken here; an image goes to "
    "/api/v1/uploads.",
    414: "The address has 9000 bytes, and 8192 are taken; shorten it.",
    422: "body.name: has the hidden character U+200B; leave it out.",
    429: "600 requests in 1 min are allowed and were made; wait 12 seconds.",
    431: "The headers have 20000 bytes, and 16384 are taken; send fewer cookies or shorter "
    "headers.",
}
_EVERYWHERE = (400, 401, 403, 404, 405, 408, 413, 414, 422, 429, 431)


def problems(*more: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route for OpenAPI, each with an example; ``more`` beside those of all."""
    return {status: _problem(status) for status in sorted({*_EVERYWHERE, *more})}


def _problem(status: int) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    example = {
        "type": phrase.lower().replace(" ", "-"),
        "title": phrase,
        "status": status,
        "detail": _DETAILS[status],
    }
    return {
        "description": phrase,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemShown"},
                "example": example,
            }
        },
    }
