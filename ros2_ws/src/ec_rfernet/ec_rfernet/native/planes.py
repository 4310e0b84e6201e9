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

    A plane that is not read any more makes room for another one of the same shape and
    border, for the kernels keep borders, but do not write them.

    Returns:
        The element of the first pixel, by plane; the number of elements of all.
    """
    last = {plane: number for number, op in enumerate(operations) for plane in op.planes()}
    free: dict[tuple[int, int, int], list[int]] = {}
    places: dict[Plane, int] = {}
    end = 0
    for number, operation in enumerate(operations):
        for plane in operation.writes:
            spare = free.get((plane.height, plane.width, plane.border))
            if spare:
                places[plane] = spare.pop()
            else:
                places[plane] = end + plane.lead
                end += plane.size
        for plane in operation.planes():
            if last[plane] == number:
                key = plane.height, plane.width, plane.border
                free.setdefault(key, []).append(places[plane])
    return places, end + _SLACK


def _round_up(elements: int) -> int:
    return -(-elements // _ALIGN) * _ALIGN
