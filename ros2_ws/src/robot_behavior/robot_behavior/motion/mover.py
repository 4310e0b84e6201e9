"""Decides, moment by moment, who owns the joints: a motion, the gaze, idling, or nobody."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ec_rfernet.labels import UNKNOWN
from fer_common.reason import Reason
from fer_common.settings import part, setting
from robot_behavior.body.robot_model import JointLimits, rotation
from robot_behavior.motion.library import IdleMoves, Motion
from robot_behavior.motion.monitor import (
    MARGIN_S,
    SILENCE_S,
    TOLERANCE_RAD,
    JointMonitor,
    Playback,
    Tracking,
    farthest,
)
from robot_behavior.motion.trajectory import Course, CourseState, JointFollower, Trajectory, plan

# ----------------------------------------------------------------------
# Where to look: from a face in an image to angles of the head.

DEAD_ZONE = 0.035
"""A face that moves by less than this (rad, 2 degrees) is not followed: it is noise."""

HOLD_S = 1.5
"""The head stays where the face was for so long before it returns."""

_UP, _LEFT, _AHEAD = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True)
class Direction:
    """Where something is, or where a head looks.

    Attributes:
        yaw: rad, positive to the robot's left.
        pitch: rad, positive down.
        roll: rad, of a head; positive to the robot's right.
    """

    yaw: float
    pitch: float
    roll: float = 0.0

    def seen_from(self, head: Direction) -> Direction:
        """This direction, measured in the head, as one of the body that carries the head."""
        cosine = math.cos(self.pitch)
        ray = np.array(
            [cosine * math.cos(self.yaw), cosine * math.sin(self.yaw), -math.sin(self.pitch)]
        )
        turn = rotation(_UP, head.yaw) @ rotation(_LEFT, head.pitch) @ rotation(_AHEAD, head.roll)
        x, y, z = (float(part) for part in turn @ ray)
        return Direction(math.atan2(y, x), -math.atan2(z, math.hypot(x, y)))


def bearing(left_px: float, down_px: float, focal_px: float) -> Direction:
    """Direction of a pixel, relative to where a camera without distortion looks.

    Args:
        left_px: of the middle of the image, pixels.
        down_px: below it, pixels.
        focal_px: focal length of the camera, pixels.
    """
    return Direction(
        math.atan2(left_px, focal_px), math.atan2(down_px, math.hypot(left_px, focal_px))
    )


@dataclass
class Gaze:
    """Follows a face, but not its jitter, and forgets it when it has been gone for a while.

    The head's angles when the image was taken are part of an observation. So a direction
    does not depend on how the head moves meanwhile, however old the image is, and the
    loop through the camera cannot oscillate.

    Attributes:
        dead_zone: rad.
        hold_s: how long a face is remembered.
    """

    dead_zone: float = DEAD_ZONE
    hold_s: float = HOLD_S
    _goal: Direction | None = None
    _seen: float = field(default=-math.inf)

    def see(self, bearing: Direction, head: Direction | None, now: float) -> None:
        """A face was seen.

        Args:
            bearing: of the face in the image.
            head: angles of the head when the image was taken; None when the camera
                does not move with the head.
            now: monotonic seconds.
        """
        face = bearing if head is None else bearing.seen_from(head)
        last = self.goal(now) or face
        self._goal = Direction(
            self._dragged(last.yaw, face.yaw), self._dragged(last.pitch, face.pitch)
        )
        self._seen = now

    def goal(self, now: float) -> Direction | None:
        """Where to look at a monotonic time; None when there is nobody to look at."""
        return self._goal if now - self._seen <= self.hold_s else None

    def _dragged(self, last: float, face: float) -> float:
        """The goal is dragged along once the face has left its dead zone."""
        return min(max(last, face - self.dead_zone), face + self.dead_zone)


# ----------------------------------------------------------------------
# The first sign that somebody was noticed, long before an answer to the expression is due.

CLEAR = 0.18
"""A label that is so much more probable than of late is a clear change.

