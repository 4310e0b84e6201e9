"""One face over time."""

from __future__ import annotations

from dataclasses import dataclass

from ec_rfernet.faces.face import Box, Face

_LONGEST_GUESS_S = 0.3
_INERTIA = 0.5


@dataclass(frozen=True, eq=False)
class Track:
    """A face that has been followed from image to image.

    Attributes:
        id: random per run, never used again; not an identity.
        face: as it was last seen.
        first_seen: seconds on the caller's clock.
        last_seen: seconds on the caller's clock.
        velocity: of the middle of the box, pixels per second.
    """

    id: str
    face: Face
    first_seen: float
    last_seen: float
    velocity: tuple[float, float] = (0.0, 0.0)

    def age(self, now: float) -> float:
        """Seconds since it was first seen."""
        return now - self.first_seen

    def expected(self, now: float) -> Box:
        """Where the face should be, had it kept its velocity for a short while."""
        box, elapsed = self.face.box, min(now - self.last_seen, _LONGEST_GUESS_S)
        return Box(
            box.x + self.velocity[0] * elapsed,
            box.y + self.velocity[1] * elapsed,
            box.width,
            box.height,
        )

    def seen(self, face: Face, now: float) -> Track:
        """This track after the face was found again."""
        elapsed = now - self.last_seen
        velocity = self.velocity
        if elapsed > 0:
            (x, y), (x0, y0) = face.box.center, self.face.box.center
            measured = ((x - x0) / elapsed, (y - y0) / elapsed)
            velocity = (
                _INERTIA * velocity[0] + (1 - _INERTIA) * measured[0],
                _INERTIA * velocity[1] + (1 - _INERTIA) * measured[1],
            )
        return Track(self.id, face, self.first_seen, now, velocity)
