"""Rows as a recording of Rerun's."""

from pathlib import Path

import numpy as np
import pytest

from fer_monitor.viewer import rows
from fer_monitor.viewer.rows import (
    Cleared,
    CurvePoint,
    FaceFrame,
    FaceFrames,
    LinkPose,
    LogLine,
    Row,
    ShownPicture,
    TextPage,
)

stream = pytest.importorskip("fer_monitor.viewer.stream", reason="needs rerun-sdk")
dataframe = pytest.importorskip("rerun.dataframe")

NOW_NS = 1_700_000_000_000_000_000


def test_every_row_becomes_something_of_reruns(tmp_path: Path) -> None:
    recording = stream.RerunStream({})
    frame = FaceFrame((1.0, 2.0, 3.0, 4.0), "happy", (255, 0, 0), True)
    curve = rows.expression_curve("contempt")
    shown: list[Row] = [
        curve,
        CurvePoint(curve.path, 0.9),
        ShownPicture(rows.PICTURE, b"\xff\xd8\xff"),
        FaceFrames(rows.FACES, (frame,)),
        FaceFrames(rows.FACES, ()),
        CurvePoint(rows.VALENCE.path, 0.5),
        Cleared(rows.VALENCE.path),
        LogLine(rows.BEHAVIOUR, "idle: nobody is in view"),
        TextPage(rows.NOW, "# nobody"),
        LinkPose(rows.ROBOT + "/base_link", np.eye(4)),
    ]
    recording.put(NOW_NS, shown)
    file = tmp_path / "stream.rrd"
    file.write_bytes(recording.read())
    recording.close()
    schema = dataframe.load_recording(str(file)).schema()
    columns = {str(column.entity_path) for column in schema.component_columns()}
    assert {f"/{row.path}" for row in shown} <= columns
    assert {f"/{curve.path}" for curve in rows.CURVES} <= columns
