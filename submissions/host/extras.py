"""Names the packages that an installation without an extra lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version

DISTRIBUTION = "sequestra"


class ExtraMissing(OSError):
    """A command needs packages that one of the extras brings and that are not installed."""


def need(extra: str, what: str) -> None:
    """Raise ExtraMissing, naming ``what`` needs them, where packages of an extra are missing."""
    try:
        requirements = requires(DISTRIBUTION) or ()
    except PackageNotFoundError:  # run from a checkout that was never installed
        requirements = ()
    if missing := lacking(requirements, extra):
        raise ExtraMissing(
            f"{what} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f"installed; add the extra {extra!r}: pip install '{DISTRIBUTION}[{extra}]', or in a "
            f"checkout pip install -c constraints.txt -e '.[{extra}]'"
        )


def lacking(requirements: Sequence[str], extra: str) -> list[str]:
    """Names of the distributions that an extra asks for and this environment does not have.

    ``requirements`` are written as in a wheel's metadata: "torch>=2; extra == 'baselines'".
    """
    missing = []
    for requirement in requirements:
        package, _, marker = requirement.partition(";")
        name = re.match(r"[\w.-]+", package.strip())
        if name is None or not re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", marker):
            continue
        try:
            version(name[0])
        except PackageNotFoundError:
            missing.append(name[0])
    return missing
