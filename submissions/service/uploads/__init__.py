"""Archives arrive over HTTP, in pieces, and can be taken up again where they broke off.

**tus**: the protocol of uploads that go on after a break. **Offset**: the bytes of an upload
that lie on disk.

Order of reading: ``routes``, ``headers``, ``reception``, ``arrivals``, ``store``, ``answers``,
``collaborators``.
"""

from submissions.service.uploads.routes import router

__all__ = ["router"]
