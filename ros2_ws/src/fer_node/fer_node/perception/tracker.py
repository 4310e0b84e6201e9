"""Finds people, follows them from image to image, and chooses the one to attend to."""

from __future__ import annotations

import math
import random
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ec_rfernet.faces.blazeface import ENOUGH
from ec_rfernet.faces.face import Box, Face, FaceDetector, Similarity
from ec_rfernet.faces.scales import MultiScaleDetector, enlarged
from fer_common.settings import setting
from fer_node.perception.frame import Frame, Timed, untimed

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


_REACH = 0.8  # how far a face may be from where it was expected, in face sizes
_REACH_PER_S = 1.0  # and how much farther for each second that it was not seen
_IDS = 10_000  # an id is not given again before so many others were
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
        self.forget_after_s = forget_after_s
        self._rng = rng if rng is not None else random.SystemRandom()
        self._tracks: dict[str, Track] = {}
        self._used: dict[str, None] = {}  # the latest, in their order

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
            if now - track.last_seen <= self.forget_after_s
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
                self._used[name] = None
                if len(self._used) > _IDS:
                    del self._used[next(iter(self._used))]
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


class Attention:
    """Chooses one face and stays with it.

    The largest face that has been followed for a while is chosen, and kept until it
    has been lost for a while: no flicker between people, no glance at passers-by. Who is
    preferred comes before all others, and takes the place of one who is not.

    Args:
        attend_after_s: for how long a face must have been followed.
        forget_after_s: for how long the chosen face may be lost.
    """

    def __init__(self, attend_after_s: float, forget_after_s: float) -> None:
        self.attend_after_s = attend_after_s
        self.forget_after_s = forget_after_s
        self._chosen: str | None = None
        self._last_seen = 0.0

    def update(
        self, visible: Sequence[Track], now: float, preferred: Collection[str] = ()
    ) -> str | None:
        """Looks at the next image.

        Args:
            visible: the faces in it.
            now: when it was taken, seconds.
            preferred: ids of those who come before all others.

        Returns:
            Id of the attended face, also while it is lost for a moment; None when
            there is none.
        """
        if any(track.id == self._chosen for track in visible):
            self._last_seen = now
        elif self._chosen is not None and now - self._last_seen > self.forget_after_s:
            self._chosen = None
        if self._chosen is None or (preferred and self._chosen not in preferred):
            ripe = [track for track in visible if track.age(now) >= self.attend_after_s]
            first = [track for track in ripe if track.id in preferred]
            if self._chosen is None or first:
                largest = max(first or ripe, key=lambda track: track.face.box.area, default=None)
                self._chosen = None if largest is None else largest.id
                self._last_seen = now
        return self._chosen


# ----------------------------------------------------------------------
# Finds the faces of each image: detects them now and then, and follows them in between.

# Following.

_SIDE = 64  # of a patch, pixels
_FACE = 44.0  # width of the face in it
_WINDOW = (9, 9)  # around each point, in which the flow is sought, pixels
_LEVELS = 2  # of the pyramid above the patch, so that moves of a tenth of the face are found
_ENOUGH = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03)

_LEAST_POINTS = 0.6  # share of the points that must be found again
_LARGEST_ERROR = 1.0  # median distance of a point from where the motion puts it, patch pixels
_LEAST_LIKENESS = 0.8  # correlation with the face as it was detected
_LEAST_CONTRAST = 6.0  # standard deviation of grey values; a flat patch looks like any other
_LARGEST_GAIN = 3.0  # by how much less or more contrast there may be
_SCALES = (0.6, 1 / 0.6)  # since the detection
_LARGEST_ANGLE = math.radians(40)  # since the detection
_LARGEST_OVERLAP = 0.5  # of two faces; more, and they may both be following the same one

_INSIDE = 44  # side of the part of a patch that is compared, pixels
_MARGIN = (_SIDE - _INSIDE) // 2
_INNER = slice(_MARGIN, _MARGIN + _INSIDE)


def _grid() -> np.ndarray:
    """Points within the face, where there is no background; complex [N], patch pixels."""
    steps = np.arange(-16, 17, 6) / 40
    x, y = (part.ravel() for part in np.meshgrid(steps, steps))
    inside = np.hypot(x, y) < 0.5
    return (x + 1j * y)[inside] * _FACE + (_SIDE - 1) / 2 * (1 + 1j)


_GRID = _grid()
_POINTS = np.stack([_GRID.real, _GRID.imag], axis=-1)[:, None].astype(np.float32)


@dataclass
class _Target:
    """A face as it was detected, and how it moved since.

    Attributes:
        face: as detected.
        place: from the pixels of that image to those of the patch.
        patch: grey uint8 [_SIDE, _SIDE].
        look: the middle of the patch, float32 [_INSIDE**2] of mean 0 and length 1; None
            where it has too little contrast.
        motion: of the picture since, in pixels counted from their centres.
    """

    face: Face
    place: Similarity
    patch: np.ndarray
    look: np.ndarray | None
    motion: Similarity = field(default_factory=Similarity)


