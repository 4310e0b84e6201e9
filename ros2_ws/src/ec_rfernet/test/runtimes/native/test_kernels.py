"""Our kernels answer what ONNX Runtime answers, on every kind of processor that this one is."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet import bundle as bundles
from ec_rfernet import runtimes
from ec_rfernet.bundle import INT8_PROGRAM, PROGRAM
from ec_rfernet.errors import InputError
from ec_rfernet.kernels import network as kernels
from ec_rfernet.kernels.network import KernelNetwork, KernelProgram
from ec_rfernet.runtimes import available, open_classifier
from ec_rfernet.runtimes.native.runtime import NativeClassifier

pytestmark = pytest.mark.skipif(kernels.find() is None, reason="ec_rfernet_native is not built")

MODELS = Path(__file__).resolve().parents[6] / "models"
PATHS = kernels.paths() if kernels.find() else ()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["ec_rfernet", "emotionnet_nano_a", "emotionnet_nano_b"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_shipped_models(name, precision, path, faces):
    model, crops = bundles.load(MODELS / name), faces(24)
    expected = open_classifier(model, 1, "onnxruntime", precision).logits(crops)
    found = NativeClassifier(model, 1, precision, path).logits(crops)
    if precision == "fp32":
        np.testing.assert_allclose(found, expected, atol=1e-4)
        return
    # Both answer in steps of the last layer; a sum that lies between two steps may go either way.
    steps = np.unique(np.round(expected, 4))
    step = np.diff(steps).min()
    assert np.abs(found - expected).max() < 2.5 * step
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.9
    assert np.mean(np.abs(found - expected) < step / 2) > 0.7


def test_a_model_is_offered_and_chosen_like_any_other():
    model = bundles.load(MODELS / "ec_rfernet")
    assert {("native", "fp32"), ("native", "int8")} <= set(available(model))
    assert open_classifier(model, 1, "native").precision == "int8"


@pytest.fixture
def copy(tmp_path):
    """A folder with a bundle of ours, to be damaged."""
    return Path(shutil.copytree(MODELS / "emotionnet_nano_b", tmp_path / "emotionnet_nano_b"))


def resigned(folder):
    """The bundle of a folder, whose checksums are those of the files as they are."""
    model = bundles.load(MODELS / folder.name)
    return bundles.save(dataclasses.replace(model, folder=folder))


def test_a_program_is_read_as_it_was_written(small, tmp_path):
    small.write(tmp_path / PROGRAM)
    found = KernelProgram.read(tmp_path / PROGRAM)
    np.testing.assert_array_equal(found.words, small.words)
    assert (found.size, found.labels) == (12, 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"", "not a program of our kernels"),
        (lambda data: data[:-1], "not a program of our kernels"),
        (lambda data: data[:32], "not a program of our kernels"),
        (lambda data: b"onnx" + data[4:], "not a program of our kernels"),
        (
            lambda data: data[:4] + b"\x63\0\0\0" + data[8:],
            "a program for version 99 of our kernels, these are version 1; 'ec-rfernet export",
        ),
        (lambda data: data[:-4], "the program ends too soon"),
        (lambda data: data[:20] + b"\x30\0\0\0" + data[24:], "takes 48 pixels a side, expected 44"),
        (lambda data: data[:24] + b"\x06\0\0\0" + data[28:], "6 outputs, expected 7"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_program_of_this_bundle(copy, change, message):
    path = copy / PROGRAM
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=r"model\.program: sha256 is"):
        bundles.load(copy)
    model = resigned(copy)
    with pytest.raises(InputError, match=message) as raised:
        NativeClassifier(model)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_bundle_without_programs_runs_in_onnx_runtime(copy, monkeypatch):
    for name in (PROGRAM, INT8_PROGRAM):
        (copy / name).unlink()
    old = resigned(copy)
    monkeypatch.setattr(kernels, "paths", lambda: ("avx512", "portable"))
    found = open_classifier(old)
    assert (found.runtime, found.precision) == ("onnxruntime", "int8")
    assert "has no program for our kernels" in found.warning
    assert "onnxruntime int8 runs instead" in found.warning
    assert f"ec-rfernet export --bundle {copy} --programs" in found.warning
    assert ("native", "int8") not in available(old)
    with pytest.raises(InputError, match="has no program for our kernels, as of an older export"):
        open_classifier(old, 1, "native")
    assert open_classifier(old, 1, "onnxruntime").warning is None


def test_a_bundle_without_programs_where_nothing_else_is_installed(copy, monkeypatch):
    for name in (PROGRAM, INT8_PROGRAM):
        (copy / name).unlink()
    monkeypatch.setattr(runtimes, "installed", lambda name: name == "native")
    with pytest.raises(InputError, match="has no program for our kernels") as raised:
        open_classifier(resigned(copy))
    assert str(raised.value).endswith("makes a new one; or pip install onnxruntime")


def test_a_program_for_other_kernels_is_passed_over(copy, monkeypatch):
    for name in (PROGRAM, INT8_PROGRAM):
        data = (copy / name).read_bytes()
        (copy / name).write_bytes(data[:4] + b"\x02\0\0\0" + data[8:])
    monkeypatch.setattr(kernels, "paths", lambda: ("avx512", "portable"))
    found = open_classifier(resigned(copy))
    assert found.runtime == "onnxruntime"
    assert "a program for version 2 of our kernels, these are version 1" in found.warning


def test_the_robot_reads_no_onnx():
    code = (
        "import sys; from pathlib import Path; from ec_rfernet import bundle, runtimes;"
        f"model = bundle.load(Path({str(MODELS / 'ec_rfernet')!r}));"
        "runtimes.open_classifier(model, 1, 'native', 'int8');"
        "print([name for name in sys.modules if name.startswith(('onnx', 'ec_rfernet.runtimes.'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    for name in ("'onnx", "lowering", "network_graph", "operations"):
        assert name not in done.stdout


def changed(found, words):
    return dataclasses.replace(found, words=np.asarray(words, np.int32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words: words[:0], "word 0: the program ends too soon"),
        (lambda words: words[:-1], "the program ends too soon"),
        (lambda words: [7, *words[1:]], "word 1: magic is 7, expected"),
        (lambda words: [*words[:3], 100, *words[4:]], "is outside of the arena"),
        (lambda words: [*words[:8], 99, *words[9:]], r"word 9: operation is 99, expected 0\.\.14"),
        (lambda words: [*words[:4], 3, *words[5:]], "fewer values than 7"),
    ],
)
def test_a_senseless_program_is_refused(small, change, message):
    with pytest.raises(InputError, match=message):
        KernelNetwork(changed(small, change(small.words.tolist())))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_program_does_harm(small, data):
    """It is refused, or computes something."""
    words = small.words.copy()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(words) - 1))
        value = st.one_of(st.integers(-70, 700), st.integers(-(2**31), 2**31 - 1))
        words[place] = data.draw(value)
    try:
        network = KernelNetwork(changed(small, words))
    except InputError as error:
        assert "\n" not in str(error)
    else:
        found = changed(small, words)
        pixels = np.zeros((1, 1, found.size, found.size), np.uint8)
        assert network.run(pixels).shape == (1, found.labels)


def test_an_unknown_path():
    with pytest.raises(InputError, match=r"path is 'mmx', this processor has .*portable"):
        NativeClassifier(bundles.load(MODELS / "ec_rfernet"), 1, "fp32", "mmx")


@pytest.mark.parametrize("pixels", [np.zeros((1, 1, 9, 9), np.uint8), np.zeros((1, 1, 12, 12))])
def test_other_pixels(small, pixels):
    with pytest.raises(ValueError, match="pixels are"):
        KernelNetwork(small).run(pixels)


def test_a_library_that_is_none(small, tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert kernels.find() is None
    with pytest.raises(InputError, match="is in no folder of AMENT_PREFIX_PATH"):
        KernelNetwork(small)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libec_rfernet_native.so").write_bytes(b"no library")
    with pytest.raises(InputError, match="cannot be used"):
        KernelNetwork(small)
