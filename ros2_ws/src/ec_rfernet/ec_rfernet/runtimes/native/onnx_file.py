"""Reads ONNX files, without the package onnx, which the robot does not have.

The format is Protocol Buffers, see https://onnx.ai/onnx/repo-docs/IR.html and
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError

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
