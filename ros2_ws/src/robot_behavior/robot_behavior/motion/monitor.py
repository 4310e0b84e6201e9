"""Whether a robot can be relied upon: its joint states, and how it follows what it was told."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.library import Motion
from robot_behavior.motion.trajectory import CourseState

SILENCE_S = 1.0
"""A robot whose joint states stay away for so long is lost."""

OUTSIDE_RAD = 0.1
"""A joint farther than this outside its limits is at fault; nearer, it is badly calibrated."""

HISTORY_S = 1.0
"""For so long it is known where the joints were."""

FRESH_S = 0.3
"""Joint states older than this do not show whether a robot obeys."""

STILL_RAD_S = 0.05
"""A joint slower than this stands still."""


class JointMonitor:
    """The newest state of some joints, how old it is, and where they were a moment ago.

    Args:
        joints: the J joints that matter.
        limits: of all joints of the robot.
    """

    def __init__(self, joints: Sequence[str], limits: Mapping[str, JointLimits]) -> None:
        self.joints = tuple(joints)
        self._column = {joint: i for i, joint in enumerate(self.joints)}
        self._known = frozenset(limits)
        self._lower = np.array([limits[joint].lower for joint in joints])
        self._upper = np.array([limits[joint].upper for joint in joints])
        self._positions = np.zeros(len(self.joints))
        self._velocities = np.zeros(len(self.joints))
        self._seen = np.full(len(self.joints), -math.inf)
        self._history: deque[tuple[float, np.ndarray]] = deque()
        self._told: set[str] = set()

    def update(
        self,
        names: Sequence[str],
        positions: Sequence[float],
        velocities: Sequence[float],
        now: float,
    ) -> str | None:
        """Takes in a message; what makes no sense in it is ignored.

        Args:
            names: of joints.
            positions: rad, one per name.
            velocities: rad/s, one per name, or none.
            now: monotonic seconds of its arrival.

        Returns:
            What was ignored, in one line; None for nothing, or for what was told before.
        """
        if len(positions) != len(names):
            return self._once("size", f"has {len(names)} names and {len(positions)} positions")
        moving = velocities if len(velocities) == len(names) else [0.0] * len(names)
        ignored = []
        for name, position, velocity in zip(names, positions, moving, strict=True):
            if name not in self._known:
                ignored.append(self._once(name, f"'{name}' is no joint of the robot"))
            elif not (math.isfinite(position) and math.isfinite(velocity)):
                text = f"{name} is at {position} rad and moves at {velocity} rad/s"
                ignored.append(self._once(name, text))
            elif name in self._column:
                column = self._column[name]
                self._positions[column], self._velocities[column] = position, velocity
                self._seen[column] = now
                self._told.discard(name)
        if self.is_complete:
            self._history.append((now, self._positions.copy()))
            while self._history[0][0] < now - HISTORY_S:
                self._history.popleft()
        return "; ".join(text for text in ignored if text) or None

    @property
    def is_complete(self) -> bool:
        """Whether every joint has told its state at least once."""
        return bool(np.isfinite(self._seen).all())

    @property
    def positions(self) -> dict[str, float]:
        """Newest positions by name of the joint, rad; joints never seen are left out."""
        return {
            joint: float(self._positions[column])
            for joint, column in self._column.items()
            if math.isfinite(self._seen[column])
        }

    @property
    def is_still(self) -> bool:
        """Whether no joint moves."""
        return bool((np.abs(self._velocities) < STILL_RAD_S).all())

    def measured(self) -> np.ndarray:
        """[J] newest positions, rad; zero for joints never seen."""
        return self._positions.copy()

    def is_fresh(self, now: float) -> bool:
        """Whether every joint has told its state so lately that it shows what the robot does."""
        return bool((now - self._seen <= FRESH_S).all())

    def state(self, now: float) -> CourseState:
        """Where the joints are by now, if they have gone on as they moved when last seen."""
        age = np.clip(now - self._seen, 0.0, HISTORY_S)
        with np.errstate(over="ignore"):  # a robot may tell any speed: it is cut off below
            ahead = self._positions + self._velocities * age
        return CourseState(np.clip(ahead, self._lower, self._upper), self._velocities.copy())

    def at(self, when: float) -> np.ndarray:
        """[J] positions at a time of the past, rad; the nearest known ones if out of reach."""
        if not self._history:
            return self.measured()
        times = np.array([time for time, _ in self._history])
        after = min(int(np.searchsorted(times, when)), len(times) - 1)
        before = max(after - 1, 0)
        span = times[after] - times[before]
        share = min(max((when - times[before]) / span, 0.0), 1.0) if span > 0.0 else 0.0
        earlier, later = self._history[before][1], self._history[after][1]
        return np.asarray(earlier + (later - earlier) * share)

    def problem(self, now: float) -> Reason | None:
        """Why the joint states cannot be relied upon; None if they can."""
        if not self.is_complete:
            known = self.positions
            missing = [joint for joint in self.joints if joint not in known]
            text = f"no joint state yet of {_some(missing)}: is the robot running?"
            return Reason("unknown", text)
        silent = now - self._seen
        if (silent > SILENCE_S).all():
            text = f"no joint states for {silent.min():.1f} s: is the robot running?"
            return Reason("silent", text)
        if (silent > SILENCE_S).any():
            lost = [
                joint for joint, age in zip(self.joints, silent, strict=True) if age > SILENCE_S
            ]
            return Reason("silent", f"no joint state of {_some(lost)} for {silent.max():.1f} s")
        far = (self._positions < self._lower - OUTSIDE_RAD) | (
            self._positions > self._upper + OUTSIDE_RAD
        )
        if far.any():
            i = int(np.argmax(far))
            text = f"{self.joints[i]} is at {self._positions[i]:.2f} rad"
            return Reason("outside", f"{text}, expected {self._lower[i]:g}..{self._upper[i]:g}")
        return None

    def _once(self, key: str, text: str) -> str | None:
        if key in self._told:
            return None
        self._told.add(key)
        return text


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


# How a robot follows a motion.

TOLERANCE_RAD = 0.05
"""A joint this near to where it should be has arrived."""

MARGIN_S = 1.0
"""A robot may arrive this much later than the trajectory says."""

LAG_S = 0.6
"""A joint may be where it should have been at any time of the last moment."""

ASTRAY_S = 0.3
"""A joint that is elsewhere for so long has gone astray."""


def farthest(goal: Mapping[str, float], positions: Mapping[str, float]) -> tuple[str, float]:
    """The joint that is farthest from its goal, and how far, in rad."""
    joint = max(goal, key=lambda name: abs(goal[name] - positions[name]))
    return joint, abs(goal[joint] - positions[joint])


@dataclass(frozen=True)
class Playback:
    """A motion under way.

    Attributes:
        motion: what is played.
        since: monotonic seconds of its start.
        duration: of its trajectory, s.
        end: the pose that it ends in, rad by name; without joints that follow the gaze.
        free: columns of the joints that may follow the gaze.
    """

    motion: Motion
    since: float
    duration: float
    end: Mapping[str, float]
    free: tuple[int, ...] = ()

    def progress(self, now: float) -> float:
        """Share of the trajectory's duration that has passed, 0..1."""
        return min((now - self.since) / self.duration, 1.0)

    def has_arrived(self, now: float, positions: Mapping[str, float]) -> bool:
        """Whether the time is over and the robot is where it should be."""
        if now - self.since < self.duration:
            return False
        return not self.end or farthest(self.end, positions)[1] <= TOLERANCE_RAD

    def failure(self, now: float, positions: Mapping[str, float]) -> Reason | None:
        """Why the robot will not arrive; None while it still may.

        Args:
            now: monotonic seconds.
            positions: the joints' newest positions, rad.
        """
        if now - self.since < self.duration + MARGIN_S or self.has_arrived(now, positions):
            return None
        joint, _ = farthest(self.end, positions)
        text = f"{joint} is at {positions[joint]:.2f} rad after {now - self.since:.1f} s"
        return Reason("not_arrived", f"{text}, expected {self.end[joint]:.2f}")


