"""What the seal keeps of the draw with each case, and cohorts that were sealed before it did."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cohort_selection.cases import Case
from cohort_selection.matching.target import Target
from cohort_selection.sealing.cohort import CaseDesign, Cohort, open_cohort, seal, verify
from cohort_selection.sealing.key import KEY_VARIABLE, derive, enclave_key, mac
from tests.support.small_commons import small_commons

BEFORE = {
    "case_id", "patient_id", "label", "attributes", "files", "source_case_id", "source_patient_id",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_configured_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def drawn(cases: list[Case]) -> dict[str, CaseDesign]:
    return {
        case.case_id: CaseDesign((i + 1) / 16, (i + 1) / 8, {"sex": case.attributes["sex"]})
        for i, case in enumerate(cases)
    }


def sealed(tmp_path: Path, cases: list[Case]) -> Cohort:
    return seal(
        cases,
        tmp_path / "enclave" / "chest",
        name="chest",
        seed=7,
        criteria={"label": "opacity"},
        target=Target({"sex": {"Female": 0.5, "Male": 0.5}}),
        report={"note": 1},
        design=drawn(cases),
    )


def canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def written_before(cohort: Cohort) -> Cohort:
    """Write a cohort's table and manifest again in the shape they had: a sorted list, no design."""
    folder = cohort.directory
    enclave = enclave_key(folder, create=False)
    key = derive(enclave, "cohort", cohort.name, str(cohort.seed))
    cipher, table = AESGCM(derive(key, "encrypt")), folder / "reference" / "labels.sealed"
    blob, manifest = table.read_bytes(), folder / "manifest.json"
    entries = json.loads(cipher.decrypt(blob[:12], blob[12:], cohort.digest.encode()))["cases"]
    chances = sorted(entry["inclusion"] for entry in entries)
    old = [{name: entry[name] for name in BEFORE} for entry in entries]
    content: dict[str, Any] = json.loads(manifest.read_bytes())
    created = content.pop("created")
    del content["digest"], content["seal"]
    content["report"]["inclusion_probabilities"] = chances
    content["labels"] = mac(key, "labels", canonical({"cases": old}))
    digest = "sha256:" + sha256(canonical(content)).hexdigest()
    content = {**content, "digest": digest, "created": created}
    content["seal"] = mac(enclave, "manifest", canonical(content))
    for path in (table, manifest):
        path.chmod(0o600)
    table.write_bytes(
        blob[:12] + cipher.encrypt(blob[:12], canonical({"cases": old}), digest.encode())
    )
    manifest.write_bytes(canonical(content))
    return open_cohort(folder)


def test_each_case_comes_back_with_its_own_chance_and_cell(tmp_path: Path) -> None:
    cases = small_commons(tmp_path / "commons")
    cohort = open_cohort(sealed(tmp_path, cases).directory)
    design, given, sources = cohort.design(), drawn(cases), cohort.sources()
    assert design is not None
    assert {sources[case_id][0]: found for case_id, found in design.items()} == given
    assert verify(cohort) == []


def test_nothing_of_the_draw_is_readable_without_the_key(tmp_path: Path) -> None:
    cohort = sealed(tmp_path, small_commons(tmp_path / "commons"))
    for path in cohort.directory.rglob("*"):
        if path.is_file() and path.suffix != ".dcm":
            assert b"inclusion" not in path.read_bytes()
            assert b"0.0625" not in path.read_bytes()


def test_a_cohort_sealed_before_opens_verifies_and_gives_the_same_cases(tmp_path: Path) -> None:
    cohort = sealed(tmp_path, small_commons(tmp_path / "commons"))
    cases, sources = cohort.cases(), cohort.sources()
    old = written_before(cohort)
    assert old.digest != cohort.digest
    assert verify(old) == []
    assert old.cases() == cases
    assert old.sources() == sources
    assert old.design() is None
    key = b"k" * 32
    assert [case.case_id for case in old.blinded(key)] == [c.case_id for c in cohort.blinded(key)]


def test_a_seal_without_a_draw_has_the_table_it_always_had(tmp_path: Path) -> None:
    """A cohort that was not drawn: no key of the table is new, and there is no design."""
    cases = small_commons(tmp_path / "commons")
    cohort = seal(
        cases, tmp_path / "enclave" / "plain", name="plain", seed=1, criteria={}, target=None
    )
    enclave = enclave_key(cohort.directory, create=False)
    cipher = AESGCM(derive(derive(enclave, "cohort", "plain", "1"), "encrypt"))
    blob = (cohort.directory / "reference" / "labels.sealed").read_bytes()
    table = json.loads(cipher.decrypt(blob[:12], blob[12:], cohort.digest.encode()))
    assert {name for entry in table["cases"] for name in entry} == BEFORE
    assert cohort.design() is None
