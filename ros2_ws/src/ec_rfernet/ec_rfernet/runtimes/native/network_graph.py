"""An ONNX network as layers.

Constants are resolved; activations and quantisation stand at the layers that they belong to.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.numpy_helper import to_array

from ec_rfernet.errors import InputError
from ec_rfernet.kernels.operations import Steps, UnsupportedError, Weights


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
        InputError: it is not an ONNX file, or not of one input and one output.
    """
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
        constants = {tensor.name: to_array(tensor) for tensor in graph.initializer}
        sources = [value for value in graph.input if value.name not in constants]
        (source,), (result,) = sources, graph.output
        nodes = tuple(
            Node(
                node.op_type,
                tuple(node.input),
                tuple(node.output),
                {attribute.name: _value(attribute) for attribute in node.attribute},
            )
            for node in graph.node
        )
    except Exception as error:  # those of onnx and protobuf share no base class
        problem = " ".join(str(error).split())
        raise InputError(f"{path}: not a network that can be run ({problem})") from error
    takes_pixels = source.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    return OnnxGraph(nodes, constants, source.name, takes_pixels, result.name)


def _value(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return to_array(value)
    return tuple(value) if attribute.type == onnx.AttributeProto.INTS else value


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
    return _GraphReader(graph).read()


class _GraphReader:
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