@dataclass
class Tracking:
    """Compares where the joints are with where they have been told to be.

    Attributes:
        joints: names of the J joints.
        tolerance: rad.
    """

    joints: tuple[str, ...]
    tolerance: float
    _past: deque[tuple[float, np.ndarray]] = field(default_factory=deque)
    _since: float | None = None

    def failure(self, now: float, told: np.ndarray, measured: np.ndarray | None) -> Reason | None:
        """Which joint has gone astray; None if none has.

        Args:
            now: monotonic seconds.
            told: [J] where the joints should be now, rad.
            measured: [J] where they are, rad; None if that is not known now.
        """
        self._past.append((now, told))
        while self._past[0][0] < now - LAG_S:
            self._past.popleft()
        if measured is None:
            return None
        past = np.array([positions for _, positions in self._past])
        off = np.maximum(past.min(axis=0) - measured, measured - past.max(axis=0))
        i = int(np.argmax(off))
        if off[i] <= self.tolerance:
            self._since = None
            return None
        self._since = now if self._since is None else self._since
        if now - self._since < ASTRAY_S:
            return None
        text = f"{self.joints[i]} is at {measured[i]:.2f} rad, expected {told[i]:.2f}"
        return Reason("astray", text)

    def forget(self) -> None:
        """Begins anew: nothing has been told yet."""
        self._past.clear()
        self._since = None
