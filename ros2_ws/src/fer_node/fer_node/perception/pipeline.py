"""From an image to the expressions of the people in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ec_rfernet.bundle import Bundle
from ec_rfernet.faces.face import KEYPOINTS, Box, Face, FaceDetector
from ec_rfernet.faces.framing import placement
from ec_rfernet.labels import valence_arousal
from fer_node.perception.attention import Attention
from fer_node.perception.finder import Finder, Interval
from fer_node.perception.frame import Frame
from fer_node.perception.smoother import NO_IDEA, Smoother, Smoothing
from fer_node.perception.stages import Timed, untimed
from fer_node.perception.tracker import Track, Tracker

# ----------------------------------------------------------------------
# What the robot knows about one face in one image.


@dataclass(frozen=True, eq=False)
class EmotionEstimate:
    """The expression of one tracked face.

    Attributes:
        face_id: of its `Track`.
        label: one of `ec_rfernet.labels.LABELS`, or `UNKNOWN`.
        confidence: probability of the label, 0..1; when `UNKNOWN`, of the likeliest.
        probabilities: float32 [7], smoothed, in the order of `LABELS`, summing to 1.
        valence: derived from the probabilities, -1..1.
        arousal: derived from the probabilities, -1..1.
        box: of the face, pixels of the image.
        flaw: why this view of the face could not be judged; empty when it could.
        score: how sure the detector was that this is a face, 0..1.
    """

    face_id: str
    label: str
    confidence: float
    probabilities: np.ndarray
    valence: float
    arousal: float
    box: Box
    flaw: str = ""
    score: float = 1.0


# ----------------------------------------------------------------------
# Whether a view of a face is good enough to be judged.

_RIGHT_EYE, _LEFT_EYE, _NOSE = (KEYPOINTS.index(k) for k in ("right_eye", "left_eye", "nose"))

_MOST_TURNED = 0.5
"""The nose is then below one of the eyes, at about 40 degrees of yaw, and half the face
is hidden. Hardly any image of FER2013 is turned so far, and of those most are misjudged."""

_LEAST_CONTRAST = 8.0
"""Standard deviation of the grey values of a crop. Only one in a thousand of FER2013's
images has less than 17; flattened to 8, they are judged right ten points less often."""


def view_flaw(face: Face, min_face_px: float) -> str:
    """Why the face is too small, or turned away too far; empty when it is neither.

    Args:
        face: with its key points.
        min_face_px: least width of the box, pixels.
    """
    if face.box.width < min_face_px:
        return "too small"
    if abs(turn(face)) > _MOST_TURNED:
        return "turned away"
    return ""


def crop_flaw(crop: np.ndarray) -> str:
    """Why an aligned crop, uint8 [S, S], shows no expression; empty when it does."""
    return "too dark" if crop.std() < _LEAST_CONTRAST else ""


def turn(face: Face) -> float:
    """How far the head is turned sideways, seen in the picture.

    Returns:
        Distance of the nose from the middle between the eyes, along the line of the
        eyes and in eye distances: 0 is frontal, 0.5 is below the person's left eye.
    """
    right, left = face.keypoints[_RIGHT_EYE], face.keypoints[_LEFT_EYE]
    across = left - right
    length = float(across @ across)
    if length == 0.0:
        return float("inf")
    return float((face.keypoints[_NOSE] - (right + left) / 2) @ across) / length


# ----------------------------------------------------------------------


class ExpressionClassifier(Protocol):
    """What `ec_rfernet.runtimes.classifier.Classifier` offers; see there."""

    bundle: Bundle
    runtime: str
    precision: str
    warning: str

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        """Calibrated float32 [N, 7] of aligned grey crops uint8 [N, S, S]."""
        ...


@dataclass(frozen=True)
class PerceptionSettings:
    """How people are followed and judged.

    Attributes:
        min_face_px: a face narrower than that is not judged. FER2013's faces are about
            45 pixels wide; reduced to 32 they are judged right two points less often,
            at 20 seven points.
        attend_after_s: see `Attention`.
        forget_after_s: see `Attention` and `Tracker`.
        smoothing: see there.
        interval: see there.
    """

    min_face_px: float = 32.0
    attend_after_s: float = 0.5
    forget_after_s: float = 1.0
    smoothing: Smoothing = field(default_factory=Smoothing)
    interval: Interval = field(default_factory=Interval)


@dataclass(frozen=True)
class Perceived:
    """What was perceived in one image.

    Attributes:
        estimates: one for each face in the image.
        attended: id of the attended face, also while it is lost for a moment.
        followed: ids of all faces that are followed, also of those lost for a moment; sorted.
    """

    estimates: tuple[EmotionEstimate, ...] = ()
    attended: str | None = None
    followed: tuple[str, ...] = ()

    @property
    def focus(self) -> EmotionEstimate | None:
        """The estimate of the attended face, if it is in this image."""
        for estimate in self.estimates:
            if estimate.face_id == self.attended:
                return estimate
        return None


class Perception:
    """Finds, tracks, aligns, classifies and smooths. Not thread-safe.

    Args:
        detector: finds the faces.
        classifier: judges the aligned crops.
        settings: see there.
        timed: times the stages.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: ExpressionClassifier,
        settings: PerceptionSettings,
        timed: Timed = untimed,
    ) -> None:
        self._classifier = classifier
        self._settings = settings
        self._timed = timed
        self._finder = Finder(detector, settings.interval, timed)
        self.reset()

    @property
    def detections(self) -> int:
        """In how many images the detector has looked for faces."""
        return self._finder.detections

    def reset(self) -> None:
        """Forgets everybody."""
        settings = self._settings
        self._finder.reset()
        self._tracker = Tracker(settings.forget_after_s)
        self._attention = Attention(settings.attend_after_s, settings.forget_after_s)
        self._smoothers: dict[str, Smoother] = {}

    def process(self, frame: Frame, now: float) -> Perceived:
        """Looks at one image.

        Args:
            frame: the image.
            now: when it was taken, seconds; never before that of the last call.
        """
        faces = self._finder.find(frame, now)
        with self._timed("smooth"):
            tracks = self._tracker.update(faces, now)
            attended = self._attention.update(tracks, now)
        probabilities, flaws = self._classify(frame, tracks)
        with self._timed("smooth"):
            estimates = tuple(
                self._estimate(track, row, flaw, now)
                for track, row, flaw in zip(tracks, probabilities, flaws, strict=True)
            )
            known = self._tracker.ids
            self._smoothers = {id_: s for id_, s in self._smoothers.items() if id_ in known}
        return Perceived(estimates, attended, tuple(sorted(known)))

    def _classify(
        self, frame: Frame, tracks: Sequence[Track]
    ) -> tuple[list[np.ndarray], list[str]]:
        """The probabilities [7] of each face, and why it could not be judged or ''."""
        bundle, size = self._classifier.bundle, self._classifier.bundle.input_size
        probabilities, flaws = [NO_IDEA] * len(tracks), [""] * len(tracks)
        crops, judged = [], []
        with self._timed("align"):
            for index, track in enumerate(tracks):
                flaw = view_flaw(track.face, self._settings.min_face_px)
                if not flaw:
                    crop = frame.cut(placement(track.face, bundle.framing, size), size)
                    flaw = crop_flaw(crop)
                    if not flaw:
                        crops.append(crop)
                        judged.append(index)
                flaws[index] = flaw
        if crops:
            with self._timed("classify"):
                rows = self._classifier.probabilities(np.stack(crops))
            for index, row in zip(judged, rows, strict=True):
                probabilities[index] = row
        return probabilities, flaws

    def _estimate(
        self, track: Track, probabilities: np.ndarray, flaw: str, now: float
    ) -> EmotionEstimate:
        smoother = self._smoothers.get(track.id)
        if smoother is None:
            threshold = self._classifier.bundle.reject_threshold
            smoother = self._smoothers[track.id] = Smoother(self._settings.smoothing, threshold)
        smoother.update(probabilities, now)
        valence, arousal = valence_arousal(smoother.probabilities)
        return EmotionEstimate(
            face_id=track.id,
            label=smoother.label,
            confidence=smoother.confidence,
            probabilities=smoother.probabilities,
            valence=valence,
            arousal=arousal,
            box=track.face.box,
            flaw=flaw,
            score=track.face.score,
        )
