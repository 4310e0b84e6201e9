"""From TensorFlow Lite's files to programs of our kernels, without TensorFlow.

A file is a flatbuffer (https://flatbuffers.dev/internals) with the tables of TensorFlow's
``schema.fbs``, of which only what detectors of faces need is read: convolutions in fp32, whose
weights may be in half precision, and sparse.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import read_bytes, shortened
from ec_rfernet.kernels import operations
from ec_rfernet.kernels.network import Head, KernelProgram
from ec_rfernet.kernels.operations import (
    Bounds,
    Image,
    Lowered,
    Mix,
    Operation,
    Plane,
    PlaneChannel,
    Tap,
    UnsupportedError,
    Vector,
    Weights,
    Windows,
    assemble,
)

MOST_BYTES = 16 << 20
"""A larger file is refused: the networks have 0.2 to 3 MB."""

MOST_PARTS = 8192
"""Tensors, operators or buffers; the networks have up to 600."""

MOST_VALUES = 1 << 24
"""Of a tensor."""

_KINDS = {
    0: "add", 2: "concatenation", 3: "conv", 4: "depthwise", 5: "depth_to_space",
    6: "dequantize", 17: "max_pool", 19: "relu", 22: "reshape", 23: "resize", 34: "pad",
    124: "densify",
}  # fmt: skip
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 9: np.int8}
_OPTIONS: Mapping[str, tuple[tuple[str, int, str], ...]] = {
    "conv": (("same", 0, "b"), ("stride", 2, "i"), ("relu", 3, "b")),
    "depthwise": (("same", 0, "b"), ("stride", 2, "i"), ("relu", 4, "b")),
    "max_pool": (("same", 0, "b"), ("stride", 2, "i"), ("window", 4, "i"), ("relu", 5, "b")),
    "add": (("relu", 0, "b"),),
    "resize": (("align_corners", 2, "b"), ("half_pixel", 3, "b")),
    "depth_to_space": (("block", 0, "i"),),
}


@dataclass(frozen=True)
class Tensor:
    """What operators read and write.

    Attributes:
        shape: [1, height, width, channels] of images.
        values: of constants, float32 or int32; None for what is computed.
    """

    shape: tuple[int, ...]
    values: np.ndarray | None = None


@dataclass(frozen=True)
class Operator:
    """One step.

    Attributes:
        kind: one of conv, depthwise, max_pool, relu, add, pad, resize, depth_to_space, reshape
            and concatenation.
        inputs, outputs: numbers of tensors.
        options: whole numbers by name.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TfliteNetwork:
    """A network: its tensors, the steps in their order, and what goes in and comes out."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(path: Path) -> TfliteNetwork:
    """A network from a file.

    Raises:
        InputError: it is no such file, damaged, or has operators that are not read.
    """
    data = read_bytes(path, MOST_BYTES)
    if data[4:8] != b"TFL3":
        raise InputError(f"{path}: no network of TensorFlow Lite")
    try:
        return _network(data)
    except (struct.error, IndexError, ValueError, KeyError, TypeError, OverflowError) as error:
        problem = shortened(repr(error), 100)
        raise InputError(f"{path}: damaged, or no network that is known ({problem})") from error


class _Table:
    """A table of a flatbuffer; fields that are missing have their default."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        self._layout = place - self._at(place, "i")
        self._size = self._at(self._layout, "H")

    def _at(self, place: int, kind: str) -> int:
        if place < 0:
            raise ValueError("a table begins before the file")
        return int(struct.unpack_from("<" + kind, self._data, place)[0])

    def has(self, number: int) -> bool:
        return self._field(number) != 0

    def _field(self, number: int) -> int:
        entry = 4 + 2 * number
        return self._at(self._layout + entry, "H") if entry < self._size else 0

    def whole(self, number: int, kind: str = "i") -> int:
        offset = self._field(number)
        return self._at(self._place + offset, kind) if offset else 0

    def _target(self, number: int) -> int:
        place = self._place + self._field(number)
        return place + self._at(place, "I")

    def table(self, number: int) -> _Table:
        return _Table(self._data, self._target(number))

    def tables(self, number: int) -> list[_Table]:
        if not self.has(number):
            return []
        begin = self._target(number)
        count = self._at(begin, "I")
        if count > MOST_PARTS:
            raise ValueError(f"a list of {count} tables")
        places = range(begin + 4, begin + 4 + 4 * count, 4)
        return [_Table(self._data, place + self._at(place, "I")) for place in places]

    def array(self, number: int, kind: Any) -> np.ndarray:
        if not self.has(number):
            return np.zeros(0, kind)
        begin = self._target(number)
        return np.frombuffer(self._data, kind, self._at(begin, "I"), begin + 4)


