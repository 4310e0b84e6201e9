"""What is on the screen: the entities of Rerun's viewer, and how its windows are arranged.

An entity is a path such as ``mood/valence``. A row is an entity with what it shows from now on: a
curve goes on with a point, all else is replaced.
"""

from __future__ import annotations

from typing import Any

import rerun as rr
import rerun.blueprint as rrb

from fer_node.show.palette import Colour, colour_of

Row = tuple[str, Any]
"""An entity, and an archetype of Rerun's."""

CAMERA = "/camera"
PICTURE = f"{CAMERA}/picture"
FACES = f"{CAMERA}/faces"

SCENE = "/scene"
ROBOT = f"{SCENE}/robot"
SPEECH = f"{SCENE}/speech"

NOW = "/now"

LOG = "/log"
BEHAVIOUR = f"{LOG}/behaviour"
VOICE = f"{LOG}/voice"
HEALTH = f"{LOG}/health"

EXPRESSION = "/expression"
MOOD = "/mood"
VALENCE = f"{MOOD}/valence"
AROUSAL = f"{MOOD}/arousal"
LATENCY = "/latency"
LARGEST = f"{LATENCY}/largest"
MEDIAN = f"{LATENCY}/median"
RATE = "/rate"
IMAGES = f"{RATE}/images"

TIMELINE = "time"

SECONDS = 30.0
"""The curves show so much of the past."""

_GROUND = (24, 27, 31)
_FLOOR = (58, 66, 76)


def expression_path(label: str) -> str:
    """The entity of the curve of a label; each label has one of its own."""
    return str(rr.new_entity_path([EXPRESSION[1:], label]))


def expression_curve(label: str) -> Row:
    """How the curve of a label looks."""
    return _line(expression_path(label), label, colour_of(label))


def fixtures() -> list[Row]:
    """What never changes, but for the robot's shape."""
    return [
        (SCENE, rr.ViewCoordinates.RIGHT_HAND_Z_UP),
        _line(VALENCE, "valence", (79, 195, 247)),
        _line(AROUSAL, "arousal", (255, 138, 101)),
        _line(LARGEST, "largest", (255, 170, 60), 1.5),
        _line(MEDIAN, "median", (120, 220, 140)),
        _line(IMAGES, "images per second", (171, 160, 255)),
    ]


def _line(path: str, name: str, colour: Colour, width: float = 2.0) -> Row:
    return path, rr.SeriesLines(colors=colour, names=name, widths=width)


def blueprint(height: float) -> Any:
    """Above: camera and robot; below: the log; on the right: the present, and the curves.

    Args:
        height: of the robot, m.
    """
    camera = rrb.Spatial2DView(origin=CAMERA, name="What the robot sees", background=_GROUND)
    robot = rrb.Spatial3DView(
        origin=SCENE,
        name="Where it looks and how it moves",
        background=_FLOOR,
        eye_controls=rrb.EyeControls3D(  # from the front, where people stand
            position=(1.6 * height, 0.4 * height, 0.9 * height),
            look_target=(0.0, 0.0, 0.6 * height),
            eye_up=(0.0, 0.0, 1.0),
        ),
    )
    log = rrb.TextLogView(
        origin=LOG,
        name="What it does, and why",
        columns=rrb.TextLogColumns(
            timeline_columns=[TIMELINE], text_log_columns=["LogLevel", "Body"]
        ),
    )
    curves = (
        _curves(EXPRESSION, "Expression of the attended face", (0.0, 1.0)),
        _curves(MOOD, "Valence: how pleasant; arousal: how excited", (-1.0, 1.0)),
        _curves(LATENCY, "From camera to emotion, ms"),
        _curves(RATE, "Images per second"),
    )
    now = rrb.TextDocumentView(origin=NOW, name="Now")
    above = rrb.Horizontal(camera, robot, column_shares=[5, 4])
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Vertical(above, log, row_shares=[7, 3]),
            rrb.Vertical(now, *curves, row_shares=[9, 12, 8, 7, 7]),
            column_shares=[9, 4],
        ),
        rrb.TimePanel(state="collapsed", timeline=TIMELINE, play_state="following"),
        collapse_panels=True,
    )


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
        plot_legend=rrb.PlotLegend(corner=rrb.Corner2D.LeftTop),
        time_ranges=recent,
    )
