"""Rows as a Rerun recording, in the bytes that its viewer reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import rerun as rr

from fer_monitor.viewer import entities
from fer_monitor.viewer.blueprint import blueprint
from fer_monitor.viewer.mesh import Mesh
from fer_monitor.viewer.rows import Bubble, Frames, Gap, Line, Number, Page, Picture, Pose, Row

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
        self._log(entities.SCENE, rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        self._log(entities.ROBOT, _FACING_US, static=True)
        self._log(f"{entities.SCENE}/room", rr.Points3D(_ROOM, radii=0.0), static=True)
        for path, body in bodies.items():
            self._log(path, _surface(body), static=True)
        for curve in entities.CURVES:
            line = rr.SeriesLine(color=curve.colour, name=curve.name, width=curve.width)
            self._log(curve.path, line, static=True)

    def put(self, time_ns: int, rows: Iterable[Row]) -> None:
        """Adds rows.

        Args:
            time_ns: since 1970.
            rows: see `fer_monitor.viewer.rows`.
        """
        rr.set_time_nanos(TIMELINE, time_ns, recording=self._recording)
        for row in rows:
            self._log(row.path, archetype(row))

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


def _boxes(row: Frames) -> Any:
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


def _bubble(row: Bubble) -> Any:
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
    Number: lambda row: rr.Scalar(row.value),
    Gap: lambda row: rr.Clear(recursive=False),
    Line: lambda row: rr.TextLog(row.text, level=row.level),
    Page: lambda row: rr.TextDocument(row.text, media_type=rr.MediaType.MARKDOWN),
    Picture: lambda row: rr.EncodedImage(contents=row.jpeg, media_type="image/jpeg"),
    Frames: _boxes,
    Pose: lambda row: rr.Transform3D(translation=row.matrix[:3, 3], mat3x3=row.matrix[:3, :3]),
    Bubble: _bubble,
}
