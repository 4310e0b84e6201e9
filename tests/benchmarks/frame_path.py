"""The modules that a frame crosses, from the image's arrival to the first joint command.

python -m tests.benchmarks.frame_path

Runs the whole robot in this process, with the built-in clip, until its first gesture begins. Noted
is every module of which something runs in perception, behaviour or motion player meanwhile, but
for what nodes do besides: diagnostics, markers, the light of the eyes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from rclpy.publisher import Publisher
from trajectory_msgs.msg import JointTrajectory

PACKAGES = ("ec_rfernet", "fer_common", "fer_node", "robot_behavior")
ROOTS = ("fer_node", "worker", "behavior_node", "motion_player", "actions")
BESIDE = ("_report", "_diagnose", "_draw", "_shine")
ACCEPTED = ("fer_common.actions", "_accept")  # a gesture has been asked for once this ran


class FramePath:
    """The modules in the order in which they were crossed first."""

    def __init__(self) -> None:
        self.modules: dict[str, None] = {}
        self._begun = self._asked = self._done = False

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        """A profile function."""
        module = frame.f_globals.get("__name__", "")
        if event != "call" or self._done or module.split(".")[0] not in PACKAGES:
            return
        self._begun = self._begun or frame.f_code.co_name == "_on_image"
        self._asked = self._asked or (module, frame.f_code.co_name) == ACCEPTED
        if self._begun and module not in self.modules and _belongs(frame):
            self.modules[module] = None

    def published(self, message: object) -> bool:
        """Whether this message is the first command of a gesture."""
        first = isinstance(message, JointTrajectory) and len(message.points) > 2
        self._done = self._done or (first and self._asked)
        return self._done


def _belongs(frame: FrameType | None) -> bool:
    rooted = False
    while frame is not None:
        if frame.f_code.co_name in BESIDE:
            return False
        rooted = rooted or frame.f_globals.get("__name__", "").rsplit(".", 1)[-1] in ROOTS
        frame = frame.f_back
    return rooted


def main() -> None:
    """Runs the robot; prints the modules."""
    path, publish = FramePath(), Publisher.publish

    def watched(publisher: Publisher, message: Any) -> None:
        publish(publisher, message)
        if path.published(message):
            os.kill(os.getpid(), signal.SIGINT)

    Publisher.publish = watched
    threading.setprofile(path.note)
    sys.setprofile(path.note)
    from fer_bringup import robot

    sys.argv = ["robot", "--camera", "clip", "--speech", "log", "--view", "none"]
    try:
        robot.main()
    finally:
        sys.setprofile(None)
        print(f"{len(path.modules)} modules:", *path.modules, sep="\n  ")


if __name__ == "__main__":
    main()
