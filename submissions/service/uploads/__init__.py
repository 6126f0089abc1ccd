"""Archives arrive over HTTP, in pieces, and can be taken up again where they broke off."""

from submissions.service.uploads.routes import router

__all__ = ["router"]
