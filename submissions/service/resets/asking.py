"""Sends a link to who asks for one by mail, and tells nobody which addresses are known."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Protocol

from submissions.service.database import StoreError
from submissions.service.people import PersonState
from submissions.service.resets.links import LIFE, PATH, Links
from submissions.service.store import Store

MOST_WAITING = 100
"""Mails that wait to be sent; further ones are dropped, and the person asks again."""

log = logging.getLogger(__name__)


class Post(Protocol):
    """A mail server."""

    def send(self, subject: str, text: str, address: str) -> None:
        """Send a letter; may raise anything."""


class Asking:
    """Looks an address up and sends the link, in a thread: the answer takes as long for every one.

    ``post`` None: no mail is configured.
    """

    def __init__(self, store: Store, base_url: str, post: Post | None) -> None:
        """Begin with nothing to send."""
        self._store, self._base_url, self._post = store, base_url, post
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password-links")
        self._room = BoundedSemaphore(MOST_WAITING)

    @property
    def configured(self) -> bool:
        """Whether a mail server is named."""
        return self._post is not None

    def ask(self, email: str) -> None:
        """Send a link to an address if an approved person has it; return at once."""
        if self._post is not None and self._room.acquire(blocking=False):
            self._thread.submit(self._send, self._post, email)

    def close(self) -> None:
        """Wait for what is being sent."""
        self._thread.shutdown()

    def _send(self, post: Post, email: str) -> None:
        try:
            person = self._store.people.named(email)
            if person.email != email.strip().lower() or person.state is not PersonState.APPROVED:
                return  # an id, or one who may not sign in
            secret, _ = Links(self._store).make(person.person_id, mailed=True)
            hours = int(LIFE.total_seconds() // 3600)
            post.send(
                "set a new password",
                f"Somebody asked for a new password for this address. To set one, open this link "
                f"within {hours} hours; it works once:\n\n{self._base_url}{PATH}/{secret}\n\n"
                f"If it was not you, do nothing: your password stays as it is.\n",
                person.email,
            )
        except StoreError:
            return  # nobody has this address
        except Exception:
            log.exception("password links: a mail was not sent; the person may ask again")
        finally:
            self._room.release()
