"""The web process: boards, team pages and the API over an installation's public side.

It opens the ledger, the accounts, the drop folder, the benchmark files and the practice cases of
benchmarks that are sealed, nothing else: no enclave, no key, no container engine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluator.disclosure.control import Release
from evaluator.leaderboard import published
from evaluator.leaderboard.reports.report import render_report
from evaluator.serving.offering import OfferedBenchmarks
from evaluator.stores.installation import Installation
from evaluator.stores.installed_benchmarks import InstalledBenchmarks
from submissions.ledger.ledger import Ledger, PublishedRelease
from submissions.service.settings import (
    Provider,
    ServiceSettings,
    SettingsError,
    read_agreement,
)

if TYPE_CHECKING:
    from fastapi import FastAPI


def settings_of(installation: Installation, address: str) -> ServiceSettings:
    """Settings of the service under a public address; raise SettingsError.

    ``agreement.md`` in the installation takes the place of the one that comes along. A provider
    for sign-in is named by SEQUESTRA_OIDC_ISSUER, _CLIENT_ID and _CLIENT_SECRET.
    """
    names = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")
    values = {name: os.environ.get(f"SEQUESTRA_OIDC_{name}", "").strip() for name in names}
    if any(values.values()) and not all(values.values()):
        missing = ", ".join(f"SEQUESTRA_OIDC_{name}" for name in names if not values[name])
        raise SettingsError(f"sign-in by a provider lacks {missing}; set it, or none of the three")
    provider = (
        Provider(
            issuer=values["ISSUER"],
            client_id=values["CLIENT_ID"],
            client_secret=values["CLIENT_SECRET"],
            title=os.environ.get("SEQUESTRA_OIDC_TITLE", "").strip() or "your institution",
        )
        if all(values.values())
        else None
    )
    agreement = read_agreement(installation.root / "agreement.md")
    return ServiceSettings(address, agreement=agreement, provider=provider)


def application(installation: Installation, settings: ServiceSettings) -> FastAPI:
    """The web application of an installation; benchmarks that are sealed can be entered."""
    from submissions.drop import Drop
    from submissions.service.store import Store
    from submissions.service.web.app import create_service

    ledger, installed = installation.ledger(), InstalledBenchmarks(installation)
    return create_service(
        settings,
        Store(installation.accounts_url),
        ledger,
        Drop(installation.drop),
        OfferedBenchmarks(installation, ledger, installed),
        report=lambda release: _report(installation, ledger, release),
        site=published.web(ledger, installed),
    )


def serve(
    installation: Installation, *, host: str, port: int, address: str, proxies: Sequence[str]
) -> None:
    """Serve until the process is ended. ``address`` is the public one, or "" for the socket's."""
    from evaluator.screen import console
    from evaluator.serving.listening import listening
    from evaluator.serving.server import serve_on
    from submissions.notices.channels import read_channels
    from submissions.notices.notices import telling
    from submissions.service.resets.asking import Asking
    from submissions.service.web.one_process import only_one

    channels = read_channels(os.environ)
    with (
        only_one(installation.accounts_url),
        installation.receiving(),
        listening(host, port) as (taken, own),
    ):
        settings = settings_of(installation, address or own)
        app = application(installation, settings)
        app.state.asking = Asking(app.state.store, settings.base_url, channels.mail)
        console.print(f"serving {address or own} (stop with Ctrl-C)")
        with telling(channels, app.state.ledger, app.state.store, settings.base_url):
            serve_on(taken, app, proxies)


def up(commands: Sequence[Sequence[str]]) -> int:
    """Run commands of this program beside each other until one ends; return its exit status.

    The others are asked to end, as all are when this process ends, even by a kill.
    """
    read, held = os.pipe()
    program = [sys.executable, "-m", "evaluator.serving.beside", str(read)]
    running = [subprocess.Popen([*program, *each], pass_fds=[read]) for each in commands]
    os.close(read)

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, end)
    try:
        while all(each.poll() is None for each in running):
            time.sleep(0.2)
        return next(each.returncode for each in running if each.poll() is not None)
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGTERM, former)
        for each in running:
            if each.poll() is None:
                each.send_signal(signal.SIGTERM)
        for each in running:
            each.wait()
        os.close(held)


def _report(installation: Installation, ledger: Ledger, release: PublishedRelease) -> str:
    name = release.benchmark
    known = name in installation.names()
    return render_report(
        Release.from_json(release.document),
        title=installation.benchmark(name).title if known else name,
        primary=published.primary_figure(installation, name),
        fact_sheet=published.fact_sheet(ledger, release.submission_id),
        exposure=published.exposure(ledger, release.submission_id),
    )


def home_option(home: Path) -> list[str]:
    """The option that names an installation to another command of this program."""
    return ["--home", str(home)]
