"""Why something is as it is: for programs by its code, for people by its sentence."""

from __future__ import annotations

from dataclasses import dataclass


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
