"""What the robot does at one occasion."""

from __future__ import annotations

from dataclasses import dataclass

from ec_rfernet.labels import LABELS
from robot_behavior.motion_library import REST


@dataclass(frozen=True)
class Response:
    """A motion and a sentence that belong together.

    Attributes:
        name: the behaviour it comes from: an expression, the notice, or the name
            of the rest pose.
        face_id: the face it is meant for; empty for nobody in particular.
        motion: name of the motion.
        sentence: what is said; None for nothing.
        priority: 0..255.
        timeout_s: it is cancelled when it takes longer.
        reason: one readable sentence: why the robot does it.
    """

    name: str
    face_id: str
    motion: str
    sentence: str | None
    priority: int
    timeout_s: float
    reason: str

    @property
    def emotion(self) -> str:
        """The expression that is answered; empty for the notice and for rest."""
        return self.name if self.name in LABELS else ""


@dataclass(frozen=True)
class Finished:
    """How a response ended.

    Attributes:
        response: the response.
        spoken: whether its sentence was said to its end.
        problems: what went wrong, one readable clause each; a server that was not
            there to begin with is none.
    """

    response: Response
    spoken: bool
    problems: tuple[str, ...]


def rest(reason: str) -> Response:
    """Ends everything else and brings the robot into its rest pose."""
    return Response(REST, "", REST, None, priority=255, timeout_s=5.0, reason=reason)
