"""Image archives that lie, escape or swell, against the lint that reads them before an engine."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from submissions.contract import Contract
from submissions.host.base_image import docker, image_id
from submissions.image.archive import lint_archive
from submissions.image.tar_members import members
from submissions.predictions import read_predictions
from submissions.submission import ContractBroken, Failure
from tests.attacks.archives import (
    BOMBS,
    CONTRACT,
    INVALID,
    Image,
    sparse_terabyte,
    tar_of,
    verdict,
)
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.attacks.catalogue import PRELUDE
from tests.support.engine import build_image


def test_an_honest_archive_gives_the_digest_of_its_configuration(tmp_path: Path) -> None:
    files = Image().files()
    path = tmp_path / "image.tar"
    path.write_bytes(tar_of(files))
    found = lint_archive(path, CONTRACT)
    (config,) = (name for name in files if len(name) == 69)
    assert found.digest == f"sha256:{config.removesuffix('.json')}"
    assert found.entrypoint == ("python3",)
    assert found.layers == 1
    path.write_bytes(gzip.compress(tar_of(files)))
    assert lint_archive(path, CONTRACT) == found


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_layer_is_read_as_any_reader_does_in_each_honest_format(layout: int) -> None:
    written = io.BytesIO()
    comment = {"comment": "as git archive writes it"} if layout == tarfile.PAX_FORMAT else None
    with tarfile.open(fileobj=written, mode="w", format=layout, pax_headers=comment) as tar:
        for index, (name, kind) in enumerate(
            (
                ("app/", tarfile.DIRTYPE),
                ("app/predict.py", tarfile.REGTYPE),
                ("app/" + "n" * 90 + "/" + "m" * 90, tarfile.REGTYPE),
                ("app/link", tarfile.LNKTYPE),
                ("app/soft", tarfile.SYMTYPE),
                ("app/pipe", tarfile.FIFOTYPE),
            )
        ):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = 700 * index if kind == tarfile.REGTYPE else 0
            info.uid = 0 if layout == tarfile.USTAR_FORMAT else 2**31
            info.linkname = "app/predict.py" if kind in (tarfile.LNKTYPE, tarfile.SYMTYPE) else ""
            if layout == tarfile.PAX_FORMAT:
                info.pax_headers = {"SCHILY.xattr.user.a": "b=c\n"}
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    assert len(written.getvalue()) % tarfile.RECORDSIZE == 0
    written.seek(0)
    found = [(each.name.rstrip("/"), each.kind, each.link, each.size) for each in members(written)]
    written.seek(0)
    with tarfile.open(fileobj=written) as tar:
        assert found == [(each.name, each.type, each.linkname, each.size) for each in tar]


@pytest.mark.parametrize("name", INVALID)
def test_an_archive_that_breaks_the_contract_is_refused(name: str, tmp_path: Path) -> None:
    archive, said = INVALID[name]
    broken = verdict(tmp_path / "image.tar", archive)
    assert broken is not None
    assert broken.failure is Failure.IMAGE_INVALID
    assert any(part in broken.detail for part in said.split("|")), broken.detail


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_found_before_it_goes_off(bomb: str, tmp_path: Path) -> None:
    archive = BOMBS[bomb]()
    tracemalloc.start()
    broken = verdict(tmp_path / "image.tar", archive)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert broken is not None
    assert broken.failure is Failure.IMAGE_TOO_LARGE
    assert peak < 20 * 2**20
    assert list(tmp_path.iterdir()) == [tmp_path / "image.tar"]


def test_a_member_of_a_terabyte_that_is_not_there_is_a_truncated_archive(tmp_path: Path) -> None:
    broken = verdict(tmp_path / "image.tar", sparse_terabyte())
    assert broken is not None
    assert broken.failure is Failure.IMAGE_INVALID


@pytest.mark.engine
@pytest.mark.parametrize("layout", ["ustar", "gnu", "posix"])
def test_an_image_of_what_tar_wrote_is_let_in(layout: str, engine: Engine, tmp_path: Path) -> None:
    root, archive = tmp_path / "root.tar", tmp_path / "image.tar"
    folder = tmp_path / "root" / ("n" * 40) / ("m" * (40 if layout == "ustar" else 90))
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * 700)
    (folder / "hard").hardlink_to(folder / "file")
    (folder / "soft").symlink_to("file")
    wrote = subprocess.run(["tar", f"--format={layout}", "-cf", root, "-C", tmp_path / "root", "."])
    assert wrote.returncode == 0
    assert root.stat().st_size % tarfile.RECORDSIZE == 0
    tag = f"sequestra/test:{layout}"
    assert docker("import", "--change", 'ENTRYPOINT ["/x"]', str(root), tag).returncode == 0
    engine.save(tag, archive)
    assert lint_archive(archive, CONTRACT).digest == image_id(tag)


@pytest.mark.engine
def test_an_archive_cannot_take_another_images_name(
    engine: Engine, base_image: str, tmp_path: Path
) -> None:
    contract = Contract(start_seconds=60)
    victim = "sequestra/test:victim"
    honest = build_image(base_image, f"{PRELUDE}\nanswer('0.25')\n")
    other = build_image(base_image, f"{PRELUDE}\nanswer('0.75')\n")
    archive = tmp_path / "image.tar"
    assert docker("tag", other, victim).returncode == 0
    assert docker("save", "-o", str(archive), victim).returncode == 0
    assert docker("tag", honest, victim).returncode == 0
    loaded = engine.load(archive, contract)
    assert loaded == other
    assert image_id(victim) == honest
    cases, root = stage_cases(tmp_path, contract)
    with stage(cases, contract, root) as staged:
        engine.run(loaded, staged, contract, submission_id="test-archive")
        found = read_predictions(staged.predictions, CASE_IDS, contract)
    assert set(found.values.values()) == {(0.75,)}


@pytest.mark.engine
def test_what_an_engine_cannot_load_is_the_teams_fault(engine: Engine, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    layer = tar_of({"app": b"a file", "app/predict.py": b"and a folder"})
    archive.write_bytes(tar_of(Image(layer=layer).files()))
    with pytest.raises(ContractBroken) as broken:
        engine.load(archive, CONTRACT)
    assert broken.value.failure is Failure.IMAGE_INVALID
