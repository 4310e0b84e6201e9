"""The story of a simulation, one line per change."""

from __future__ import annotations

from robot_behavior.dialogue.arbiter import MOTION, SPEECH
from robot_behavior.simulator.sighting import View
from robot_behavior.simulator.stage import Moment

_WIDTHS = (6, 20, 22, 26, 8)
_TITLES = ("time", "seen", "decision", "motion", "s")


class Timeline:
    """Turns moments into lines; says nothing while nothing changes.

    A line is: time, what is seen, what was decided, the motion and how long it takes; the
    sentence and the reason follow on lines of their own, each with its mark.
    """

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()
        self._speech = self._note = ""

    @property
    def title(self) -> str:
        """The first line."""
        return _line(*_TITLES)

    def lines(self, moment: Moment) -> list[str]:
        """What is new; empty for nothing."""
        status, seen = moment.status, describe(moment.view)
        lines, margin = [], " " * (_WIDTHS[0] + 2)
        change = (seen, status.state, status.emotion, status.motion, status.speech)
        if change != self._last:
            self._last = change
            decision = " ".join(filter(None, (status.state.value, status.emotion)))
            length = f"{moment.lengths[MOTION]:.1f}" if status.motion else ""
            lines.append(_line(f"{moment.time:.2f}", seen, decision, status.motion, length))
            if status.speech and status.speech != self._speech:
                lines.append(f'{margin}says "{status.speech}" ({moment.lengths[SPEECH]:.1f} s)')
            lines.append(f"{margin}because {status.reason}")
        elif moment.note and moment.note != self._note:
            lines.append(f"{moment.time:{_WIDTHS[0]}.2f}  {moment.note}")
        self._speech, self._note = status.speech, moment.note
        return lines


def describe(view: View) -> str:
    """What is seen, in a few words."""
    if not view.faces:
        return "nobody"
    others = len(view.faces) - (view.attended is not None)
    if view.attended is None:
        return f"{others} not attended to"
    more = f" +{others}" if others else ""
    return f"{view.attended.face_id} {view.attended.label}{more}"


def _line(*cells: str) -> str:
    padded = [
        cell.rjust(width) if number in (0, 4) else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    return "  ".join(padded).rstrip()
