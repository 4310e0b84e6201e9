"""NAO, behind naoqi_driver2, as a robot that is moved joint by joint."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.robots.joint_link import LinkHealth, Report
from robot_behavior.robots.nao.nao_map import NaoMap

SILENCE_S = 1.0
"""A robot whose joint states stay away for so long is lost."""

EVERY = 2
"""Every second position is sent: the driver's connection to the robot is slow."""

Send = Callable[[list[str], list[float]], None]
"""Sends angles, rad, to joints of NAO."""


class NaoLink:
    """A `robot_behavior.robots.joint_link.JointLink` to NAO.

    Args:
        joints: which joint of NAO stands for which of the humanoid.
        send: takes angles to the robot.
        clock: monotonic seconds.
    """

    def __init__(self, joints: NaoMap, send: Send, clock: Callable[[], float]) -> None:
        self._joints, self._send, self._clock = joints, send, clock
        self._by_name = {joint.name: name for name, joint in joints.items()}
        self._positions: dict[str, float] = {}
        self._seen: float | None = None
        self._stopped = False
        self._count = self._heard = self._sent = 0

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """What the joints that NAO has can do."""
        return {name: joint.limits for name, joint in self._joints.items()}

    @property
    def problem(self) -> str:
        """Why NAO cannot be moved; empty if it can."""
        if self._stopped:
            return "NAO is stopped until ~/release is called"
        missing = [j.name for name, j in self._joints.items() if name not in self._positions]
        if missing:
            return f"NAO has not told where {', '.join(missing[:3])} is: does naoqi_driver run?"
        silence = self._clock() - (self._seen or 0.0)
        return f"NAO has been silent for {silence:.1f} s" if silence > SILENCE_S else ""

    @property
    def health(self) -> LinkHealth:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        silence_s = math.inf if self._seen is None else self._clock() - self._seen
        return LinkHealth("naoqi_driver", silence_s, self._sent, self._heard)

    def heard(self, names: Sequence[str], angles: Sequence[float]) -> None:
        """Takes in NAO's own joint states; joints that stand for none are ignored."""
        self._heard += 1
        for name, angle in zip(names, angles, strict=False):
            joint = self._by_name.get(name)
            if joint is not None and math.isfinite(angle):
                self._positions[joint] = self._joints[joint].position(angle)
                self._seen = self._clock()

    def update(self) -> Report | None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        if self.problem and not self._stopped:
            return None
        complete = len(self._positions) == len(self._joints)
        return Report(dict(self._positions)) if complete else None

    def move(self, positions: Mapping[str, float]) -> None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        self._count += 1
        if self._count % EVERY == 0 and not self.problem:
            self._command(positions)

    def stop(self) -> None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        if len(self._positions) == len(self._joints):
            self._command(self._positions)
        self._stopped = True

    def release(self) -> None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        self._stopped = False

    def close(self) -> None:
        """NAO's motors hold their last angles, so there is nothing to do."""

    def _command(self, positions: Mapping[str, float]) -> None:
        joints = self._joints.items()
        self._sent += 1
        self._send(
            [joint.name for _, joint in joints],
            [joint.angle(positions[name]) for name, joint in joints],
        )
