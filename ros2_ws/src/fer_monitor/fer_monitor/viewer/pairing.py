"""Chooses which camera images are shown, at a limited rate."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_S = 0.25
"""So much longer than usual an image is awaited whose faces are known."""


class Pairing(Generic[T]):
    """Prefers images whose faces are known, so that the boxes sit where the faces are.

    Faces become known some time after their image, by a message with the same stamp. Where
    that never fits (nobody looks for faces, or it takes longer than to the next image), the
    newest image is shown alone.

    Args:
        period_s: least time between two images, seconds.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._image: T | None = None  # until it is shown
        self._stamp: int | None = None  # of the newest image
        self._faces: int | None = None
        self._shown = self._paired = float("-inf")

    def fits(self, now: float) -> bool:
        """Whether images and faces have come together lately."""
        return now - self._paired <= self._period_s + PATIENCE_S

    def image(self, stamp: int, image: T, now: float) -> T | None:
        """An image has come.

        Args:
            stamp: of the image, nanoseconds.
            image: kept until the next one.
            now: monotonic, seconds.

        Returns:
            The image if it is to be shown now.
        """
        self._stamp, self._image = stamp, image
        if self._faces == stamp:
            return self._pair(now)
        return self._take(now, self._period_s + PATIENCE_S * self.fits(now))

    def faces(self, stamp: int, now: float) -> T | None:
        """The faces of an image are known; see `image`."""
        self._faces = stamp
        return self._pair(now) if self._stamp == stamp else None

    def _pair(self, now: float) -> T | None:
        self._paired = now
        return self._take(now, self._period_s)

    def _take(self, now: float, pause_s: float) -> T | None:
        if self._image is None or now - self._shown < pause_s:
            return None
        image, self._image, self._shown = self._image, None, now
        return image
