"""What the policy says is to be done now."""

from __future__ import annotations

from dataclasses import dataclass

from robot_behavior.dialogue.behaviors import Behavior
from robot_behavior.dialogue.status import State


@dataclass(frozen=True)
class Decision:
    """What to do now.

    Attributes:
        state: idle, attending or cooldown.
        reason: one readable sentence.
        face_id: the attended face; empty if nobody is attended to.
        emotion: the expression considered; empty if none is.
        due: the behaviour that should be carried out; None for none.
        never: sentences that must not be said, because they have been.
        rather_not: sentences that this face has heard before.
    """

    state: State
    reason: str
    face_id: str = ""
    emotion: str = ""
    due: Behavior | None = None
    never: frozenset[str] = frozenset()
    rather_not: frozenset[str] = frozenset()
