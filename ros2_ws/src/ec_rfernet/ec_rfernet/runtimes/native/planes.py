"""Planes of pixels in memory, as ``operations.hpp`` of ec_rfernet_native describes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
        writes: the planes that it computes.
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
        if not operation.writes:
            continue
        taken = [block for block in taken if block[2] >= number]
        size = sum(plane.size for plane in operation.writes)
        begin = 0
        for start, end, _ in sorted(taken):
            if start - begin >= size:
                break
            begin = end
        taken.append((begin, begin + size, max(last[plane] for plane in operation.writes)))
        memory = max(memory, begin + size)
        for plane in operation.writes:
            places[plane] = begin + plane.lead
            begin += plane.size
    return places, memory + _SLACK


def _round_up(elements: int) -> int:
    return -(-elements // _ALIGN) * _ALIGN
