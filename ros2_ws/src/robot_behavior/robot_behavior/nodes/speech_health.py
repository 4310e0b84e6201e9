"""How the voice is doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fer_common.diagnostics import Limits, Mishaps, Report, error, warn
from fer_common.statistics import Statistics

WINDOW_S = 600.0
"""The time to sound is that of the last ten minutes."""


@dataclass(frozen=True)
class Moment:
    """What the speech node does now.

    Attributes:
        saying: what is being said; empty if nothing is.
        goals: outcomes, see `robot_behavior.nodes.exclusive_action.ExclusiveAction`.
        deaf: why nothing can be heard; empty if it can, or is not meant to be.
    """

    saying: str
    goals: Mapping[str, object]
    deaf: str


class SpeechHealth:
    """Counts sentences, and how long they take to begin.

    Args:
        voice: backend, voice, language and sound device by name.
        delay: from a goal to its first sound, seconds.
        clock: monotonic seconds.

    Attributes:
        mishaps: sentences that could not be said.
    """

    def __init__(self, voice: Mapping[str, str], delay: Limits, clock: Callable[[], float]) -> None:
        self.mishaps = Mishaps(clock)
        self._voice, self._delay, self._clock = voice, delay, clock
        self._delays = Statistics(WINDOW_S)
        self._asked: float | None = None

    def asked(self) -> None:
        """Something is to be said."""
        self._asked = self._clock()

    def began(self, started: float) -> None:
        """It is heard; only the first of several such calls counts.

        Args:
            started: monotonic seconds.
        """
        if self._asked is not None:
            self._delays.add(started - self._asked, self._clock())
            self._asked = None

    def report(self, moment: Moment) -> Report:
        """How the voice is doing."""
        delays = self._delays.summary(self._clock())
        values = {
            "state": "speaking" if moment.saying else "silent",
            **self._voice,
            "saying": moment.saying or "nothing",
            **moment.goals,
            "rate [1/min]": f"{60 * delays.rate:.1f}",
            "time to sound, median [ms]": f"{1000 * delays.median_s:.0f}",
            "time to sound, 99th percentile [ms]": f"{1000 * delays.p99_s:.0f}",
            **self.mishaps.values,
        }
        late = (
            f"sentences begin {delays.median_s:.1f} s after they are asked for, "
            f"expected at most {self._delay.warn:g} s: is the machine busy?"
        )
        findings = [
            error(self.mishaps.recent),
            warn(f"nothing can be heard: {moment.deaf}" if moment.deaf else ""),
            self._delay.above(delays.median_s, late),
        ]
        return Report("speaks" if moment.saying else "silent", values, findings)