def _network(data: bytes) -> TfliteNetwork:
    model = _Table(data, struct.unpack_from("<I", data)[0])
    codes = [max(code.whole(0, "b"), code.whole(3)) for code in model.tables(1)]
    graph, buffers = model.tables(2)[0], model.tables(4)
    tensors = [_tensor(tensor, buffers) for tensor in graph.tables(0)]
    operators = []
    for entry in graph.tables(3):
        operator = _operator(entry, _KINDS[codes[entry.whole(0, "I")]])
        if operator.kind in ("dequantize", "densify"):  # constants, as they are used
            tensors[operator.outputs[0]] = tensors[operator.inputs[0]]
        else:
            operators.append(operator)
    inputs, outputs = (tuple(map(int, graph.array(n, np.int32))) for n in (1, 2))
    return TfliteNetwork(tuple(tensors), tuple(operators), inputs, outputs)


def _operator(entry: _Table, kind: str) -> Operator:
    options = {}
    if entry.has(4):
        table = entry.table(4)
        options = {name: table.whole(n, form) for name, n, form in _OPTIONS.get(kind, ())}
    inputs, outputs = (tuple(map(int, entry.array(n, np.int32))) for n in (1, 2))
    return Operator(kind, inputs, outputs, options)


def _tensor(table: _Table, buffers: list[_Table]) -> Tensor:
    shape = tuple(map(int, table.array(0, np.int32)))
    if len(shape) > 8 or min(shape, default=0) < 0 or math.prod(shape) > MOST_VALUES:
        raise ValueError(f"a tensor of shape {shape[:8]}")
    raw = buffers[table.whole(2, "I")].array(0, np.uint8)
    if not len(raw):
        return Tensor(shape)
    kind = _TYPES[table.whole(1, "b")]
    values = raw.view(kind)
    if table.has(6):
        values = _dense(values, shape, table.table(6))
    values = values.reshape(shape)
    return Tensor(shape, values if kind == np.int32 else values.astype(np.float32))


def _dense(values: np.ndarray, shape: tuple[int, ...], sparsity: _Table) -> np.ndarray:
    """The whole of a tensor whose last dimension is in the format CSR, the others dense."""
    last = sparsity.tables(2)[-1]
    segments, indices = (
        last.table(at).array(0, {1: np.int32, 2: np.uint16, 3: np.uint8}[last.whole(kind, "B")])
        for kind, at in ((2, 3), (4, 5))
    )
    counts = segments[1:].astype(np.int64) - segments[:-1]
    rows = np.repeat(np.arange(len(counts)), counts)
    dense = np.zeros((int(np.prod(shape[:-1])), shape[-1]), values.dtype)
    dense[rows, indices] = values
    return dense


# --- from a network to a program --------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """An operator together with those that do not need an operation of their own."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    stride: int = 1
    padding: int | None = None  # pixels before the first one; None: as TensorFlow pads
    relu: bool = False
    added: int | None = None  # what a convolution of 1x1 adds to its result

    @property
    def bounds(self) -> Bounds:
        return (0.0 if self.relu else -math.inf), math.inf


