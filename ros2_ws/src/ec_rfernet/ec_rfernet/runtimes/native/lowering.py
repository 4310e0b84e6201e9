"""From a bundle's networks to programs of our kernels, when the bundle is exported.

A network's layers become operations on planes, and these the words of a program. Importing this
needs onnx, and so does the robot never.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable, Sequence

import numpy as np

from ec_rfernet.bundle import Bundle, forget_others, save
from ec_rfernet.files import staged
from ec_rfernet.kernels import operations
from ec_rfernet.kernels.network import KernelProgram
from ec_rfernet.kernels.operations import (
    Image,
    Lowered,
    Operation,
    Plane,
    PlaneChannel,
    Steps,
    UnsupportedError,
    Vector,
    Weights,
    assemble,
)
from ec_rfernet.runtimes.classifier import network_input
from ec_rfernet.runtimes.native import network_graph
from ec_rfernet.runtimes.native.network_graph import GraphLayer, NetworkGraph, layers_of
from ec_rfernet.runtimes.native.runtime import NETWORKS, NativeClassifier

_CONV_INPUTS = 2
_PLAIN = (("group", 1), ("dilations", (1, 1)))
_POOLS = {((2, 2), (0, 0)), ((3, 3), (1, 1)), ((3, 3), (0, 0))}


def lower(graph: NetworkGraph, size: int, levels: np.ndarray) -> Lowered:
    """The operations that compute a network.

    Args:
        graph: of the network, whose input has three channels.
        size: side of the square input, pixels.
        levels: float32 [256], what the network takes for each grey level; its three
            channels are equal.

    Raises:
        UnsupportedError: a layer cannot be expressed in operations.
    """
    return _Lowering(graph, size, levels).lower()


class _Lowering:
    def __init__(self, graph: NetworkGraph, size: int, levels: np.ndarray) -> None:
        self._graph, self._size, self._levels = graph, size, levels
        self._int8 = bool(graph.steps)
        self._operations: list[Operation] = []
        self._values = 0
        self._results: dict[str, Image | Vector] = {}
        self._copies: dict[tuple[Plane, object], Plane] = {}
        self._kinds: dict[str, Callable[[GraphLayer], Image | Vector]] = {
            "Conv": self._convolution,
            "Gemm": self._dense,
            "MaxPool": self._pool,
            "GlobalAveragePool": self._average,
            "Mul": self._scale,
            "Add": self._addition,
            "Concat": self._joined,
            "HardSigmoid": self._hard_sigmoid,
            "Flatten": self._flat,
        }

    def lower(self) -> Lowered:
        source = self._graph.source
        image, operation = operations.source(self._size, self._levels, self._steps(source))
        self._operations.append(operation)
        self._results[source] = image
        for layer in self._graph.layers:
            if layer.kind == "Split":
                self._split(layer)
            elif layer.kind in self._kinds:
                self._results[layer.outputs[0]] = self._kinds[layer.kind](layer)
            else:
                raise UnsupportedError(f"operator {layer.kind}")
        logits = self._results[self._graph.result]
        if not isinstance(logits, Vector):
            raise UnsupportedError("the output is an image, expected logits")
        return Lowered(tuple(self._operations), self._values, logits, self._int8)

    # --- what layers read -------------------------------------------------------------------

    def _steps(self, name: str) -> Steps | None:
        if self._int8 and name not in self._graph.steps:
            raise UnsupportedError(f"'{name}' is not quantised")
        return self._graph.steps.get(name)

    def _image(self, layer: GraphLayer, position: int = 0) -> Image:
        value = self._results[layer.inputs[position]]
        if not isinstance(value, Image):
            raise UnsupportedError(f"{layer.kind} of numbers, expected an image")
        return value

    def _vector(self, layer: GraphLayer, position: int = 0) -> Vector:
        value = self._results[layer.inputs[position]]
        if not isinstance(value, Vector):
            raise UnsupportedError(f"{layer.kind} of an image, expected numbers")
        return value

    def _new_values(self, count: int) -> Vector:
        vector = Vector(self._values, count)
        self._values += -(-count // 4) * 4  # the gains of whole planes are read
        return vector

    def _clip_is_implied(self, layer: GraphLayer, steps: Steps) -> None:
        """Bytes end where they end; a network is quantised so that its clips are there."""
        lowest, highest = -steps.zero * steps.step, (255 - steps.zero) * steps.step
        if layer.low > lowest + steps.step / 2 or layer.high < highest - steps.step / 2:
            raise UnsupportedError(f"'{layer.outputs[0]}' is clipped within its bytes' range")

    # --- images -----------------------------------------------------------------------------

    def _convolution(self, layer: GraphLayer) -> Image | Vector:
        if isinstance(self._results[layer.inputs[0]], Vector):
            return self._dense(layer)
        image, weights = self._image(layer), layer.constants[1]
        kernel = tuple(weights.values.shape[2:])
        strides = tuple(layer.attributes.get("strides", (1, 1)))
        pads = tuple(layer.attributes.get("pads", (0, 0, 0, 0)))
        group, dilations = (layer.attributes.get(n, d) for n, d in _PLAIN)
        plain = group == 1 and set(dilations) == {1} and pads == (kernel[0] // 2,) * 4
        if not plain or kernel not in ((1, 1), (3, 3)) or strides not in ((1, 1), (2, 2)):
            raise UnsupportedError(
                f"convolution of kernel {kernel}, strides {strides}, pads {pads}, "
                f"group {group}, dilations {dilations}"
            )
        outputs = weights.values.shape[0]
        bias = layer.constants.get(_CONV_INPUTS, Weights(np.zeros(outputs, np.int32)))
        steps = self._steps(layer.outputs[0])
        if steps:
            self._clip_is_implied(layer, steps)
        taps = operations.taps(image, weights.values.shape[1], kernel[0])
        if strides == (2, 2):
            image, taps = self._strided(image, taps)
        result, operation = operations.convolve(
            image, taps, weights, bias, (layer.low, layer.high), steps
        )
        self._operations.append(operation)
        return result

    def _strided(
        self, image: Image, taps: Sequence[operations.Tap]
    ) -> tuple[Image, list[operations.Tap]]:
        """Every other pixel, and the taps that find them: odd ones are in planes of their own."""
        height, width = -(-image.height // 2), -(-image.width // 2)
        found = []
        for tap in taps:
            (row, below), (column, right) = (divmod(step, 2) for step in (tap.row, tap.column))
            key = (below, right)
            plane = self._copies.get((tap.channel.plane, key))
            if plane is None:
                plane = Plane(height, width, tap.channel.plane.border)
                self._copies[tap.channel.plane, key] = plane
                self._operations.append(
                    operations.pool([tap.channel.plane], [plane], 1, below, right)
                )
            channel = PlaneChannel(plane, tap.channel.lane)
            found.append(dataclasses.replace(tap, channel=channel, row=row, column=column))
        return dataclasses.replace(image, height=height, width=width), found

    def _pool(self, layer: GraphLayer) -> Image:
        kernel = tuple(layer.attributes["kernel_shape"])
        pads = tuple(layer.attributes.get("pads", (0, 0, 0, 0)))
        strides = tuple(layer.attributes.get("strides", (1, 1)))
        image = self._requantised(self._image(layer), self._steps(layer.outputs[0]))
        rounds_up = layer.attributes.get("ceil_mode", 0)
        same = pads[:2] == pads[2:] and strides == (2, 2) and not rounds_up
        if not same or (kernel, pads[:2]) not in _POOLS:
            raise UnsupportedError(f"pool of kernel {kernel}, strides {strides}, pads {pads}")
        if any(pads) and not image.never_below_border:
            raise UnsupportedError(f"pool '{layer.outputs[0]}' of numbers below its border")
        height, width = (
            (side + 2 * pads[0] - kernel[0]) // 2 + 1 for side in (image.height, image.width)
        )
        planes = [Plane(height, width, plane.border) for plane in image.planes]
        self._operations.append(
            operations.pool(image.planes, planes, kernel[0], -pads[0], -pads[1])
        )
        return image.on(planes)

    def _joined(self, layer: GraphLayer) -> Image:
        if layer.attributes.get("axis") != 1:
            raise UnsupportedError("Concat of other than channels")
        steps = self._steps(layer.outputs[0])
        images = [self._requantised(self._image(layer, i), steps) for i in range(len(layer.inputs))]
        return operations.join(images)

    def _split(self, layer: GraphLayer) -> None:
        image = self._image(layer)
        sizes = layer.constants.get(1)
        if layer.attributes.get("axis") != 1 or sizes is None:
            raise UnsupportedError("Split of other than channels into known numbers")
        start = 0
        for name, size in zip(layer.outputs, sizes.values.tolist(), strict=True):
            part = dataclasses.replace(image, channels=image.channels[start : start + size])
            self._results[name] = self._requantised(part, self._steps(name))
            start += size

    def _requantised(self, image: Image, steps: Steps | None) -> Image:
        """The image in bytes of another meaning; the planes are converted once for each."""
        if image.steps == steps or not (image.steps and steps):
            return image
        copies = []
        for plane in image.planes:
            copy = self._copies.get((plane, steps))
            if copy is None:
                copy = self._copies[plane, steps] = operations.like(plane, steps)
                self._operations.append(operations.scale([plane], [copy], image.steps, steps))
            copies.append(copy)
        return dataclasses.replace(image.on(copies), steps=steps)

    def _scale(self, layer: GraphLayer) -> Image:
        position = int(isinstance(self._results[layer.inputs[0]], Vector))
        image, gains = self._image(layer, position), self._vector(layer, 1 - position)
        steps = self._steps(layer.outputs[0])
        if not image.is_whole or gains.count != len(image.channels):
            raise UnsupportedError(f"Mul of {len(image.channels)} channels, {gains.count} numbers")
        planes = [operations.like(plane, steps) for plane in image.planes]
        self._operations.append(
            operations.scale(image.planes, planes, image.steps, steps, gains.first)
        )
        return dataclasses.replace(image.on(planes), steps=steps, never_below_border=False)

    def _addition(self, layer: GraphLayer) -> Image:
        if len(layer.inputs) != len(("left", "right")):
            raise UnsupportedError("Add of a constant")
        left, right = self._image(layer), self._image(layer, 1)
        steps = self._steps(layer.outputs[0])
        if steps:
            self._clip_is_implied(layer, steps)
        shapes = {(i.height, i.width, len(i.channels)) for i in (left, right)}
        if not (left.is_whole and right.is_whole and len(shapes) == 1):
            raise UnsupportedError(f"Add of images of different shapes {sorted(shapes)}")
        planes = [operations.like(plane, steps) for plane in left.planes]
        self._operations.append(operations.add(left, right, planes, (layer.low, layer.high), steps))
        nonnegative = steps.zero == 0 if steps else layer.low >= 0
        return dataclasses.replace(left.on(planes), steps=steps, never_below_border=nonnegative)

    # --- numbers ----------------------------------------------------------------------------

    def _average(self, layer: GraphLayer) -> Vector:
        image = self._image(layer)
        if not image.is_whole:
            raise UnsupportedError("GlobalAveragePool of a part of an image")
        result = self._new_values(len(image.channels))
        self._operations.append(
            operations.average(image, result.first, self._steps(layer.outputs[0]))
        )
        return result

    def _dense(self, layer: GraphLayer) -> Vector:
        source, weights = self._vector(layer), layer.constants[1].numbers
        if layer.kind == "Gemm":
            wanted = {"alpha": 1.0, "beta": 1.0, "transB": 1}
            if {name: layer.attributes.get(name) for name in wanted} != wanted:
                raise UnsupportedError(f"Gemm with {dict(layer.attributes)}, expected {wanted}")
        weights = weights.reshape(weights.shape[0], -1)
        if weights.shape[1] != source.count:
            raise UnsupportedError(f"{layer.kind} of {source.count}, expected {weights.shape[1]}")
        result = self._new_values(len(weights))
        bias = layer.constants.get(_CONV_INPUTS, Weights(np.zeros(len(weights)))).numbers
        steps, bounds = self._steps(layer.outputs[0]), (layer.low, layer.high)
        self._operations.append(
            operations.dense(source.first, result.first, weights, bias, bounds, steps)
        )
        return result

    def _hard_sigmoid(self, layer: GraphLayer) -> Vector:
        source = self._vector(layer)
        result = self._new_values(source.count)
        slope, offset = (layer.attributes.get(n, d) for n, d in (("alpha", 0.2), ("beta", 0.5)))
        bounds, steps = (max(0.0, layer.low), min(1.0, layer.high)), self._steps(layer.outputs[0])
        self._operations.append(
            operations.line(source.first, result.first, source.count, slope, offset, bounds, steps)
        )
        return result

    def _flat(self, layer: GraphLayer) -> Vector:
        vector = self._vector(layer)
        before, after = (self._steps(name) for name in (layer.inputs[0], layer.outputs[0]))
        if before == after:
            return vector
        result = self._new_values(vector.count)
        bounds = (-math.inf, math.inf)
        self._operations.append(
            operations.line(vector.first, result.first, vector.count, 1.0, 0.0, bounds, after)
        )
        return result


# Programs: what the kernels of ec_rfernet_native compute, as words of 32 bits.


def add_programs(bundle: Bundle) -> Bundle:
    """Writes the programs of a bundle beside the networks that they are made of.

    They appear together with the manifest that names them, or not at all.

    Returns:
        The bundle as it is now: with the programs' sha256, and with why there is none.

    Raises:
        InputError: one of the bundle's networks is damaged.
        OSError: the folder cannot be written.
    """
    with staged(bundle.folder) as folder:
        for name in bundle.sha256:
            if bundle.file(name).exists():
                shutil.copyfile(bundle.file(name), folder / name)
        written = save(write_programs(dataclasses.replace(bundle, folder=folder)))
    return forget_others(dataclasses.replace(written, folder=bundle.folder))


def write_programs(bundle: Bundle) -> Bundle:
    """Writes the programs of a bundle's networks into its folder, but not its manifest.

    Returns:
        The bundle, with why there is no program of one of its networks.

    Raises:
        InputError: one of the bundle's networks is damaged.
        OSError: the folder cannot be written.
    """
    reasons = {}
    for precision, name in NETWORKS.items():
        place = bundle.file(NativeClassifier.files[precision])
        place.unlink(missing_ok=True)
        if not bundle.file(name).exists():
            continue
        try:
            program(bundle, precision).write(place)
        except UnsupportedError as error:
            reasons[precision] = str(error)
    return dataclasses.replace(bundle, not_lowered=reasons)


def program(bundle: Bundle, precision: str) -> KernelProgram:
    """The program of a bundle's network, made anew.

    Raises:
        UnsupportedError: the kernels do not compute such a network.
        InputError: the bundle's file is damaged.
    """
    graph = network_graph.read(bundle.file(NETWORKS[precision]))
    if graph.takes_pixels:
        raise UnsupportedError("a network that takes pixels, expected one that takes numbers")
    try:
        layers = layers_of(graph)
        if bool(layers.steps) != (precision == "int8"):
            raise UnsupportedError(f"a network that is not in {precision}")
        return assemble(lower(layers, bundle.input_size, _levels(bundle)), bundle.input_size)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedError(f"a graph that is not whole: {error!r}") from error


def _levels(bundle: Bundle) -> np.ndarray:
    """What the network takes for each grey level, float32 [256]."""
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    return network_input(ramp, bundle)[0, 0].reshape(-1)
