"""Stand-ins for what the dialogue talks to: actions, and people in front of it. No ROS."""

from __future__ import annotations

import random
from collections.abc import Callable

from fer_common.goals import GoalSlot
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import Behaviors
from robot_behavior.dialogue.conductor import Conductor
from robot_behavior.dialogue.response import BehaviorStatus, Response
from robot_behavior.simulator.stage import SimulatedAction

REST_MOTION = "rest"
RATE_HZ = 8  # so that times are exact in binary


class FakeAction(GoalSlot[Response]):
    """An action whose server does what a test tells it to.

    Args:
        action: its name.
        clock: seconds, monotonic.
        sent: told of each goal, with its number.
        cancelled: told of each cancellation.

    Attributes:
        available: whether the server is there; may be changed at any time.
    """

    available = True

    def __init__(
        self,
        action: str,
        clock: Callable[[], float],
        sent: Callable[[int, Response], object],
        cancelled: Callable[[int], object],
    ) -> None:
        super().__init__(action, clock)
        self._sent, self._cancelled = sent, cancelled

    def send_goal(self, number: int, goal: Response) -> None:
        """See `GoalSlot`."""
        self._sent(number, goal)

    def cancel_goal(self, number: int) -> None:
        """See `GoalSlot`."""
        self._cancelled(number)


class SimulatedTalk:
    """A conductor that sees faces, with servers that take a second for each goal.

    Args:
        behaviors: what it answers.
        seed: of the choice among variants.

    Attributes:
        now: simulated seconds.
        motion: the server of motions.
        speech: the server of sentences.
        seconds: how long goals take that begin now.
        failing: action whose goals fail; None for none.
        statuses: of each tick so far.
    """

    def __init__(self, behaviors: Behaviors, seed: int = 1) -> None:
        self.now = 0.0
        self.seconds = 1.0
        self.failing: str | None = None
        self.sent: list[str] = []
        self.motion = SimulatedAction(MOTION, self._clock, self._begin_motion)
        self.speech = SimulatedAction(SPEECH, self._clock, self._begin_speech)
        self.conductor = Conductor(
            behaviors,
            Arbiter(self._clock, self.motion, self.speech),
            REST_MOTION,
            self._clock,
            random.Random(seed),
        )
        self.conductor.enable()
        self.statuses = [self.conductor.tick()]

    @property
    def status(self) -> BehaviorStatus:
        """What the robot tells of itself."""
        return self.statuses[-1]

    @property
    def reason(self) -> str:
        """Why it does what it does."""
        return str(self.status.reason)

    def show(self, seconds: float, silent: bool = False, **faces: str) -> list[str]:
        """Lets time pass while faces show expressions; the first one is attended to.

        Args:
            seconds: how long.
            silent: whether perception says nothing.
            faces: expression by name of the face.

        Returns:
            The motions and sentences that were sent meanwhile, in their order.
        """
        before = len(self.sent)
        for _ in range(round(seconds * RATE_HZ)):
            self.now += 1.0 / RATE_HZ
            if not silent:
                for face, label in list(faces.items())[:1]:
                    self.conductor.observe(face, label, 0.9)
                self.conductor.see(dict.fromkeys(faces, 0.2))
            self.motion.serve()
            self.speech.serve()
            self.statuses.append(self.conductor.tick())
        return self.sent[before:]

    def _clock(self) -> float:
        return self.now

    def _begin_motion(self, response: Response) -> tuple[float, str | None]:
        self.sent.append(str(response.motion))
        return self.seconds, "it broke" if self.failing == MOTION else None

    def _begin_speech(self, response: Response) -> tuple[float, str | None]:
        self.sent.append(str(response.sentence))
        return self.seconds, "it broke" if self.failing == SPEECH else None
