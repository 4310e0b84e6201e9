"""Why something is as it is, and what is not well, as values; needs the standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True)
class Reason:
    """Why something was done, or not done, or went wrong; ``None`` stands for no such thing.

    Attributes:
        code: the same for all reasons of its kind, such as ``cooldown``; what programs compare.
        sentence: readable, without a full stop; what people read, and no program takes apart.
    """

    code: str
    sentence: str

    def __post_init__(self) -> None:
        if not self.code or not self.sentence:
            raise ValueError(f"a reason needs a code and a sentence, not {self}")

    def __str__(self) -> str:
        return self.sentence


class Level(IntEnum):
    """The levels of ``diagnostic_msgs/DiagnosticStatus``, after REP-107."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Finding:
    """One thing that is worth telling.

    Attributes:
        level: how bad it is.
        text: one sentence without a full stop.
    """

    level: Level
    text: str

    @property
    def kind(self) -> str:
        """The sentence without its figures: a silence that grows is no other finding."""
        return re.sub(r"\d+(\.\d+)?", "#", self.text)
