"""What follows from a recording: how long, how fast, what was answered, what went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ec_rfernet.labels import UNKNOWN
from fer_common.reason import Finding, Level
from fer_monitor.recording.topics import NOTICE
from fer_monitor.report.session import FaceSeries, NodeReport, RecordedState, Session

# Time: how long something lasted, where something is missing, and how curves are thinned.

LONGEST_S = 1.0
"""Between two messages further apart than this, nothing is known."""


@dataclass(frozen=True)
class SilentGap:
    """A while without messages.

    Attributes:
        start: seconds since the beginning of the recording.
        end: likewise.
    """

    start: float
    end: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


def gaps(times: np.ndarray, end: float, longest: float = LONGEST_S) -> list[SilentGap]:
    """Where nothing came for longer than ``longest``.

    Args:
        times: of the messages, seconds since the beginning, increasing; float [N].
        end: of the recording.
        longest: that is no gap, seconds.
    """
    edges = np.concatenate(([0.0], times, [max(end, times[-1] if len(times) else 0.0)]))
    return [
        SilentGap(float(edges[i]), float(edges[i + 1]))
        for i in np.flatnonzero(np.diff(edges) > longest)
    ]


def durations(times: np.ndarray, longest: float = LONGEST_S) -> np.ndarray:
    """How long each message held: until the next one, or not at all before a gap.

    Args:
        times: of the messages, seconds, increasing; float [N].
        longest: that is no gap, seconds.

    Returns:
        float [N], seconds; the last one is 0.
    """
    if not len(times):
        return np.zeros(0)
    held = np.append(np.diff(times), 0.0)
    return np.where(held > longest, 0.0, held)


def seconds_by_label(label: np.ndarray, held: np.ndarray, labels: int) -> np.ndarray:
    """How long each label was shown.

    Args:
        label: index of the label, int [N].
        held: see `durations`.
        labels: how many there are.

    Returns:
        float [labels], seconds.
    """
    return np.bincount(label, weights=held, minlength=labels)[:labels]


def thinned(
    times: np.ndarray, values: np.ndarray, weights: np.ndarray, duration: float, bins: int
) -> np.ndarray:
    """Means over equal parts of the recording.

    Args:
        times: of the values, seconds since the beginning; float [N].
        values: float [N, K].
        weights: of the values, usually their `durations`; float [N].
        duration: of the recording, seconds.
        bins: how many parts.

    Returns:
        float [bins, K]; NaN where there is no value.
    """
    place = np.clip((times / max(duration, 1e-9) * bins).astype(int), 0, bins - 1)
    # A value that held for no time, the last one, still counts where it stands alone.
    weights = np.maximum(weights, 1e-6)
    total = np.bincount(place, weights=weights, minlength=bins)
    sums = [np.bincount(place, weights=weights * v, minlength=bins) for v in values.T]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.stack(sums, axis=1) / total[:, None]
    return _carried(means, place, weights, duration / bins)


def _carried(means: np.ndarray, place: np.ndarray, held: np.ndarray, part: float) -> np.ndarray:
    """Fills parts shorter than the time between two values with the value that held."""
    for index, length in zip(place, held, strict=True):
        for later in range(index + 1, min(len(means), index + 1 + int(length / part))):
            if not np.isnan(means[later, 0]):
                break
            means[later] = means[index]
    return means


# What the robot did.

_RESPONDING = "responding"
_REST = "rest"  # the motion back to the rest pose answers nobody


@dataclass(frozen=True)
class GivenResponse:
    """One answer of the robot.

    Attributes:
        start: seconds since the beginning of the recording.
        end: likewise; that of the recording if it was still going on.
        emotion: that was answered; empty for a greeting or a farewell.
        motion: that was played.
        speech: that was said.
        reason: one sentence.
    """

    start: float
    end: float
    emotion: str
    motion: str
    speech: str
    reason: str


def responses(states: Sequence[RecordedState], end: float) -> list[GivenResponse]:
    """The answers, in order.

    Args:
        states: in order.
        end: of the recording, seconds.
    """
    found: list[GivenResponse] = []
    motion = speech = ""
    for state in states:
        goes_on = state.motion in ("", motion) and state.speech in ("", speech)
        active = bool(state.motion or state.speech)
        if found and found[-1].end == end and not (active and goes_on):
            found[-1] = replace(found[-1], end=state.time)
        if active and not goes_on and state.state == _RESPONDING and state.motion != _REST:
            found.append(
                GivenResponse(
                    state.time, end, state.emotion, state.motion, state.speech, state.reason
                )
            )
        motion, speech = state.motion, state.speech
    return found


def seconds_by_state(states: Sequence[RecordedState], end: float) -> dict[str, float]:
    """How long the behaviour was in each state, in the order of their appearance."""
    total: dict[str, float] = {}
    following: Iterable[float] = [*(state.time for state in states[1:]), end]
    for state, until in zip(states, following, strict=False):
        total[state.state] = total.get(state.state, 0.0) + max(0.0, until - state.time)
    return total


# How long perception took.

_BARS = 40


@dataclass(frozen=True)
class Latencies:
    """Figures of a series of latencies, in seconds.

    Attributes:
        median: half are shorter.
        p95: 95 of 100 are shorter.
        p99: likewise.
        longest: of all.
        edges: of the bars of the histogram, float [B + 1].
        counts: of the bars, int [B]; longer ones than the last edge are in the last bar.
    """

    median: float
    p95: float
    p99: float
    longest: float
    edges: np.ndarray
    counts: np.ndarray


def latencies(values: np.ndarray) -> Latencies | None:
    """The figures; None when there is nothing to count.

    Args:
        values: seconds, float [N]; may be negative where two clocks disagree.
    """
    if not len(values):
        return None
    median, p95, p99 = np.percentile(values, (50, 95, 99))
    low, high = min(0.0, float(values.min())), float(max(p99 * 1.2, median * 2, 1e-3))
    edges = np.linspace(low, high, _BARS + 1)
    counts, _ = np.histogram(np.clip(values, low, high), edges)
    return Latencies(float(median), float(p95), float(p99), float(values.max()), edges, counts)


# What went wrong, and with what software.

_LOST = ("dropped", "not decodable", "undecodable")
_ABOUT = (
    "model",
    "model hash",
    "runtime",
    "robot",
    "recorder",
    "pictures",
    "ROS",
    "middleware",
    "Python",
    "machine",
)


@dataclass(frozen=True)
class NodeProblem:
    """A warning or an error, however often it was repeated.

    Attributes:
        node: that complained.
        level: 1 warning, 2 error, 3 no news.
        text: as it was said last.
        first: seconds since the beginning of the recording.
        last: likewise.
        count: how often it was said.
    """

    node: str
    level: int
    text: str
    first: float
    last: float
    count: int


def problems(reports: Sequence[NodeReport]) -> list[NodeProblem]:
    """Warnings and errors by the time of their first appearance.

    Reports that differ in numbers only ("no images for 3 s", "for 4 s") are one problem.
    """
    found: dict[tuple[str, int, str], NodeProblem] = {}
    for report in reports:
        if report.level == 0 or report.text.startswith(NOTICE):
            continue
        key = (report.node, report.level, Finding(Level.WARN, report.text).kind)
        before = found.get(key) or NodeProblem(report.node, report.level, "", report.time, 0.0, 0)
        found[key] = replace(before, text=report.text, last=report.time, count=before.count + 1)
    return sorted(found.values(), key=lambda problem: problem.first)


def losses(reports: Sequence[NodeReport]) -> dict[tuple[str, str], int]:
    """What each node counted as lost in this recording, by node and kind.

    The counters are those of the nodes, which may have run before; one that starts anew
    begins at 0.
    """
    total: dict[tuple[str, str], int] = {}
    before: dict[tuple[str, str], int] = {}
    for report in reports:
        for key, value in report.values.items():
            if value.isdecimal() and any(word in key.lower() for word in _LOST):
                place, number = (report.node, key), int(value)
                grown = number - before.get(place, number)
                total[place] = total.get(place, 0) + (grown if grown >= 0 else number)
                before[place] = number
    return total


def about(reports: Sequence[NodeReport]) -> dict[str, str]:
    """Model, runtime and versions, as they were last reported."""
    known: dict[str, str] = {}
    for report in reports:
        for key in _ABOUT:
            value = report.values.get(key, "none")
            if value not in ("none", "", "unknown"):
                known[key] = value
    return {key: known[key] for key in _ABOUT if key in known}


# All of it.


@dataclass(frozen=True)
class Analysis:
    """What follows from a session.

    Attributes:
        session: see there.
        names: the labels that a face may show, and at the end that for unknown.
        responses: of the robot.
        latencies: of perception; None when no image was processed.
        gaps: without emotions.
        camera_gaps: without images; none when they were not recorded.
        problems: that nodes complained of.
        losses: counted by nodes, by node and kind.
        about: model and versions.
        attended: seconds by name of whoever was attended to, float [names].
        everyone: likewise of all faces.
    """

    session: Session
    names: Sequence[str]
    responses: Sequence[GivenResponse]
    latencies: Latencies | None
    gaps: Sequence[SilentGap]
    camera_gaps: Sequence[SilentGap]
    problems: Sequence[NodeProblem]
    losses: Mapping[tuple[str, str], int]
    about: Mapping[str, str]
    attended: np.ndarray
    everyone: np.ndarray

    def mostly(self, seconds: np.ndarray) -> tuple[str, float]:
        """The expression that was shown longest, and its share of the time.

        Args:
            seconds: by name, float [names]; not all 0.
        """
        known = seconds[:-1]
        index = int(np.argmax(known)) if known.any() else len(known)
        return self.names[index], float(seconds[index] / seconds.sum())


def analysed(session: Session) -> Analysis:
    """The analysis of a session."""
    end, names = session.duration, (*session.labels, UNKNOWN)
    return Analysis(
        session=session,
        names=names,
        responses=responses(session.states, end),
        latencies=latencies(session.latencies),
        gaps=gaps(session.images, end),
        camera_gaps=gaps(session.camera, end) if len(session.camera) else [],
        problems=problems(session.reports),
        losses=losses(session.reports),
        about=about(session.reports),
        attended=seconds_shown(session.attended),
        everyone=sum((seconds_shown(face) for face in session.faces), np.zeros(len(names))),
    )


def seconds_shown(series: FaceSeries) -> np.ndarray:
    """How long a face showed each label, and at the end for how long none, float [labels + 1]."""
    labels = series.probabilities.shape[1] + 1
    return seconds_by_label(series.label, durations(series.time), labels)
