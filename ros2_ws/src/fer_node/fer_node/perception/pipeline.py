"""From an image to the expressions of the people in it, steady over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np

from ec_rfernet.bundle import Bundle
from ec_rfernet.faces.face import KEYPOINTS, Face, FaceDetector
from ec_rfernet.faces.framing import placement
from ec_rfernet.faces.head_pose import HeadAngles, head_pose
from ec_rfernet.labels import LABELS, UNKNOWN, valence_arousal
from ec_rfernet.perceived import EmotionEstimate, Perceived
from fer_common.settings import part, setting
from fer_node.perception.engagement import EngagementSettings, EngagementTracker
from fer_node.perception.frame import Frame, Timed, untimed
from fer_node.perception.tracker import Attention, Finder, Interval, Track, Tracker

# ----------------------------------------------------------------------
# Steady expressions from jittering ones.


def no_idea(labels: Sequence[str] = LABELS) -> np.ndarray:
    """What to feed for a face that could not be judged: it fades into `UNKNOWN`.

    Returns:
        float32 [K], all labels alike.
    """
    return np.full(len(labels), 1 / len(labels), dtype=np.float32)


def least_probability(labels: Sequence[str]) -> float:
    """Below it no label is an answer, whatever the model says.

    That is twice as likely as by chance; of two or three labels, half-way from chance to
    certainty.
    """
    chance = 1 / len(labels)
    return min(2 * chance, (1 + chance) / 2)


@dataclass(frozen=True)
class Smoothing:
    """How steady the expressions are.

    Attributes:
        smoothing_s: time constant of the exponential average; 0 switches it off.
        hysteresis: by how much a new label must beat the present one, and by how
            much the reject threshold must be passed to leave `UNKNOWN`; 0..1.
        dwell_s: for how long a new label must beat the present one.
    """

    smoothing_s: float = setting(
        0.4, "Time constant of the smoothing, s; 0: none.", low=0.0, high=10.0, live=True
    )
    hysteresis: float = setting(
        0.08, "By how much a new label must beat the present one.", low=0.0, high=1.0, live=True
    )
    dwell_s: float = setting(
        0.15, "For how long it must beat it, s.", low=0.0, high=10.0, live=True
    )


class Smoother:
    """Smooths the probabilities of one face and holds on to its label.

    A single-image classifier jumps from one frame to the next; averaging over time
    raises its accuracy (Savchenko, ECCV Workshops 2024), and a robot must not twitch
    between two answers.

    Args:
        smoothing: see there.
        reject_threshold: a label less probable than that is `UNKNOWN`, 0..1.
        labels: of the model, in its order.

    Attributes:
        smoothing: see there; may be replaced at any time.
    """

    def __init__(
        self,
        smoothing: Smoothing,
        reject_threshold: float,
        labels: tuple[str, ...] = LABELS,
    ) -> None:
        self.smoothing = smoothing
        self._labels = labels
        self._threshold = max(reject_threshold, least_probability(labels))
        self._mean = no_idea(labels)
        self._updated: float | None = None
        self._label: int | None = None
        self._rival: int | None = None
        self._rival_since = 0.0

    @property
    def probabilities(self) -> np.ndarray:
        """The average, float32 [K], in the order of the labels, summing to 1."""
        return self._mean

    @property
    def label(self) -> str:
        """One of the model's labels, or `UNKNOWN`."""
        return UNKNOWN if self._label is None else self._labels[self._label]

    @property
    def confidence(self) -> float:
        """Probability of the label; of the likeliest one when that is `UNKNOWN`."""
        return float(self._mean.max() if self._label is None else self._mean[self._label])

    def update(self, probabilities: np.ndarray, now: float) -> None:
        """Takes in one image.

        Args:
            probabilities: float [K], in the order of the labels, summing to 1.
            now: when it was taken, seconds; intervals may be irregular.
        """
        first = self._updated is None
        self._mean = self._average(probabilities, now)
        self._updated = now
        self._reject()
        if self._label is None:
            # The first image of a face has nothing yet to flicker against.
            self._accept(0.0 if first else self.smoothing.hysteresis)
        else:
            self._challenge(now)

    def _average(self, probabilities: np.ndarray, now: float) -> np.ndarray:
        tau = self.smoothing.smoothing_s
        sample = np.asarray(probabilities, dtype=np.float64)
        if self._updated is not None and tau > 0:
            weight = -math.expm1(-max(0.0, now - self._updated) / tau)
            sample = (1 - weight) * self._mean + weight * sample
        return (sample / sample.sum()).astype(np.float32)

    def _reject(self) -> None:
        if self._label is not None and self._mean[self._label] < self._threshold:
            self._label, self._rival = None, None

    def _accept(self, margin: float) -> None:
        best = int(self._mean.argmax())
        if self._mean[best] >= self._threshold + margin:
            self._label = best

    def _challenge(self, now: float) -> None:
        best = int(self._mean.argmax())
        ahead = self._mean[best] - self._mean[self._label]
        if best == self._label or ahead < self.smoothing.hysteresis:
            self._rival = None
            return
        if self._rival != best:
            self._rival, self._rival_since = best, now
        if now - self._rival_since >= self.smoothing.dwell_s:
            self._label, self._rival = best, None


# ----------------------------------------------------------------------


# Whether a view of a face is good enough to be judged.

_RIGHT_EYE, _LEFT_EYE, _NOSE = (KEYPOINTS.index(k) for k in ("right_eye", "left_eye", "nose"))

_MOST_TURNED = 0.5
"""The nose is then below one of the eyes, at about 40 degrees of yaw, and half the face
is hidden. Hardly any image of FER2013 is turned so far, and of those most are misjudged."""

