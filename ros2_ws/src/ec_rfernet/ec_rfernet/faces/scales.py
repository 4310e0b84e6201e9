"""Faces of every size: a picture is looked at as a whole, with a border, and in parts.

Each look proposes faces, also such as it is hardly sure of. A second network then looks at every
one closely, and decides: it sees the face at the size that it knows best, with what is around it.
So a part that shows half a face proposes the whole one, and what only resembles a face is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from ec_rfernet.faces.blazeface import ENOUGH
from ec_rfernet.faces.face import Box, Face, FaceDetector

_PROPOSED = 0.25  # least score of what is looked at closely
_FAINTEST = 0.1  # what scores less is never proposed: it could be anything
_MOST_CLOSE = 1000  # proposals of one picture, the surest ones
_SURER = 0.15  # a close look must be surer than asked for, by this share of what is left to 1
_MOST_WEAK = 2  # how many unsure faces a glance looks at closely
_CLOSE, _WIDER = 2.2, 2.8  # sides of close looks, in sides of the face's box
_MIRRORED = (1, 0, 2, 3, 5, 4)  # key points of a mirrored face, in their order
_PLAIN = 1 / 15  # a face of that share of a part's side is found in it
_OVERLAP = 1 / 6  # of neighbouring parts, share of the side: what is larger is found one level up
_BEYOND = 1 / 8  # how far parts reach beyond the picture, share of the side
_BORDER = 1 / 6  # the same of the whole picture, share of its longer side
_GREY = 127  # what is seen there: zero for the networks
_DETAIL = 20  # pixels of the smallest face that looks make use of
_FINEST = 1 / 250  # smaller faces are not looked for, share of the picture's longer side
_ALIKE = 0.5  # what overlaps by more is looked at once: intersection over union
_SAME = 0.3  # boxes of one face overlap by more: intersection over union
_WITHIN = 0.6  # or by more of the smaller one


@dataclass(frozen=True)
class Square:
    """A square of a picture, which may reach beyond it.

    Attributes:
        x: left edge, pixels of the picture.
        y: upper edge.
        side: pixels.
    """

    x: int
    y: int
    side: int

    @classmethod
    def around(cls, face: Face, view: float) -> Square:
        """A face in the middle of what is that many times as large."""
        side = max(1, round(view * max(face.box.width, face.box.height)))
        x, y = (round(middle - side / 2) for middle in face.box.center)
        return cls(x, y, side)

    def seen(self, detector: FaceDetector, image: np.ndarray, mirrored: bool = False) -> list[Face]:
        """The faces that a detector finds in this part of an image, where they are in the image.

        Args:
            detector: what looks.
            image: BGR uint8 [H, W, 3].
            mirrored: whether it is shown the part's mirror image.
        """
        cut = self.cut(image)
        found = detector.detect(cv2.flip(cut, 1) if mirrored else cut)
        if mirrored:
            found = [_mirrored(face, len(cut)) for face in found]
        return [_placed(face, self.side / len(cut), self.x, self.y) for face in found]

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The pixels, uint8 [S, S, 3], reduced to what detectors need; grey beyond the image."""
        size = max(1, self.side // max(1, self.side // ENOUGH))
        height, width = image.shape[:2]
        (left, right), (top, bottom) = self._within(self.x, width), self._within(self.y, height)
        inside = image[top:bottom, left:right]
        if inside.shape[:2] == (size, size):
            return inside
        shown = np.full((size, size, 3), _GREY, np.uint8)
        scale = size / self.side
        columns = slice(round((left - self.x) * scale), round((right - self.x) * scale))
        rows = slice(round((top - self.y) * scale), round((bottom - self.y) * scale))
        place = shown[rows, columns]
        if place.size:
            place[:] = cv2.resize(inside, place.shape[1::-1], interpolation=cv2.INTER_AREA)
        return shown

    def _within(self, start: int, length: int) -> tuple[int, int]:
        """Where the part begins and ends along one axis of an image."""
        return min(max(0, start), length), max(0, min(length, start + self.side))


def enlarged(face: Face, factor: float) -> Face:
    """A face of a reduced picture in the picture itself."""
    return face if factor == 1 else _placed(face, factor, 0, 0)


def _placed(face: Face, factor: float, x: int, y: int) -> Face:
    box = face.box
    return Face(
        Box(factor * box.x + x, factor * box.y + y, factor * box.width, factor * box.height),
        face.score,
        face.keypoints * np.float32(factor) + np.array([x, y], np.float32),
    )


def _mirrored(face: Face, width: int) -> Face:
    box = face.box
    points = np.array([width, 0]) + np.array([-1, 1]) * face.keypoints[list(_MIRRORED)]
    return Face(
        Box(width - box.x - box.width, box.y, box.width, box.height),
        face.score,
        points.astype(np.float32),
    )


@lru_cache(maxsize=8)
def parts(width: int, height: int, smallest_px: float) -> tuple[Square, ...]:
    """What is looked at besides the whole picture: first the picture with a border around it.

    Args:
        width: of the picture, pixels.
        height: of the picture, pixels.
        smallest_px: height of the smallest face to be found.

    Returns:
        Parts of one size or of several, large ones first; each face lies well inside of one in
        which it is large enough.
    """
    longer = max(width, height)
    side = round((1 + 2 * _BORDER) * longer)
    found = [Square((width - side) // 2, (height - side) // 2, side)]
    smallest = max(smallest_px, _FINEST * longer) / _PLAIN
    levels = math.ceil(math.log2(max(1.0, longer / smallest)))
    for level in range(1, levels + 1):
        side = round(longer * (smallest / longer) ** (level / levels))
        rows, columns = _starts(height, side), _starts(width, side)
        found += [Square(x, y, side) for y in rows for x in columns]
    return tuple(found)


def _starts(length: int, side: int) -> list[int]:
    """Where parts begin along one axis, evenly."""
    beyond, shared = _BEYOND * side, _OVERLAP * side
    number = math.ceil((length + 2 * beyond - shared) / (side - shared))
    if number < 2:
        return [(length - side) // 2]
    step = (length + 2 * beyond - side) / (number - 1)
    return [round(index * step - beyond) for index in range(number)]


class MultiScaleDetector:
    """Finds also small faces, faces that fill the picture, and those that its edge cuts.

    `detect` looks at every scale. A robot has no time for that: each of its detections is a
    `glance`, and between two of them it looks at one of the `parts`, see `newcomers`.

    Args:
        make: makes a detector that drops faces below a score, see `ec_rfernet.faces.DETECTORS`.
            Where it has an attribute ``near``, a fast detector of large faces, that one takes the
            close looks; without one there is only its own look at the whole picture.
        min_score: less sure faces are dropped, 0..1; those below 0.1 are not looked for at all.
        smallest_px: height of the smallest face that must be found, from brow to chin.
    """

    def __init__(
        self, make: Callable[[float], FaceDetector], min_score: float, smallest_px: float = 16.0
    ) -> None:
        self.look_for(smallest_px)
        self._wide = make(max(_FAINTEST, min(min_score, _PROPOSED)))
        self.looks_closely = "near" in dir(self._wide)  # without making it
        """Whether there is a detector for close looks."""
        self._least, self._sure = min_score, min_score + _SURER * (1 - min_score)

    def look_for(self, smallest_px: float) -> None:
        """Finds all faces of that height from now on, pixels from brow to chin."""
        self._smallest_px = smallest_px
        self.detail = _DETAIL / smallest_px
        """By how much a picture may be reduced before it is looked at in parts, 0..1 or more."""

    @cached_property
    def _near(self) -> FaceDetector:
        # Made when it is needed first, so that the first answer need not wait for it.
        near: FaceDetector = getattr(self._wide, "near", self._wide)
        return near

    def detect(self, image: np.ndarray) -> list[Face]:
        """See `ec_rfernet.faces.face.FaceDetector`."""
        proposed = self._wide.detect(image)
        if not self.looks_closely:
            return [face for face in proposed if face.score >= self._least]
        for part in self.parts(image):
            proposed += self._propose(image, part)
        proposed = sorted(proposed, key=lambda face: -face.score)[:_MOST_CLOSE]
        close = (self._confirmed(image, face) for face in _distinct(proposed, _alike))
        return _distinct(face for face in close if face is not None)

    def parts(self, image: np.ndarray, shrink: float = 1.0) -> tuple[Square, ...]:
        """What is looked at of an image; the first is the whole of it with a border around it.

        Args:
            image: uint8 [H, W, 3].
            shrink: by how much it was reduced.
        """
        return parts(image.shape[1], image.shape[0], self._smallest_px / shrink)

    def overview(self, image: np.ndarray) -> list[Face]:
        """What one look at a whole picture shows, also what it is hardly sure of."""
        return self._wide.detect(image)

    def glance(
        self, found: Sequence[Face], known: Sequence[Face], picture: Callable[[], np.ndarray]
    ) -> list[Face]:
        """The faces of a picture, as far as one look and what is known of it tell.

        Args:
            found: by `overview`.
            known: faces that were there a moment ago, at their expected places.
            picture: gives the BGR image uint8 [H, W, 3]; asked for only where a close look is
                needed: at known faces that were not found, and at a few that are not sure.
        """
        sure = [face for face in found if face.score >= self._least]
        if not self.looks_closely:
            return sure
        weak = [face for face in found if face.score < self._least][:_MOST_WEAK]
        close = [self._confirmed(picture(), face) for face in weak if not _known(face, sure)]
        sure += [face for face in close if face is not None]
        again = [self._again(picture(), face) for face in known if not _known(face, sure)]
        return _distinct([*sure, *(face for face in again if face is not None)])

    def newcomers(self, image: np.ndarray, part: Square, known: Sequence[Face]) -> list[Face]:
        """Faces in a part of a picture that are not known yet.

        Args:
            image: BGR uint8 [H, W, 3].
            part: one of its `parts`.
            known: the faces that are known to be there.
        """
        proposed = [face for face in self._propose(image, part) if not _known(face, known)]
        close = [self._confirmed(image, face) for face in proposed]
        return _distinct(face for face in close if face and not _known(face, known))

    def _propose(self, image: np.ndarray, part: Square) -> list[Face]:
        bordered = part.side > max(image.shape[:2])
        return part.seen(self._near if bordered else self._wide, image)

    def _confirmed(self, image: np.ndarray, proposed: Face) -> Face | None:
        """A face as two close looks show it; None where they are not sure, or it is upside down."""
        first = self._closely(image, proposed, _CLOSE)
        second = first and self._closely(image, first, _WIDER, mirrored=True)
        if first is None or second is None:
            return None
        face = _mean((first, second))
        if face.score < self._sure or self._upside_down(image, face):
            return None
        return face

    def _again(self, image: np.ndarray, known: Face) -> Face | None:
        """A face that was there a moment ago, as a close look shows it; None where it is gone."""
        face = self._closely(image, known, _CLOSE)
        return face if face is not None and face.score >= self._least else None

    def _closely(
        self, image: np.ndarray, face: Face, view: float, mirrored: bool = False
    ) -> Face | None:
        seen = Square.around(face, view).seen(self._near, image, mirrored)
        nearest = max(seen, key=lambda other: face.box.overlap(other.box), default=None)
        return nearest if nearest is not None and _same(face, nearest) else None

    def _upside_down(self, image: np.ndarray, face: Face) -> bool:
        """Whether it looks more like a face when it is turned by 180 degrees."""
        part = Square.around(face, _CLOSE)
        cut = part.cut(image)
        turned = self._near.detect(cv2.rotate(cut, cv2.ROTATE_180))
        quarter = len(cut) / 4
        middle = Box(quarter, quarter, 2 * quarter, 2 * quarter)
        return any(o.score > face.score and o.box.overlap(middle) > _SAME for o in turned)

    def close(self) -> None:
        """Frees what is used."""
        self._wide.close()
        if "_near" in vars(self) and self._near is not self._wide:
            self._near.close()


def _same(one: Face, other: Face) -> bool:
    """Whether two boxes can only be of one face, or of a face and a piece of it."""
    overlap, smaller = one.box.overlap(other.box), min(one.box.area, other.box.area)
    shared = overlap / (1 + overlap) * (one.box.area + other.box.area)
    return overlap > _SAME or shared > _WITHIN * smaller


def _mean(faces: Sequence[Face]) -> Face:
    rows = [(f.box.x, f.box.y, f.box.width, f.box.height, f.score) for f in faces]
    *box, score = map(float, np.mean(rows, axis=0))
    return Face(Box(*box), score, np.mean([face.keypoints for face in faces], axis=0))


def _known(face: Face, others: Iterable[Face]) -> bool:
    return any(_same(face, other) for other in others)


def _alike(one: Face, other: Face) -> bool:
    """Whether a close look at both shows the same."""
    return one.box.overlap(other.box) > _ALIKE


def _distinct(faces: Iterable[Face], same: Callable[[Face, Face], bool] = _same) -> list[Face]:
    """Each face once: the most confident of those that are the same."""
    chosen: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(same(face, other) for other in chosen):
            chosen.append(face)
    return chosen
