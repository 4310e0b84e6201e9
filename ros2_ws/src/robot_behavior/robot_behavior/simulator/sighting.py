"""What perception says about one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sighting:
    """One face in one image.

    Attributes:
        face_id: id of the face.
        label: one of `ec_rfernet.labels.LABELS`, or unknown.
        confidence: of the label, 0..1.
        size: width of the face as a share of the image's; 0 when it is not known.
    """

    face_id: str
    label: str
    confidence: float
    size: float


@dataclass(frozen=True)
class View:
    """One image.

    Attributes:
        time: seconds from the start.
        faces: the faces in it.
        attended: the face that the robot attends to; None for none.
    """

    time: float
    faces: tuple[Sighting, ...]
    attended: Sighting | None = None


class Attention:
    """Chooses whom the robot attends to, where a script does not say so.

    It does what ``fer_node`` does unless its parameters are changed: the largest face
    that has been there for half a second, until it has been lost for a second.
    """

    _AFTER_S, _FORGET_S = 0.5, 1.0

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._chosen: str | None = None
        self._seen = 0.0

    def choose(self, time: float, faces: Sequence[Sighting]) -> Sighting | None:
        """The attended face of an image; None for none."""
        self._since = {face.face_id: self._since.get(face.face_id, time) for face in faces}
        if self._chosen in self._since:
            self._seen = time
        elif self._chosen is None or time - self._seen > self._FORGET_S:
            ripe = [f for f in faces if time - self._since[f.face_id] >= self._AFTER_S]
            largest = max(ripe, key=lambda face: face.size, default=None)
            self._chosen = None if largest is None else largest.face_id
            self._seen = time
        return next((face for face in faces if face.face_id == self._chosen), None)
