"""What is shown of what happens: plain values in, rows out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ec_rfernet.labels import UNKNOWN
from fer_common.diagnostics import Statistics
from fer_monitor.viewer import entities
from fer_monitor.viewer.figure import Figure
from fer_monitor.viewer.rows import Frame, Frames, Gap, Line, Number, Page, Row
from fer_node.show.palette import COLOURS

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
class Face:
    """A face in an image.

    Attributes:
        face_id: see ``Emotion.msg``, as the others.
        label: of the expression.
        confidence: 0..1.
        box: left, top, width, height, pixels.
    """

    face_id: str
    label: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class _Moment:
    """The present, as far as it is told in words."""

    expression: str = ""
    state: str = ""
    said: str = ""


class Observer:
    """Turns events into rows, no more of them than can be looked at.

    Args:
        clock: seconds, monotonic.
        figure: the robot.
    """

    def __init__(self, clock: Callable[[], float], figure: Figure) -> None:
        self._clock, self._figure = clock, figure
        self._moment = _Moment()
        self._attended, self._expressed = "", -math.inf
        self._timing = Statistics(window_s=2.0)
        self._largest = 0.0
        self._faces: tuple[Face, ...] = ()
        self._behaviour = ("", "", "")
        self._health: dict[str, tuple[int, str]] = {}
        self._due: dict[str, float] = {}
        self._shown: str | None = None

    def faces(self, faces: Sequence[Face], latency_s: float) -> list[Row]:
        """The faces of an image are known.

        Args:
            faces: all of them.
            latency_s: from the image's stamp to now.
        """
        self._faces = tuple(faces)
        self._timing.add(latency_s, self._clock())
        self._largest = max(self._largest, latency_s)
        if not self._is_due("timing", CURVES_S):
            return []
        summary, largest = self._timing.summary(self._clock()), self._largest
        self._largest = 0.0
        rows: list[Row] = [
            Number(entities.LARGEST.path, 1000 * largest),
            Number(entities.MEDIAN.path, 1000 * summary.median_s),
        ]
        if summary.span_s > 1.0:  # before, it is hardly a rate
            rows.append(Number(entities.IMAGES.path, summary.rate))
        return rows

    def frames(self, shrink: int = 1) -> Row:
        """The rectangles around the faces.

        Args:
            shrink: how many pixels of the image became one of the picture, per side.
        """
        return Frames(entities.FACES, tuple(self._frame(face, shrink) for face in self._faces))

    def expression(
        self, face: Face, probabilities: Sequence[float], valence: float, arousal: float
    ) -> list[Row]:
        """The attended face shows something; see ``Emotion.msg``."""
        self._attended, self._expressed = face.face_id, self._clock()
        self._moment = replace(self._moment, expression=_words(face))
        if not self._is_due("expression", CURVES_S):
            return []
        rows: list[Row] = [
            Number(curve.path, float(value))
            for curve, value in zip(entities.EXPRESSIONS, probabilities, strict=True)
        ]
        rows.append(Number(entities.VALENCE.path, valence))
        rows.append(Number(entities.AROUSAL.path, arousal))
        return rows

    def behaviour(self, state: str, emotion: str, motion: str, reason: str) -> list[Row]:
        """The behaviour has told its state; see ``BehaviorState.msg``."""
        self._moment = replace(self._moment, state=state)
        told = (state, emotion if state == "responding" else "", motion)
        if told == self._behaviour:
            return []
        self._behaviour = told
        words = [state, *([f"to {emotion}"] if told[1] else []), *([f"({motion})"] * bool(motion))]
        because = f": {reason}" if reason else ""
        return [Line(entities.BEHAVIOUR, " ".join(words) + because)]

    def said(self, text: str) -> list[Row]:
        """The robot begins to say something; an empty text: it has ended."""
        self._moment = replace(self._moment, said=text)
        rows: list[Row] = [self._figure.says(text)]
        if text:
            rows.append(Line(entities.VOICE, f"“{text}”"))
        return rows

    def joints(self, positions: Mapping[str, float]) -> list[Row]:
        """The robot is in a pose, rad by name of the joint."""
        return self._figure.moved(positions) if self._is_due("joints", POSES_S) else []

    def health(self, name: str, level: int, message: str) -> list[Row]:
        """A status of ``/diagnostics``; what is good is told only after it was not."""
        before, told = self._health.get(name, (0, ""))
        self._health[name] = (level, message)
        if level == before == 0 or (level == before and _wording(message) == _wording(told)):
            return []
        text = message if level else f"in order again: {message}"
        return [Line(entities.HEALTH, f"{name}: {text}", _LEVELS[min(level, 3)])]

    def tick(self) -> list[Row]:
        """To be called several times a second: what has ended, and the present in words."""
        rows: list[Row] = []
        now = self._clock()
        if self._attended and now - self._expressed > LOST_S:
            self._attended = ""
            self._moment = replace(self._moment, expression="")
            rows += [Gap(c.path) for c in (*entities.EXPRESSIONS, entities.VALENCE)]
            rows.append(Gap(entities.AROUSAL.path))
        if self._faces and self._timing.summary(now).age_s > LOST_S:
            self._faces = ()
            rows.append(self.frames())
        text = self._page(now)
        if text != self._shown and self._is_due("page", PAGE_S):
            self._shown = text
            rows.append(Page(entities.NOW, text))
        return rows

    def _is_due(self, what: str, period_s: float) -> bool:
        now = self._clock()
        if now < self._due.get(what, -math.inf):
            return False
        self._due[what] = now + period_s
        return True

    def _frame(self, face: Face, shrink: int) -> Frame:
        left, top, width, height = (value / shrink for value in face.box)
        colour = COLOURS.get(face.label, COLOURS[UNKNOWN])
        text = f"{_words(face)}  {face.face_id}"
        return Frame((left, top, width, height), text, colour, face.face_id == self._attended)

    def _page(self, now: float) -> str:
        moment, summary = self._moment, self._timing.summary(now)
        if moment.expression:
            seen = moment.expression
        elif self._faces:
            seen = "somebody, not attended to yet"
        else:
            seen = "nobody" if summary.rate else "nothing: no emotions come"
        pace = f"{summary.rate:.0f} images/s, {1000 * summary.median_s:.0f} ms behind the camera"
        says = f" It says “{moment.said}”" if moment.said else ""
        lines = [
            f"# {seen}",
            f"The robot is **{moment.state or 'not there'}**.{says}",
            pace if summary.rate else "no images are processed",
        ]
        lines += [
            f"**{name}**: {message}" for name, (level, message) in self._health.items() if level
        ]
        return "\n\n".join(lines)


def _words(face: Face) -> str:
    return face.label if face.label == UNKNOWN else f"{face.label} {face.confidence:.0%}"


def _wording(message: str) -> str:
    """A message without its numbers, which change all the time."""
    return re.sub(r"\d+(\.\d+)?", "", message)
