"""Rows as a Rerun recording, in the bytes that its viewer reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

from fer_monitor.viewer import rows
from fer_monitor.viewer.rows import (
    Cleared,
    Curve,
    CurvePoint,
    FaceFrames,
    LinkPose,
    LogLine,
    Row,
    ShownPicture,
    SpeechBubble,
    TextPage,
)
from fer_monitor.viewer.scene import Mesh

APPLICATION = "robot"
"""The viewer keeps the arrangement of its windows by this name."""

TIMELINE = "time"

# Rerun looks at a scene along y, and nobody can tell it otherwise; robots look along x.
_FACING_US = rr.Transform3D(rotation=rr.RotationAxisAngle(axis=(0.0, 0.0, 1.0), degrees=-90.0))

_ROOM = ((-0.4, -0.4, 0.0), (0.4, 0.4, 1.7))
"""Two invisible points, m: what is between them is in view at first."""


class RerunStream:
    """What one browser is sent. Thread-safe, as Rerun's recordings are.

    Args:
        bodies: surfaces by entity, sent once.
    """

    def __init__(self, bodies: Mapping[str, Mesh]) -> None:
        # Rows are put together when they are read, not every few milliseconds.
        os.environ.setdefault("RERUN_FLUSH_TICK_SECS", "3600")
        self._recording = rr.new_recording(APPLICATION)
        self._bytes = self._recording.binary_stream()
        rr.send_blueprint(blueprint(), recording=self._recording)
        self._log(rows.SCENE, rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        self._log(rows.ROBOT, _FACING_US, static=True)
        self._log(f"{rows.SCENE}/room", rr.Points3D(_ROOM, radii=0.0), static=True)
        for path, body in bodies.items():
            self._log(path, _surface(body), static=True)
        for curve in rows.CURVES:
            self._log(curve.path, archetype(curve), static=True)

    def put(self, time_ns: int, shown: Iterable[Row]) -> None:
        """Adds rows.

        Args:
            time_ns: since 1970.
            shown: see `fer_monitor.viewer.rows`.
        """
        rr.set_time_nanos(TIMELINE, time_ns, recording=self._recording)
        for row in shown:
            self._log(row.path, archetype(row), static=isinstance(row, Curve))

    def read(self) -> bytes:
        """What has been added since the last call; empty for nothing."""
        return self._bytes.read()

    def close(self) -> None:
        """Ends it; what was not read is lost."""
        self._recording.disconnect()
        self._bytes.read()

    def _log(self, path: str, what: Any, static: bool = False) -> None:
        rr.log(path, what, static=static, recording=self._recording)


def archetype(row: Row) -> Any:
    """What Rerun calls it."""
    return _ARCHETYPES[type(row)](row)


def _boxes(row: FaceFrames) -> Any:
    frames = row.frames
    return rr.Boxes2D(
        array=np.array([frame.box for frame in frames], np.float32).reshape(-1, 4),
        array_format=rr.Box2DFormat.XYWH,
        labels=[frame.text for frame in frames],
        colors=[frame.colour for frame in frames],
        # Negative: in points of the screen, whatever the picture's size.
        radii=[-2.0 if frame.strong else -0.8 for frame in frames],
        show_labels=True,
    )


def _bubble(row: SpeechBubble) -> Any:
    return rr.Points3D(
        [row.place], radii=0.008, labels=[row.text], colors=[(255, 235, 160)], show_labels=True
    )


def _surface(body: Mesh) -> Any:
    return rr.Mesh3D(
        vertex_positions=body.vertices,
        vertex_normals=body.normals,
        vertex_colors=body.colours,
        triangle_indices=body.triangles,
    )


_ARCHETYPES: dict[type, Callable[[Any], Any]] = {
    Curve: lambda row: rr.SeriesLine(color=row.colour, name=row.name, width=row.width),
    CurvePoint: lambda row: rr.Scalar(row.value),
    Cleared: lambda row: rr.Clear(recursive=False),
    LogLine: lambda row: rr.TextLog(row.text, level=row.level),
    TextPage: lambda row: rr.TextDocument(row.text, media_type=rr.MediaType.MARKDOWN),
    ShownPicture: lambda row: rr.EncodedImage(contents=row.jpeg, media_type="image/jpeg"),
    FaceFrames: _boxes,
    LinkPose: lambda row: rr.Transform3D(translation=row.matrix[:3, 3], mat3x3=row.matrix[:3, :3]),
    SpeechBubble: _bubble,
}


# How the windows are arranged.

SECONDS = 30.0
"""The curves show so much of the past."""

_GROUND = (24, 27, 31)
_FLOOR = (58, 66, 76)


def blueprint() -> Any:
    """Above: camera and robot; below: the log; on the right: the present, and the curves."""
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Vertical(
                rrb.Horizontal(_camera(), _robot(), column_shares=[5, 4]),
                _log(),
                row_shares=[7, 3],
            ),
            rrb.Vertical(_now(), *_curves(), row_shares=[9, 12, 8, 7, 7]),
            column_shares=[9, 4],
        ),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed"),
    )


def _camera() -> Any:
    return rrb.Spatial2DView(origin=rows.CAMERA, name="What the robot sees", background=_GROUND)


def _now() -> Any:
    return rrb.TextDocumentView(origin=rows.NOW, name="Now")


def _robot() -> Any:
    return rrb.Spatial3DView(
        origin=rows.SCENE, name="Where it looks and how it moves", background=_FLOOR
    )


def _log() -> Any:
    return rrb.TextLogView(origin=rows.LOG, name="What it does, and why")


def _curves() -> list[Any]:
    return [
        _curve(rows.EXPRESSION, "Expression of the attended face", (0.0, 1.0)),
        _curve(rows.MOOD, "Valence: how pleasant; arousal: how excited", (-1.0, 1.0)),
        _curve(rows.LATENCY, "From camera to emotion, ms"),
        _curve(rows.RATE, "Images per second"),
    ]


def _curve(origin: str, name: str, span: tuple[float, float] | None = None) -> Any:
    recent = rrb.VisibleTimeRange(
        "time",
        start=rrb.TimeRangeBoundary.cursor_relative(seconds=-SECONDS),
        end=rrb.TimeRangeBoundary.cursor_relative(),
    )
    return rrb.TimeSeriesView(
        origin=origin,
        name=name,
        axis_y=rrb.ScalarAxis(range=span, zoom_lock=True) if span else None,
        plot_legend=rrb.PlotLegend(corner=rrb.Corner2D.LeftTop),
        time_ranges=recent,
    )
