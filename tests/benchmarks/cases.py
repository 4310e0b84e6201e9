"""What is measured: the cases, and which of them belong to a short run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

SIZES = ((640, 480), (1280, 720))
TRANSPORTS = ("raw", "compressed")
FACES = (1, 3, 10)
LAYOUTS = ("separate", "together")

PACE = 30.0
"""Images per second of an ordinary camera."""

FAST = 240.0
"""Images per second of a camera that is faster than the node."""


@dataclass(frozen=True)
class Case:
    """One way to run the perception.

    Attributes:
        width: of the images, pixels.
        height: of the images, pixels.
        transport: one of `TRANSPORTS`.
        faces: in every image.
        layout: ``separate``: camera and fer_node are two processes; ``together``: one.
        rate: of the camera, images per second.
        one_core: whether the process with fer_node is bound to one core.
    """

    width: int = 640
    height: int = 480
    transport: str = "raw"
    faces: int = 1
    layout: str = "separate"
    rate: float = PACE
    one_core: bool = False

    @property
    def name(self) -> str:
        """Unique among all cases."""
        parts = [f"{self.width}x{self.height}", self.transport, f"{self.faces} faces", self.layout]
        if self.is_sustained:
            parts.append(f"camera {self.rate:.0f}/s")
        if self.one_core:
            parts.append("one core")
        return ", ".join(parts).replace(" 1 faces", " 1 face")

    @property
    def is_sustained(self) -> bool:
        """Whether the camera is meant to be faster than the node."""
        return self.rate > PACE

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def whole_matrix() -> tuple[Case, ...]:
    """Every size, transport, number of faces and layout at `PACE`, and the fast cameras."""
    ordinary = [
        Case(width, height, transport, faces, layout)
        for layout, (width, height), transport, faces in product(LAYOUTS, SIZES, TRANSPORTS, FACES)
    ]
    fast = [
        Case(width, height, transport, rate=FAST, one_core=True)
        for (width, height), transport in product(SIZES, TRANSPORTS)
    ]
    return (*ordinary, *fast)


def short_matrix() -> tuple[Case, ...]:
    """Of the whole matrix, what differs from the first case in one respect, and the corners."""
    return (
        Case(),
        Case(transport="compressed"),
        Case(faces=3),
        Case(faces=10),
        Case(1280, 720),
        Case(1280, 720, "compressed"),
        Case(1280, 720, "compressed", 10),
        Case(layout="together"),
        Case(rate=FAST, one_core=True),
        Case(transport="compressed", rate=FAST, one_core=True),
    )