_LEAST_CONTRAST = 8.0
"""Standard deviation of the grey values of a crop. Only one in a thousand of FER2013's
images has less than 17; flattened to 8, they are judged right ten points less often."""


def view_flaw(face: Face, min_face_px: float) -> str | None:
    """Why the face cannot be judged: too small, or turned away too far; None when it can.

    Args:
        face: with its key points.
        min_face_px: least width of the box, pixels.
    """
    if face.box.width < min_face_px:
        return "too small"
    if abs(turn(face)) > _MOST_TURNED:
        return "turned away"
    return None


def crop_flaw(crop: np.ndarray) -> str | None:
    """Why an aligned crop, uint8 [S, S], shows no expression; None when it does."""
    return "too dark" if crop.std() < _LEAST_CONTRAST else None


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


# The way of an image.


class ExpressionClassifier(Protocol):
    """What `ec_rfernet.runtimes.classifier.Classifier` offers; see there."""

    @property
    def bundle(self) -> Bundle:
        """What it was made of, with the labels."""
        ...

    @property
    def runtime(self) -> str:
        """What computes."""
        ...

    @property
    def precision(self) -> str:
        """Of the arithmetic."""
        ...

    @property
    def warning(self) -> str | None:
        """Why what runs is not what the user chose."""
        ...

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        """Calibrated float32 [N, K] of aligned grey crops uint8 [N, S, S]."""
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
    """

    interval: Interval = part(Interval)
    min_face_px: float = setting(
        32.0, "Faces narrower than that are not judged, pixels.", low=8.0, high=4096.0, live=True
    )
    attend_after_s: float = setting(
        0.5,
        "How long a face must be seen before it is attended to, s.",
        low=0.0,
        high=60.0,
        live=True,
    )
    forget_after_s: float = setting(
        1.0, "How long a face may be lost before it is forgotten, s.", low=0.0, high=60.0, live=True
    )
    smoothing: Smoothing = part(Smoothing)
    engagement: EngagementSettings = part(EngagementSettings)


class Perception:
    """Finds, tracks, aligns, classifies and smooths. Not thread-safe.

    Args:
        detector: finds the faces.
        classifier: judges the aligned crops.
        settings: see there.
        timed: times the stages.
        rng: source of the ids of faces; None: they are different in every run.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: ExpressionClassifier,
        settings: PerceptionSettings,
        timed: Timed = untimed,
        rng: Random | None = None,
    ) -> None:
        self._classifier = classifier
        self._settings = settings
        self._timed, self._rng = timed, rng
        self._labels = classifier.bundle.labels
        self._no_idea = no_idea(self._labels)
        self._finder = Finder(detector, settings.interval, timed)
        self.reset()

    @property
    def detections(self) -> int:
        """In how many images the detector has looked for faces."""
        return self._finder.detections

    def adjust(self, settings: PerceptionSettings) -> None:
        """Goes on with other settings; nobody is forgotten. Not while an image is processed."""
        self._settings = settings
        self._finder.adjust(settings.interval, settings.min_face_px)
        self._tracker.forget_after_s = settings.forget_after_s
        self._attention.attend_after_s = settings.attend_after_s
        self._attention.forget_after_s = settings.forget_after_s
        self._engagement.settings = settings.engagement
        for smoother in self._smoothers.values():
            smoother.smoothing = settings.smoothing

    def reset(self) -> None:
        """Forgets everybody."""
        settings = self._settings
        self._finder.reset()
        self._tracker = Tracker(settings.forget_after_s, self._rng)
        self._attention = Attention(settings.attend_after_s, settings.forget_after_s)
        self._engagement = EngagementTracker(settings.engagement)
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
            heads = [head_pose(track.face) for track in tracks]
            for track, head in zip(tracks, heads, strict=True):
                self._engagement.update(track, head, frame.width, now)
            attended = self._attention.update(tracks, now, self._engagement.preferred)
        probabilities, flaws = self._classify(frame, tracks)
        with self._timed("smooth"):
            estimates = tuple(
                self._estimate(track, row, flaw, head, now)
                for track, row, flaw, head in zip(tracks, probabilities, flaws, heads, strict=True)
            )
            known = self._tracker.ids
            self._engagement.forget(known)
            self._smoothers = {id_: s for id_, s in self._smoothers.items() if id_ in known}
        return Perceived(estimates, attended, tuple(sorted(known)), self._labels)

    def _classify(
        self, frame: Frame, tracks: Sequence[Track]
    ) -> tuple[list[np.ndarray], list[str | None]]:
        """The probabilities [K] of each face, and why it could not be judged."""
        bundle, size = self._classifier.bundle, self._classifier.bundle.input_size
        probabilities = [self._no_idea] * len(tracks)
        flaws: list[str | None] = [None] * len(tracks)
        crops, judged = [], []
        with self._timed("align"):
            for index, track in enumerate(tracks):
                flaw = view_flaw(track.face, self._settings.min_face_px)
                if flaw is None:
                    crop = frame.cut(placement(track.face, bundle.framing, size), size)
                    flaw = crop_flaw(crop)
                    if flaw is None:
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
        self,
        track: Track,
        probabilities: np.ndarray,
        flaw: str | None,
        head: HeadAngles | None,
        now: float,
    ) -> EmotionEstimate:
        smoother = self._smoothers.get(track.id)
        if smoother is None:
            threshold = self._classifier.bundle.reject_threshold
            smoother = Smoother(self._settings.smoothing, threshold, self._labels)
            self._smoothers[track.id] = smoother
        smoother.update(probabilities, now)
        valence, arousal = valence_arousal(smoother.probabilities, self._labels)
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
            head=head,
            engagement=self._engagement.level(track.id),
        )
