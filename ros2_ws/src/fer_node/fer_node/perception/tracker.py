"""Follows faces from image to image."""

from __future__ import annotations

import math
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass

from ec_rfernet.faces.face import Box, Face

# ----------------------------------------------------------------------
# One face over time.

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


# ----------------------------------------------------------------------

_REACH = 0.8  # how far a face may be from where it was expected, in face sizes
_REACH_PER_S = 1.0  # and how much farther for each second that it was not seen
_SCALE = 0.5  # smallest ratio of the sizes of one face in two images


class Tracker:
    """Gives each face an id that stays with it.

    Faces are assigned to tracks greedily, best fit first, by the overlap and the
    distance to where a constant velocity would have brought the track.

    Args:
        forget_after_s: a face that was lost for longer comes back as a new one.
        rng: source of the ids.
    """

    def __init__(self, forget_after_s: float, rng: random.Random | None = None) -> None:
        self._forget_after_s = forget_after_s
        self._rng = rng if rng is not None else random.SystemRandom()
        self._tracks: dict[str, Track] = {}
        self._used: set[str] = set()

    @property
    def ids(self) -> frozenset[str]:
        """The faces that are followed, also those not in the last image."""
        return frozenset(self._tracks)

    def update(self, faces: Sequence[Face], now: float) -> list[Track]:
        """Follows the faces into the next image.

        Args:
            faces: what was found in it, any number.
            now: when it was taken, seconds; never before that of the last call.

        Returns:
            The track of each face, in the order of ``faces``.
        """
        self._tracks = {
            track.id: track
            for track in self._tracks.values()
            if now - track.last_seen <= self._forget_after_s
        }
        matches = self._match(faces, now)
        visible = []
        for index, face in enumerate(faces):
            old = matches.get(index)
            track = old.seen(face, now) if old else Track(self._new_id(), face, now, now)
            self._tracks[track.id] = track
            visible.append(track)
        return visible

    def _match(self, faces: Sequence[Face], now: float) -> dict[int, Track]:
        pairs = []
        for track in self._tracks.values():
            expected, elapsed = track.expected(now), now - track.last_seen
            for index, face in enumerate(faces):
                fit = _fit(expected, face.box, _REACH + _REACH_PER_S * elapsed)
                if fit is not None:
                    pairs.append((fit, track, index))
        pairs.sort(key=lambda pair: -pair[0])
        matches: dict[int, Track] = {}
        taken: set[str] = set()
        for _, track, index in pairs:
            if track.id not in taken and index not in matches:
                matches[index] = track
                taken.add(track.id)
        return matches

    def _new_id(self) -> str:
        while True:
            name = "".join(self._rng.choices(string.ascii_lowercase, k=5))
            if name not in self._used:
                self._used.add(name)
                return name


def _fit(expected: Box, box: Box, reach: float) -> float | None:
    """How well a box fits an expected one, larger is better; None when it does not."""
    size = math.sqrt(max(expected.area, box.area))
    if math.sqrt(min(expected.area, box.area)) < _SCALE * size:
        return None
    (x, y), (x0, y0) = box.center, expected.center
    distance = math.hypot(x - x0, y - y0) / size
    if distance > reach:
        return None
    return expected.overlap(box) + 1 - distance / reach
