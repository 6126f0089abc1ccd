"""Checks that MLflow answers at an address, without importing it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

from submissions.addresses.database import address_fault, connection_fault, without_password
from submissions.addresses.patience import ANSWER_SECONDS, NoAnswer, within

VARIABLE = "MLFLOW_TRACKING_URI"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ASKED = "/api/2.0/mlflow/experiments/search?max_results=1"
_REST = (
    "give the address of an MLflow server or of a database, such as http://HOST:5000 or "
    "sqlite:///FILE"
)


class TrackerAddressError(ValueError):
    """MLflow cannot be at the address, or is not there now."""


@dataclass(frozen=True, slots=True)
class TrackerFault:
    """What is wrong with a tracker's address; ``lasting`` where no waiting would mend it."""

    sentence: str
    lasting: bool


def configured_tracker() -> str | None:
    """The address that the environment names; None where it is unset or empty."""
    return os.environ.get(VARIABLE, "").strip() or None


def tracker_fault(uri: str) -> TrackerFault | None:
    """Ask what is at a tracker's address, for some seconds at most; None where MLflow can be."""
    scheme = uri.partition(":")[0].lower()
    if ":" not in uri and not scheme.startswith("databricks"):  # which stands for itself
        scheme = ""
    if scheme in ("http", "https"):
        return _server_fault(uri)
    if scheme.partition("+")[0] in DATABASES:
        return _database_fault(uri)
    if scheme in ("", "file"):
        return _fault(uri, "a folder, which cannot keep the figures of groups; " + _REST)
    known = {each.name for each in entry_points(group="mlflow.tracking_store")}
    if scheme in known or scheme.startswith("databricks") or scheme == "uc":
        return None
    return _fault(uri, f"and there is no tracker of the kind {scheme!r}; {_REST}")


def refuse_tracker(uri: str) -> None:
    """Raise TrackerAddressError where MLflow does not answer at an address."""
    if (fault := tracker_fault(uri)) is not None:
        raise TrackerAddressError(fault.sentence)


def _fault(uri: str, problem: str, *, lasting: bool = True) -> TrackerFault:
    return TrackerFault(f"the tracker's address is {without_password(uri)}, {problem}", lasting)


def _database_fault(uri: str) -> TrackerFault | None:
    if wrong := address_fault(uri, DATABASES):
        return _fault(uri, f"but {wrong}; {_REST}")
    if uri.startswith("sqlite"):
        return None
    if silent := connection_fault(uri):
        return _fault(
            uri, f"but the database there refuses the connection ({silent})", lasting=False
        )
    return None


def _server_fault(uri: str) -> TrackerFault | None:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return _fault(uri, f"which cannot be read ({error}); {_REST}")
    if not host:
        return _fault(uri, f"which names no host; {_REST}")
    del port
    import requests

    verify: bool | str = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or (
        os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() not in ("true", "1")
    )
    headers = {}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD")
    options = {"timeout": ANSWER_SECONDS / 2, "verify": verify, "headers": headers}
    try:
        answer = within(
            ANSWER_SECONDS,
            lambda: requests.get(
                uri.rstrip("/") + _ASKED,
                auth=(user, password) if user and password else None,
                **options,  # type: ignore[arg-type]
            ),
        )
    except requests.exceptions.InvalidURL:
        return _fault(uri, f"which is no address of a server; {_REST}")
    except (requests.RequestException, NoAnswer, OSError, UnicodeError) as error:
        return _fault(uri, f"but no MLflow server answers there ({_reason(error)})", lasting=False)
    if answer.status_code in (401, 403):
        elsewhere = (
            "MLFLOW_TRACKING_AUTH" in os.environ
            or (Path.home() / ".mlflow" / "credentials").exists()
        )
        problem = (
            f"but the server there refuses the name and password "
            f"({answer.status_code}); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
            f"or MLFLOW_TRACKING_TOKEN"
        )
        return None if elsewhere else _fault(uri, problem)
    if answer.status_code >= 500:
        problem = f"but the server there has an error ({answer.status_code} {answer.reason})"
        return _fault(uri, problem, lasting=False)
    try:
        understood = answer.ok and isinstance(answer.json(), dict)
    except ValueError:
        understood = False
    if not understood:
        return _fault(uri, f"but what answers there is no MLflow server; {_REST}")
    return None


def _reason(error: BaseException) -> str:
    """The innermost cause, in few words."""
    causes = [error]
    while True:
        last = causes[-1]
        inner = [each for each in last.args if isinstance(each, BaseException)]
        inner += [each for each in (getattr(last, "reason", None), last.__cause__) if each]
        inner = [each for each in inner if isinstance(each, BaseException) and each not in causes]
        if not inner:
            break
        causes.append(inner[0])
    text = " ".join(str(getattr(causes[-1], "strerror", None) or causes[-1]).split())
    return text.rpartition(": ")[2][:200].lower() if ": " in text else text[:200].lower()
