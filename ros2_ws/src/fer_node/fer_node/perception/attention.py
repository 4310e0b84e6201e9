"""Whom the robot attends to."""

from __future__ import annotations

from collections.abc import Sequence

from fer_node.perception.tracker import Track


class Attention:
    """Chooses one face and stays with it.

    The largest face that has been followed for a while is chosen, and kept until it
    has been lost for a while: no flicker between people, no glance at passers-by.

    Args:
        attend_after_s: for how long a face must have been followed.
        forget_after_s: for how long the chosen face may be lost.
    """

    def __init__(self, attend_after_s: float, forget_after_s: float) -> None:
        self._attend_after_s = attend_after_s
        self._forget_after_s = forget_after_s
        self._chosen: str | None = None
        self._last_seen = 0.0

    def update(self, visible: Sequence[Track], now: float) -> str | None:
        """Looks at the next image.

        Args:
            visible: the faces in it.
            now: when it was taken, seconds.

        Returns:
            Id of the attended face, also while it is lost for a moment; None when
            there is none.
        """
        if any(track.id == self._chosen for track in visible):
            self._last_seen = now
        elif self._chosen is None or now - self._last_seen > self._forget_after_s:
            ripe = [track for track in visible if track.age(now) >= self._attend_after_s]
            largest = max(ripe, key=lambda track: track.face.box.area, default=None)
            self._chosen = None if largest is None else largest.id
            self._last_seen = now
        return self._chosen
