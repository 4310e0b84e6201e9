"""Networks are lowered to programs that compute the same, or are refused in one sentence."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import INT8, INT8_PROGRAM, MANIFEST, ONNX, PROGRAM
from ec_rfernet.errors import InputError
from ec_rfernet.kernels import network as kernels
from ec_rfernet.kernels.network import KernelProgram
from ec_rfernet.runtimes import automatic, available, open_classifier
from ec_rfernet.runtimes.native.lowering import add_programs, program
from ec_rfernet.runtimes.native.runtime import NativeClassifier
from ec_rfernet.runtimes.onnx_runtime import OnnxClassifier

needs_kernels = pytest.mark.skipif(kernels.find() is None, reason="ec_rfernet_native is not built")

MODELS = Path(__file__).resolve().parents[6] / "models"
PATHS = kernels.paths() if kernels.find() else ()


KINDS = ["mf", "link", "residual", "gate", "stride", "pool2", "pool3"]


@needs_kernels
@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(12, 48),
    layers=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 37)), max_size=5),
    seed=st.integers(0, 1000),
)
def test_any_network_of_such_layers(tmp_path_factory, sketch, faces, size, layers, seed):
    network = sketch(size, seed)
    for kind, width in layers:
        network.layer(kind, width)
    model, crops = network.save(tmp_path_factory.mktemp("sketch")), faces(2, size)
    expected = OnnxClassifier(model, 1, "fp32").logits(crops)
    for path in PATHS:
        found = NativeClassifier(model, 1, "fp32", path).logits(crops)
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def other(sketch, kind):
    """A network with something that our kernels do not compute."""
    first = sketch.conv("faces", 3, 4, 3)
    sketch.value, sketch.channels = {
        "a large kernel": lambda: (sketch.conv("faces", 3, 4, 5), 4),
        "groups": lambda: (sketch.conv(first, 1, 4, 3, group=4), 4),
        "holes": lambda: (sketch.conv(first, 4, 4, 1, dilations=[2, 2]), 4),
        "another operator": lambda: (sketch.add("Sigmoid", first), 4),
        "a large pool": lambda: (
            sketch.add("MaxPool", first, kernel_shape=[4, 4], strides=[2, 2]), 4,
        ),
        "a pool of negative numbers": lambda: (
            sketch.add("MaxPool", first, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 4,
        ),
        "a constant added": lambda: (
            sketch.add("Add", first, sketch.constant(np.float32(1))), 4,
        ),
    }[kind]()  # fmt: skip
    return sketch


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("a large kernel", r"convolution of kernel \(5, 5\)"),
        ("groups", "group 4"),
        ("holes", "dilations"),
        ("another operator", "operator Sigmoid"),
        ("a large pool", r"pool of kernel \(4, 4\)"),
        ("a pool of negative numbers", "numbers below its border"),
        ("a constant added", "Add of a constant"),
    ],
)
@needs_kernels
def test_another_network_is_refused_in_one_sentence(sketch, kind, message, tmp_path, monkeypatch):
    model = other(sketch(12, 0), kind).save(tmp_path)
    assert bundles.load(tmp_path).not_lowered.keys() == {"fp32"}
    assert not model.file(PROGRAM).exists()
    monkeypatch.setattr(kernels, "paths", lambda: ("avx512", "portable"))
    assert automatic(model) == ("onnxruntime", "fp32")
    onnxruntime.InferenceSession(str(model.file(ONNX)))
    assert ("native", "fp32") not in available(model)
    assert ("onnxruntime", "fp32") in available(model)
    with pytest.raises(InputError, match=message) as raised:
        open_classifier(model, 1, "native", "fp32")
    assert "runtime 'native' does not compute it" in str(raised.value)
    assert "\n" not in str(raised.value)


@needs_kernels
def test_that_another_network_runs_elsewhere_is_no_warning(sketch, tmp_path, monkeypatch):
    model = other(sketch(12, 0), "groups").save(tmp_path)
    monkeypatch.setattr(kernels, "paths", lambda: ("avx512", "portable"))
    found = open_classifier(model)
    assert (found.runtime, found.warning) == ("onnxruntime", None)


def test_weights_of_eight_bits_are_refused(tmp_path):
    """Sums of two products would not fit where some processors put them."""
    model = bundles.load(MODELS / "emotionnet_nano_b")
    network = onnx.load(model.file(INT8))
    for tensor in network.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.int8 and values.ndim == 4:
            tensor.CopyFrom(numpy_helper.from_array(values // 2 * 2 + values // 2, tensor.name))
            break
    folder = Path(shutil.copytree(model.folder, tmp_path / "eight"))
    onnx.save(network, folder / INT8)
    eight = add_programs(bundles.save(dataclasses.replace(model, folder=folder)))
    assert re.search(r"weights beyond -64\.\.64", eight.not_lowered["int8"])
    assert not eight.file(INT8_PROGRAM).exists()
    assert bundles.load(folder) == eight
    if kernels.find():
        with pytest.raises(InputError, match=r"weights beyond -64\.\.64"):
            NativeClassifier(eight, 1, "int8")


@pytest.mark.parametrize("name", ["ec_rfernet", "emotionnet_nano_a", "emotionnet_nano_b"])
def test_the_shipped_programs_are_those_of_today(name):
    model = bundles.load(MODELS / name)
    assert not model.not_lowered
    for precision, file in NativeClassifier.files.items():
        found = KernelProgram.read(model.file(file))
        np.testing.assert_array_equal(found.words, program(model, precision).words)


def test_programs_are_added_to_a_bundle_of_an_older_export(tmp_path):
    shipped = bundles.load(MODELS / "emotionnet_nano_b")
    folder = tmp_path / "old"
    folder.mkdir()
    for name in (ONNX, INT8):
        shutil.copyfile(shipped.file(name), folder / name)
    added = add_programs(bundles.save(dataclasses.replace(shipped, folder=folder)))
    assert bundles.load(folder) == added
    assert sorted(path.name for path in folder.iterdir()) == sorted([*added.sha256, MANIFEST])
    for name in added.sha256:
        assert added.sha256[name] == shipped.sha256[name]
