"""What the robot does at one occasion."""

from __future__ import annotations

from dataclasses import dataclass

from ec_rfernet.labels import LABELS
from robot_behavior.dialogue.behaviors import Behavior
from robot_behavior.dialogue.status import State
from robot_behavior.motion.library import REST


@dataclass(frozen=True)
class Response:
    """A motion and a sentence that belong together: they start in the same moment.

    Attributes:
        name: the behaviour it comes from: an expression, the notice, the greeting, the
            farewell, or the name of the rest pose.
        face_id: the face it is meant for; empty for nobody in particular.
        motion: name of the motion; None for none.
        sentence: what is said; None for nothing.
        priority: 0..255.
        timeout_s: it is cancelled when it takes longer.
        reason: one readable sentence: why the robot does it.
        template: the sentence before its variables were filled in; None for no sentence.
    """

    name: str
    face_id: str
    motion: str | None
    sentence: str | None
    priority: int
    timeout_s: float
    reason: str
    template: str | None = None

    @property
    def emotion(self) -> str:
        """The expression that is answered; empty for all other occasions."""
        return self.name if self.name in LABELS else ""


@dataclass(frozen=True)
class Finished:
    """How a response ended.

    Attributes:
        response: the response.
        spoken: whether its sentence was said to its end.
        problems: what went wrong, one readable clause each; a server that was not
            there to begin with is none.
        said: the template of its sentence, if that was said, if only in part; else empty.
        moved: whether its motion was played to its end.
        fault: why its motion failed; empty if it did not. A motion that was rejected,
            because something more important is under way, has not failed.
    """

    response: Response
    spoken: bool
    problems: tuple[str, ...]
    said: str = ""
    moved: bool = False
    fault: str = ""


def rest(reason: str) -> Response:
    """Ends everything else and brings the robot into its rest pose."""
    return Response(REST, "", REST, None, priority=255, timeout_s=5.0, reason=reason)


# ----------------------------------------------------------------------
# What the policy says is to be done now.


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