class TextureFollower:
    """Keeps the faces that a detector found, as long as they look the same.

    Each face is compared with how it looked when it was detected, so that errors do not
    add up: a patch is cut out where the face was in the last image, the optical flow to it
    (Lucas-Kanade in pyramids, Bouguet 2000) gives a similarity transform, and the face,
    moved back by it, must still correlate with the detected one. That takes a fraction of
    a millisecond; what it cannot see is what was not there before.
    """

    def __init__(self) -> None:
        self._targets: list[_Target] = []

    @property
    def number(self) -> int:
        """How many faces are followed."""
        return len(self._targets)

    @property
    def faces(self) -> list[Face]:
        """The faces that are followed, where they were last."""
        return [target.face.moved(_from_corner(target.motion)) for target in self._targets]

    def learn(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Follows these faces from now on, and no others.

        Args:
            frame: the image.
            faces: that were detected in it.
        """
        self._targets = []
        self.add(frame, faces)

    def add(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Follows these faces as well; see `learn`."""
        for face in faces:
            place = _placed(face)
            patch = frame.cut(place, _SIDE)
            self._targets.append(_Target(face, place, patch, _look(patch[_INNER, _INNER])))

    def follow(self, frame: Frame) -> list[Face] | None:
        """Where the faces are in the next image.

        Returns:
            As many faces as were learnt, in their order; None as soon as one of them is
            not surely there any more.
        """
        faces: list[Face] = []
        for target in self._targets:
            motion = _followed(target, frame)
            if motion is None:
                return None
            target.motion = motion
            face = target.face.moved(_from_corner(motion))
            x, y = face.box.center
            if not (0 <= x < frame.width and 0 <= y < frame.height):
                return None
            if any(face.box.overlap(other.box) > _LARGEST_OVERLAP for other in faces):
                return None
            faces.append(face)
        return faces


def _placed(face: Face) -> Similarity:
    x, y = face.box.center
    scale = _FACE / max(face.box.width, face.box.height)
    middle = complex(x - 0.5, y - 0.5)
    return Similarity(scale, (_SIDE - 1) / 2 * (1 + 1j) - scale * middle)


def _followed(target: _Target, frame: Frame) -> Similarity | None:
    """The motion of a face since its detection; None where it is not found again."""
    if target.look is None:
        return None
    place = target.place.after(target.motion.inverse())
    patch = frame.cut(place, _SIDE)
    step = _flow(target.patch, _lit_alike(patch, target.patch))
    if step is None or _likeness(target.look, patch, step) < _LEAST_LIKENESS:
        return None
    motion = place.inverse().after(step).after(target.place)
    plausible = _SCALES[0] < motion.scale < _SCALES[1] and abs(motion.angle) < _LARGEST_ANGLE
    return motion if plausible else None


def _lit_alike(patch: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A patch in the light of another one: the flow takes brightness for motion."""
    (mean,), (spread,) = (value.ravel().tolist() for value in cv2.meanStdDev(patch[_INNER, _INNER]))
    (target,), (wanted,) = (v.ravel().tolist() for v in cv2.meanStdDev(other[_INNER, _INNER]))
    gain = min(max(wanted / max(spread, 1.0), 1 / _LARGEST_GAIN), _LARGEST_GAIN)
    # Not convertScaleAbs, which would make bright what is below zero.
    return cv2.addWeighted(patch, gain, patch, 0.0, target - gain * mean)


def _flow(before: np.ndarray, after: np.ndarray) -> Similarity | None:
    """What takes one patch to another; None where too few points agree upon it."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        before, after, _POINTS, None, winSize=_WINDOW, maxLevel=_LEVELS, criteria=_ENOUGH
    )
    good = status[:, 0] == 1
    source, target = _GRID[good], (found[:, 0, 0] + 1j * found[:, 0, 1])[good]
    half = len(source) // 2
    if len(source) < _LEAST_POINTS * len(_GRID):
        return None
    step = Similarity.fit_complex(source, target)
    for _ in range(2):  # again with the half that fits best: a mouth moves by itself
        near = _error(step, source, target).argsort()[: half + 1]
        step = Similarity.fit_complex(source[near], target[near])
    error = np.sort(_error(step, source, target))[half]
    return step if error < _LARGEST_ERROR and step.scale > _SCALES[0] else None


def _error(step: Similarity, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.abs(step.factor * source + step.shift - target)


def _look(part: np.ndarray) -> np.ndarray | None:
    values = part.astype(np.float32).ravel()
    values -= values.sum() / len(values)
    length = math.sqrt(values @ values)
    return values / length if length > _LEAST_CONTRAST * _INSIDE else None


def _likeness(look: np.ndarray, patch: np.ndarray, step: Similarity) -> float:
    """Correlation -1..1 of a face with what a step brings to its place."""
    back = step.after(Similarity(shift=_MARGIN * (1 + 1j))).matrix
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(
        patch, back, (_INSIDE, _INSIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    present = _look(part)
    return 0.0 if present is None else float(look @ present)


def _from_corner(motion: Similarity) -> Similarity:
    """The same motion of points that are counted from the image's corner."""
    half = 0.5 + 0.5j
    return Similarity(motion.factor, motion.shift + half - motion.factor * half)


# Finding.


@dataclass(frozen=True)
class Interval:
    """How often to detect.

    Times and not numbers of images, so that neither the delay until a newcomer is seen
    nor the detector's share of the processor depends on the camera: at 5 images per
    second every image is a detection, at 120 one in 24.

    Attributes:
        detect_every_s: while there are faces and all of them can be followed; also the
            longest time that something may be taken for a face that is none. 0: in every
            image.
        search_every_s: while there is nobody.
    """

    detect_every_s: float = setting(
        0.2,
        "Between two detections faces are followed, for so long, s.",
        low=0.0,
        high=2.0,
        live=True,
    )
    search_every_s: float = setting(
        0.1, "Time between two detections while there is nobody, s.", low=0.0, high=2.0, live=True
    )


class Finder:
    """Finds faces: by detection, and between two detections by following.

    Detection takes the place of following at once when a face cannot be followed, and
    in every image for a while after a face was lost.

    A `MultiScaleDetector` glances at the whole image in a detection, and as often, in another
    image, looks for newcomers at one of its parts: in turn at the image with a border, and at
    the next of the small parts.

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

    def adjust(self, interval: Interval, smallest_px: float) -> None:
        """Goes on with another interval, and looks for faces of another size."""
        self._interval = interval
        if isinstance(self._detector, MultiScaleDetector):
            self._detector.look_for(smallest_px)

    def reset(self) -> None:
        """Forgets everybody."""
        self._follower = TextureFollower()
        self._lost: list[Face] = []
        self._turn = 0
        self._detected = self._looked = self._previous = self._search_until = float("-inf")

    def find(self, frame: Frame, now: float) -> list[Face]:
        """The faces of an image.

        Args:
            frame: the image.
            now: when it was taken, seconds; never before that of the last call.
        """
        step, self._previous = now - self._previous, now
        faces = None
        if now > self._search_until and not self._is_due(self._detected, now + step / 2):
            with self._timed("follow"):
                faces = self._follower.follow(frame)
        if faces is not None:
            look = self._is_due(self._looked, now + step / 2)
        else:
            faces = self._detect(frame, now)
            # A look more in one image is for cameras that are too slow for a look of its own.
            look = self._is_due(self._looked, now - step / 2)
        if look and isinstance(self._detector, MultiScaleDetector) and self._detector.looks_closely:
            self._looked = now
            faces = faces + self._newcomers(self._detector, frame, faces)
        return faces

    def _is_due(self, last: float, now: float) -> bool:
        someone, interval = self._follower.number > 0, self._interval
        return now - last >= (interval.detect_every_s if someone else interval.search_every_s)

    def _detect(self, frame: Frame, now: float) -> list[Face]:
        followed = self._follower.faces
        known = followed + self._lost
        with self._timed("detect"):
            image, shrink = frame.overview()
            if isinstance(self._detector, MultiScaleDetector):
                found = [enlarged(face, shrink) for face in self._detector.overview(image)]
                faces = self._detector.glance(found, known, frame.bgr)
            else:
                faces = [enlarged(face, shrink) for face in self._detector.detect(image)]
        if len(faces) < len(followed):
            self._search_until = now + self._interval.detect_every_s
        missed = [face for face in known if not any(face.box.overlap(o.box) for o in faces)]
        self._lost = missed if now < self._search_until else []
        self._detected = now
        self.detections += 1
        with self._timed("follow"):
            self._follower.learn(frame, faces)
        return faces

    def _newcomers(
        self, detector: MultiScaleDetector, frame: Frame, known: Sequence[Face]
    ) -> list[Face]:
        self._turn += 1
        with self._timed("detect"):
            bordered = self._turn % 2 == 1
            image, shrink = frame.overview(
                ENOUGH if bordered else max(frame.width, frame.height) * detector.detail
            )
            known = [enlarged(face, 1 / shrink) for face in known]
            look = detector.parts(image, shrink)
            number = 0 if bordered or len(look) < 2 else 1 + self._turn // 2 % (len(look) - 1)
            found = detector.newcomers(image, look[number], known)
            new = [enlarged(face, shrink) for face in found]
        with self._timed("follow"):
            self._follower.add(frame, new)
        return new
