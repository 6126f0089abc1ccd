"""Problems as the service tells them: one sentence each, in the form of RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that cannot be met.

    ``detail`` is one sentence: the value, the values that fit, the remedy. ``type`` is a short
    word for programs, such as ``quota-used``. ``more`` are further members of the document.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        type: str = "about:blank",
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        """Keep the members; ``headers`` go with the answer."""
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type
        self.headers = dict(headers or {})
        self.more = more

    def document(self) -> dict[str, object]:
        """The members of the JSON document."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }


def unauthorized(detail: str) -> Problem:
    """401: nobody is signed in, or the token is not valid."""
    return Problem(
        401,
        "Not signed in",
        detail,
        type="not-signed-in",
        headers={"WWW-Authenticate": 'Bearer realm="sequestra"'},
    )


def forbidden(detail: str, *, type: str = "not-allowed") -> Problem:
    """403: signed in, but without the right."""
    return Problem(403, "Not allowed", detail, type=type)


def not_found(what: str) -> Problem:
    """404: no such thing, or one that belongs to others, which is not told apart."""
    return Problem(
        404,
        "Not found",
        f"No {what} of this name or id is visible to you; check it in the list.",
        type="not-found",
    )
