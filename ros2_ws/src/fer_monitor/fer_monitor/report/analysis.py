"""Everything that the sections of the page tell of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ec_rfernet.labels import LABELS
from fer_monitor.report.charts import NAMES
from fer_monitor.report.health import Problem, about, losses, problems
from fer_monitor.report.latency import Latencies, latencies
from fer_monitor.report.responses import Response, responses
from fer_monitor.report.session import Series, Session
from fer_monitor.report.timeline import Gap, durations, gaps, seconds_by_label


@dataclass(frozen=True)
class Analysis:
    """What follows from a session.

    Attributes:
        session: see there.
        responses: of the robot.
        latencies: of perception; None when no image was processed.
        gaps: without emotions.
        camera_gaps: without images; none when they were not recorded.
        problems: that nodes complained of.
        losses: counted by nodes, by node and kind.
        about: model and versions.
        attended: seconds by label of whoever was attended to, float [8].
        everyone: likewise of all faces.
    """

    session: Session
    responses: Sequence[Response]
    latencies: Latencies | None
    gaps: Sequence[Gap]
    camera_gaps: Sequence[Gap]
    problems: Sequence[Problem]
    losses: Mapping[tuple[str, str], int]
    about: Mapping[str, str]
    attended: np.ndarray
    everyone: np.ndarray


def analysed(session: Session) -> Analysis:
    """The analysis of a session."""
    end = session.duration
    return Analysis(
        session=session,
        responses=responses(session.states, end),
        latencies=latencies(session.latencies),
        gaps=gaps(session.images, end),
        camera_gaps=gaps(session.camera, end) if len(session.camera) else [],
        problems=problems(session.reports),
        losses=losses(session.reports),
        about=about(session.reports),
        attended=seconds_shown(session.attended),
        everyone=sum((seconds_shown(face) for face in session.faces), np.zeros(len(NAMES))),
    )


def seconds_shown(series: Series) -> np.ndarray:
    """How long a face showed each label, float [8], seconds."""
    return seconds_by_label(series.label, durations(series.time), len(NAMES))


def mostly(seconds: np.ndarray) -> tuple[str, str]:
    """The expression that was shown longest, and its share of the time.

    Args:
        seconds: by label, float [8]; not all 0.
    """
    known = seconds[: len(LABELS)]
    index = int(np.argmax(known)) if known.any() else len(LABELS)
    return NAMES[index], f"{seconds[index] / seconds.sum():.0%} of the time"