def lower(
    network: TfliteNetwork, least: float = -math.inf
) -> tuple[KernelProgram, list[list[Head]]]:
    """The program of a network that takes a square picture, its channels blue, green, red.

    Args:
        network: with coordinates as its first output, and logits as its second.
        least: coordinates are not needed where the logit is lower. They may be 0 there.

    Returns:
        It, and of each of the network's outputs the parts, in their order.

    Raises:
        UnsupportedError: an operator cannot be expressed in operations.
    """
    try:
        return _BlazeLowering(network).lower(least)
    except (LookupError, AttributeError, ValueError, TypeError, ArithmeticError) as error:
        problem = shortened(repr(error), 100)
        raise UnsupportedError(f"a network that is no BlazeFace ({problem})") from error


class _BlazeLowering:
    def __init__(self, network: TfliteNetwork) -> None:
        self._tensors, self._network = network.tensors, network
        self._made = {step.outputs[0]: step for step in network.operators}
        self._operations: list[Operation] = []
        self._images: dict[int, tuple[Plane, ...]] = {}
        self._steps = _fused(network)
        self._windows: dict[int, Windows] = {}  # that wait for the convolution that reads them

    def lower(self, least: float) -> tuple[KernelProgram, list[list[Head]]]:
        (source,) = self._network.inputs
        size = self._tensors[source].shape[1]
        self._parts, operation = operations.picture(size, 1 / 127.5, -1.0)
        self._operations.append(operation)
        kinds = {
            "conv": self._convolve, "depthwise": self._depthwise, "max_pool": self._pool,
            "add": self._add, "resize": self._enlarge,
        }  # fmt: skip
        ends = [self._ends(output) for output in self._network.outputs]
        late = self._late(ends) if least > -math.inf else {}
        waiting = {step.output for steps in late.values() for step in steps}
        for step in self._steps:
            if step.output not in waiting:
                self._images[step.output] = kinds[step.kind](step)
        heads: list[list[Head]] = []
        count = 0
        for parts in ends:
            heads.append([])
            for name, block in parts:
                _, height, width, planes = self._tensors[name].shape
                heads[-1].append(Head(count, planes, height, width, block))
                if name not in late:
                    self._operations.append(operations.reading(self._images[name], count))
                count += planes * height * width
        for place, (name, _) in enumerate(ends[0]):
            if name in late:
                head, score = heads[0][place], heads[1][place]
                self._regress(*late[name], head.block**2, least, score.begin, head.begin)
        lowered = Lowered(tuple(self._operations), count, Vector(0, count), False)
        return assemble(lowered, size), heads

    def _late(self, ends: list[list[tuple[int, int]]]) -> dict[int, tuple[_Step, _Step]]:
        """Tensors of coordinates that can wait for the logits, and the two steps they take."""
        made = {step.output: step for step in self._steps}
        late = {}
        for (name, block), (score, other) in zip(*ends, strict=True):
            windows = made[name]
            mix = made.get(windows.inputs[0])
            if (
                windows.kind == "depthwise" and windows.stride == 2 and not windows.relu
                and mix is not None and mix.kind == "conv" and mix.stride == 1
                and not mix.relu and mix.added is None and self._mixed(mix.output, "depthwise")
                and block == other and self._tensors[score].shape[3] == block**2
            ):  # fmt: skip
                late[name] = mix, windows
        return late

    def _regress(
        self, mix: _Step, windows: _Step, blocks: int, least: float, scores: int, result: int
    ) -> None:
        sources = self._images[mix.inputs[0]]
        weights, bias = self._constants(mix)
        window_weights, window_bias = self._constants(windows)
        outputs, *kernel, inputs = weights.shape
        size = self._tensors[windows.output].shape[1]
        if kernel != [1, 1] or inputs != len(sources) or window_weights.shape[1:3] != (3, 3):
            raise UnsupportedError(f"coordinates of {weights.shape} and {window_weights.shape}")
        regression = operations.Regression(
            (weights.reshape(outputs, inputs), bias),
            (window_weights[0].transpose(2, 0, 1), window_bias),
            _before(windows, sources[0].height, size, 3),
            blocks,
            least,
        )
        self._operations.append(regression.operation(sources, size, scores, result))

    def _ends(self, name: int, block: int = 1) -> list[tuple[int, int]]:
        """The tensors of which an output consists, with the side of their blocks."""
        step = self._made[name]
        if step.kind == "concatenation":
            return [end for part in step.inputs for end in self._ends(part)]
        if step.kind == "reshape":
            return self._ends(step.inputs[0])
        if step.kind == "depth_to_space":
            return self._ends(step.inputs[0], step.options["block"])
        return [(name, block)]

    def _new(self, step: _Step) -> tuple[Plane, ...]:
        _, height, width, channels = self._tensors[step.output].shape
        return tuple(Plane(height, width, 0) for _ in range(channels))

    def _constants(self, step: _Step) -> tuple[np.ndarray, np.ndarray]:
        weights, bias = (self._tensors[name].values for name in step.inputs[1:3])
        if weights is None or bias is None:
            raise UnsupportedError("weights that are computed")
        return weights, bias

    def _convolve(self, step: _Step) -> tuple[Plane, ...]:
        weights, bias = self._constants(step)
        if step.inputs[0] == self._network.inputs[0]:
            return self._first(step, weights, bias)
        if weights.shape[1:3] != (1, 1) or step.stride != 1:
            raise UnsupportedError(f"a convolution of {weights.shape}")
        targets = self._new(step)
        added: tuple[Plane, ...] = ()
        if step.added is not None:
            added = self._images[step.added]
            if self._is_over(step.added, step):
                targets = added
        mix = Mix(weights.reshape(len(targets), -1), bias, step.bounds, added)
        windows = self._windows.pop(step.inputs[0], None)
        if windows is not None:
            self._operations.append(windows.then(mix, targets))
        else:
            self._operations.append(mix.operation(self._images[step.inputs[0]], targets))
        return targets

    def _is_over(self, name: int, step: _Step) -> bool:
        """Whether nothing but a step's own sum needs the image any more, from the step on."""
        if self._tensors[name].shape != self._tensors[step.output].shape:
            return False
        windows = [other for other in self._steps if other.output == step.inputs[0]]
        later = self._steps[self._steps.index(step) + 1 :]
        reading = [source for other in later for source in (*other.inputs, other.added)]
        sources = [source for other in (step, *windows) for source in other.inputs]
        return name not in (*reading, *sources, *self._network.outputs)

    def _first(self, step: _Step, weights: np.ndarray, bias: np.ndarray) -> tuple[Plane, ...]:
        _, kernel, _, channels = weights.shape
        _, height, width, _ = self._tensors[step.output].shape
        size = self._tensors[step.inputs[0]].shape[1]
        before = _before(step, size, height, kernel)
        if step.stride != 2 or kernel > 5 or before > 2:
            raise UnsupportedError(f"a first convolution of {kernel}x{kernel}, step {step.stride}")
        reads = [
            Tap(
                # The program is given blue first, the network was taught with red first.
                PlaneChannel(
                    self._parts[channels - 1 - channel, (i - before) % 2, (j - before) % 2]
                ),
                (i - before) // 2,
                (j - before) // 2,
                (channel * kernel + i) * kernel + j,
            )
            for channel in range(channels)
            for i in range(kernel)
            for j in range(kernel)
        ]
        image = Image(height, width, (), None)
        result, operation = operations.convolve(
            image, reads, Weights(weights.transpose(0, 3, 1, 2), None), Weights(bias, None),
            step.bounds, None,
        )  # fmt: skip
        self._operations.append(operation)
        return result.planes

    def _depthwise(self, step: _Step) -> tuple[Plane, ...]:
        weights, bias = self._constants(step)
        sources, targets = self._images[step.inputs[0]], self._new(step)
        _, kernel, _, channels = weights.shape
        if kernel != 3 or channels != len(sources):
            raise UnsupportedError(f"a depthwise convolution of {weights.shape}")
        before = _before(step, sources[0].height, targets[0].height, kernel)
        windows = Windows(
            sources, targets[0].height, targets[0].width, weights[0].transpose(2, 0, 1), bias,
            step.stride, before, step.bounds,
        )  # fmt: skip
        if self._mixed(step.output):  # by the operation of the convolution that reads it
            self._windows[step.output] = windows
        else:
            self._operations.append(windows.operation(targets))
        return targets

    def _mixed(self, name: int, kind: str = "conv") -> bool:
        """Whether all that is read of it is read by one step of that kind."""
        readers = [step for step in self._steps if name in (*step.inputs, step.added)]
        return [step.kind for step in readers] == [kind] and readers[0].added != name

    def _pool(self, step: _Step) -> tuple[Plane, ...]:
        sources = self._images[step.inputs[0]]
        targets = tuple(
            Plane(plane.height // 2, plane.width // 2, plane.border) for plane in sources
        )
        self._operations.append(operations.pool(sources, targets, 2, 0, 0))
        return targets

    def _add(self, step: _Step) -> tuple[Plane, ...]:
        left, right = (self._images[name] for name in step.inputs)
        targets = self._new(step)
        images = [
            Image(p[0].height, p[0].width, tuple(map(PlaneChannel, p)), None) for p in (left, right)
        ]
        self._operations.append(operations.add(images[0], images[1], targets, step.bounds, None))
        return targets

    def _enlarge(self, step: _Step) -> tuple[Plane, ...]:
        sources, targets = self._images[step.inputs[0]], self._new(step)
        if targets[0].height != 2 * sources[0].height:
            raise UnsupportedError("an image that is not doubled")
        added = self._images[step.added] if step.added is not None else ()
        self._operations.append(operations.enlarge(sources, targets, added))
        return targets


def _before(step: _Step, size: int, result: int, kernel: int) -> int:
    """How many pixels before the first one the first window begins."""
    if step.padding is not None:
        return step.padding
    return max((result - 1) * step.stride + kernel - size, 0) // 2


def _fused(network: TfliteNetwork) -> list[_Step]:
    """The steps that need operations."""
    readers = Counter(name for step in network.operators for name in step.inputs)
    steps: dict[int, _Step] = {}  # by what they make
    padding: dict[int, tuple[int, int]] = {}  # of tensors: whose they are, and pixels
    for operator in network.operators:
        made, first = operator.outputs[0], operator.inputs[0]
        if operator.kind == "pad":
            values = network.tensors[operator.inputs[1]].values
            # Channels that are added are zero: whoever adds the image finds none.
            padding[made] = (first, 0 if values is None else int(values[1, 0]))
        elif operator.kind == "relu" and readers[first] == 1:
            steps[made] = dataclasses.replace(steps.pop(first), output=made, relu=True)
        elif operator.kind in ("conv", "depthwise", "max_pool", "add", "resize"):
            step = _step(operator, padding)
            late = _waiting(step, steps, readers)
            if late is not None:
                other = step.inputs[0] if step.inputs[1] == late.output else step.inputs[1]
                del steps[late.output]
                step = dataclasses.replace(late, output=made, relu=step.relu, added=other)
            steps[made] = step
        elif operator.kind not in ("reshape", "concatenation", "depth_to_space"):
            raise UnsupportedError(f"operator {operator.kind}")
    return list(steps.values())


def _step(operator: Operator, padding: dict[int, tuple[int, int]]) -> _Step:
    options = operator.options
    sources = [padding.get(name, (name, None)) for name in operator.inputs]
    same = options.get("same", 1) == 0  # TensorFlow's SAME is 0, VALID 1
    before = None if same else sources[0][1] or 0
    return _Step(
        operator.kind,
        tuple(name for name, _ in sources),
        operator.outputs[0],
        options.get("stride", 1) or 1,
        before,
        bool(options.get("relu", 0)),
    )


def _waiting(step: _Step, steps: dict[int, _Step], readers: Counter[int]) -> _Step | None:
    """What an addition can be left to: a convolution of 1x1, or one that enlarges."""
    if step.kind != "add":
        return None
    for name in step.inputs:
        late = steps.get(name)
        if not late or late.relu or readers[name] != 1:
            continue
        if late.kind == "conv" or (late.kind == "resize" and not step.relu):
            return late
    return None
