"""Finds the faces of each image, detecting only when it is needed."""

from __future__ import annotations

from dataclasses import dataclass

from ec_rfernet.faces.face import Box, Face, FaceDetector
from fer_node.perception.follower import Follower
from fer_node.perception.frame import Frame
from fer_node.perception.stages import Timed, untimed


@dataclass(frozen=True)
class Interval:
    """How often to detect.

    Times and not numbers of images, so that neither the delay until a newcomer is seen
    nor the detector's share of the processor depends on the camera: at 5 images per
    second every image is a detection, at 120 one in 24.

    Attributes:
        followed_s: while there are faces and all of them can be followed, seconds; also
            the longest time that something may be taken for a face that is none. 0: in
            every image.
        empty_s: while there is nobody, seconds.
    """

    followed_s: float = 0.2
    empty_s: float = 0.1


class Finder:
    """Finds faces: by detection, and between two detections by following.

    Detection takes the place of following at once when a face cannot be followed, and
    in every image for a while after a face was lost.

    Args:
        detector: finds faces in an image.
        interval: see there.
        timed: times both stages.
    """

    def __init__(self, detector: FaceDetector, interval: Interval, timed: Timed = untimed) -> None:
        self._detector = detector
        self._interval = interval
        self._timed = timed
        self.detections = 0
        """How often it has detected."""
        self.reset()

    def reset(self) -> None:
        """Forgets everybody."""
        self._follower = Follower()
        self._detected = self._previous = self._search_until = float("-inf")

    def find(self, frame: Frame, now: float) -> list[Face]:
        """The faces of an image.

        Args:
            frame: the image.
            now: when it was taken, seconds; never before that of the last call.
        """
        due = self._is_due(now)
        self._previous = now
        if not due:
            with self._timed("follow"):
                faces = self._follower.follow(frame)
            if faces is not None:
                return faces
        return self._detect(frame, now)

    def _is_due(self, now: float) -> bool:
        if now <= self._search_until:
            return True
        interval = self._interval.followed_s if self._follower.number else self._interval.empty_s
        # Of two images, the one nearer to the end of the interval.
        return now - self._detected + (now - self._previous) / 2 >= interval

    def _detect(self, frame: Frame, now: float) -> list[Face]:
        with self._timed("detect"):
            image, shrink = frame.overview()
            faces = [_enlarged(face, shrink) for face in self._detector.detect(image)]
        if len(faces) < self._follower.number:
            self._search_until = now + self._interval.followed_s
        self._detected = now
        self.detections += 1
        with self._timed("follow"):
            self._follower.learn(frame, faces)
        return faces


def _enlarged(face: Face, factor: int) -> Face:
    if factor == 1:
        return face
    box = Box(
        *(factor * side for side in (face.box.x, face.box.y, face.box.width, face.box.height))
    )
    return Face(box, face.score, face.keypoints * factor)
