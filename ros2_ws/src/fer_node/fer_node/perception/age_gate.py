"""Which images are too old to act upon."""

from __future__ import annotations


class AgeGate:
    """Turns away stale images, unless the camera's clock cannot be trusted.

    An image without a stamp, or with one from the future, is let pass: nothing is
    known of its age. When nothing but old images have come for a while, the sender's
    clock differs from ours (another machine, a replayed recording); turning every
    image away for ever would blind the robot, so they are let pass, too.

    Args:
        max_age_s: oldest image to let pass, seconds.
        patience_s: for how long all images may be too old before the clock is blamed.
    """

    def __init__(self, max_age_s: float, patience_s: float = 3.0) -> None:
        self._max_age_s = max_age_s
        self._patience_s = patience_s
        self._old_since: float | None = None
        self._complaint = ""
        self.dropped = 0
        """How many images were turned away."""

    @property
    def complaint(self) -> str:
        """What is wrong with the stamps of the images; empty when they are good."""
        return self._complaint

    def admits(self, stamp_s: float, now_s: float, arrived: float) -> bool:
        """Whether to process an image.

        Args:
            stamp_s: of the image, seconds of ROS time; 0 when it has none.
            now_s: ROS time, seconds.
            arrived: when the image came, on a monotonic clock, seconds.
        """
        age = now_s - stamp_s
        if stamp_s <= 0:
            return self._trust_not("images have no stamp")
        if age < -self._max_age_s:
            return self._trust_not(f"images are stamped {-age:.1f} s in the future")
        if age <= self._max_age_s:
            self._old_since, self._complaint = None, ""
            return True
        if self._old_since is None:
            self._old_since = arrived
        if arrived - self._old_since >= self._patience_s:
            return self._trust_not(f"all images are stamped {age:.1f} s or so ago")
        self.dropped += 1
        return False

    def _trust_not(self, complaint: str) -> bool:
        if not self._complaint:
            self._complaint = f"{complaint}; their age is not checked"
        return True
