"""What is on the screen: what happens becomes rows of Rerun's viewer, in windows that it arranges.

A row is an entity, a path such as ``/mood/valence``, with what it shows from now on: a curve goes
on with a point, all else is replaced.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rerun as rr
import rerun.blueprint as rrb
from rerun.urdf import UrdfTree

from ec_rfernet.labels import UNKNOWN
from ec_rfernet.show.palette import colour_of
from fer_common.diagnostics import Statistics
from fer_common.emotions import SeenFace, SeenImage
from fer_common.reason import Finding, Level
from robot_behavior.body.face import FACE_LINK, Look, mesh
from robot_behavior.body.robot_model import Shape

Row = tuple[str, Any]
"""An entity, and an archetype of Rerun's."""

CAMERA, PICTURE, FACES = "/camera", "/camera/picture", "/camera/faces"
SCENE, POSE, SPEECH, FACE = "/scene", "/scene/pose", "/scene/speech", "/scene/face"
NOW = "/now"
LOG, BEHAVIOUR, VOICE, HEALTH = "/log", "/log/behaviour", "/log/voice", "/log/health"
EXPRESSION, MOOD, LATENCY, RATE = "/expression", "/mood", "/latency", "/rate"
VALENCE, AROUSAL = f"{MOOD}/valence", f"{MOOD}/arousal"
TIMELINE = "time"

SECONDS = 30.0
"""The curves show so much of the past."""

LOST_S = 1.0
"""What has not come for so long is shown no longer."""

PAGE_S = 0.5
"""Between two texts of the present, whose figures change all the time."""

_GROUND, _FLOOR, _BUBBLE = (24, 27, 31), (58, 66, 76), (255, 235, 160)
_OVERHEAD = 0.27  # m, of the bubble above the robot
_LETTERS = 32  # in a line of it
_SHAPES = (rr.Boxes3D, rr.Cylinders3D, rr.Ellipsoids3D)  # of a URDF
_LEVELS = ("INFO", "WARN", "ERROR", "WARN")  # of diagnostics: OK, WARN, ERROR, STALE
_STATES = {  # of `BehaviorState`
    "disabled": "The robot answers nobody: it is disabled",
    "idle": "The robot waits",
    "attending": "The robot watches",
    "responding": "The robot answers",
    "cooldown": "The robot pauses",
}


@dataclass(frozen=True)
class _Present:
    """The present, as far as it is told in words; None for what is not there."""

    face: SeenFace | None = None
    state: str | None = None
    reason: str = ""
    said: str | None = None


