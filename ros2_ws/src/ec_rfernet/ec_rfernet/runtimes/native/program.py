"""Programs: what the kernels of ec_rfernet_native compute, as words of 32 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ec_rfernet.bundle import INT8, ONNX, Bundle
from ec_rfernet.runtimes.classifier import network_input
from ec_rfernet.runtimes.native import onnx_file
from ec_rfernet.runtimes.native.lowering import Lowered, lower
from ec_rfernet.runtimes.native.network_graph import UnsupportedError, layers_of
from ec_rfernet.runtimes.native.planes import Field, Plane, arrange

_MAGIC, _VERSION = 0x45435246, 1
_SIZE, _LABELS = 5, 6  # where they are among the words


@dataclass(frozen=True)
class Program:
    """What computes a bundle's network.

    Attributes:
        words: int32, as ``parser.cpp`` reads them.
    """

    words: np.ndarray

    @property
    def size(self) -> int:
        """Side of the square input, pixels."""
        return int(self.words[_SIZE])

    @property
    def labels(self) -> int:
        """Number of logits."""
        return int(self.words[_LABELS])


def program(bundle: Bundle, precision: str) -> Program:
    """The program of a bundle in a precision.

    Raises:
        UnsupportedError: the kernels do not compute such a network.
        InputError: the bundle's file is damaged.
    """
    graph = onnx_file.read(bundle.file(INT8 if precision == "int8" else ONNX))
    if graph.takes_pixels:
        raise UnsupportedError("a network that takes pixels, expected one that takes numbers")
    try:
        layers = layers_of(graph)
        if bool(layers.steps) != (precision == "int8"):
            raise UnsupportedError(f"a network that is not in {precision}")
        return assemble(lower(layers, bundle.input_size, _levels(bundle)), bundle.input_size)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedError(f"a graph that is not whole: {error!r}") from error


def assemble(lowered: Lowered, size: int) -> Program:
    """Operations, with their planes at places in memory."""
    places, memory = arrange(lowered.operations)
    logits = lowered.logits
    head = (
        _MAGIC, _VERSION, int(lowered.int8), memory, lowered.values, size, logits.count,
        logits.first,
    )  # fmt: skip
    parts = [np.array(head, np.int32)]
    for operation in lowered.operations:
        parts.append(np.array([operation.code], np.int32))
        parts += [_words(field, places) for field in operation.fields]
    return Program(np.concatenate(parts))


def _levels(bundle: Bundle) -> np.ndarray:
    """What the network takes for each grey level, float32 [256]."""
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    return network_input(ramp, bundle)[0, 0].reshape(-1)


def _words(field: Field, places: Mapping[Plane, int]) -> np.ndarray:
    if isinstance(field, tuple):
        return np.array([places[place.plane] + place.shift for place in field], np.int32)
    if isinstance(field, np.ndarray):
        return np.ascontiguousarray(field).reshape(-1).view(np.int32)
    return np.array([field], np.float32 if isinstance(field, float) else np.int32).view(np.int32)
