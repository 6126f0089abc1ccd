"""The incremental index: equal to a fresh one, whatever was read before or killed half-way."""

from __future__ import annotations

import ast
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest

from cohort_selection.catalog import (
    appending,
    catalog,
    former,
    grouping,
    inventory,
    reader_version,
)
from cohort_selection.catalog.inventory import ReaderDied
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.commons.radiograph import uid
from cohort_selection.dicom import pixel_description
from cohort_selection.dicom import studies as dicom
from cohort_selection.dicom.header import Header
from cohort_selection.dicom.studies import EmptyCommons
from cohort_selection.study_table import parts
from cohort_selection.study_table.parts import CatalogError
from tests.support.catalog_studies import Content, content
from tests.support.commands import environment, succeed
from tests.support.dicom_files import write

RECORD = ClinicalRecord(
    patient_id="P1",
    study_uid="",
    age=61,
    sex="Female",
    race="Asian",
    ethnicity="Not Reported",
    site="101",
    tests=(),
    findings={"opacity": "1"},
)


@pytest.fixture
def commons(tmp_path: Path) -> Path:
    """Good studies, a study of two patients, copies, an image in two studies, and other files."""
    root = tmp_path / "commons"
    for number in range(12):
        write(root / f"p{number}" / "a.dcm", f"i{number}a", f"P{number}", f"S{number}")
        write(root / f"p{number}" / "b.dcm", f"i{number}b", f"P{number}", f"S{number}")
    write(root / "a copy.dcm", "i3a", "P3", "S3")
    write(root / "p1.dcm", "other", "P99", "S1")
    write(root / "z" / "shared.dcm", "i5a", "P5", "S50")
    (root / "notes.txt").write_text("hello")
    (root / "empty").touch()
    return root


def expected(root: Path) -> Content:
    studies, quarantined = dicom.index(root)
    return Content(tuple(studies), tuple(quarantined))


def test_an_update_writes_what_a_fresh_index_finds(commons: Path, tmp_path: Path) -> None:
    indexed = catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == expected(commons)
    assert (indexed.n_files, indexed.n_read, indexed.n_unchanged) == (29, 29, 0)
    # S1 is out (two patients); S50 is out (its one image stands in S5 as well).
    assert indexed.n_studies == 11
    # notes, empty, three files of S1, one copy, the image of S5 and that of S50.
    assert indexed.n_quarantined == 8


@pytest.mark.parametrize("most_runs", [256, 2])
def test_sorting_on_disk_and_several_processes_change_nothing(
    commons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_runs: int
) -> None:
    monkeypatch.setattr(grouping, "_RUN_ROWS", 3)
    monkeypatch.setattr(grouping, "_MOST_RUNS", most_runs)
    monkeypatch.setattr(inventory, "_SHARD_ROWS", 4)
    monkeypatch.setattr(inventory, "_BLOCK", 3)
    monkeypatch.setattr(inventory, "_WORTH_A_POOL", 1)
    runs: list[Path] = []
    lines = grouping._lines

    def counted(run: Path) -> Iterator[tuple[object, ...]]:
        runs.append(run)
        return lines(run)

    monkeypatch.setattr(grouping, "_lines", counted)
    catalog.update(commons, [RECORD], tmp_path / "catalog", workers=2)
    assert content(tmp_path / "catalog") == expected(commons)
    # 29 lines in shards of six: a run each, or one as soon as half of the 29 are met.
    assert len(runs) == (5 if most_runs == 256 else 2)


