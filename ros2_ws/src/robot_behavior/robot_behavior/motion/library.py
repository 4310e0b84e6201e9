"""The robot's gestures, read from a YAML file in the schema of play_motion2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.trajectory import Quintic
from robot_behavior.yaml_file import ConfigError, Section, read

REST = "rest"
"""The motion whose last pose is the rest pose."""

MOST_IDLE = 0.5
"""Of a joint while nothing plays, rad or m."""

LONGEST_S = 120.0
"""Of a motion; a mistyped time must not fill the memory."""


@dataclass(frozen=True)
class Motion:
    """A gesture: poses that some joints pass through at given times.

    Attributes:
        name: what the goal of the action calls it.
        joints: names of the J joints that it moves.
        times: [R] s from the start, strictly increasing; the first is the least time
            that the way from wherever the robot is to the first pose takes.
        positions: [R,J] rad.
        description: what it expresses, for people.
        usage: what it expresses, separated by commas: ``greet``, ``comfort, listen``, ...
    """

    name: str
    joints: tuple[str, ...]
    times: np.ndarray
    positions: np.ndarray
    description: str = ""
    usage: str = ""

    @property
    def path(self) -> Quintic:
        """The path from the first pose, at time 0, to the last; at rest at both."""
        return Quintic.through(self.times - self.times[0], self.positions)

    @property
    def end(self) -> dict[str, float]:
        """The last pose, rad by name of the joint."""
        return dict(zip(self.joints, map(float, self.positions[-1]), strict=True))


@dataclass(frozen=True)
class IdleMoves:
    """How far joints go while nothing plays, rad (m where one slides), by name of the joint.

    Without a block ``idle`` in the file these are the humanoid's; joints that a robot lacks do
    not matter.

    Attributes:
        breath: with every breath: the chest rises, the head stays upright.
        sway: to and fro, slowly, each with a period of its own.
        blink: for a moment, now and then: of antennas, for example.
        sign: for a moment, when somebody is noticed.
    """

    breath: Mapping[str, float] = field(
        default_factory=lambda: {
            "torso_pitch_joint": -0.016,
            "head_pitch_joint": 0.012,
            "left_shoulder_roll_joint": 0.028,
            "right_shoulder_roll_joint": 0.028,
            "left_elbow_joint": 0.03,
            "right_elbow_joint": 0.03,
        }
    )
    sway: Mapping[str, float] = field(
        default_factory=lambda: {"torso_yaw_joint": 0.02, "head_roll_joint": 0.03}
    )
    blink: Mapping[str, float] = field(default_factory=dict)
    sign: Mapping[str, float] = field(default_factory=lambda: {"head_pitch_joint": -0.1})


Check = Callable[[Motion, Motion], Reason | None]
"""Why a motion cannot be played, given it and the rest pose; None if it can."""


@dataclass(frozen=True)
class MotionLibrary:
    """What the robot can play.

    Attributes:
        motions: by name, in the order of the file; always holds `REST`.
        refused: why the other motions of the file cannot be played, by name.
        idle: what moves while none of them plays.
    """

    motions: Mapping[str, Motion]
    refused: Mapping[str, str]
    idle: IdleMoves = field(default_factory=IdleMoves)

    @property
    def rest(self) -> Motion:
        """The way to the rest pose; names every joint that any motion moves."""
        return self.motions[REST]


def load_motions(
    file: Path, limits: Mapping[str, JointLimits], check: Check = lambda _motion, _rest: None
) -> MotionLibrary:
    """Reads the motions that a robot can play.

    A motion that it cannot play is refused, with one line that names file, key, value
    and what was expected; the others stay usable.

    Args:
        file: YAML, ``/<node>: ros__parameters: motions: <name>: joints, positions,
            times_from_start, meta``; beside ``motions`` it may have ``idle: breath, sway,
            blink, sign``.
        limits: the robot's joints.
        check: what else a motion must stand, such as `robot_behavior.motion.check.Checker`.

    Raises:
        ConfigError: the file is unusable, or the motion `REST` is missing or refused.
    """
    accepted: dict[str, Motion] = {}
    refused: dict[str, str] = {}
    section, resting = _contents(file)
    idle = _idle(resting, limits) if resting is not None else IdleMoves()
    names = list(section.names())
    # The rest pose comes first: the others are checked against it.
    for name in sorted(names, key=lambda name: name != REST):
        try:
            motion = _motion(section, name, limits)
            rest = accepted.get(REST, motion)
            _check_rest(section, motion, rest)
            if complaint := check(motion, rest):
                raise ConfigError(f"{file}: {section.path(name)} {complaint}")
            accepted[name] = motion
        except ConfigError as error:
            if name == REST:
                raise
            refused[name] = str(error)
    if REST not in accepted:
        raise ConfigError(f"{file}: {section.path(REST)} is missing, expected the rest pose")
    order = [name for name in names if name in accepted]
    return MotionLibrary({name: accepted[name] for name in order}, refused, idle)


def read_gestures(file: Path) -> dict[str, tuple[str, ...]]:
    """What each motion of a file expresses, by its name, whether or not a robot can play it.

    Raises:
        ConfigError: the file is unusable.
    """
    found, (motions, _) = {}, _contents(file)
    for name in motions.names():
        try:
            usage = motions.section(name).section("meta").text("usage", "")
        except ConfigError:  # told by whoever plays it
            usage = ""
        found[name] = words(usage)
    return found


def words(usage: str) -> tuple[str, ...]:
    """What a motion expresses, see `Motion`."""
    return tuple(filter(None, (word.strip() for word in usage.split(","))))


def _contents(file: Path) -> tuple[Section, Section | None]:
    """The mappings of motions and of idle moves; a file for play_motion2 serves as it is."""
    nodes = list(read(file).items())
    if len(nodes) != 1:
        found = ", ".join(name for name, _ in nodes) or "nothing"
        raise ConfigError(f"{file}: holds {found}, expected one node such as /motion_player")
    parameters = nodes[0][1].section("ros__parameters")
    motions = parameters.section("motions")
    if "motion_planner" in parameters:
        parameters.get("motion_planner")  # settings of play_motion2's own planner
    idle = parameters.section("idle") if "idle" in parameters else None
    parameters.close()
    return motions, idle


def _idle(section: Section, limits: Mapping[str, JointLimits]) -> IdleMoves:
    found: dict[str, dict[str, float]] = {}
    for kind in ("breath", "sway", "blink", "sign"):
        found[kind] = {}
        if kind not in section:
            continue
        moves = section.section(kind)
        for joint in moves.names():
            if joint not in limits:
                raise moves.error(joint, "a joint", f"one of {', '.join(limits)}")
            found[kind][joint] = moves.number(joint, -MOST_IDLE, MOST_IDLE)
    section.close()
    return IdleMoves(**found)


def _motion(motions: Section, name: str, limits: Mapping[str, JointLimits]) -> Motion:
    section = motions.section(name)
    joints = section.texts("joints")
    if not joints or len(set(joints)) != len(joints):
        raise section.error("joints", list(joints), "at least one joint, each once")
    for joint in joints:
        if joint not in limits:
            raise section.error("joints", joint, f"one of {', '.join(limits)}")
    times = np.array(section.numbers("times_from_start"))
    if not len(times) or times[0] < 0 or (np.diff(times) <= 0).any():
        value = section.get("times_from_start")
        raise section.error("times_from_start", value, "increasing times of at least 0 s")
    if times[-1] > LONGEST_S:
        last = f"times_from_start[{len(times) - 1}]"
        raise section.error(last, float(times[-1]), f"at most {LONGEST_S:g} s")
    flat = section.numbers("positions")
    if len(flat) != len(joints) * len(times):
        expected = f"{len(joints)} joints x {len(times)} times = {len(joints) * len(times)}"
        where = section.path("positions")
        raise ConfigError(f"{section.file}: {where} has {len(flat)} numbers, expected {expected}")
    description = usage = ""
    if "meta" in section:
        meta = section.section("meta")
        description, usage = meta.text("description", ""), meta.text("usage", "")
        meta.text("name", "")
        meta.close()
    section.close()
    positions = np.array(flat).reshape(len(times), -1)
    motion = Motion(name, joints, times, positions, description, usage)
    _check_limits(section, motion, limits)
    return motion


def _check_limits(section: Section, motion: Motion, limits: Mapping[str, JointLimits]) -> None:
    for column, joint in enumerate(motion.joints):
        limit = limits[joint]
        for row, value in enumerate(map(float, motion.positions[:, column])):
            if not limit.lower <= value <= limit.upper:
                at = f"positions[{row * len(motion.joints) + column}] ({joint})"
                raise section.error(at, value, f"{limit.lower:g}..{limit.upper:g} rad")
    path = motion.path
    for verb, unit, quantity, peaks in (
        ("moves", "rad/s", "velocity", path.peak_speeds()),
        ("accelerates", "rad/s2", "acceleration", path.peak_accelerations()),
    ):
        most = np.array([getattr(limits[joint], quantity) for joint in motion.joints])
        too_much = np.argwhere(peaks > most)
        if len(too_much):
            row, column = too_much[0]
            start, end = motion.times[row], motion.times[row + 1]
            raise ConfigError(
                f"{section.file}: {section.path('times_from_start')} {verb} "
                f"{motion.joints[column]} with {peaks[row, column]:.2f} {unit} between {start:g} "
                f"and {end:g} s, expected at most {most[column]:g} {unit}"
            )


def _check_rest(section: Section, motion: Motion, rest: Motion) -> None:
    for joint in motion.joints:
        if joint not in rest.joints:
            key = f"{motion.name}.joints"
            raise section.error(key, joint, f"a joint that '{REST}' names, too")
