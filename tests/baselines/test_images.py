"""Expected values by hand, by laws of images, and by a second, naive implementation."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from pydicom.uid import JPEG2000Lossless, RLELossless

from baselines.container import images, volumes
from baselines.packaging import image as package
from cohort_selection.pixels.intensities import UnreadableImage, read_frame
from tests.baselines.conftest import write_dicom
from tests.support.made_images import one_of_each_kind
from tests.support.made_volumes import ramp, write_tomogram
from tests.support.repository import REPOSITORY


def test_a_flat_image_is_zero_not_nan() -> None:
    assert not images.normalise(np.full((4, 4), 7.0)).any()


def test_aspect_is_kept_and_the_rest_padded(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    wide = random.integers(1000, 4000, (20, 40), dtype=np.uint16)
    square = images.model_input(write_dicom(tmp_path / "wide.dcm", wide), 40)
    assert square.shape == (40, 40)
    assert square.dtype == np.float32
    assert not square[:10].any()
    assert not square[30:].any()
    assert square[10:30].mean() > 0.3


def test_monochrome1_is_the_same_image_inverted(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 4096, (32, 32), dtype=np.uint16)
    bright = write_dicom(tmp_path / "2.dcm", pixels)
    dark = write_dicom(
        tmp_path / "1.dcm",
        (4095 - pixels).astype(np.uint16),
        PhotometricInterpretation="MONOCHROME1",
    )
    np.testing.assert_allclose(
        images.model_input(dark, 32), images.model_input(bright, 32), rtol=0, atol=1e-6
    )


def test_rescale_makes_physical_units(tmp_path: Path) -> None:
    pixels = np.array([[0, 1000], [1024, 2048]], dtype=np.uint16)
    path = write_dicom(tmp_path / "ct.dcm", pixels, RescaleSlope=2, RescaleIntercept=-1024)
    np.testing.assert_array_equal(read_frame(path).values, [[-1024.0, 976.0], [1024.0, 3072.0]])


def test_of_several_frames_the_middle_one_is_read(tmp_path: Path) -> None:
    frames = np.stack([np.full((2, 2), value, dtype=np.uint16) for value in (5, 6, 7)])
    path = write_dicom(tmp_path / "frames.dcm", frames, NumberOfFrames=3)
    assert read_frame(path).values[0, 0] == 6


def test_what_is_not_dicom_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"PK\x03\x04 a zip in place of a DICOM")
    with pytest.raises(UnreadableImage, match=r"a\.dcm: no pixels could be decoded") as raised:
        images.model_input(tmp_path / "a.dcm", 32)
    assert "\n" not in str(raised.value)


@pytest.mark.realdata
def test_one_slice_in_five_transfer_syntaxes_gives_the_same_bits(shared_data: Path) -> None:
    slices = sorted((shared_data / "dicom").glob("ct_chest_*.dcm"))
    assert len(slices) == 5
    assert len({images.model_input(path, 96).tobytes() for path in slices}) == 1


def test_how_a_picture_is_stored_changes_no_bit_of_what_the_model_sees(tmp_path: Path) -> None:
    files = {file.stem: images.model_input(file, 40) for file in one_of_each_kind(tmp_path)}
    alike = ("plain", "deflated", "big_endian", "bare", RLELossless, JPEG2000Lossless)
    assert len({files[name].tobytes() for name in alike}) == 1
    assert not np.array_equal(files["padded"], files["plain"])
    assert not np.array_equal(files["inverse"], files["plain"])


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_copy_in_the_container_gives_the_same_bits_without_torch(
    threads: str, tmp_path: Path, open_list: Path
) -> None:
    package.write_program(tmp_path / "app", "predict", package.PREDICT)
    kinds = tmp_path / "kinds"
    kinds.mkdir()
    files = [*sorted(open_list.parent.glob("*.dcm"))[:20], *one_of_each_kind(kinds)]
    slices = write_tomogram(tmp_path / "ct", ramp((9, 40, 16), tilt_degrees=12.0))
    program = (
        "import sys, hashlib\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(tmp_path / 'app')!r})\n"
        "from baselines.container import images, volumes\n"
        f"assert images.__file__.startswith({str(tmp_path / 'app')!r})\n"
        f"files = map(Path, {[str(file) for file in files]!r})\n"
        "pixels = b''.join(images.model_input(path, 64).tobytes() for path in files)\n"
        f"slices = [Path(path) for path in {[str(path) for path in slices]!r}]\n"
        "pixels += volumes.model_volume(slices, 32).tobytes()\n"
        "print(hashlib.sha256(pixels).hexdigest())\n"
        "assert not {'torch', 'monai'} & set(sys.modules)\n"
        "ours = {name for name in sys.modules if name.startswith('cohort_selection')}\n"
        "room = 'cohort_selection.pixels'\n"
        "held = 'area decoders intensities scratch series stored volume'.split()\n"
        "assert ours == {'cohort_selection', room, *(f'{room}.{name}' for name in held)}\n"
        "copy = sys.modules[f'{room}.intensities'].__file__\n"
        f"assert copy.startswith({str(tmp_path)!r})\n"
    )
    said = subprocess.run(
        [sys.executable, "-I", "-c", program],
        env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = b"".join(images.model_input(path, 64).tobytes() for path in files)
    here += volumes.model_volume(slices, 32).tobytes()
    assert said.strip() == hashlib.sha256(here).hexdigest()


def test_opening_a_session_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Identity", ["images"], ["probability"])
    shapes = (("images", [1]), ("probability", [1]))
    given, told = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in shapes
    )
    graph = onnx.helper.make_graph([node], "graph", [given], [told])
    opset = onnx.helper.make_opsetid("", 18)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), tmp_path / "model.onnx"
    )
    home = tmp_path / "home"
    home.mkdir()
    program = (
        "import sys, torch.onnx\nfrom pathlib import Path\n"
        "from baselines.container.predict import open_session\n"
        "assert 'onnxruntime' not in sys.modules\n"
        f"assert open_session(Path({str(tmp_path)!r}), 1).run(None, {{'images': [1.0]}})\n"
    )
    said = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", program],
        env={**said, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")},
        cwd=REPOSITORY,
        check=True,
    )
    # onnxruntime 1.29 and later otherwise write an identifier of the device there.
    assert not list(home.rglob("*"))
