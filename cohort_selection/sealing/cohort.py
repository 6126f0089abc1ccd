"""Seals a cohort, opens it, and hands out its blinded cases."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cohort_selection.atomic_files import replaced
from cohort_selection.cases import BlindedCase, Case
from cohort_selection.sealing.key import (
    SealingKeyError,
    derive,
    enclave_key,
    key_path,
    mac,
    opaque,
    write_private,
)
from cohort_selection.sealing.reference_table import CaseDesign, Row, entry, read_entry

if TYPE_CHECKING:
    from cohort_selection.deidentification.copy import Copies
    from cohort_selection.matching.target import Target

__all__ = ["CaseDesign", "Cohort", "CohortError", "open_cohort", "seal", "verify"]

FORMAT = 1
_MANIFEST = "manifest.json"
_IMAGES = "images"
_REFERENCE = "reference"
_LABELS = "labels.sealed"
_MOMENT = 946_684_800  # 1 January 2000: when every sealed file says that it was written


class CohortError(ValueError):
    """A cohort that cannot be sealed, opened or trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A sealed test set on disk; its labels stay encrypted until :meth:`cases` is asked.

    They are decrypted once, and stay in this object's memory.
    """

    name: str
    digest: str
    directory: Path
    n_cases: int
    n_patients: int
    criteria: Mapping[str, object]
    target: Mapping[str, Mapping[str, float]]
    seed: int
    created: str
    report: Mapping[str, object]
    _opened: list[Row] = field(default_factory=list, init=False, repr=False, compare=False)

    def cases(self) -> tuple[Case, ...]:
        """Decrypt the cases with labels; ids and patients are the seal's, not the source's."""
        return tuple(row.case for row in self._reference())

    def sources(self) -> Mapping[str, tuple[str, str]]:
        """Sealed case id -> the source's case id and patient id, for the steward's audits."""
        return {row.case.case_id: row.source for row in self._reference()}

    def patients(self) -> frozenset[str]:
        """The patients of the cases, by the source's id, for the steward's audits."""
        return frozenset(patient for _, patient in self.sources().values())

    def design(self) -> Mapping[str, CaseDesign] | None:
        """Sealed case id -> its probabilities and cell; None where the seal did not keep them."""
        found = {row.case.case_id: row.design for row in self._reference()}
        known = {case_id: design for case_id, design in found.items() if design is not None}
        return known if len(known) == len(found) else None

    def comparators(self) -> Mapping[str, Mapping[str, float]]:
        """Comparator -> sealed case id -> its score or call; empty where none was sealed."""
        found: dict[str, dict[str, float]] = {}
        for row in self._reference():
            for name, value in row.compared.items():
                found.setdefault(name, {})[row.case.case_id] = value
        return found

    def blinded(self, key: bytes, visible: Sequence[str] = ()) -> tuple[BlindedCase, ...]:
        """Give the cases as one submission may see them: ids, order and files drawn by ``key``.

        The key is secret and belongs to one submission; the same key gives the same view.
        """
        cases = self.cases()
        missing = [name for name in visible if name not in cases[0].attributes]
        if missing:
            raise CohortError(
                f"the cohort's cases have no attribute {missing[0]!r} to show to a model; "
                f"they have {', '.join(cases[0].attributes)}"
            )
        shown = [
            BlindedCase(
                opaque(key, "id", case.case_id),
                tuple(sorted(case.files, key=lambda file: opaque(key, "file", file.name))),
                {name: case.attributes[name] for name in visible},
            )
            for case in cases
        ]
        return tuple(sorted(shown, key=lambda case: opaque(key, "order", case.case_id)))

    def unblind(self, key: bytes) -> Mapping[str, Case]:
        """Opaque id -> case, for the submission whose view ``key`` drew."""
        return {opaque(key, "id", case.case_id): case for case in self.cases()}

    def _reference(self) -> list[Row]:
        if not self._opened:
            self._opened.extend(_read_reference(self))
        return self._opened


def seal(
    cases: Sequence[Case],
    directory: Path,
    *,
    name: str,
    seed: int,
    criteria: object,
    target: Target | None,
    report: Mapping[str, object] | None = None,
    design: Mapping[str, CaseDesign] | None = None,
    comparators: Mapping[str, Mapping[str, float]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Cohort:
    """De-identify the cases into ``directory``, encrypt their labels, and put a digest on it all.

    ``criteria`` is a dataclass or a mapping of JSON values. ``design``, by case id, is encrypted
    with the labels, and so is what each of the ``comparators`` said, by case id. The folder appears
    whole or not at all, and must not exist before. ``progress`` is called with the cases written
    and all cases. Raises CohortError for cases that contradict each other, DeidentificationError
    that names every image that cannot be copied, OSError where the disk fails.
    """
    from cohort_selection.deidentification.copy import Copies  # slow, and only sealing needs it

    _refuse(cases, directory, name)
    enclave = enclave_key(directory, create=True)
    key = derive(enclave, "cohort", name, str(seed))
    ordered = sorted(cases, key=lambda case: opaque(key, "order", case.case_id))
    pseudonyms = _pseudonyms(cases, key)
    with replaced(directory) as fresh:
        _lay_out(fresh)
        copies = Copies(key)
        digests = _copy_images(ordered, fresh, key, copies, progress)
        copies.refuse_where_one_failed()
        entries: list[dict[str, object]] = []
        for i, case in enumerate(ordered, start=1):
            pseudonym = pseudonyms[case.patient_id]
            renamed = tuple(replace(r, source=copies.new_uid(r.source)) for r in case.regions)
            case = replace(case, regions=renamed)
            entries.append(entry(_sealed_id(i), pseudonym, case, design, comparators))
        reference = _canonical({"cases": entries})
        content: dict[str, object] = {
            "format": FORMAT,
            "name": name,
            "seed": seed,
            "n_cases": len(ordered),
            "n_patients": len(pseudonyms),
            "criteria": _plain(criteria),
            "target": {} if target is None else _plain(dict(target.margins)),
            "report": _plain({**(report or {}), **_of_copies(copies)}),
            "images": digests,
            "labels": mac(key, "labels", reference),
        }
        _write_sealed(fresh, content, reference, enclave, key)
    return open_cohort(directory)


def _lay_out(fresh: Path) -> None:
    fresh.chmod(0o700)
    (fresh / _IMAGES).mkdir()
    (fresh / _REFERENCE).mkdir(mode=0o700)


def _of_copies(copies: Copies) -> dict[str, object]:
    return {
        "burned_in_annotation_files": copies.burned_in,
        "compressed_files_with_a_comment": copies.commented,
    }


def _pseudonyms(cases: Sequence[Case], key: bytes) -> dict[str, str]:
    """A name for each patient, in an order that the key draws."""
    patients = sorted(
        {case.patient_id for case in cases}, key=lambda patient: opaque(key, "patient", patient)
    )
    return {patient: f"patient-{i:06d}" for i, patient in enumerate(patients, start=1)}


def _sealed_id(number: int) -> str:
    return f"case-{number:06d}"


def _copy_images(
    cases: Sequence[Case],
    fresh: Path,
    key: bytes,
    copies: Copies,
    progress: Callable[[int, int], None] | None,
) -> dict[str, str]:
    """Copy the cases' images, a new folder for each; the digest of each by its path in the cohort.

    ``progress`` is called with the cases that are done and all cases.
    """
    files: list[tuple[Path, Path]] = []
    last: dict[Path, int] = {}  # a case's last copy -> the cases that are done with it
    for i, case in enumerate(cases, start=1):
        folder = fresh / _IMAGES / _sealed_id(i)
        folder.mkdir()
        sources = sorted(case.files, key=lambda file: opaque(key, "file", str(file)))
        files += [(source, folder / f"{j:04d}.dcm") for j, source in enumerate(sources, start=1)]
        last[files[-1][1]] = i
    digests: dict[str, str] = {}
    with closing(copies.add(files)) as made:
        for (_, image), digest in zip(files, made, strict=True):
            if digest:
                digests[image.relative_to(fresh).as_posix()] = digest
                image.chmod(0o444)
                os.utime(image, (_MOMENT, _MOMENT))
            if image in last:
                os.utime(image.parent, (_MOMENT, _MOMENT))
                if progress is not None:
                    progress(last[image], len(cases))
    return digests


def _write_sealed(
    fresh: Path, content: Mapping[str, object], reference: bytes, enclave: bytes, key: bytes
) -> None:
    """Write the manifest with its digest and seal, and the reference table encrypted under both."""
    digest = "sha256:" + sha256(_canonical(content)).hexdigest()
    sealed = {
        **content,
        "digest": digest,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    sealed["seal"] = mac(enclave, "manifest", _canonical(sealed))
    nonce = secrets.token_bytes(12)
    write_private(
        fresh / _REFERENCE / _LABELS,
        nonce + AESGCM(derive(key, "encrypt")).encrypt(nonce, reference, digest.encode()),
    )
    write_private(fresh / _MANIFEST, _canonical(sealed))


def open_cohort(directory: Path) -> Cohort:
    """Open a sealed cohort; its manifest must be whole and bear this enclave's seal."""
    manifest = directory / _MANIFEST
    try:
        text = manifest.read_bytes()
    except OSError:
        raise CohortError(
            f"{directory} is not a sealed cohort: it has no {_MANIFEST} "
            "(sealing never finished, or this is another folder); seal it again"
        ) from None
    enclave = enclave_key(directory, create=False)
    found = _sealed_manifest(text, enclave)
    if found is None:
        raise CohortError(
            f"the manifest of {directory} does not bear the seal of this key: it was changed, or "
            f"{key_path(directory)} is not the key it was sealed with; restore the copy that is"
        )
    return Cohort(
        name=found["name"],
        digest=found["digest"],
        directory=directory.absolute(),
        n_cases=found["n_cases"],
        n_patients=found["n_patients"],
        criteria=found["criteria"],
        target=found["target"],
        seed=found["seed"],
        created=found["created"],
        report=found["report"],
    )


