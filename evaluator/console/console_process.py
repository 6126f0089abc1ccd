"""The console's process: it opens the ledger, the accounts, the benchmark files, held results.

Of the enclave it opens the database of runs alone, read-only: no cohort, no key, no label. It
writes votes and looks into the ledger; the process that runs the queue releases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evaluator.console.desk import Desk, desk_of
from evaluator.console.shown import HOME
from evaluator.serving.listening import listening
from evaluator.serving.server import serve_on
from evaluator.serving.web_process import settings_of
from evaluator.stores.installation import Installation
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

COOKIE = "__Host-sequestra-console"


def console_settings(settings: ServiceSettings) -> ServiceSettings:
    """Settings of the service as the console has them: its own cookie, sessions of a day."""
    return replace(settings, title="Sequestra console", cookie=COOKIE, home=HOME, session_days=1)


def application(settings: ServiceSettings, desk: Desk, store: Store) -> FastAPI:
    """The console's web application."""
    from evaluator.console.application import create_console

    return create_console(console_settings(settings), store, desk)


def serve(
    installation: Installation, *, host: str, port: int, address: str, proxies: Sequence[str]
) -> None:
    """Serve until the process is ended. ``address`` is the public one, or "" for the socket's."""
    from evaluator.screen import console

    with desk_of(installation) as (desk, store), listening(host, port) as (taken, own):
        app = application(settings_of(installation, address or own), desk, store)
        console.print(f"serving {address or own}{HOME} (stop with Ctrl-C)")
        serve_on(taken, app, proxies)