The probabilities are smoothed over 0.4 s. Another expression needs 0.1 s for it; an image or
two that were misjudged do not bring it about."""

LATELY_S = 1.0
"""Time constant of what a probability has been of late."""

STEADY_S = 2.0
"""A label that comes slowly is a change when the one before was held for so long: no flicker."""

APART_S, AGAIN_S = 1.5, 4.0
"""Least time between two signs, and between two to the same person."""


class FirstContact:
    """Tells when the attended person is owed a sign: at once, without dwell.

    That is when the robot begins to attend to a face, and when its expression changes clearly.
    An expression that is unclear for a while, and then the same as before, has not changed.
    What happens too soon after a sign gets none, also not later.
    """

    def __init__(self) -> None:
        self._who = ""
        self._label: str | None = None
        self._lately: dict[str, float] = {}
        self._seen = self._since = -math.inf
        self._given: dict[str, float] = {}

    def see(self, who: str, label: str, probabilities: Mapping[str, float], now: float) -> bool:
        """Takes in what an image shows of the attended face.

        Args:
            who: its id; empty for nobody.
            label: its expression, held steady.
            probabilities: by label, smoothed, 0..1 each; may be empty.
            now: monotonic seconds.

        Returns:
            Whether a sign is due now.
        """
        begins = who != self._who
        if begins:
            self._who, self._label, self._lately = who, None, {}
        due = bool(who) and (begins or self._changes(label, probabilities, now))
        weight = -math.expm1(-max(now - self._seen, 0.0) / LATELY_S)
        means = {name: self._lately.get(name, share) for name, share in probabilities.items()}
        self._lately = {n: mean + weight * (probabilities[n] - mean) for n, mean in means.items()}
        self._seen = now
        if label not in (UNKNOWN, self._label):
            self._label, self._since = label, now
        self._given = {id_: at for id_, at in self._given.items() if now - at < AGAIN_S}
        last = max(self._given.values(), default=-math.inf)
        if not due or who in self._given or now - last < APART_S:
            return False
        self._given[who] = now
        return True

    def _changes(self, label: str, probabilities: Mapping[str, float], now: float) -> bool:
        other = self._label is not None and label not in (UNKNOWN, self._label)
        if other and now - self._since >= STEADY_S:
            return True
        return any(
            share - self._lately.get(name, share) >= CLEAR
            for name, share in probabilities.items()
            if name != self._label
        )


# ----------------------------------------------------------------------
# The small movements of a robot that has nothing to do, but is not dead.

BREATH_S = 4.4
"""Of one breath; it is slower and faster in turns, over `RHYTHM_S`."""

RHYTHM_S = 53.0

SWAY_S, SWAY_STEP_S = 17.0, 6.0
"""The period of the first joint that sways, and how much longer that of each further one is."""

BLINK_S, BLINK_SLOT_S = 0.45, 5.0
"""How long a blink takes, and in how much time there is one, at a random moment."""

SIGN_S = 0.6
"""How long a sign takes, there and back; people lift their brows about as long."""

GLANCE_S = 3.6
"""The eyes move once in so long, at a random moment."""

GLANCE_YAW, GLANCE_PITCH = 0.12, 0.05
"""Largest glance, rad."""

STAY_SHARE = 0.25
"""Share of the glances that go straight ahead."""


class Idle:
    """Breathing, sway, blinks, glances and signs of a robot.

    Everything is a function of time and of a seed: it needs no state, starts anywhere, and is
    the same in every run.

    Args:
        joints: names of its J joints; what needs a joint that it lacks is left out.
        head_yaw: name of the joint that turns the head.
        head_pitch: name of the joint that nods.
        seed: of the glances and blinks.
        moves: how far the joints go; None: those of the humanoid.
    """

    def __init__(
        self,
        joints: Sequence[str],
        head_yaw: str,
        head_pitch: str,
        seed: int = 0,
        moves: IdleMoves | None = None,
    ) -> None:
        moves = moves or IdleMoves()
        self._breath, self._sway, self._blink, self._sign = (
            np.array([amplitudes.get(joint, 0.0) for joint in joints])
            for amplitudes in (moves.breath, moves.sway, moves.blink, moves.sign)
        )
        periods = {joint: SWAY_S + i * SWAY_STEP_S for i, joint in enumerate(moves.sway)}
        turning = [2.0 * math.pi / periods.get(joint, SWAY_S) for joint in joints]
        self._turning = np.array(turning)
        self._yaw = np.array([joint == head_yaw for joint in joints], float)
        self._pitch = np.array([joint == head_pitch for joint in joints], float)
        self._seed = seed

    def breath(self, now: float) -> CourseState:
        """Breathing and sway: offsets from rest [J], rad, and their velocities."""
        slow, beat = 2.0 * math.pi / RHYTHM_S, 2.0 * math.pi / BREATH_S
        phase = beat * now + math.sin(slow * now)
        rate = beat + slow * math.cos(slow * now)
        # Breathing in is quicker than breathing out.
        wave = math.sin(phase) + 0.2 * math.sin(2.0 * phase)
        moving = (math.cos(phase) + 0.4 * math.cos(2.0 * phase)) * rate
        return CourseState(
            self._breath * wave + self._sway * np.sin(self._turning * now),
            self._breath * moving + self._sway * self._turning * np.cos(self._turning * now),
        )

    def blink(self, now: float) -> CourseState:
        """There and back within `BLINK_S`: offsets [J], rad, and their velocities."""
        slot = math.floor(now / BLINK_SLOT_S)
        begins = (slot + 0.9 * random.Random(f"blink {self._seed} {slot}").random()) * BLINK_SLOT_S
        return _there_and_back(self._blink, now - begins, BLINK_S)

    def sign(self, since: float) -> CourseState:
        """Some seconds after a sign was begun: offsets [J], rad, and their velocities."""
        return _there_and_back(self._sign, since, SIGN_S)

    def glance(self, now: float) -> CourseState:
        """Where the eyes wander: offsets of the head [J], rad; they jump, and rest between."""
        slot = math.floor(now / GLANCE_S)
        moment, yaw, pitch = _glance(self._seed, slot)
        if now < (slot + moment) * GLANCE_S:
            _, yaw, pitch = _glance(self._seed, slot - 1)
        return CourseState(self._yaw * yaw + self._pitch * pitch, np.zeros_like(self._yaw))


def _there_and_back(amplitudes: np.ndarray, since: float, seconds: float) -> CourseState:
    share = since / seconds
    if not 0.0 <= share <= 1.0:
        return CourseState(0.0 * amplitudes, 0.0 * amplitudes)
    angle = 2.0 * math.pi * share
    return CourseState(
        amplitudes * (1.0 - math.cos(angle)) / 2.0,
        amplitudes * math.sin(angle) * math.pi / seconds,
    )


@lru_cache(maxsize=4)
def _glance(seed: int, slot: int) -> tuple[float, float, float]:
    """When in its slot a glance happens, as a share, and where to: yaw and pitch, rad."""
    draw = random.Random(f"glance {seed} {slot}")
    moment, ahead = draw.random(), draw.random() < STAY_SHARE
    yaw, pitch = draw.uniform(-1.0, 1.0), draw.uniform(-1.0, 1.0)
    return (moment, 0.0, 0.0) if ahead else (moment, GLANCE_YAW * yaw, GLANCE_PITCH * pitch)


# Who owns the joints.

CALM_S = 1.0
"""After a fault the joint states must be in order, and the robot still, for so long."""

HEAD_ROLL = "head_roll_joint"
"""Joint that tilts the head, if there is one: where a camera on the head looks depends on it."""

SETTLED = 1e-4
"""What moves by less than this, in rad or rad/s, is not worth a message."""


@dataclass(frozen=True)
class HeadJoints:
    """Names of the joints that turn the head; the robot may lack any of them."""

    head_yaw_joint: str = setting("head_yaw_joint", "Joint that turns the head to the left.")
    head_pitch_joint: str = setting("head_pitch_joint", "Joint that nods the head down.")


@dataclass(frozen=True)
class MoverSettings:
    """How the robot moves; they are parameters of ``motion_player``."""

    speed_scale: float = setting(
        1.0, "Speed of motions from the next one on, as a share.", low=0.1, high=1.0, live=True
    )
    idle: float = setting(
        1.0,
        "Size of the small movements while nothing plays, as a share; 0: none.",
        low=0.0,
        high=1.0,
        live=True,
    )
    gaze: bool = setting(True, "Whether the head turns to the attended face.", live=True)
    first_contact: bool = setting(
        True,
        "Whether a small sign is given at once to a face that is noticed or changes clearly.",
        live=True,
    )
    camera_on_head: bool = setting(
        False, "Whether the camera turns with the head; a webcam or a video does not.", live=True
    )
    head: HeadJoints = part(HeadJoints)
    tolerance_rad: float = setting(
        0.35,
        "A joint that is farther from where it should be is at fault, rad.",
        low=0.06,
        high=3.2,
    )


@dataclass(frozen=True)
class Moved:
    """What a `Mover.tick` has brought.

    Attributes:
        trajectory: to be told to the robot; None for nothing new.
        arrived: whether a motion has come to its end.
        failure: what has gone wrong; None if nothing has.
        recovered: whether a fault is over.
    """

    trajectory: Trajectory | None = None
    arrived: bool = False
    failure: Reason | None = None
    recovered: bool = False


class Mover:
    """One owner per joint at a time, and no jump when it changes.

    A motion owns all joints, but those of the head that it does not name may follow the
    gaze. While no motion plays, all joints breathe and glance around the rest pose. A sign
    to somebody who was noticed is added to the joints that no motion owns. What was told
    last is continued from where it has brought the robot (`Course`). After a fault nothing
    is told until the robot can be relied upon again, and then it starts from where it was
    found.

    Args:
        rest: the motion to the rest pose; its joints are those that are moved.
        limits: of all joints of the robot.
        settings: may be replaced at any time; the head's joints stay those of now.
        seed: of glances.
        moves: of a robot that has nothing to do; None: those of the humanoid.

    Attributes:
        settings: see above.
        monitor: takes in the joint states.
        limits: see above.
        fault: what is wrong with the robot; None if nothing is.
        held: whether it was stopped; lasts until `release`.
        quiet: whether only motions may move it.
        ending: whether it is brought to rest for the last time. Its driver may do the
            same by itself, so that it need not be where it was told to be.
    """

    def __init__(
        self,
        rest: Motion,
        limits: Mapping[str, JointLimits],
        settings: MoverSettings,
        seed: int = 0,
        moves: IdleMoves | None = None,
    ) -> None:
        self.settings, self.limits = settings, limits
        self.fault: Reason | None = None
        self.held = self.quiet = self.ending = False
        self.monitor = JointMonitor(rest.joints, limits)
        self._rest, self._joints, self._seed = rest, rest.joints, seed
        self._home = np.array([rest.end[joint] for joint in self._joints])
        self._follower = JointFollower(self._joints, limits)
        self._head_names = settings.head.head_yaw_joint, settings.head.head_pitch_joint
        self._idle, self._gaze = Idle(self._joints, *self._head_names, seed, moves), Gaze()
        names = (*self._head_names, HEAD_ROLL)
        self._head = tuple(
            self._joints.index(name) if name in self._joints else -1 for name in names
        )
        self._tracking = Tracking(self._joints, settings.tolerance_rad)
        self._course: Course | None = None
        self._playback: Playback | None = None
        self._calm: float | None = None
        self._ticked = self._signed = -math.inf
        self._contact = FirstContact()

    def adopt(self, rest: Motion, moves: IdleMoves) -> None:
        """Takes another rest pose and other idle moves; the way there is soft.

        Raises:
            ValueError: the rest pose is one of other joints.
        """
        if rest.joints != self._joints:
            raise ValueError(f"moves {', '.join(rest.joints)}, not {', '.join(self._joints)}")
        self._rest, self._home = rest, np.array([rest.end[joint] for joint in self._joints])
        self._idle = Idle(self._joints, *self._head_names, self._seed, moves)

    @property
    def playing(self) -> bool:
        """Whether a motion is under way."""
        return self._playback is not None

    @property
    def is_lively(self) -> bool:
        """Whether it may idle."""
        return self.settings.idle > 0.0 and not self.quiet

    @property
    def has_head(self) -> bool:
        """Whether it can turn to a face."""
        return any(column >= 0 for column in self._head[:2])

    def mood(self, now: float) -> str:
        """``fault``, ``held``, ``attending`` (to a face) or ``idle``."""
        if self.fault:
            return "fault"
        if self.held:
            return "held"
        return "idle" if self._goal(now) is None else "attending"

    def eyes(self, now: float) -> Direction:
        """Where eyes look that see the attended face, beside where the head looks."""
        goal = self._goal(now)
        if goal is None or not self.monitor.is_complete:
            return Direction(0.0, 0.0)
        told = self._state(now).positions
        yaw, pitch = (float(told[i]) if i >= 0 else 0.0 for i in self._head[:2])
        return Direction(goal.yaw - yaw, goal.pitch - pitch)

    def progress(self, now: float) -> float:
        """Of the motion under way, 0..1."""
        return 0.0 if self._playback is None else self._playback.progress(now)

    def refusal(self, now: float) -> Reason | None:
        """Why the robot cannot be moved; None if it can."""
        held = Reason("held", "stopped until it is released (robot release)") if self.held else None
        return self._lost(now) or held

    def see(self, bearing: Direction, taken: float, now: float) -> None:
        """A face was seen.

        Args:
            bearing: of the face in the image.
            taken: monotonic seconds of the image.
            now: monotonic seconds.
        """
        head = None
        if self.settings.camera_on_head:
            then = self.monitor.at(taken)
            head = Direction(*(float(then[i]) if i >= 0 else 0.0 for i in self._head))
        self._gaze.see(bearing, head, now)

    def notice(
        self, who: str, label: str, probabilities: Mapping[str, float], now: float
    ) -> Trajectory | None:
        """Takes in the attended face, and gives it a sign if one is due; see `FirstContact`.

        Not while the robot cannot be moved, must be still, or ends.
        """
        due = self._contact.see(who, label, probabilities, now)
        unwanted = self.quiet or self.ending or not self.settings.first_contact
        if not due or unwanted or self.refusal(now):
            return None
        self._signed = now
        return self._live(now) if self._playback is None else self._gazing(now)

    def since_sign(self, now: float) -> float:
        """Seconds since the last sign was begun; infinite before the first."""
        return now - self._signed

    def play(
        self, motion: Motion, now: float, within_s: float = math.inf, gazing: bool = False
    ) -> Trajectory:
        """Begins a motion, whatever is under way; not to be asked of a robot that is held.

        Args:
            motion: its joints are among those of the rest pose.
            now: monotonic seconds.
            within_s: see `plan`.
            gazing: whether the head may follow the gaze although the motion names it.
        """
        state = self._state(now)
        limits, speed = self.limits, self.settings.speed_scale
        start = state.by_name(self._joints)
        trajectory = plan(motion, self._rest, limits, start, speed, within_s)
        named = () if gazing else motion.joints
        free = tuple(i for i in self._head[:2] if i >= 0 and self._joints[i] not in named)
        owned = [joint for i, joint in enumerate(self._joints) if i not in free]
        end = {joint: trajectory.end[joint] for joint in owned}
        self._playback = Playback(motion, now, trajectory.duration, end, free)
        self._course = Course(state, trajectory, now)
        return self._gazing(now) or trajectory

    def rest(
        self, now: float, within_s: float = math.inf, gazing: bool = False
    ) -> Trajectory | None:
        """Goes to the rest pose, unless the robot is there or cannot be moved."""
        was, self._playback = self._playback, None
        if self.refusal(now):
            return None
        away = farthest(self._rest.end, self.monitor.positions)[1] > TOLERANCE_RAD
        return self.play(self._rest, now, within_s, gazing) if away or was else None

    def stop(self, now: float) -> Trajectory | None:
        """Brakes as hard as the joints may, and holds until `release`."""
        self._playback, self.held = None, True
        if self._lost(now):
            return None
        return self._tell(self._follower.stop(self._state(now)), now)

    def hold(self) -> None:
        """Leaves a robot alone that somebody else has stopped, until `release`."""
        self._playback, self.held = None, True
        self._forget()

    def release(self) -> None:
        """Ends the stop: the robot may move again, and goes softly to where it would be."""
        self.held = False

    def tick(self, now: float) -> Moved:
        """Goes on; to be called every 0.05 s or so."""
        asleep, self._ticked = now - self._ticked > SILENCE_S / 2.0, now
        if asleep or not self.monitor.is_complete:
            return Moved()  # who has slept has not listened, and cannot tell who was silent
        problem = self.monitor.problem(now) or self._astray(now)
        if self.fault:
            return self._recover(problem, now)
        if problem:
            return self._fail(problem, now)
        if self._playback is not None:
            return self._go_on(self._playback, now)
        return Moved() if self.held else Moved(self._live(now))

    def _lost(self, now: float) -> Reason | None:
        """Why the robot cannot be relied upon; None if it can."""
        problem = self.monitor.problem(now)
        if problem is None and self.fault:
            return Reason("fault", f"waits after a fault: {self.fault}")
        return problem

    def _state(self, now: float) -> CourseState:
        return self.monitor.state(now) if self._course is None else self._course.at(now)

    def _tell(self, trajectory: Trajectory, now: float) -> Trajectory:
        self._course = Course(self._state(now), trajectory, now)
        return trajectory

    def _astray(self, now: float) -> Reason | None:
        if self._course is None or self.ending:
            return None
        told, measured = self._course.at(now).positions, self.monitor.measured()
        if self._playback is None and self._course.is_over(now, MARGIN_S):
            if np.abs(told - measured).max() > TOLERANCE_RAD:
                self._forget()  # whoever moves a robot by hand that rests may do so
            return None
        return self._tracking.failure(now, told, measured if self.monitor.is_fresh(now) else None)

    def _forget(self) -> None:
        self._course = None
        self._tracking.forget()

    def _fail(self, problem: Reason, now: float) -> Moved:
        """Stops commanding, after one last word: to brake."""
        state, over = self._state(now), self._course is None or self._course.is_over(now)
        if not self.monitor.problem(now):  # where it is can be relied upon
            state, over = self.monitor.state(now), False
        self._playback, self._calm, self.fault = None, None, problem
        self._forget()
        return Moved(None if over else self._follower.stop(state), failure=problem)

    def _recover(self, problem: Reason | None, now: float) -> Moved:
        if problem or not self.monitor.is_still:
            self._calm, self.fault = None, problem or self.fault
            return Moved()
        self._calm = now if self._calm is None else self._calm
        if now - self._calm < CALM_S:
            return Moved()
        self.fault = None
        return Moved(self.rest(now, gazing=True), recovered=True)

    def _go_on(self, playback: Playback, now: float) -> Moved:
        positions = self.monitor.positions
        arrived, failure = playback.has_arrived(now, positions), None
        if self.monitor.is_fresh(now):
            failure = playback.failure(now, positions)
        if not arrived and not failure:
            return Moved(self._gazing(now))
        self._playback = None
        after = None if playback.motion is self._rest else self.rest(now, gazing=True)
        return Moved(after, arrived, failure)

    def _gazing(self, now: float) -> Trajectory | None:
        """The motion under way, with the head that it does not need turned to the face."""
        playback, course = self._playback, self._course
        if playback is None or course is None or not playback.free or self._goal(now) is None:
            return None
        state = course.at(now)
        window = self._follower.window(state, self._wanted, now)
        columns = list(playback.free)
        if not _moves(window, state, columns):
            return None
        return self._tell(course.with_joints(columns, window, now), now)

    def _live(self, now: float) -> Trajectory | None:
        """The next moment of idling and gazing."""
        if self._course is None:
            signs = self.since_sign(now) <= SIGN_S
            if not self.is_lively and not signs and self._goal(now) is None:
                return None
            if farthest(self._rest.end, self.monitor.positions)[1] > TOLERANCE_RAD:
                return self.rest(now)
        state = self._state(now)
        window = self._follower.window(state, self._wanted, now)
        return self._tell(window, now) if _moves(window, state) else None

    def _goal(self, now: float) -> Direction | None:
        return self._gaze.goal(now) if self.settings.gaze and not self.quiet else None

    def _wanted(self, now: float) -> CourseState:
        """Where the joints should be while no motion says so."""
        scale = 0.0 if self.quiet else self.settings.idle
        breath, blink = self._idle.breath(now), self._idle.blink(now)
        sign = self._idle.sign(self.since_sign(now))
        positions = self._home + scale * (breath.positions + blink.positions) + sign.positions
        face = self._goal(now)
        if face is None:
            positions += scale * self._idle.glance(now).positions
        else:
            for column, angle in zip(self._head, (face.yaw, face.pitch), strict=False):
                if column >= 0:
                    positions[column] += angle
        velocities = scale * (breath.velocities + blink.velocities) + sign.velocities
        return CourseState(positions, velocities)


def _moves(window: Trajectory, state: CourseState, columns: list[int] | None = None) -> bool:
    chosen = slice(None) if columns is None else columns
    way = np.abs(window.positions[:, chosen] - state.positions[chosen])
    return bool(way.max() > SETTLED or np.abs(state.velocities[chosen]).max() > SETTLED)