def verify(cohort: Cohort) -> list[str]:
    """Compare every byte with the seal; one sentence for each problem, none if it is intact."""
    directory = cohort.directory
    try:
        enclave = enclave_key(directory, create=False)
        text = (directory / _MANIFEST).read_bytes()
    except (SealingKeyError, OSError) as error:
        return [str(error)]
    found = _sealed_manifest(text, enclave)
    if found is None:
        return [f"{_MANIFEST} was changed since it was sealed"]
    problems: list[str] = []
    content = {k: v for k, v in found.items() if k not in {"digest", "created", "seal"}}
    if found["digest"] != "sha256:" + sha256(_canonical(content)).hexdigest():
        problems.append(f"{_MANIFEST} does not have the digest it states")
    if found["digest"] != cohort.digest:
        problems.append(f"the folder holds {found['digest']}, not {cohort.digest}")
    expected: dict[str, str] = found["images"]
    present = {
        path.relative_to(directory).as_posix()
        for path in (directory / _IMAGES).rglob("*")
        if not path.is_dir() or path.is_symlink()
    }
    problems += [
        f"{path} was not there when it was sealed" for path in sorted(present - set(expected))
    ]
    for path, digest in expected.items():
        if path not in present:
            problems.append(f"{path} is missing")
        elif (directory / path).is_symlink() or _file_digest(directory / path) != digest:
            problems.append(f"{path} was changed since it was sealed")
    try:
        _decrypt(cohort, enclave, found["labels"])
    except CohortError as error:
        problems.append(str(error))
    return problems


