"""The account that the robot gives at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ec_rfernet.labels import UNKNOWN


@dataclass(frozen=True)
class Answer:
    """One response of the robot.

    Attributes:
        at_s: when it began, seconds since the start.
        emotion: the expression that was answered; empty for the notice.
        motion: empty for none.
        speech: empty for none.
        reason: one readable sentence.
    """

    at_s: float
    emotion: str
    motion: str
    speech: str
    reason: str

    @property
    def what(self) -> str:
        """In one line: to what, with which motion, with which words."""
        words = f" “{self.speech}”" if self.speech else ""
        return f"{self.emotion or 'people'}: {self.motion}{words}"


@dataclass(frozen=True)
class Summary:
    """What was seen and done in one run.

    Attributes:
        duration_s: of the run.
        frames: processed images.
        rate: of them per second, while images came.
        median_s: median latency from an image's stamp to its result, seconds.
        p99_s: 99th percentile of it, seconds.
        seconds: for how long the attended face showed each label.
        images: in how many images it did.
        answers: in their order.
        said: every sentence that was begun, in their order.
    """

    duration_s: float
    frames: int
    rate: float
    median_s: float
    p99_s: float
    seconds: Mapping[str, float]
    images: Mapping[str, int]
    answers: tuple[Answer, ...]
    said: tuple[str, ...]

    @property
    def emotions_answered(self) -> tuple[str, ...]:
        """The different expressions that were answered, in the order of their first answer."""
        return tuple(dict.fromkeys(answer.emotion for answer in self.answers if answer.emotion))

    def as_dict(self) -> dict[str, Any]:
        """For JSON; numbers rounded to what they are worth."""
        values = dataclasses.asdict(self)
        values["seconds"] = {name: round(value, 2) for name, value in self.seconds.items()}
        for name, digits in (("duration_s", 2), ("rate", 2), ("median_s", 4), ("p99_s", 4)):
            values[name] = round(values[name], digits)
        for answer in values["answers"]:
            answer["at_s"] = round(answer["at_s"], 2)
        values["emotions_answered"] = list(self.emotions_answered)
        return values

    def lines(self) -> list[str]:
        """For people."""
        lines = [
            f"frames     {self.frames} in {self.duration_s:.0f} s, {self.rate:.1f} per second",
            f"latency    {1000 * self.median_s:.0f} ms median, {1000 * self.p99_s:.0f} ms "
            "99th percentile",
            f"seen       {self._seen()}",
            f"answered   {', '.join(self.emotions_answered) or 'nothing'}",
        ]
        return lines + [f"  {answer.at_s:5.1f} s  {answer.what}" for answer in self.answers]

    def _seen(self) -> str:
        known = sorted(
            ((value, name) for name, value in self.seconds.items() if name != UNKNOWN), reverse=True
        )
        parts = [f"{name} {value:.1f} s" for value, name in known]
        if self.seconds.get(UNKNOWN):
            parts.append(f"unsure {self.seconds[UNKNOWN]:.1f} s")
        return ", ".join(parts) or "nobody"
