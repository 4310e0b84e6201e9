"""Networks of a few layers, lowered for our kernels."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import ONNX, Bundle
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.runtimes.native.lowering import add_programs, program

LOGITS = 7


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
        draft = Bundle(
            folder=folder, name="tiny", architecture="emotionnet_nano_b", mean=0.4, std=0.25,
            input_size=self.input_size, framing=FER2013,
        )  # fmt: skip
        return add_programs(bundles.save(draft))


@pytest.fixture(scope="session")
def sketch():
    """Makes a `Sketch` of an input's side and a seed."""
    return Sketch


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A program of all kinds of operations."""
    network = Sketch(12, 0)
    for kind in ("mf", "gate", "stride", "residual", "pool3"):
        network.layer(kind, 6)
    return program(network.save(tmp_path_factory.mktemp("small")), "fp32")


@pytest.fixture(scope="session")
def faces():
    """Makes noise, coarse and fine, so that every range of a network is used."""

    def make(count, size=44):
        rng = np.random.default_rng(count)
        coarse = rng.integers(0, 256, (count, 4, 4))
        coarse = coarse.repeat(size // 4, axis=1).repeat(size // 4, axis=2)
        fine = rng.integers(-60, 60, (count, size, size))
        fine[:, : coarse.shape[1], : coarse.shape[2]] += coarse
        return np.clip(fine, 0, 255).astype(np.uint8)

    return make
