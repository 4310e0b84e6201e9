"""What is shown of what happens: plain values in, rows of the screen out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import rerun as rr

from ec_rfernet.labels import UNKNOWN
from fer_common.diagnostics import Statistics
from fer_common.emotions import SeenFace, SeenImage
from fer_common.reason import Finding, Level
from fer_monitor.viewer import screen
from fer_monitor.viewer.scene import Figure
from fer_monitor.viewer.screen import Row
from fer_node.show.palette import colour_of

CURVES_S = 0.2
"""Between two points of a curve."""

POSES_S = 0.08
"""Between two poses of the robot."""

PAGE_S = 0.5
"""Between two texts of the present."""

LOST_S = 1.0
"""What has not come for so long is shown no longer."""

_LEVELS = ("INFO", "WARN", "ERROR", "WARN")  # of diagnostics: OK, WARN, ERROR, STALE


@dataclass(frozen=True)
class _Present:
    """The present, as far as it is told in words; None for what is not there."""

    expression: str | None = None
    state: str | None = None
    said: str | None = None


class Observer:
    """Turns events into rows, no more of them than can be looked at.

    Args:
        clock: seconds, monotonic.
        figure: the robot.
    """

    def __init__(self, clock: Callable[[], float], figure: Figure) -> None:
        self._clock, self._figure = clock, figure
        self._present = _Present()
        self._expressed = -math.inf
        self._timing = Statistics(window_s=2.0)
        self._largest = 0.0
        self._faces: tuple[SeenFace, ...] = ()
        self._attended: str | None = None
        self._labels: dict[str, str] = {}  # the entities of their curves
        self._behaviour = ("", "", "")
        self._health: dict[str, tuple[int, str]] = {}
        self._due: dict[str, float] = {}
        self._shown: str | None = None

    def seen(self, image: SeenImage, latency_s: float) -> list[Row]:
        """The faces of an image are known.

        Args:
            image: with all of them, and who is attended to.
            latency_s: from the image's stamp to now.
        """
        self._faces, self._attended = image.faces, image.attended or None
        self._timing.add(latency_s, self._clock())
        self._largest = max(self._largest, latency_s)
        if not self._is_due("timing", CURVES_S):
            return []
        summary, largest = self._timing.summary(self._clock()), self._largest
        self._largest = 0.0
        shown: list[Row] = [
            (screen.LARGEST, rr.Scalars(1000 * largest)),
            (screen.MEDIAN, rr.Scalars(1000 * summary.median_s)),
        ]
        if summary.span_s > 1.0:  # before, it is hardly a rate
            shown.append((screen.IMAGES, rr.Scalars(summary.rate)))
        return shown

    def picture(self, jpeg: bytes) -> Row:
        """What the camera sees, a JPEG file."""
        return screen.PICTURE, rr.EncodedImage(contents=jpeg, media_type="image/jpeg")

    def frames(self, shrink: int = 1) -> Row:
        """The rectangles around the faces.

        Args:
            shrink: how many pixels of the image became one of the picture, per side.
        """
        faces = self._faces
        boxes = rr.Boxes2D(
            array=np.array([face.box for face in faces], np.float32).reshape(-1, 4) / shrink,
            array_format=rr.Box2DFormat.XYWH,
            labels=[f"{_words(face)}  {face.face_id}" for face in faces],
            colors=[colour_of(face.label) for face in faces],
            # Negative: in points of the screen, whatever the picture's size.
            radii=[-2.0 if face.face_id == self._attended else -0.8 for face in faces],
            show_labels=True,
        )
        return screen.FACES, boxes

    def expression(self, face: SeenFace) -> list[Row]:
        """The attended face shows something."""
        self._expressed = self._clock()
        self._present = replace(self._present, expression=_words(face))
        if not self._is_due("expression", CURVES_S):
            return []
        known = dict(zip(face.labels, face.probabilities, strict=True))
        if not known and face.label != UNKNOWN:  # only the label was said
            known = {face.label: face.confidence}
        shown: list[Row] = []
        for label, value in known.items():
            if label not in self._labels:
                self._labels[label] = screen.expression_path(label)
                shown.append(screen.expression_curve(label))
            shown.append((self._labels[label], rr.Scalars(value)))
        shown.append((screen.VALENCE, rr.Scalars(face.valence)))
        shown.append((screen.AROUSAL, rr.Scalars(face.arousal)))
        return shown

    def behaviour(self, state: str, emotion: str, motion: str, reason: str) -> list[Row]:
        """The behaviour has told its state; see ``BehaviorState.msg``."""
        self._present = replace(self._present, state=state or None)
        told = (state, emotion if state == "responding" else "", motion)
        if told == self._behaviour:
            return []
        self._behaviour = told
        words = [state, *([f"to {emotion}"] if told[1] else []), *([f"({motion})"] * bool(motion))]
        because = f": {reason}" if reason else ""
        return [_line(screen.BEHAVIOUR, " ".join(words) + because)]

    def said(self, text: str) -> list[Row]:
        """The robot begins to say something; an empty text: it has ended."""
        self._present = replace(self._present, said=text or None)
        shown: list[Row] = [self._figure.says(text)]
        if text:
            shown.append(_line(screen.VOICE, f"“{text}”"))
        return shown

    def joints(self, positions: Mapping[str, float]) -> list[Row]:
        """The robot is in a pose, rad by name of the joint."""
        return self._figure.moved(positions) if self._is_due("joints", POSES_S) else []

    def health(self, name: str, level: int, message: str) -> list[Row]:
        """A status of ``/diagnostics``; what is good is told only after it was not."""
        before, told = self._health.get(name, (0, ""))
        self._health[name] = (level, message)
        if level == before == 0 or (level == before and _kind(message) == _kind(told)):
            return []
        text = message if level else f"in order again: {message}"
        return [_line(screen.HEALTH, f"{name}: {text}", _LEVELS[min(level, 3)])]

    def tick(self) -> list[Row]:
        """To be called several times a second: what has ended, and the present in words."""
        shown: list[Row] = []
        now = self._clock()
        if self._present.expression is not None and now - self._expressed > LOST_S:
            self._present = replace(self._present, expression=None)
            curves = (*self._labels.values(), screen.VALENCE, screen.AROUSAL)
            shown += [(curve, rr.Clear(recursive=False)) for curve in curves]
        if self._faces and self._timing.summary(now).age_s > LOST_S:
            self._faces = ()
            shown.append(self.frames())
        text = self._page(now)
        if text != self._shown and self._is_due("page", PAGE_S):
            self._shown = text
            shown.append((screen.NOW, rr.TextDocument(text, media_type=rr.MediaType.MARKDOWN)))
        return shown

    def _is_due(self, what: str, period_s: float) -> bool:
        now = self._clock()
        if now < self._due.get(what, -math.inf):
            return False
        self._due[what] = now + period_s
        return True

    def _page(self, now: float) -> str:
        present, summary = self._present, self._timing.summary(now)
        if present.expression is not None:
            seen = present.expression
        elif self._faces:
            seen = "somebody, not attended to yet"
        else:
            seen = "nobody" if summary.rate else "nothing: no emotions come"
        pace = f"{summary.rate:.0f} images/s, {1000 * summary.median_s:.0f} ms behind the camera"
        says = f" It says “{present.said}”" if present.said is not None else ""
        lines = [
            f"# {seen}",
            f"The robot is **{present.state or 'not there'}**.{says}",
            pace if summary.rate else "no images are processed",
        ]
        lines += [
            f"**{name}**: {message}" for name, (level, message) in self._health.items() if level
        ]
        return "\n\n".join(lines)


def _line(path: str, text: str, level: str = "INFO") -> Row:
    return path, rr.TextLog(text, level=level)


def _words(face: SeenFace) -> str:
    return face.label if face.label == UNKNOWN else f"{face.label} {face.confidence:.0%}"


def _kind(message: str) -> str:
    """The message without its figures, which change all the time."""
    return Finding(Level.WARN, message).kind
