"""A network as layers: constants resolved, activations and quantisation at what they belong to."""

from __future__ import annotations

import dataclasses
import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError

# ----------------------------------------------------------------------
# Reads ONNX files, without the package onnx, which the robot does not have.
#
# The format is Protocol Buffers, see https://onnx.ai/onnx/repo-docs/IR.html and
# https://protobuf.dev/programming-guides/encoding.

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 11: np.float64}
_UINT8 = 2


@dataclass(frozen=True)
class Node:
    """One operator: its kind, the names of its tensors, and its attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class OnnxGraph:
    """A network of one input and one output.

    Attributes:
        nodes: in the order in which they are computed.
        constants: tensors that are known, by name.
        source: name of the input.
        takes_pixels: whether the input is whole numbers.
        result: name of the output.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    source: str
    takes_pixels: bool
    result: str


def read(path: Path) -> OnnxGraph:
    """The graph of an ONNX file.

    Raises:
        InputError: it is not an ONNX file, or holds what no network of ours holds.
    """
    try:
        model = _Message(path.read_bytes())
        return _graph(model.message(7))
    except (
        OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error,
    ) as error:  # fmt: skip
        raise InputError(f"{path}: not a network that can be run ({error})") from error


class _Message:
    """The fields of a message, by number."""

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[Any]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def all(self, number: int) -> list[Any]:
        return self._fields.get(number, [])

    def last(self, number: int, default: Any) -> Any:
        return self._fields.get(number, [default])[-1]

    def text(self, number: int) -> str:
        return self.last(number, b"").decode("utf-8")

    def message(self, number: int) -> _Message:
        return _Message(self.last(number, b""))

    def messages(self, number: int) -> list[_Message]:
        return [_Message(data) for data in self.all(number)]

    def whole(self, number: int) -> list[int]:
        """Repeated whole numbers, packed or not."""
        values: list[int] = []
        for value in self.all(number):
            values += [_signed(value)] if isinstance(value, int) else _packed(value)
        return values


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and values of the fields."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"field of kind {kind} at byte {at}")
        if at + size > len(data):
            raise ValueError(f"ends within a field at byte {at}")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _packed(data: bytes) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(_signed(value))
    return values


def _graph(graph: _Message) -> OnnxGraph:
    nodes = tuple(
        Node(
            node.text(4),
            tuple(name.decode("utf-8") for name in node.all(1)),
            tuple(name.decode("utf-8") for name in node.all(2)),
            {attribute.text(1): _attribute(attribute) for attribute in node.messages(5)},
        )
        for node in graph.messages(1)
    )
    constants = {tensor.text(8): _tensor(tensor) for tensor in graph.messages(5)}
    sources = [value for value in graph.messages(11) if value.text(1) not in constants]
    results = graph.messages(12)
    if len(sources) != 1 or len(results) != 1:
        raise ValueError(f"{len(sources)} inputs and {len(results)} outputs, expected one each")
    takes_pixels = sources[0].message(2).message(1).last(1, 0) == _UINT8
    return OnnxGraph(nodes, constants, sources[0].text(1), takes_pixels, results[0].text(1))


def _attribute(attribute: _Message) -> Any:
    kind = attribute.last(20, 0)
    if kind == 1:
        return struct.unpack("<f", attribute.last(2, b"\0\0\0\0"))[0]
    if kind == 2:
        return _signed(attribute.last(3, 0))
    if kind == 4:
        return _tensor(attribute.message(5))
    if kind == 7:
        return tuple(attribute.whole(8))
    return attribute.last(4, b"")


def _tensor(tensor: _Message) -> np.ndarray:
    kind = tensor.last(2, 0)
    if kind not in _TYPES:
        raise ValueError(f"tensor '{tensor.text(8)}' is of type {kind}")
    shape = tensor.whole(1)
    if tensor.all(9):
        return np.frombuffer(tensor.last(9, b""), _TYPES[kind]).reshape(shape)
    if kind == 1:
        return np.frombuffer(b"".join(tensor.all(4)), np.float32).reshape(shape)
    whole = tensor.whole(7) if kind == 7 else tensor.whole(5)
    return np.array(whole).astype(_TYPES[kind]).reshape(shape)


# ----------------------------------------------------------------------


class UnsupportedError(InputError):
    """A network has something that the kernels do not compute; the message says what."""


@dataclass(frozen=True)
class Steps:
    """What a byte stands for: (byte - zero) * step."""

    step: float
    zero: int


@dataclass(frozen=True)
class Weights:
    """A constant.

    Attributes:
        values: as they are stored: numbers, or bytes.
        steps: of bytes: of each output, or one for all; None for numbers.
    """

    values: np.ndarray
    steps: np.ndarray | None = None

    @property
    def numbers(self) -> np.ndarray:
        """What the values stand for, float64."""
        values = self.values.astype(np.float64)
        if self.steps is None:
            return values
        return values * self.steps.reshape(-1, *[1] * (values.ndim - 1))