class ViewerScreen:
    """Turns events into rows.

    Args:
        clock: seconds, monotonic.
        urdf: the robot's.
        height: of the robot, m.
        face: the sphere that wears its face; None for a robot whose face is not drawn.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        urdf: Path,
        height: float,
        face: Shape | None = None,
    ) -> None:
        self._clock, self._height, self._sphere = clock, height, face
        self._look: Look | None = None
        self._robot = UrdfTree.from_file_path(urdf, SCENE[1:])
        self._frame = self._robot.root_link().name
        self._present = _Present()
        self._faces: tuple[SeenFace, ...] = ()
        self._attended: str | None = None
        self._expressed: float | None = None  # when
        self._fresh: SeenFace | None = None
        self._timing = Statistics(window_s=2.0)
        self._curves: dict[str, str] = {}  # the entities of the labels
        self._pose: dict[str, float] = {}
        self._posed: dict[str, float] = {}
        self._behaviour = ("", "", "")
        self._health: dict[str, tuple[int, str]] = {}
        self._page, self._page_due = "", -math.inf

    def begin(self, recording: rr.RecordingStream, is_tall: bool = False) -> None:
        """Logs what never changes: the robot's shape, how curves look, and the windows.

        Args:
            recording: of one browser.
            is_tall: whether its window is higher than wide.
        """
        recording.send_blueprint(self._blueprint(is_tall))
        self._robot.log_urdf_to_recording(recording)
        for path, look in (
            (SPEECH, rr.CoordinateFrame(self._frame)),
            (FACE, rr.CoordinateFrame(FACE_LINK)),
            (VALENCE, rr.SeriesLines(names="valence", colors=(79, 195, 247), widths=2)),
            (AROUSAL, rr.SeriesLines(names="arousal", colors=(255, 138, 101), widths=2)),
            # Where points are denser than pixels, the latest image shows.
            (LATENCY, rr.SeriesLines(colors=(255, 170, 60), aggregation_policy="Max")),
            (RATE, rr.SeriesLines(colors=(171, 160, 255))),
        ):
            recording.log(path, look, static=True)

    def seen(self, image: SeenImage, latency_s: float) -> list[Row]:
        """The faces of an image are known.

        Args:
            image: with all of them, and who is attended to.
            latency_s: from the image's stamp to now.
        """
        self._faces, self._attended = image.faces, image.attended or None
        self._timing.add(latency_s, self._clock())
        return [(LATENCY, rr.Scalars(1000 * latency_s))]

    def picture(self, jpeg: bytes) -> Row:
        """What the camera sees, a JPEG file."""
        return PICTURE, rr.EncodedImage(contents=jpeg, media_type="image/jpeg")

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
        return FACES, boxes

    def expression(self, face: SeenFace) -> None:
        """The attended face shows something."""
        self._fresh, self._expressed = face, self._clock()
        self._present = replace(self._present, face=face)

    def joints(self, positions: Mapping[str, float]) -> None:
        """The robot is in a pose, rad by name of the joint."""
        self._pose = dict(positions)

    def face(self, look: Look) -> list[Row]:
        """The robot's face is like this now."""
        if self._sphere is None or look == self._look:
            return []
        self._look, drawn = look, mesh(look.bands, self._sphere)
        triangles = rr.Mesh3D(
            vertex_positions=drawn.points,
            triangle_indices=drawn.triangles,
            vertex_colors=drawn.colours,
        )
        return [(FACE, triangles)]

    def behaviour(self, state: str, emotion: str, motion: str, reason: str) -> list[Row]:
        """The behaviour has told its state; see ``BehaviorState.msg``."""
        self._present = replace(self._present, state=state or None, reason=reason)
        told = (state, emotion if state == "responding" else "", motion)
        if told == self._behaviour:
            return []
        self._behaviour = told
        words = [state, *([f"to {emotion}"] if told[1] else []), *([f"({motion})"] * bool(motion))]
        because = f": {reason}" if reason else ""
        return [(BEHAVIOUR, rr.TextLog(" ".join(words) + because, level="INFO"))]

    def said(self, text: str) -> list[Row]:
        """The robot begins to say something; an empty text: it has ended."""
        self._present = replace(self._present, said=text or None)
        if not text:
            return [(SPEECH, rr.Clear(recursive=False))]
        bubble = rr.Points3D(
            [(0.0, 0.0, self._height + _OVERHEAD)],
            radii=0.008,
            labels=[textwrap.fill(text, _LETTERS)],
            colors=[_BUBBLE],
            show_labels=True,
        )
        return [(SPEECH, bubble), (VOICE, rr.TextLog(f"“{text}”", level="INFO"))]

    def health(self, name: str, level: int, message: str) -> list[Row]:
        """A status of ``/diagnostics``; what is good is told only after it was not."""
        before, told = self._health.get(name, (0, ""))
        self._health[name] = (level, message)
        if level == before == 0 or (level == before and _kind(message) == _kind(told)):
            return []
        text = message if level else f"in order again: {message}"
        return [(HEALTH, rr.TextLog(f"{name}: {text}", level=_LEVELS[min(level, 3)]))]

    def line(self, text: str) -> Row:
        """A line of the log. The first one gives its columns their widths."""
        return HEALTH, rr.TextLog(text, level="INFO")

    def tick(self) -> list[Row]:
        """What goes on, and the present in words; to be called several times a second."""
        now = self._clock()
        shown = [*self._expression(now), *self._moved()]
        summary = self._timing.summary(now)
        if summary.span_s > 1.0:  # before, it is hardly a rate
            shown.append((RATE, rr.Scalars(summary.rate)))
        if self._faces and summary.age_s > LOST_S:
            self._faces = ()
            shown.append(self.frames())
        pace = f"{summary.rate:.0f} images/s, {1000 * summary.median_s:.0f} ms behind the camera"
        text = self._words(pace if summary.rate else None)
        if text != self._page and now >= self._page_due:
            self._page, self._page_due = text, now + PAGE_S
            shown.append((NOW, rr.TextDocument(text, media_type=rr.MediaType.MARKDOWN)))
        return shown

    def _expression(self, now: float) -> list[Row]:
        """The curves of the attended face go on, or are interrupted."""
        face, self._fresh = self._fresh, None
        if face is None:
            if self._expressed is None or now - self._expressed <= LOST_S:
                return []
            self._expressed, self._present = None, replace(self._present, face=None)
            curves = (*self._curves.values(), VALENCE, AROUSAL)
            return [(curve, rr.Clear(recursive=False)) for curve in curves]
        known = dict(zip(face.labels, face.probabilities, strict=True))
        if not known and face.label != UNKNOWN:  # only the label was said
            known = {face.label: face.confidence}
        shown: list[Row] = []
        for label, value in known.items():
            if label not in self._curves:
                self._curves[label] = str(rr.new_entity_path([EXPRESSION[1:], label]))
                look = rr.SeriesLines(names=label, colors=colour_of(label), widths=2)
                shown.append((self._curves[label], look))
            shown.append((self._curves[label], rr.Scalars(value)))
        shown += [(VALENCE, rr.Scalars(face.valence)), (AROUSAL, rr.Scalars(face.arousal))]
        return shown

    def _moved(self) -> list[Row]:
        """The joints that are elsewhere than they were; who says nothing is at zero."""
        shown: list[Row] = []
        for joint in self._robot.joints():
            position = self._pose.get(joint.name, 0.0)
            if joint.joint_type != "fixed" and self._posed.get(joint.name, math.nan) != position:
                self._posed[joint.name] = position
                path = POSE + str(rr.new_entity_path([joint.name]))
                shown.append((path, joint.compute_transform(position, clamp=False)))
        return shown

    def _words(self, pace: str | None) -> str:
        present = self._present
        if present.face is not None:
            seen = _words(present.face)
        elif self._faces:
            seen = "somebody, not attended to yet"
        else:
            seen = "nobody" if pace else "nothing: no emotions come"
        state = present.state or "The robot does not say what it does"
        because = f": {present.reason}" if present.reason else "."
        lines = [f"## {seen}", _STATES.get(state, state) + because]
        if present.said is not None:
            lines.append(f"It says “{present.said}”")
        lines.append(pace or "No images are processed.")
        lines += [f"**{name}**: {text}" for name, (level, text) in self._health.items() if level]
        return "\n\n".join(lines)

    def _blueprint(self, is_tall: bool) -> rrb.Blueprint:
        camera = rrb.Spatial2DView(origin=CAMERA, name="What the robot sees", background=_GROUND)
        robot = rrb.Spatial3DView(
            origin=SCENE,
            name="How it moves",
            contents=["+ $origin/**", f"- $origin/{self._robot.name}/collision_geometries/**"],
            spatial_information=rrb.SpatialInformation(target_frame=self._frame),
            defaults=[kind.from_fields(fill_mode="solid") for kind in _SHAPES],
            background=_FLOOR,
            eye_controls=rrb.EyeControls3D(  # from the front, where people stand
                position=(1.6 * self._height, 0.4 * self._height, 0.9 * self._height),
                look_target=(0.0, 0.0, 0.6 * self._height),
                eye_up=(0.0, 0.0, 1.0),
            ),
        )
        columns = rrb.TextLogColumns(
            timeline_columns=[TIMELINE], text_log_columns=["LogLevel", "Body"]
        )
        log = rrb.TextLogView(origin=LOG, name="What it does, and why", columns=columns)
        now = rrb.TextDocumentView(origin=NOW, name="Now")
        expression = _curves(EXPRESSION, "Expression of the attended face", (0.0, 1.0))
        mood = _curves(MOOD, "Valence and arousal", (-1.0, 1.0))
        pace = (_curves(LATENCY, "Latency, ms"), _curves(RATE, "Images/s"))
        if is_tall:
            windows = rrb.Vertical(
                camera,
                rrb.Horizontal(now, robot, column_shares=[3, 2]),
                expression,
                rrb.Tabs(log, mood, *pace),
                row_shares=[6, 5, 7, 4],
            )
        else:
            above = rrb.Horizontal(camera, robot, column_shares=[5, 4])
            right = (now, expression, mood, rrb.Horizontal(*pace))
            windows = rrb.Horizontal(
                rrb.Vertical(above, log, row_shares=[7, 3]),
                rrb.Vertical(*right, row_shares=[9, 14, 8, 7]),
                column_shares=[9, 5],
            )
        time = rrb.TimePanel(state="collapsed", timeline=TIMELINE, play_state="following")
        return rrb.Blueprint(windows, rrb.TopPanel(state="hidden"), time, collapse_panels=True)


def _curves(origin: str, name: str, span: tuple[float, float] | None = None) -> Any:
    recent = rrb.VisibleTimeRange(
        TIMELINE,
        start=rrb.TimeRangeBoundary.cursor_relative(seconds=-SECONDS),
        end=rrb.TimeRangeBoundary.cursor_relative(),
    )
    return rrb.TimeSeriesView(
        origin=origin,
        name=name,
        axis_y=rrb.ScalarAxis(range=span, zoom_lock=True) if span else None,
        plot_legend=rrb.PlotLegend(corner=rrb.Corner2D.LeftTop, visible=span is not None),
        time_ranges=recent,
    )


def _words(face: SeenFace) -> str:
    return face.label if face.label == UNKNOWN else f"{face.label} {face.confidence:.0%}"


def _kind(message: str) -> str:
    """The message without its figures, which change all the time."""
    return Finding(Level.WARN, message).kind
