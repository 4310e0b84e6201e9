"""An image of the camera, of which only what is needed is converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np

from ec_rfernet.faces.framing import cut
from ec_rfernet.faces.similarity import Similarity


class Frame(Protocol):
    """One image. Places in it are pixels of its full size, whatever it was decoded at.

    Attributes:
        width: pixels.
        height: pixels.
    """

    width: int
    height: int

    def bgr(self) -> np.ndarray:
        """All of it, uint8 [height, width, 3]; may be a view of the message."""
        ...

    def overview(self) -> tuple[np.ndarray, int]:
        """What a face detector needs to see.

        Returns:
            BGR uint8 [H, W, 3], and how many pixels of the full size each of its has
            in a row.
        """
        ...

    def cut(self, place: Similarity, size: int) -> np.ndarray:
        """A square of grey, uint8 [size, size]; see `ec_rfernet.faces.framing.cut`."""
        ...


class RawFrame:
    """An image whose pixels are at hand.

    Args:
        pixels: uint8 or uint16 [H, W] or [H, W, C].
        to_bgr: converts a part of them to BGR uint8 [h, w, 3]; None where they are BGR.
    """

    def __init__(
        self, pixels: np.ndarray, to_bgr: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> None:
        self._pixels = pixels
        self._to_bgr = to_bgr
        self.height, self.width = pixels.shape[:2]

    def bgr(self) -> np.ndarray:
        """See `Frame`; a view of the pixels where they are BGR."""
        return self._pixels if self._to_bgr is None else self._to_bgr(self._pixels)

    def overview(self) -> tuple[np.ndarray, int]:
        """See `Frame`."""
        return self.bgr(), 1

    def cut(self, place: Similarity, size: int) -> np.ndarray:
        """See `Frame`."""
        return cut(self._pixels, place, size, self._to_grey)

    def _to_grey(self, part: np.ndarray) -> np.ndarray:
        if part.ndim == 2 and part.dtype == np.uint8:
            return part
        bgr = part if self._to_bgr is None else self._to_bgr(part)
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