@dataclass(frozen=True)
class GraphLayer:
    """One operator.

    Attributes:
        kind: of the operator, as in ONNX.
        inputs: names of the tensors that are computed.
        outputs: names of the results.
        constants: the inputs that are known, by their position.
        attributes: as in ONNX.
        low, high: the result is clipped to.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[int, Weights] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class NetworkGraph:
    """A network of layers.

    Attributes:
        layers: in the order in which they are computed.
        steps: how tensors are written in bytes, by name; empty in fp32.
        source, result: names of the input and of the output.
    """

    layers: tuple[GraphLayer, ...]
    steps: Mapping[str, Steps]
    source: str
    result: str


def layers_of(graph: OnnxGraph) -> NetworkGraph:
    """The layers of an ONNX graph.

    Raises:
        UnsupportedError: a tensor is written in bytes in more than one way, or a constant is
            not where one is expected.
    """
    return _Reader(graph).read()


class _Reader:
    def __init__(self, graph: OnnxGraph) -> None:
        self._graph = graph
        self._constants = {name: Weights(value) for name, value in graph.constants.items()}
        self._names: dict[str, str] = {}  # what a tensor is a copy of
        self._steps: dict[str, Steps] = {}
        self._layers: list[GraphLayer] = []
        self._makers: dict[str, int] = {}
        self._readers = Counter(name for node in graph.nodes for name in node.inputs)

    def read(self) -> NetworkGraph:
        for node in self._graph.nodes:
            if node.kind == "Constant":
                self._constants[node.outputs[0]] = Weights(node.attributes["value"])
            elif node.kind == "Identity":
                self._copy(node)
            elif node.kind == "QuantizeLinear":
                self._quantise(node)
            elif node.kind == "DequantizeLinear":
                self._dequantise(node)
            elif node.kind in ("Clip", "Relu"):
                self._activate(node)
            else:
                self._add(node)
        result = self._name(self._graph.result)
        return NetworkGraph(tuple(self._layers), self._steps, self._graph.source, result)

    def _name(self, name: str) -> str:
        return self._names.get(name, name)

    def _constant(self, name: str) -> Weights:
        if name not in self._constants:
            raise UnsupportedError(f"'{name}' is computed, expected a constant")
        return self._constants[name]

    def _add(self, node: Node) -> None:
        constants = {
            position: self._constants[name]
            for position, name in enumerate(node.inputs)
            if name in self._constants
        }
        inputs = tuple(self._name(n) for n in node.inputs if n and n not in self._constants)
        for name in node.outputs:
            self._makers[name] = len(self._layers)
        self._layers.append(GraphLayer(node.kind, inputs, node.outputs, constants, node.attributes))

    def _copy(self, node: Node) -> None:
        """Another name; PyTorch gives constants that are equal a second one."""
        (source,), (output,) = node.inputs, node.outputs
        if source in self._constants:
            self._constants[output] = self._constants[source]
        else:
            self._names[output] = self._name(source)

    def _quantise(self, node: Node) -> None:
        name = self._name(node.inputs[0])
        step, zero = (self._constant(other).values for other in node.inputs[1:3])
        if step.size != 1 or zero.dtype != np.uint8:
            raise UnsupportedError(f"'{name}' is quantised other than in unsigned bytes")
        steps = Steps(float(step.reshape(-1)[0]), int(zero.reshape(-1)[0]))
        if self._steps.setdefault(name, steps) != steps:
            raise UnsupportedError(f"'{name}' is quantised in two ways")
        self._names[node.outputs[0]] = name

    def _dequantise(self, node: Node) -> None:
        source, (output,) = node.inputs[0], node.outputs
        if source not in self._constants:
            self._names[output] = self._name(source)
            return
        if len(node.inputs) > 2 and self._constant(node.inputs[2]).values.any():
            raise UnsupportedError(f"weights '{source}' have a zero point")
        steps = self._constant(node.inputs[1]).values.astype(np.float64)
        self._constants[output] = Weights(self._constants[source].values, steps)

    def _activate(self, node: Node) -> None:
        """Clips the result of the layer before."""
        source, (output,) = self._name(node.inputs[0]), node.outputs
        low, high = 0.0, math.inf
        if node.kind == "Clip":
            bounds = [float(self._constant(name).values.reshape(-1)[0]) for name in node.inputs[1:]]
            low, high = bounds if len(bounds) == 2 else (-math.inf, math.inf)
        maker = self._makers.get(source)
        if maker is None or source in self._steps or self._readers[source] != 1:
            raise UnsupportedError(f"{node.kind} of '{source}', which is used elsewhere too")
        before = self._layers[maker]
        self._layers[maker] = dataclasses.replace(before, outputs=(output,), low=low, high=high)
        self._makers[output] = maker
