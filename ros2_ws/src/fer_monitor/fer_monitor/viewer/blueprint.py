"""How the windows of the viewer are arranged."""

from __future__ import annotations

from typing import Any

import rerun.blueprint as rrb

from fer_monitor.viewer import entities

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
    return rrb.Spatial2DView(origin=entities.CAMERA, name="What the robot sees", background=_GROUND)


def _now() -> Any:
    return rrb.TextDocumentView(origin=entities.NOW, name="Now")


def _robot() -> Any:
    return rrb.Spatial3DView(
        origin=entities.SCENE, name="Where it looks and how it moves", background=_FLOOR
    )


def _log() -> Any:
    return rrb.TextLogView(origin=entities.LOG, name="What it does, and why")


def _curves() -> list[Any]:
    return [
        _curve(entities.EXPRESSION, "Expression of the attended face", (0.0, 1.0)),
        _curve(entities.MOOD, "Valence: how pleasant; arousal: how excited", (-1.0, 1.0)),
        _curve(entities.LATENCY, "From camera to emotion, ms"),
        _curve(entities.RATE, "Images per second"),
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