def test_only_new_and_changed_files_are_read_again(commons: Path, tmp_path: Path) -> None:
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    again = catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert (again.n_read, again.n_unchanged) == (0, 29)
    assert content(tmp_path / "catalog") == expected(commons)

    write(commons / "p2" / "c.dcm", "i2c", "P2", "S2")
    (commons / "p4" / "a.dcm").unlink()
    changed = commons / "p6" / "a.dcm"
    before = changed.stat()
    kept = changed.read_bytes()
    changed.write_bytes(kept.replace(b"061Y", b"062Y"))
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a careless copy would
    third = catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert (third.n_files, third.n_read, third.n_unchanged) == (29, 2, 27)
    assert content(tmp_path / "catalog") == expected(commons)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Studies that are put together from their files, in turn."""
    found: list[str] = []

    def noted(members: Sequence[Header], shared: Container[str]) -> object:
        found.append(members[0].study_uid)
        return dicom.one_study(members, shared)

    monkeypatch.setattr(grouping, "one_study", noted)
    return found


def test_only_studies_of_changed_files_are_put_together_again(
    commons: Path, tmp_path: Path, made: list[str]
) -> None:
    """S7 shares an image with S5 and S50, which were out for it already; S9 loses a file."""
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert len(made) == 13
    made.clear()
    write(commons / "p2" / "c.dcm", "i2c", "P2", "S2")
    write(commons / "p7" / "c.dcm", "i5a", "P7", "S7")
    (commons / "p9" / "b.dcm").unlink()
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert sorted(made) == sorted(map(uid, ("S2", "S5", "S50", "S7", "S9")))
    assert content(tmp_path / "catalog") == expected(commons)
    made.clear()
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert made == []
    assert content(tmp_path / "catalog") == expected(commons)


def test_an_image_that_came_to_stand_in_two_studies_leaves_both_and_comes_back(
    commons: Path, tmp_path: Path
) -> None:
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    before = content(tmp_path / "catalog")
    write(commons / "z" / "of another.dcm", "i8a", "P8", "S80")
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == expected(commons) != before
    (commons / "z" / "of another.dcm").unlink()
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == before


def _no_mark(folder: Path, root: Path) -> Path:
    (folder / "inventory" / "studies" / "mark").unlink()
    return root


def _lost(folder: Path, root: Path) -> Path:
    shutil.rmtree(folder / "inventory" / "studies")
    return root


def _damaged(folder: Path, root: Path) -> Path:
    part = folder / "studies" / "part-000000.parquet"
    part.write_bytes(part.read_bytes().replace(b"Female", b"FEMALE"))
    return root


def _other_list(folder: Path, root: Path) -> Path:
    (folder / "inventory" / "studies" / "disagreeing.parquet").write_bytes(b"")
    return root


def _moved_images(folder: Path, root: Path) -> Path:
    return root.rename(root.with_name("moved"))


def _relisted(folder: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    path = folder / "studies.json"
    listed = json.loads(path.read_text())
    change(listed["parts"])
    path.write_text(json.dumps(listed))


def _renamed(folder: Path, root: Path) -> Path:
    (folder / "studies" / "part-000001.parquet").rename(folder / "studies" / "more.parquet")
    _relisted(folder, lambda parts: parts[1].update(name="more.parquet"))
    return root


def _out_of_order(folder: Path, root: Path) -> Path:
    _relisted(folder, lambda parts: parts.reverse())
    return root


def _another_number(folder: Path, root: Path) -> Path:
    _relisted(folder, lambda parts: parts[0].update(studies=7))
    return root


def _no_number(folder: Path, root: Path) -> Path:
    _relisted(folder, lambda parts: parts[0].update(studies="many"))
    return root


@pytest.mark.parametrize("harm", [_renamed, _out_of_order, _another_number, _no_number])
def test_a_list_of_parts_that_cannot_be_is_named_and_written_again(
    commons: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Path, Path], Path],
) -> None:
    _small_parts(monkeypatch)
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    harm(tmp_path / "catalog", commons)
    with pytest.raises(CatalogError, match="run sequestra index again"):
        catalog.read(tmp_path / "catalog")
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == expected(commons)


def test_a_study_that_two_parts_have_is_written_once(
    commons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_parts(monkeypatch)
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    folder = tmp_path / "catalog" / "studies"
    shutil.copy(folder / "part-000000.parquet", folder / "part-000009.parquet")
    _relisted(
        tmp_path / "catalog",
        lambda parts: parts.append({**parts[0], "name": "part-000009.parquet"}),
    )
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == expected(commons)


def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of at most four studies, which take new ones as long as they have one."""
    for module in (parts, appending):
        monkeypatch.setattr(module, "ROWS", 4)
    monkeypatch.setattr(appending, "_FULL", 2)
    monkeypatch.setattr(parts, "_GROUP", 3)


