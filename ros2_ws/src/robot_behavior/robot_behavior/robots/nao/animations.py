"""The command ``naoqi-animation``: makes a gesture of an animation that a robot brings along.

    naoqi-animation --host ADDRESS --usage greet animations/Stand/Gestures/Hey_1

The robot plays it once, and what its joints do becomes a motion for ``motions.yaml``, on standard
output. So it can be checked, drawn, scaled and stopped like any other gesture.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from robot_behavior.body import urdf
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion.library import Motion, load_motions
from robot_behavior.robots import find_robot
from robot_behavior.robots.nao import Naoqi, NaoqiError, library, result
from robot_behavior.robots.nao.driver import LIVING, WAKE_S, naoqi_name
from robot_behavior.yaml_file import ConfigError

SAMPLE_S = 0.05
LONGEST_S = 60.0
"""Of an animation."""

TOLERANCE_RAD = 0.06
"""What lies nearer to the straight way between two rows needs no row of its own."""

STILL_RAD = 0.04
"""A joint that moves by less is left out."""

APART_S = 0.15
"""Rows are at least so far apart: what is quicker than this cannot be seen."""

BEGIN_S, END_S = 0.4, 0.8
"""Least time of the ways from and to the rest pose."""


def rows_of(times: np.ndarray, positions: np.ndarray, tolerance: float) -> list[int]:
    """Which samples suffice (Ramer, 1972; Douglas and Peucker, 1973).

    Args:
        times: [N] s, increasing.
        positions: [N,J] rad.
        tolerance: rad, by which any joint may be off.

    Returns:
        Indices, increasing; the first and the last sample are among them.
    """
    kept, open_spans = {0, len(times) - 1}, [(0, len(times) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if times[last] - times[first] < 2.0 * APART_S:
            continue
        share = (times[first : last + 1] - times[first]) / (times[last] - times[first])
        straight = positions[first] + share[:, None] * (positions[last] - positions[first])
        off = np.abs(positions[first : last + 1] - straight).max(axis=1)
        early, late = times[first] + APART_S, times[last] - APART_S
        off[(times[first : last + 1] < early) | (times[first : last + 1] > late)] = 0.0
        worst = first + int(off.argmax())
        if off[worst - first] > tolerance:
            kept.add(worst)
            open_spans += [(first, worst), (worst, last)]
    return sorted(kept)


def gesture(
    name: str, rest: Motion, model: RobotModel, times: np.ndarray, positions: np.ndarray
) -> Motion:
    """A motion of what was sampled, from rest to rest, within the limits of the model.

    Args:
        name: of the motion.
        rest: whose joints the columns are.
        model: the robot.
        times: [N] s from the animation's beginning, increasing.
        positions: [N,J] rad.

    Raises:
        InputError: nothing has moved.
    """
    home = np.array([rest.end[joint] for joint in rest.joints])
    limits = [model.limits[joint] for joint in rest.joints]
    inside = np.clip(positions, [each.lower for each in limits], [each.upper for each in limits])
    moving = np.flatnonzero(np.ptp(inside, axis=0) > STILL_RAD)
    if not len(moving):
        raise InputError(f"'{name}' moves none of {', '.join(rest.joints[:4])}, ...")
    rows = rows_of(times, inside[:, moving], TOLERANCE_RAD)
    way = np.vstack([inside[rows][:, moving], home[moving]])
    when = np.append(times[rows] + BEGIN_S, times[rows[-1]] + BEGIN_S + END_S)
    joints = tuple(rest.joints[column] for column in moving)
    motion = Motion(name, joints, when, way)
    slower = 1.0
    for joint, speeds, accelerations in zip(
        joints, motion.path.peak_speeds().T, motion.path.peak_accelerations().T, strict=True
    ):
        limit = model.limits[joint]
        slower = max(slower, speeds.max() / limit.velocity)
        slower = max(slower, float(np.sqrt(accelerations.max() / limit.acceleration)))
    if slower > 1.0:
        when = when * slower * 1.03
    return Motion(name, joints, when, way)


def written(motion: Motion, animation: str, usage: str) -> str:
    """A motion as it stands in ``motions.yaml``."""
    entry = {
        "joints": list(motion.joints),
        "positions": [round(value, 3) for value in motion.positions.ravel().tolist()],
        "times_from_start": [round(value, 3) for value in motion.times.tolist()],
        "meta": {
            "name": motion.name.replace("_", " ").capitalize(),
            "usage": usage,
            "description": f"The robot's own {animation}.",
        },
    }
    text = yaml.safe_dump({motion.name: entry}, sort_keys=False, default_flow_style=None, width=90)
    return "".join(f"      {line}\n" for line in text.splitlines())


def _played(robot: Naoqi, animation: str, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Has the robot play it; times [N] and positions [N,J] on the way."""
    times, positions, pause = [], [], threading.Event()
    future = robot.post("ALAnimationPlayer", "run", animation)
    begin = time.monotonic()
    while future.isRunning() and time.monotonic() - begin < LONGEST_S:
        positions.append(robot.ask("ALMotion", "getAngles", names, True))
        times.append(time.monotonic() - begin)
        pause.wait(SAMPLE_S)
    if future.isRunning():
        robot.ask("ALMotion", "killAll")
        raise NaoqiError(f"'{animation}' has not ended after {LONGEST_S:g} s, and was stopped")
    result(future)
    return np.array(times), np.array(positions, float)


def _record(options: argparse.Namespace) -> None:
    described = find_robot(options.robot)
    if described.urdf is None or described.motions is None:
        raise InputError(f"robot '{options.robot}' has no model of its own")
    model = urdf.load(described.urdf)
    rest = load_motions(described.motions, model.limits).rest
    name = re.sub(r"\W+", "_", options.animation.rpartition("/")[2]).lower()
    names = [naoqi_name(joint) for joint in rest.joints]
    robot = Naoqi(library(), options.host, options.port)
    before: tuple[Any, ...] | None = None  # what makes it as it was
    try:
        if not robot.ask("ALMotion", "robotIsWakeUp"):
            before = ("ALMotion", "rest")
        if robot.has("ALAutonomousLife"):
            if robot.ask("ALAutonomousLife", "getState") != "disabled":
                before = ("ALAutonomousLife", "setState", LIVING)
            robot.ask("ALAutonomousLife", "setState", "disabled", within_s=WAKE_S)
        robot.ask("ALMotion", "wakeUp", within_s=WAKE_S)
        times, positions = _played(robot, options.animation, names)
    finally:
        if before is not None and robot.is_connected:
            robot.ask(*before, within_s=WAKE_S)
        robot.close()
    if len(times) < 2:
        raise InputError(f"'{options.animation}' ended before anything could be seen")
    motion = gesture(name, rest, model, times, positions)
    print(written(motion, options.animation, options.usage), end="")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0, 2 after one line on bad input, 130 on Ctrl-C.
    """
    options = make_parser().parse_args(arguments)
    mistakes = (NaoqiError, ConfigError)
    return exit_code("naoqi-animation", lambda: _record(options), mistakes)


def make_parser() -> Parser:
    """The parser of the command line."""
    parser = Parser(prog="naoqi-animation", description="Makes a gesture of a robot's animation.")
    parser.add_argument("animation", help="its name, such as animations/Stand/Gestures/Hey_1")
    parser.add_argument("--host", default="127.0.0.1", help="name or address of the robot")
    parser.add_argument("--port", type=int, default=9559, help="of its NAOqi (default: 9559)")
    parser.add_argument("--robot", default="nao", help="nao or pepper (default: nao)")
    parser.add_argument("--usage", default="greet", help="what it expresses (default: greet)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
