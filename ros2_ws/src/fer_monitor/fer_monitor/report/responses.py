"""What the robot did, from what it said about its state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fer_monitor.report.session import State

_RESPONDING = "responding"
_REST = "rest"  # the motion back to the rest pose answers nobody


@dataclass(frozen=True)
class Response:
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


def responses(states: Sequence[State], end: float) -> list[Response]:
    """The answers, in order.

    Args:
        states: in order.
        end: of the recording, seconds.
    """
    found: list[Response] = []
    motion = speech = ""
    for state in states:
        goes_on = state.motion in ("", motion) and state.speech in ("", speech)
        active = bool(state.motion or state.speech)
        if found and found[-1].end == end and not (active and goes_on):
            found[-1] = _ended(found[-1], state.time)
        if active and not goes_on and state.state == _RESPONDING and state.motion != _REST:
            found.append(
                Response(state.time, end, state.emotion, state.motion, state.speech, state.reason)
            )
        motion, speech = state.motion, state.speech
    return found


def seconds_by_state(states: Sequence[State], end: float) -> dict[str, float]:
    """How long the behaviour was in each state, in the order of their appearance."""
    total: dict[str, float] = {}
    following: Iterable[float] = [*(state.time for state in states[1:]), end]
    for state, until in zip(states, following, strict=False):
        total[state.state] = total.get(state.state, 0.0) + max(0.0, until - state.time)
    return total


def _ended(response: Response, time: float) -> Response:
    return Response(
        response.start, time, response.emotion, response.motion, response.speech, response.reason
    )
