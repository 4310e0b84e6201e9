"""Our kernels answer what ONNX Runtime answers, on every kind of processor that this one is."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import INT8, ONNX, Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.runtimes import available, open_classifier
from ec_rfernet.runtimes.native import library
from ec_rfernet.runtimes.native.lowering import program
from ec_rfernet.runtimes.native.runtime import NativeClassifier

pytestmark = pytest.mark.skipif(library.find() is None, reason="ec_rfernet_native is not built")

MODELS = Path(__file__).resolve().parents[5] / "models"
PATHS = library.paths() if library.find() else ()
LOGITS = 7


def faces(count, size=44):
    """Noise, coarse and fine, so that every range of a network is used."""
    rng = np.random.default_rng(count)
    coarse = rng.integers(0, 256, (count, 4, 4)).repeat(size // 4, axis=1).repeat(size // 4, axis=2)
    fine = rng.integers(-60, 60, (count, size, size))
    fine[:, : coarse.shape[1], : coarse.shape[2]] += coarse
    return np.clip(fine, 0, 255).astype(np.uint8)


def draft(folder, size):
    return Bundle(
        folder=folder, name="tiny", architecture="emotionnet_nano_b", input_size=size, mean=0.4,
        std=0.25, framing=FER2013,
    )  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["ec_rfernet", "emotionnet_nano_a", "emotionnet_nano_b"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_shipped_models(name, precision, path):
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


class Sketch:
    """An ONNX network, layer by layer."""

    def __init__(self, size, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants, self.value = [], [], "faces"
        self.channels, self.size, self.input_size = 3, size, size

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names if outputs > 1 else names[0]

    def conv(self, source, inputs, outputs, kernel, stride=1, **more):
        weights = self.rng.normal(0, 1 / (kernel * inputs**0.5), (outputs, inputs, kernel, kernel))
        bias = self.rng.normal(0, 0.3, outputs)
        attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, **more}
        names = [self.constant(values.astype(np.float32)) for values in (weights, bias)]
        return self.add("Conv", source, *names, pads=[kernel // 2] * 4, **attributes)

    def layer(self, kind, width):
        """Adds one layer, as far as the image is large enough for it."""
        source, before = self.value, self.channels
        if kind == "mf":
            part = max(1, before // 3)
            sizes = self.constant(np.array([part, before - part]))
            head, tail = self.add("Split", source, sizes, outputs=2, axis=1)
            joined = self.add("Concat", self.conv(head, part, part, 3), tail, axis=1)
            self.value = self.relu6(self.conv(joined, before, width, 1))
        elif kind == "link":
            fresh = self.relu6(self.conv(source, before, width, 1))
            self.value, width = self.add("Concat", fresh, source, axis=1), before + width
        elif kind == "residual":
            start = self.add("Relu", self.conv(source, before, width, 3))
            end = self.conv(start, width, width, 1)
            self.value = self.add("Relu", self.add("Add", end, start))
        elif kind == "gate":
            start = self.relu6(self.conv(source, before, width, 3))
            mean = self.add("GlobalAveragePool", start)
            hidden = self.relu6(self.conv(mean, width, 3, 1))
            gate = self.add("HardSigmoid", self.conv(hidden, 3, width, 1), alpha=1 / 6)
            self.value = self.add("Mul", start, gate)
        elif kind == "stride":
            self.value = self.conv(source, before, width, 3, stride=2)
            self.size = -(-self.size // 2)
        else:
            width, (window, pad) = before, {"pool2": (2, 0), "pool3": (3, 1)}[kind]
            if self.size < window:
                return
            start = self.add("Relu", self.conv(source, before, before, 1))
            self.value = self.add(
                "MaxPool", start, kernel_shape=[window] * 2, strides=[2, 2], pads=[pad] * 4
            )
            self.size = (self.size + 2 * pad - window) // 2 + 1
        self.channels = width

    def relu6(self, source):
        return self.add("Clip", source, self.constant(np.float32(0)), self.constant(np.float32(6)))

    def save(self, folder):
        last = self.relu6(self.conv(self.value, self.channels, 5, 1))
        flat = self.add("Flatten", self.add("GlobalAveragePool", last), axis=1)
        weights = self.constant(self.rng.normal(0, 1, (LOGITS, 5)).astype(np.float32))
        bias = self.constant(np.zeros(LOGITS, np.float32))
        self.add("Gemm", flat, weights, bias, transB=1, alpha=1.0, beta=1.0)
        return self.write(folder)

    def write(self, folder):
        def tensor(name, *shape):
            return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

        result = self.nodes[-1].output[0]
        graph = helper.make_graph(
            self.nodes, "sketch", [tensor("faces", "n", 3, self.input_size, self.input_size)],
            [tensor(result, "n", LOGITS)], self.constants,
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.save(model, folder / ONNX)
        return draft(folder, self.input_size)


KINDS = ["mf", "link", "residual", "gate", "stride", "pool2", "pool3"]


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(12, 48),
    layers=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 37)), max_size=5),
    seed=st.integers(0, 1000),
)
def test_any_network_of_such_layers(tmp_path_factory, size, layers, seed):
    sketch = Sketch(size, seed)
    for kind, width in layers:
        sketch.layer(kind, width)
    model, crops = sketch.save(tmp_path_factory.mktemp("sketch")), faces(2, size)
    expected = open_classifier(model, 1, "onnxruntime", "fp32").logits(crops)
    for path in PATHS:
        found = NativeClassifier(model, 1, "fp32", path).logits(crops)
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def other(kind):
    """A network with something that our kernels do not compute."""
    sketch = Sketch(12, 0)
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
def test_another_network_is_refused_in_one_sentence(kind, message, tmp_path):
    model = other(kind).save(tmp_path)
    onnxruntime.InferenceSession(str(model.file(ONNX)))
    assert ("native", "fp32") not in available(model)
    assert ("onnxruntime", "fp32") in available(model)
    with pytest.raises(InputError, match=message) as raised:
        open_classifier(model, 1, "native", "fp32")
    assert "runtime 'native' does not compute it" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_weights_of_eight_bits_are_refused(tmp_path):
    """Sums of two products would not fit where some processors put them."""
    model = bundles.load(MODELS / "emotionnet_nano_b")
    network = onnx.load(model.file(INT8))
    for tensor in network.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.int8 and values.ndim == 4:
            tensor.CopyFrom(numpy_helper.from_array(values // 2 * 2 + values // 2, tensor.name))
            break
    onnx.save(network, tmp_path / INT8)
    with pytest.raises(InputError, match=r"weights beyond -64\.\.64"):
        NativeClassifier(dataclasses.replace(model, folder=tmp_path), 1, "int8")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    sketch = Sketch(12, 0)
    for kind in ("mf", "gate", "stride", "residual", "pool3"):
        sketch.layer(kind, 6)
    return program(sketch.save(tmp_path_factory.mktemp("small")), "fp32")


def changed(found, words):
    return dataclasses.replace(found, words=np.asarray(words, np.int32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words: words[:0], "word 0: the program ends too soon"),
        (lambda words: words[:-1], "the program ends too soon"),
        (lambda words: [7, *words[1:]], "word 1: magic is 7, expected"),
        (lambda words: [*words[:3], 100, *words[4:]], "is outside of the arena"),
        (lambda words: [*words[:8], 99, *words[9:]], r"word 9: operation is 99, expected 0\.\.7"),
        (lambda words: [*words[:4], 3, *words[5:]], "fewer values than 7"),
    ],
)
def test_a_senseless_program_is_refused(small, change, message):
    with pytest.raises(InputError, match=message):
        library.Network(changed(small, change(small.words.tolist())))


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
        network = library.Network(changed(small, words))
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
        library.Network(small).run(pixels)


def test_a_library_that_is_none(small, tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert library.find() is None
    monkeypatch.setattr(library, "_library", library._library.__wrapped__)
    with pytest.raises(InputError, match="is in no folder of AMENT_PREFIX_PATH"):
        library.Network(small)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libec_rfernet_native.so").write_bytes(b"no library")
    with pytest.raises(InputError, match="cannot be used"):
        library.Network(small)