def _refuse(cases: Sequence[Case], directory: Path, name: str) -> None:
    if directory.exists():
        raise CohortError(
            f"{directory} is already there; a sealed cohort is never replaced: give another folder"
        )
    if not name.strip():
        raise CohortError("the cohort has no name; give one, it becomes part of the digest")
    if not cases:
        raise CohortError("there is no case to seal; loosen the criteria or the target")
    labels: dict[str, int] = {}
    for case in cases:
        if case.label not in {0, 1}:
            raise CohortError(
                f"a case has the label {case.label!r}; the reference standard is 0 or 1"
            )
        if labels.setdefault(case.case_id, case.label) != case.label:
            raise CohortError("one case id has two labels; correct the clinical table")
        if not case.files:
            raise CohortError("a case has no image file; index the commons again")
    if len(labels) < len(cases):
        raise CohortError(
            f"{len(cases) - len(labels)} case ids stand more than once; give each case once"
        )
    if len({tuple(case.attributes) for case in cases}) > 1:
        raise CohortError("the cases do not all carry the same attributes; select them together")


def _sealed_manifest(text: bytes, enclave: bytes) -> dict[str, Any] | None:
    """Parse the manifest if it is exactly what was sealed with this key."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or _canonical(found) != text:
        return None
    stated = found.get("seal")
    body = _canonical({k: v for k, v in found.items() if k != "seal"})
    if not isinstance(stated, str) or not hmac.compare_digest(
        stated.encode(), mac(enclave, "manifest", body).encode()
    ):
        return None
    return cast("dict[str, Any]", found)


def _decrypt(cohort: Cohort, enclave: bytes, expected_mac: str) -> bytes:
    key = derive(enclave, "cohort", cohort.name, str(cohort.seed))
    path = cohort.directory / _REFERENCE / _LABELS
    try:
        blob = path.read_bytes()
        reference = AESGCM(derive(key, "encrypt")).decrypt(
            blob[:12], blob[12:], cohort.digest.encode()
        )
    except OSError:
        raise CohortError(f"{_REFERENCE}/{_LABELS} is missing") from None
    except (InvalidTag, ValueError):
        raise CohortError(f"{_REFERENCE}/{_LABELS} was changed since it was sealed") from None
    if not hmac.compare_digest(expected_mac, mac(key, "labels", reference)):
        raise CohortError(f"{_REFERENCE}/{_LABELS} is not the table that was sealed")
    return reference


def _read_reference(cohort: Cohort) -> list[Row]:
    enclave = enclave_key(cohort.directory, create=False)
    found = _sealed_manifest((cohort.directory / _MANIFEST).read_bytes(), enclave)
    if found is None or found["digest"] != cohort.digest:
        raise CohortError(f"{_MANIFEST} was changed since the cohort was opened")
    images = cohort.directory / _IMAGES
    lines = json.loads(_decrypt(cohort, enclave, found["labels"]))["cases"]
    return [read_entry(line, images) for line in lines]


def _canonical(content: object) -> bytes:
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def _plain(content: object) -> object:
    """Reduce dataclasses, tuples and paths to what JSON gives back unchanged."""
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    return json.loads(json.dumps(content, default=str, allow_nan=False))


def _file_digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