def test_a_changed_byte_of_the_inventory_never_changes_what_headers_say(
    commons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of a damaged shard are read again from the images."""
    monkeypatch.setattr(inventory, "_SHARD_ROWS", 8)
    monkeypatch.setattr(inventory, "_BLOCK", 4)
    catalog.update(commons, [RECORD], tmp_path / "kept")
    drawn, found = random.Random(4), expected(commons)
    shards = sorted(path.name for path in (tmp_path / "kept" / "inventory").glob("*.parquet"))
    assert len(shards) == 4
    n_read = []
    for trial in range(40):
        folder = tmp_path / str(trial)
        shutil.copytree(tmp_path / "kept", folder)
        shard = folder / "inventory" / drawn.choice(shards)
        changed = bytearray(shard.read_bytes())
        changed[drawn.randrange(len(changed))] ^= 1 << drawn.randrange(8)
        shard.write_bytes(changed)
        n_read.append(catalog.update(commons, [RECORD], folder, workers=1).n_read)
        assert content(folder) == found
    assert max(n_read) == 29


def test_images_that_vanished_are_noticed_beside_a_shard_that_cannot_be_read(
    commons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails between the look at the mark and the reading of the lines."""
    monkeypatch.setattr(inventory, "_SHARD_ROWS", 8)
    monkeypatch.setattr(inventory, "_BLOCK", 4)
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    trusted = former.trusted_parts
    (commons / "p9" / "a.dcm").unlink()
    (commons / "p9" / "b.dcm").unlink()

    def then_damaged(directory: Path, root: Path) -> object:
        found = trusted(directory, root)
        assert found is not None
        shard = directory / "inventory" / "000001.parquet"
        content = bytearray(shard.read_bytes())
        content[40:60] = bytes(20)
        shard.write_bytes(content)
        return found

    monkeypatch.setattr(catalog, "trusted_parts", then_damaged)
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == expected(commons)


@pytest.mark.parametrize("harm", [_no_mark, _lost, _damaged, _other_list, _moved_images])
def test_rows_of_a_catalog_that_is_another_are_not_taken_over(
    commons: Path, tmp_path: Path, made: list[str], harm: Callable[[Path, Path], Path]
) -> None:
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    made.clear()
    root = harm(tmp_path / "catalog", commons)
    again = catalog.update(root, [RECORD], tmp_path / "catalog")
    assert (again.n_read, len(made)) == (0, 13)
    assert content(tmp_path / "catalog") == expected(root)


def test_any_order_of_updates_gives_what_a_fresh_index_gives(tmp_path: Path) -> None:
    """Few patients, studies and images, so that copies and contradictions come and go."""
    drawn, root = random.Random(8), tmp_path / "commons"
    files: list[Path] = []
    for step in range(10):
        for number in range(drawn.randrange(2, 7)):
            path = root / str(drawn.randrange(3)) / f"{step}-{number}.dcm"
            study = drawn.randrange(8)
            patient = f"P{study % 4}" if drawn.random() < 0.9 else "P9"
            image = f"i{drawn.randrange(20)}"
            sex = drawn.choice(("M", "F", "F", "F"))
            files.append(write(path, image, patient, f"S{study}", PatientSex=sex))
        for _ in range(drawn.randrange(3)):
            files.pop(drawn.randrange(len(files))).unlink()
        records = [replace(RECORD, patient_id=f"P{drawn.randrange(4)}")]
        one = catalog.update(root, records, tmp_path / "catalog")
        other = catalog.update(root, records, tmp_path / f"fresh {step}")
        assert content(tmp_path / "catalog") == content(tmp_path / f"fresh {step}")
        for name in ("doubts.csv", "quarantine.csv"):
            texts = [(tmp_path / each / name).read_text() for each in ("catalog", f"fresh {step}")]
            assert texts[0] == texts[1]
        assert (one.notes, one.harmonised) == (other.notes, other.harmonised)


def test_a_shard_of_another_reader_is_not_believed(
    commons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    monkeypatch.setattr(inventory, "reader", lambda: b"another")
    monkeypatch.setattr(inventory, "readers", lambda: {b"another"})
    assert catalog.update(commons, [RECORD], tmp_path / "catalog").n_read == 29


def test_the_reader_is_named_by_its_source_and_by_what_it_can_decode(tmp_path: Path) -> None:
    path = tmp_path / "header.py"
    path.write_bytes(b"FIELDS = 1\n")

    def mark(*decodable: str) -> bytes:
        return reader_version.reader_mark([path], tmp_path, decodable)

    before = mark("1.2", "1.3")
    assert mark("1.3", "1.2") == before
    assert mark("1.2", "1.3", "1.4") != before
    path.write_bytes(b"# The fields.\r\nFIELDS = 1\r\n")
    assert mark("1.2", "1.3") == before
    path.write_bytes(b"FIELDS = 2\n")
    assert mark("1.2", "1.3") != before


def test_the_reader_is_named_by_all_of_our_modules_that_it_is_made_of() -> None:
    """Else a word for 'unknown' that is added leaves what was read of headers as it was."""
    package = Path(reader_version.__file__).parents[1]
    named = set(reader_version._SOURCES)
    # The digest of the source is of how the mark is made, not of what is read.
    marking = {"catalog/reader_version.py"}
    for name in named:
        for node in ast.walk(ast.parse((package / name).read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(package.name):
                for parts in (
                    *([*str(node.module).split("."), alias.name] for alias in node.names),
                    str(node.module).split("."),
                ):
                    file = Path(*parts[1:]).with_suffix(".py") if parts[1:] else Path("none.py")
                    if (package / file).is_file():
                        assert str(file) in named | marking, name


def test_a_file_refused_for_want_of_a_decoder_is_read_again_once_there_is_one(
    commons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five files are refused at first, by a reader that can decode less."""
    refusals = iter(["no decoder here for its transfer syntax (JPEG-LS)"] * 5)
    other = reader_version.reader_mark([], tmp_path, ())
    monkeypatch.setattr(inventory, "reader", lambda: other)
    monkeypatch.setattr(inventory, "readers", lambda: {other})
    judged = pixel_description._judged
    monkeypatch.setattr(
        pixel_description, "_judged", lambda *how: (*judged(*how)[:2], next(refusals, ""))
    )
    assert catalog.update(commons, [RECORD], tmp_path / "catalog").n_quarantined > 8
    monkeypatch.undo()
    assert pixel_description.decodable_syntaxes()
    again = catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert (again.n_read, again.n_quarantined) == (29, 8)
    assert content(tmp_path / "catalog") == expected(commons)


@pytest.mark.realdata
def test_the_real_odd_files_are_indexed_alike(shared_data: Path, tmp_path: Path) -> None:
    catalog.update(shared_data / "dicom", [RECORD], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == expected(shared_data / "dicom")


def test_a_file_system_without_hard_links_will_do(
    commons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    assert catalog.update(commons, [RECORD], tmp_path / "catalog").n_unchanged == 29


KILLED = """
import sys, time
from pathlib import Path
from cohort_selection.catalog import catalog, inventory
inventory._SHARD_ROWS = inventory._BLOCK = 50
slow = lambda done, total: time.sleep(0.05)
catalog.update(Path(sys.argv[1]), [], Path(sys.argv[2]), workers=1, progress=slow)
"""


def test_a_killed_run_is_taken_up_where_it_stopped(tmp_path: Path) -> None:
    root, output = many(tmp_path, 1200), tmp_path / "catalog"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(root), str(output)])
    finished = tmp_path / ".catalog.interrupted-000" / "000003.parquet"
    deadline = time.monotonic() + 500
    while not finished.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert not output.exists()

    indexed = catalog.update(root, [RECORD], output, workers=1)
    assert indexed.n_unchanged >= 200
    assert indexed.n_read + indexed.n_unchanged == indexed.n_files == 1200
    assert content(output) == expected(root)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "catalog",
        "commons",
    ]


KILLED_AT = """
import os, sys
from pathlib import Path
from cohort_selection import atomic_files
from cohort_selection.catalog import appending, catalog, grouping
from cohort_selection.study_table import parts
for module in (parts, appending):
    module.ROWS = 4
appending._FULL, parts._GROUP = 2, 3
owners = {"catalog": catalog, "grouping": grouping, "appending": appending, "Path": Path}
owner, name, times = owners[sys.argv[3]], sys.argv[4], int(sys.argv[5])
real, called = getattr(owner, name), []
def dying(*given, **named):
    found = real(*given, **named)
    called.append(found)
    if len(called) == times:
        os.kill(os.getpid(), 9)
    return found
setattr(owner, name, dying)
catalog.update(Path(sys.argv[1]), [], Path(sys.argv[2]), workers=1)
"""


@pytest.mark.parametrize(
    ("owner", "name", "times"),
    [
        ("grouping", "one_study", 2),
        ("appending", "_keep", 2),
        ("catalog", "write_mark", 1),
        ("Path", "rename", 2),  # of the inventory's shard, then of the former catalog
        ("Path", "rename", 3),  # the new catalog has its name
    ],
)
def test_a_run_killed_after_its_headers_were_read_is_made_up_for(
    commons: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: str,
    name: str,
    times: int,
) -> None:
    _small_parts(monkeypatch)
    output = tmp_path / "catalog"
    catalog.update(commons, [], output)
    (commons / "p9" / "b.dcm").unlink()
    write(commons / "p4" / "c.dcm", "i4c", "P4", "S4")
    write(commons / "z" / "new.dcm", "i20", "P20", "S20")
    given = (str(commons), str(output), owner, name, str(times))
    ended = subprocess.run([sys.executable, "-c", KILLED_AT, *given], check=False)
    assert ended.returncode == -signal.SIGKILL, "it ended before it could be killed"
    again = catalog.update(commons, [], output)
    assert (again.n_read, again.n_unchanged) == (0, 30)
    assert content(output) == expected(commons)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog", "commons"]


def many(folder: Path, count: int) -> Path:
    """A commons of ``count`` images, each a study of its own, 100 to a folder."""
    template = write(folder / "template.dcm", "name")
    study, instance = uid("S1").encode(), uid("name").encode()
    kept = template.read_bytes()
    template.unlink()
    root = folder / "commons"
    for number in range(count):
        place = root / f"{number // 100:03d}"
        place.mkdir(parents=True, exist_ok=True)
        # Another last six digits make every file an image of a study of its own.
        mine = kept.replace(study, study[:-6] + b"%06d" % number)
        mine = mine.replace(instance, instance[:-6] + b"%06d" % number)
        (place / f"{number}.dcm").write_bytes(mine)
    return root


def test_a_reading_process_that_dies_is_told_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, output = many(tmp_path, 400), tmp_path / "catalog"
    monkeypatch.setattr(inventory, "_WORTH_A_POOL", 0)
    monkeypatch.setattr(inventory, "_BLOCK", 16)

    def kill_a_reader(done: int, total: int) -> None:
        for reader in active_children():
            assert reader.pid is not None
            os.kill(reader.pid, signal.SIGKILL)

    with pytest.raises(
        ReaderDied, match=r"ended before its time, with \d+ of 400 files read"
    ) as said:
        catalog.update(root, [RECORD], output, workers=2, progress=kill_a_reader)
    assert "run the same command again" in str(said.value)
    assert not output.exists()
    indexed = catalog.update(root, [RECORD], output, workers=1)
    assert indexed.n_unchanged >= 16
    assert indexed.n_read + indexed.n_unchanged == indexed.n_files == 400
    assert content(output) == expected(root)


def test_a_full_disk_is_told_and_leaves_the_old_catalog(tmp_path: Path) -> None:
    root, output = many(tmp_path, 30), tmp_path / "catalog"
    (tmp_path / "clinical.csv").write_text("patient_id,sex\nP1,F\n")
    given = (str(root), "--clinical", str(tmp_path / "clinical.csv"), "--output", str(output))
    succeed("index", *given)
    before = content(output)
    for number in range(30, 400):
        shutil.copy(root / "000" / "0.dcm", root / "000" / f"{number}.dcm")
    # The kernel refuses the write, as a full disk does: a limit on the size of a file.
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        "from evaluator.cli import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", limited, "index", *given],
        check=False, capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "no room to write the catalog" in ended.stderr
    assert content(output) == before


def test_two_runs_do_not_write_one_catalog(commons: Path, tmp_path: Path) -> None:
    with (tmp_path / ".catalog.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CatalogError, match="another run is writing this catalog"):
            catalog.update(commons, [], tmp_path / "catalog")


def test_a_folder_without_images_leaves_the_old_catalog_and_no_litter(
    commons: Path, tmp_path: Path
) -> None:
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    kept = expected(commons)
    (tmp_path / "other").mkdir()
    with pytest.raises(EmptyCommons, match="is an empty folder"):
        catalog.update(tmp_path / "other", [], tmp_path / "catalog")
    (tmp_path / "other" / "notes.txt").write_text("hello")
    with pytest.raises(
        EmptyCommons, match=r"no usable DICOM image among its 1 files; the first, no"
    ):
        catalog.update(tmp_path / "other", [], tmp_path / "catalog")
    assert content(tmp_path / "catalog") == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "catalog",
        "commons",
        "other",
    ]


def test_names_that_are_no_text_are_kept_out_and_named(commons: Path, tmp_path: Path) -> None:
    strange = os.fsencode(commons) + b"/caf\xe9.dcm"
    try:
        Path(os.fsdecode(strange)).write_bytes((commons / "p0" / "a.dcm").read_bytes())
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    catalog.update(commons, [RECORD], tmp_path / "catalog")
    found = content(tmp_path / "catalog")
    assert found == expected(commons)
    reasons = {os.fsencode(item.path): item.reason for item in found.quarantined}
    assert reasons[strange] == "its name is not UTF-8 text; rename it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_named(commons: Path) -> None:
    (commons / "p7").chmod(0)
    _, quarantined = dicom.index(commons)
    (commons / "p7").chmod(0o700)
    assert any("a folder that cannot be listed" in item.reason for item in quarantined)
