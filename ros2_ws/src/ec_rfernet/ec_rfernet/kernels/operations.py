"""The operations of a program, written as ``parser.cpp`` of ec_rfernet_native reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.kernels.network import MAGIC, VERSION, KernelProgram


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


# Planes of pixels in memory, as ``operations.hpp`` of ec_rfernet_native describes them.

_ALIGN = 16
_SLACK = 1024  # elements that may be read, but not written, behind the last plane


@dataclass(frozen=True, eq=False)
class Plane:
    """One element a pixel, with a border around.

    Attributes:
        height, width: pixels.
        border: the element around, as a whole number of 32 bits.
    """

    height: int
    width: int
    border: int

    @property
    def stride(self) -> int:
        """Elements from a pixel to the one below."""
        return self.width + 1

    @property
    def lead(self) -> int:
        """Elements before the first pixel."""
        return _round_up(self.stride + 1)

    @property
    def size(self) -> int:
        """Elements, with all borders."""
        return self.lead + _round_up(self.height * self.stride) + _round_up(self.stride + 1)


@dataclass(frozen=True)
class Place:
    """A pixel of a plane: the first one, or the one ``shift`` elements from it."""

    plane: Plane
    shift: int = 0


Field = int | float | np.ndarray | tuple[Place, ...]
"""What an operation is written with; arrays are float32 or int32."""


@dataclass(frozen=True)
class Operation:
    """One operation of a program.

    Attributes:
        code: of its kind, as in ``parser.cpp``.
        fields: in the order in which they are written.
        writes: the planes that it computes; also such as were computed before, which it changes.
    """

    code: int
    fields: Sequence[Field]
    writes: tuple[Plane, ...] = ()

    def planes(self) -> set[Plane]:
        """All planes that it reads or writes."""
        return {place.plane for field in self.fields if isinstance(field, tuple) for place in field}


def arrange(operations: Sequence[Operation]) -> tuple[dict[Plane, int], int]:
    """Where in memory each plane begins, and how much there must be.

    The planes of one operation lie together, where there is room as soon as possible after
    those that are not read any more.

    Returns:
        The element of the first pixel, by plane; the number of elements of all.
    """
    last = {plane: number for number, op in enumerate(operations) for plane in op.planes()}
    places: dict[Plane, int] = {}
    taken: list[tuple[int, int, int]] = []  # begin, end, and the last operation that reads it
    memory = 0
    for number, operation in enumerate(operations):
        writes = [plane for plane in operation.writes if plane not in places]
        if not writes:
            continue
        taken = [block for block in taken if block[2] >= number]
        size = sum(plane.size for plane in writes)
        begin = 0
        for start, end, _ in sorted(taken):
            if start - begin >= size:
                break
            begin = end
        taken.append((begin, begin + size, max(last[plane] for plane in writes)))
        memory = max(memory, begin + size)
        for plane in writes:
            places[plane] = begin + plane.lead
            begin += plane.size
    return places, memory + _SLACK


def _round_up(elements: int) -> int:
    return -(-elements // _ALIGN) * _ALIGN


_INPUT, _CONVOLVE, _POOL, _AVERAGE, _SCALE, _ADD, _DENSE, _LINE = range(8)
_PICTURE, _DEPTHWISE, _POINTWISE, _ENLARGE, _READING, _SEPARABLE, _REGRESSION = range(8, 15)

_LANES = 4
_MOST_WEIGHT = 64  # of int8, so that no kernel's sum of two products exceeds 16 bits

Bounds = tuple[float, float]


@dataclass(frozen=True)
class PlaneChannel:
    """One channel of an image: a plane, and in int8 which byte of its elements."""

    plane: Plane
    lane: int = 0


@dataclass(frozen=True)
class Image:
    """Channels of the same size.

    Attributes:
        height, width: pixels.
        channels: in their order, in any planes.
        steps: what their bytes stand for; None in fp32.
        never_below_border: whether no pixel is less than the border, which is zero.
    """

    height: int
    width: int
    channels: tuple[PlaneChannel, ...]
    steps: Steps | None
    never_below_border: bool = False

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The planes that hold the channels, in the order in which these begin."""
        return tuple(dict.fromkeys(channel.plane for channel in self.channels))

    @property
    def is_whole(self) -> bool:
        """Whether the channels are those of the planes, all of them, in their order."""
        lanes = _LANES if self.steps else 1
        planes = self.planes
        return all(
            channel == PlaneChannel(planes[number // lanes], number % lanes)
            for number, channel in enumerate(self.channels)
        )

    def on(self, planes: Sequence[Plane]) -> Image:
        """The image on other planes, given in the order of `planes`."""
        moved = dict(zip(self.planes, planes, strict=True))
        return dataclasses.replace(
            self,
            height=planes[0].height,
            width=planes[0].width,
            channels=tuple(PlaneChannel(moved[c.plane], c.lane) for c in self.channels),
        )


@dataclass(frozen=True)
class Tap:
    """What a convolution reads: a channel, rows below and columns right of the pixel itself.

    Attributes:
        channel, row, column: what is read.
        weight: index of the weights, in [inputs, kernel, kernel] made flat.
    """

    channel: PlaneChannel
    row: int
    column: int
    weight: int


def border(steps: Steps | None) -> int:
    """The element that stands for zero in all channels."""
    return _word(steps.zero * 0x01010101) if steps else 0


def like(plane: Plane, steps: Steps | None) -> Plane:
    """A plane of the same size, whose elements mean something else."""
    return Plane(plane.height, plane.width, border(steps))


def join(images: Sequence[Image]) -> Image:
    """All channels of images of the same size."""
    if len({(image.height, image.width) for image in images}) != 1:
        raise UnsupportedError("Concat of images of different sizes")
    return dataclasses.replace(
        images[0],
        channels=tuple(channel for image in images for channel in image.channels),
        never_below_border=all(image.never_below_border for image in images),
    )


def source(size: int, levels: np.ndarray, steps: Steps | None) -> tuple[Image, Operation]:
    """The input, three equal channels.

    In fp32 they are one channel, whose weights add up. In int8 weights that add up would not
    be bytes any more; there the channels are bytes of the same elements, which costs no more.
    """
    if steps is None:
        elements = levels.astype(np.float32).view(np.int32)
    else:
        bytes_ = np.clip(np.rint(levels / np.float32(steps.step)) + steps.zero, 0, 255)
        elements = (bytes_.astype(np.uint32) * np.uint32(0x01010101)).view(np.int32)
    plane = Plane(size, size, border(steps))
    channels = tuple(PlaneChannel(plane, lane if steps else 0) for lane in range(3))
    operation = Operation(_INPUT, (plane.border, (Place(plane),), elements), (plane,))
    return Image(size, size, channels, steps), operation


def taps(image: Image, inputs: int, kernel: int) -> list[Tap]:
    """What a convolution of a square kernel reads, in the order of its weights."""
    if inputs != len(image.channels):
        raise UnsupportedError(f"convolution of {len(image.channels)} channels, expected {inputs}")
    reach = kernel // 2
    return [
        Tap(channel, row - reach, column - reach, (number * kernel + row) * kernel + column)
        for number, channel in enumerate(image.channels)
        for row in range(kernel)
        for column in range(kernel)
    ]


def convolve(
    image: Image,
    reads: Sequence[Tap],
    weights: Weights,
    bias: Weights,
    bounds: Bounds,
    steps: Steps | None,
) -> tuple[Image, Operation]:
    """A convolution.

    Args:
        image: what is read; its height and width are the result's.
        reads: what is multiplied with the weights.
        weights: [outputs, inputs, kernel, kernel].
        bias: [outputs].
        bounds: the result is clipped to; in int8 it is by its steps.
        steps: of the result.
    """
    outputs = len(weights.values)
    width = outputs if steps is None else -(-outputs // _LANES) * _LANES
    flat = np.zeros((width, weights.values[0].size), weights.values.dtype)
    flat[:outputs] = weights.values.reshape(outputs, -1)
    rows: dict[Place, list[Tap]] = {}
    for tap in reads:
        shift = tap.row * (image.width + 1) + tap.column
        rows.setdefault(Place(tap.channel.plane, shift), []).append(tap)
    numbers = np.zeros(width, np.int32 if steps else np.float32)
    scales = np.zeros(width, np.float32)
    if steps and image.steps:
        words = _byte_weights(flat, list(rows.values()))
        numbers[:outputs] = bias.values - image.steps.zero * flat[:outputs].astype(np.int64).sum(1)
        assert weights.steps is not None
        scales[:outputs] = image.steps.step * weights.steps / steps.step
        bounds = (0.0, 0.0)
    else:
        sums = [flat[:, [tap.weight for tap in row]].sum(1, np.float64) for row in rows.values()]
        words = np.array(sums, np.float32)
        numbers[:] = bias.values
    lanes = _LANES if steps else 1
    planes = tuple(Plane(image.height, image.width, border(steps)) for _ in range(width // lanes))
    fields: tuple[Field, ...] = (
        image.height, image.width, border(steps), len(rows), width, *map(float, bounds),
        float(steps.zero if steps else 0), tuple(rows), _places(planes), words, numbers, scales,
    )  # fmt: skip
    channels = tuple(PlaneChannel(planes[n // lanes], n % lanes) for n in range(outputs))
    nonnegative = steps.zero == 0 if steps else bounds[0] >= 0
    result = Image(image.height, image.width, channels, steps, nonnegative)
    return result, Operation(_CONVOLVE, fields, planes)


def _byte_weights(flat: np.ndarray, rows: Sequence[Sequence[Tap]]) -> np.ndarray:
    """Words [rows, outputs] of four weights each; what no tap reads weighs nothing."""
    if flat.dtype != np.int8 or np.abs(flat.astype(np.int16)).max() > _MOST_WEIGHT:
        raise UnsupportedError(f"weights beyond -{_MOST_WEIGHT}..{_MOST_WEIGHT}, expected 7 bits")
    found = np.zeros((len(rows), len(flat), _LANES), np.int8)
    for number, row in enumerate(rows):
        if len({tap.channel.lane for tap in row}) != len(row):
            raise UnsupportedError("a convolution that reads a channel twice")
        for tap in row:
            found[number, :, tap.channel.lane] = flat[:, tap.weight]
    return found.view("<i4").reshape(len(rows), len(flat))


def pool(
    sources: Sequence[Plane], targets: Sequence[Plane], window: int, top: int, left: int
) -> Operation:
    """The largest of windows two pixels apart, the first from (top, left) on."""
    before, after = sources[0], targets[0]
    fields: tuple[Field, ...] = (
        before.height, before.width, after.height, after.width, after.border, window, top, left,
        len(sources), _places(sources), _places(targets),
    )  # fmt: skip
    return Operation(_POOL, fields, tuple(targets))


def scale(
    sources: Sequence[Plane],
    targets: Sequence[Plane],
    before: Steps | None,
    after: Steps | None,
    gains: int = -1,
) -> Operation:
    """Planes times gains, the values from the index ``gains`` on, or 1."""
    ratio, zero, new_zero = 1.0, 0, 0
    if before and after:
        ratio, zero, new_zero = before.step / after.step, before.zero, after.zero
    plane = targets[0]
    fields: tuple[Field, ...] = (
        plane.height, plane.width, plane.border, len(sources), gains, ratio, float(zero),
        float(new_zero), _places(sources), _places(targets),
    )  # fmt: skip
    return Operation(_SCALE, fields, tuple(targets))


def add(
    left: Image, right: Image, targets: Sequence[Plane], bounds: Bounds, steps: Steps | None
) -> Operation:
    """The sum of two images."""
    ratios, offset = (1.0, 1.0), 0.0
    if steps and left.steps and right.steps:
        ratios = left.steps.step / steps.step, right.steps.step / steps.step
        offset = steps.zero - left.steps.zero * ratios[0] - right.steps.zero * ratios[1]
        bounds = (0.0, 255.0)
    plane = targets[0]
    fields: tuple[Field, ...] = (
        plane.height, plane.width, plane.border, len(targets), *ratios, offset,
        *map(float, bounds), _places(left.planes), _places(right.planes), _places(targets),
    )  # fmt: skip
    return Operation(_ADD, fields, tuple(targets))


def average(image: Image, result: int, steps: Steps | None) -> Operation:
    """The mean of each channel."""
    step, zero = (image.steps.step, image.steps.zero) if image.steps else (1.0, 0)
    fields: tuple[Field, ...] = (
        image.height, image.width, len(image.planes), float(step), float(zero),
        *_rounding(steps), result, _places(image.planes),
    )  # fmt: skip
    return Operation(_AVERAGE, fields)


def dense(
    first: int,
    result: int,
    weights: np.ndarray,
    bias: np.ndarray,
    bounds: Bounds,
    steps: Steps | None,
) -> Operation:
    """Weights [outputs, inputs] times values, plus a bias."""
    outputs, inputs = weights.shape
    fields: tuple[Field, ...] = (
        inputs, first, outputs, result, *map(float, bounds), *_rounding(steps),
        weights.astype(np.float32), bias.astype(np.float32),
    )  # fmt: skip
    return Operation(_DENSE, fields)


def line(
    first: int,
    result: int,
    count: int,
    slope: float,
    offset: float,
    bounds: Bounds,
    steps: Steps | None,
) -> Operation:
    """Slope times value plus offset, clipped."""
    fields: tuple[Field, ...] = (
        count, first, result, float(slope), float(offset), *map(float, bounds), *_rounding(steps),
    )  # fmt: skip
    return Operation(_LINE, fields)


# --- of fp32 only: detectors of faces ----------------------------------------------------------


def picture(
    size: int, slope: float, offset: float
) -> tuple[dict[tuple[int, int, int], Plane], Operation]:
    """The input in colour, divided by the parity of row and column.

    Args:
        size: side of the square input, pixels; even.
        slope: what the network takes is slope * level + offset.
        offset: see there.

    Returns:
        The planes by (channel, row parity, column parity).
    """
    parts = [(channel, i, j) for channel in range(3) for i in range(2) for j in range(2)]
    planes = {part: Plane(size // 2, size // 2, 0) for part in parts}
    fields: tuple[Field, ...] = (0, float(slope), float(offset), _places(tuple(planes.values())))
    return planes, Operation(_PICTURE, fields, tuple(planes.values()))


@dataclass(frozen=True, eq=False)
class Windows:
    """A depthwise convolution of 3x3.

    Attributes:
        sources: the planes.
        height, width: of the result.
        weights: float32 [planes, 3, 3].
        bias: float32 [planes].
        step: pixels from one window to the next, 1 or 2.
        before: pixels by which the first window begins before the first pixel.
        bounds: the result is clipped to.
    """

    sources: tuple[Plane, ...]
    height: int
    width: int
    weights: np.ndarray
    bias: np.ndarray
    step: int
    before: int
    bounds: Bounds

    def _fields(self) -> tuple[Field, ...]:
        plane = self.sources[0]
        return (
            plane.height, plane.width, self.height, self.width, 0, self.step, -self.before,
            -self.before, len(self.sources), *map(float, self.bounds), _places(self.sources),
            self.weights.astype(np.float32), self.bias.astype(np.float32),
        )  # fmt: skip

    def operation(self, targets: Sequence[Plane]) -> Operation:
        """The convolution alone."""
        return Operation(_DEPTHWISE, (*self._fields(), _places(targets)), tuple(targets))

    def then(self, mix: Mix, targets: Sequence[Plane]) -> Operation:
        """Followed by a mixture of its results."""
        return Operation(_SEPARABLE, (*self._fields(), *mix.fields(targets)), tuple(targets))


@dataclass(frozen=True, eq=False)
class Mix:
    """A convolution of 1x1; weights that are zero cost nothing.

    Attributes:
        weights: float32 [outputs, inputs].
        bias: float32 [outputs].
        bounds: the result is clipped to.
        added: planes that are added to the first results before.
    """

    weights: np.ndarray
    bias: np.ndarray
    bounds: Bounds
    added: tuple[Plane, ...] = ()

    def fields(self, targets: Sequence[Plane]) -> tuple[Field, ...]:
        """What it is written with, but for what it reads."""
        rows, columns = np.nonzero(self.weights)
        counts = np.bincount(rows, minlength=len(targets)).astype(np.int32)
        return (
            len(targets), len(self.added), len(columns), *map(float, self.bounds),
            _places(self.added), _places(targets), counts, columns.astype(np.int32),
            self.weights[rows, columns].astype(np.float32), self.bias.astype(np.float32),
        )  # fmt: skip

    def operation(self, sources: Sequence[Plane], targets: Sequence[Plane]) -> Operation:
        """The convolution of planes."""
        plane = targets[0]
        fields = (plane.height, plane.width, plane.border, len(sources), _places(sources))
        return Operation(_POINTWISE, (*fields, *self.fields(targets)), tuple(targets))


def enlarge(
    sources: Sequence[Plane], targets: Sequence[Plane], added: Sequence[Plane] = ()
) -> Operation:
    """Twice the height and width, bilinear between the centres of the pixels; then planes added."""
    plane = sources[0]
    fields: tuple[Field, ...] = (
        plane.height, plane.width, targets[0].border, len(sources), len(added), _places(sources),
        _places(added), _places(targets),
    )  # fmt: skip
    return Operation(_ENLARGE, fields, tuple(targets))


def reading(sources: Sequence[Plane], result: int) -> Operation:
    """The pixels of planes as values [planes, height, width], from the index ``result`` on."""
    plane = sources[0]
    return Operation(_READING, (plane.height, plane.width, len(sources), result, _places(sources)))


@dataclass(frozen=True)
class Regression:
    """A mixture and windows of its results, two pixels apart, where scores are high enough.

    Attributes:
        mix: weights and bias, float32 [outputs, inputs] and [outputs].
        windows: weights and bias, float32 [outputs, 3, 3] and [outputs].
        before: pixels by which the first window begins before the first pixel.
        blocks: into which the outputs are divided; each has a score at every pixel.
        least: where a score is lower, the results are 0.
    """

    mix: tuple[np.ndarray, np.ndarray]
    windows: tuple[np.ndarray, np.ndarray]
    before: int
    blocks: int
    least: float

    def operation(self, sources: Sequence[Plane], size: int, scores: int, result: int) -> Operation:
        """Of planes to values [outputs, size, size], with the scores [blocks, size, size]."""
        plane = sources[0]
        fields: tuple[Field, ...] = (
            plane.height, plane.width, size, size, -self.before, -self.before, len(sources),
            self.blocks, len(self.mix[0]) // self.blocks, scores, result, float(self.least),
            _places(sources), self.mix[0].T.astype(np.float32), self.mix[1].astype(np.float32),
            *(part.astype(np.float32) for part in self.windows),
        )  # fmt: skip
        return Operation(_REGRESSION, fields)


def _rounding(steps: Steps | None) -> tuple[float, float]:
    return (float(steps.step), float(steps.zero)) if steps else (0.0, 0.0)


def _places(planes: Sequence[Plane]) -> tuple[Place, ...]:
    return tuple(Place(plane) for plane in planes)


def _word(value: int) -> int:
    """32 bits as a signed number."""
    return value - (1 << 32) if value >= 1 << 31 else value


# --- programs ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vector:
    """Numbers, one a channel, of a whole image: ``count`` values from the index ``first``."""

    first: int
    count: int


@dataclass(frozen=True)
class Lowered:
    """A network as operations.

    Attributes:
        operations: in their order.
        values: how many values, which are not in planes, they compute.
        logits: where among the values the result is.
        int8: whether planes hold bytes.
    """

    operations: tuple[Operation, ...]
    values: int
    logits: Vector
    int8: bool


def assemble(lowered: Lowered, size: int) -> KernelProgram:
    """Operations, with their planes at places in memory."""
    places, memory = arrange(lowered.operations)
    logits = lowered.logits
    head = (
        MAGIC, VERSION, int(lowered.int8), memory, lowered.values, size, logits.count,
        logits.first,
    )  # fmt: skip
    parts = [np.array(head, np.int32)]
    for operation in lowered.operations:
        parts.append(np.array([operation.code], np.int32))
        parts += [_words(field, places) for field in operation.fields]
    return KernelProgram(np.concatenate(parts))


def _words(field: Field, places: Mapping[Plane, int]) -> np.ndarray:
    if isinstance(field, tuple):
        return np.array([places[place.plane] + place.shift for place in field], np.int32)
    if isinstance(field, np.ndarray):
        return np.ascontiguousarray(field).reshape(-1).view(np.int32)
    return np.array([field], np.float32 if isinstance(field, float) else np.int32).view(np.int32)
