"""The node ``motion_player``: moves the robot, and keeps it alive between two gestures."""

from __future__ import annotations

import difflib
import math
import random
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Duration
from fer_interfaces.action import PlayMotion
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray, HoldState
from geometry_msgs.msg import Point, PointStamped
from rclpy.clock import Clock, ClockType
from rclpy.qos import qos_profile_sensor_data
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import ColorRGBA, Header, String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from ec_rfernet.errors import InputError
from fer_common.actions import ExclusiveAction
from fer_common.camera import focal_px
from fer_common.diagnostics import (
    SETTLED_S,
    Limits,
    Mishaps,
    Report,
    Statistics,
    age,
    error,
    figures,
    slowness,
    warn,
)
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.door import seconds
from fer_common.graph_watch import InputWatch, OutputWatch
from fer_common.node_clock import NodeClock
from fer_common.parameters import declare, on_change
from fer_common.qos import EVENTS, LATCHED, STREAM
from fer_common.reason import Reason
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import part, setting
from robot_behavior.body.eyes import light
from robot_behavior.body.face import FACE_LINK, expression
from robot_behavior.dialogue.behaviors import Repertoire
from robot_behavior.motion.library import REST, MotionLibrary, words
from robot_behavior.motion.mover import Direction, Mover, MoverSettings, bearing
from robot_behavior.motion.trajectory import Trajectory
from robot_behavior.nodes.face_watch import FaceWatch
from robot_behavior.nodes.markers import markers
from robot_behavior.nodes.robot_files import WHICH_ROBOT, read_model, read_motions
from robot_behavior.robots.kept_stop import KeptStop
from robot_behavior.robots.sign_of_life import BEAT_S, EYES, HELD, HOLD, Presence, StopPath

RATE_HZ = 20.0

STOP_S = 2.8
"""The way to the rest pose takes no longer when the node stops, if the limits allow it."""

_LONGEST_NAME = 100  # characters of a motion that somebody asks for

ABSENT = ("no_robot", "unknown", "silent", "held", "unheard")
"""Codes of the reasons why the robot cannot be moved that say nothing of how it moves."""

ANSWER_S = 0.5
"""What moves the robot is asked again to hold it when it has not answered after so long."""

LOOKS_RAD = 0.02
"""The eyes look elsewhere when it is so far away."""

OLDEST_S = 1.0
"""An image that says to be older, or to be of the future, has no useful stamp."""


@dataclass(frozen=True)
class PlayerParams:
    """The parameters of `MotionPlayer`."""

    robot: str = setting("sim", WHICH_ROBOT)
    motions_file: str = setting(
        "", "Path of the motions, read again when set; empty: those of the robot.", live=True
    )
    urdf: str = setting("", "Path of the robot's URDF; empty: that of the robot.")
    mover: MoverSettings = part(MoverSettings)
    begin_held: bool = setting(
        True,
        "Whether nothing moves before the robot has said that it was not stopped, or ~/release.",
    )
    warn_rate: float = setting(
        10.0,
        "Diagnostics warns of fewer joint states per second.",
        low=0.0,
        high=1000.0,
        live=True,
    )


class MotionPlayer(ClosingNode):
    """Serves ``play_motion``; looks at faces and idles in between; can be stopped.

    A stop is kept by what moves the robot, see `robot_behavior.robots.sign_of_life.StopKeeper`, and
    by `KeptStop`; it ends by ``~/release``, of this node or of that one.

    Args:
        clock: monotonic seconds; None: those of `fer_common.node_clock.NodeClock`, but the
            machine's where a stop or the sign of life depends on them.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the URDF or the motions are unusable.
    """

    def __init__(self, clock: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__("motion_player", **options)
        params = declare(self, PlayerParams)
        self._still = NodeClock(self)
        self._wall, clock = clock or time.monotonic, clock or self._still
        self._params, self._monotonic = params, clock
        model = self._model = read_model(params.urdf, params.robot)
        self._gesture = self._played = ""  # see `_begin`
        self._take(read_motions(params.motions_file, params.robot, model))
        for name, reason in self._library.refused.items():
            self.get_logger().error(f"cannot play '{name}': {reason}")
        self._mover = Mover(
            self._library.rest, model.limits, params.mover, moves=self._library.idle
        )
        if params.mover.gaze and not self._mover.has_head:
            self.get_logger().info("cannot turn to faces: the robot has no head that moves")
        self._kept = KeptStop(self, params.robot)
        self.closing.callback(self._kept.close)
        self._stopped = self._kept.since is not None  # and not released since
        self._mover.held = self._stopped or params.begin_held
        self._unheard = self._mover.held and not self._stopped
        # Whether the robot shall be held, until it has answered.
        self._wish: bool | None = True if self._stopped else None
        self._asked = -math.inf
        self._hold_state = HoldState(state=HoldState.NEVER)  # as what moves the robot told last
        self._camera_info: CameraInfo | None = None
        self._light: ColorRGBA | None = None
        self._shone = -math.inf
        self._face, self._expression = FaceWatch(self, clock), ""
        self._looks = Direction(0.0, 0.0)
        self._answers, self._speaks = "", False
        self._advertise()
        states = self._subscribe()
        self._rate, self._mishaps = Limits(params.warn_rate), Mishaps(self._wall)
        self._began = clock()
        self._heard, self._told = Statistics(), Statistics()
        self._input = InputWatch(
            self, states, "joint states", "is the robot running?", clock=self._wall
        )
        self._output = OutputWatch(self, self._trajectory)
        self._presence = Presence(self)
        self._body = self.create_client(SetBool, HOLD)
        self.create_subscription(HoldState, HELD, self._on_held, LATCHED)
        self.create_service(Trigger, "~/list_motions", self._list_motions)
        self._action = ExclusiveAction(
            self, PlayMotion, "play_motion", self._refusal, self._begin, self._rest
        )
        self.closing.callback(self._action.destroy)
        on_change(self, PlayerParams, self._prepare)
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, "motions", self._report)
        path = StopPath(self)
        path.serve(Trigger, "~/stop", self._stop)
        path.serve(Trigger, "~/release", self._release)
        path.begin()
        self.get_logger().info(f"can play {', '.join(self._library.motions)}")
        if self._stopped:
            self.get_logger().warning(f"begins stopped: {self._kept.text}")

    def begin_stop(self) -> None:
        """Ends what is under way and goes to rest, unless somebody stopped the robot."""
        self._mover.quiet = self._mover.ending = True
        self._action.finish(False, "the motion player stops")
        if not self._mover.held:
            self._rest(within_s=STOP_S)

    def is_stopped(self) -> bool:
        """Whether the robot rests, or has stopped by itself: Ctrl-C reaches all processes."""
        gone = not self.count_publishers("joint_states")
        return (not self._mover.playing or gone) and not self._action.busy

    def _advertise(self) -> None:
        """Creates everything that it publishes."""
        self._trajectory = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self._eyes = self.create_publisher(ColorRGBA, "eyes", EYES)
        self._expressions = self.create_publisher(String, "expression", LATCHED)
        self._look_at = self.create_publisher(PointStamped, "look_at", LATCHED)
        self._markers = self.create_publisher(MarkerArray, "~/markers", STREAM)

    def _subscribe(self) -> Subscription:
        """Subscribes to everything; the subscription of the joint states."""
        stream = qos_profile_sensor_data
        self.create_subscription(CameraInfo, "camera_info", self._on_camera_info, stream)
        self._faces = self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS)
        self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS)
        self.create_subscription(BehaviorState, "behavior_state", self._on_behavior, LATCHED)
        self.create_subscription(String, "speech", self._on_speech, EVENTS)
        return self.create_subscription(JointState, "joint_states", self._on_joint_states, stream)

    @property
    def problem(self) -> Reason | None:
        """Why the robot cannot be moved; None if it can."""
        refusal = self._mover.refusal(self._monotonic())
        if refusal is not None and refusal.code == "held" and self._unheard:
            text = "nobody has said yet whether the robot was stopped: ~/release lets it move"
            return Reason("unheard", text)
        if refusal is not None and refusal.code == "held":
            return Reason("held", self._hold_state.text or self._kept.text or refusal.sentence)
        if refusal is None and not self._trajectory.get_subscription_count():
            return Reason("no_robot", "no robot listens to joint_trajectory")
        return refusal

    @property
    def _can_move(self) -> bool:
        reasons = (self.problem, self._mover.fault)
        return not any(reason.code in ABSENT for reason in reasons if reason is not None)

    def _refusal(self, goal: PlayMotion.Goal) -> Reason | None:
        """Why a goal cannot be carried out; None if it can."""
        name, known = goal.motion[:_LONGEST_NAME], self._library.motions
        expressions = self._repertoire.expressions
        if name in self._library.refused:
            return Reason("refused", f"cannot play '{name}': {self._library.refused[name]}")
        if name not in known and name not in expressions:
            close = difflib.get_close_matches(name, {*known, *expressions}, n=3, cutoff=0.5)
            expected = ", ".join(close or sorted(known))
            return Reason("unknown", f"no motion '{name}', expected one such as {expected}")
        if self._mover.ending:
            return Reason("ending", "the motion player stops")
        return self.problem

    def _take(self, library: MotionLibrary) -> None:
        """These are the motions from now on."""
        self._library = library
        gestures = {name: words(motion.usage) for name, motion in library.motions.items()}
        self._repertoire = Repertoire(gestures, rest=REST)

    def _begin(self, goal: PlayMotion.Goal) -> None:
        name, self._played = goal.motion, ""  # told where the goal names what to express
        if name not in self._library.motions:
            found, instead = self._repertoire.motions(name)
            name = random.choice(found)
            self._played = f"{instead}: {name}" if instead else name
        self._gesture = name
        self.get_logger().info(f"plays '{name}'")
        self._tell(self._mover.play(self._library.motions[name], self._monotonic()))

    def _rest(self, within_s: float = math.inf) -> None:
        """Takes the robot to its rest pose, if it can be moved and is not there."""
        self._tell(self._mover.rest(self._monotonic(), within_s))

    def _tell(self, trajectory: Trajectory | None) -> None:
        if trajectory is not None:
            self._trajectory.publish(to_message(trajectory))
            self._told.add(0.0, self._monotonic())

    def _tick(self) -> None:
        now = self._monotonic()
        if self._mover.playing:
            self._action.report(self._mover.progress(now))
        self._tell_wish()
        if not self._stopped and self._wish is None and self._kept.is_there():
            self.get_logger().warning("stopped by somebody on this machine")
            self._stop_now()
        self._presence.look(self._can_move)
        turn = self._mover.tick(now)
        self._tell(turn.trajectory)
        if turn.failure:
            self._mishaps.note(str(turn.failure))
            self.get_logger().error(str(turn.failure))
        if turn.recovered:
            self.get_logger().info("the robot is in order again")
        if turn.arrived or turn.failure:
            self._action.finish(turn.arrived, str(turn.failure or self._played))
        self._shine(now, self._wall())
        self._express(now)
        if self._markers.get_subscription_count():
            self._draw()

    def _draw(self) -> None:
        """Publishes the robot as its joints are; nothing before they have told."""
        positions = self._mover.monitor.positions
        if positions:
            stamp = self.get_clock().now().to_msg()
            self._markers.publish(markers(self._model, positions, stamp, self._face.look()))

    def _shine(self, now: float, wall: float) -> None:
        """Publishes the light of the eyes when it changes, and as a sign of life."""
        mover = self._mover
        red, green, blue, openness = light(
            now, mover.mood(now), mover.is_lively, since_sign=mover.since_sign(now)
        )
        colour = ColorRGBA(r=red, g=green, b=blue, a=openness)
        if colour != self._light or wall - self._shone >= BEAT_S:
            self._light, self._shone = colour, wall
            self._eyes.publish(colour)

    def _express(self, now: float) -> None:
        """Publishes what the face shows, and where its eyes look, when that changes."""
        mover, motion = self._mover, self._library.motions.get(self._gesture)
        is_gesture = motion is not None and self._action.busy and mover.playing
        usage = motion.usage if motion is not None and is_gesture else ""
        is_awake = not mover.quiet
        shown = expression(mover.mood(now), usage, self._answers, self._speaks, is_awake)
        if shown != self._expression:
            self._expression = shown
            self._expressions.publish(String(data=shown))
        looks = mover.eyes(now)
        if max(abs(looks.yaw - self._looks.yaw), abs(looks.pitch - self._looks.pitch)) > LOOKS_RAD:
            self._looks = looks
            ahead, left = math.cos(looks.yaw), math.sin(looks.yaw)
            point = PointStamped(point=Point(x=ahead, y=left, z=-math.sin(looks.pitch)))
            point.header.frame_id, point.header.stamp = FACE_LINK, self.get_clock().now().to_msg()
            self._look_at.publish(point)

    def _stop_now(self) -> Trajectory | None:
        """Stops the robot; how it brakes, None if nothing is commanded."""
        trajectory = self._mover.stop(self._monotonic())
        self._tell(trajectory)
        self._stopped, self._unheard = True, False
        self._ask_to_hold(True)
        self._kept.keep()  # what moves the robot may be away, or fall before it hears of it
        self._action.finish(False, "stopped by ~/stop")
        return trajectory

    def _stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        trajectory = self._stop_now()
        response.success = True
        response.message = (
            f"stands still in {trajectory.duration:.2f} s, until it is released (robot release)"
            if trajectory
            else f"commands nothing: {self._mover.refusal(self._monotonic())}"
        )
        self.get_logger().warning(f"~/stop: {response.message}")
        return response

    def _release(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stopped = self._unheard = False
        self._kept.forget()
        self._hold_state = HoldState(state=HoldState.NEVER)  # what is told now is older
        self._ask_to_hold(False)
        self._mover.release()
        response.success, response.message = True, "may move again"
        self.get_logger().warning(f"~/release: {response.message}")
        return response

    def _ask_to_hold(self, held: bool) -> None:
        self._wish, self._asked = held, -math.inf
        self._tell_wish()

    def _tell_wish(self) -> None:
        """Asks what moves the robot until it answers: it may start only now, or be a ghost."""
        wish, now = self._wish, self._wall()
        if wish is None or now - self._asked < ANSWER_S or not self._body.service_is_ready():
            return

        def answered(_future: Future) -> None:
            if self._wish is wish:
                self._wish = None

        self._asked = now
        self._body.call_async(SetBool.Request(data=wish)).add_done_callback(answered)

    def _on_held(self, message: HoldState) -> None:
        """What moves the robot tells whether it was stopped."""
        self._unheard = False
        before, self._hold_state = self._hold_state, message
        if message.state == HoldState.HELD:
            self._stopped = True  # also by others: what moves the robot may forget it
            if not self._mover.held or self._mover.playing:
                self._mover.hold()
                self._action.finish(False, "the robot was stopped")
        elif self._stopped and HoldState.NEVER in (message.state, before.state):
            self._ask_to_hold(True)  # it has not heard of the stop yet, or could not keep it
        else:
            self._stopped = False
            self._mover.release()

    def _prepare(self, new: PlayerParams, names: frozenset[str]) -> Callable[[], None]:
        library = self._library
        if "motions_file" in names:
            library = self._read_again(new)

        def change() -> None:
            self._params, self._rate = new, Limits(new.warn_rate)
            self._mover.settings = new.mover
            if library is not self._library:
                self._take(library)
                self._mover.adopt(library.rest, library.idle)
                self.get_logger().info(f"can play {', '.join(library.motions)}")

        return change

    def _read_again(self, params: PlayerParams) -> MotionLibrary:
        """The motions of a file that is to take the place of the one that was read at the start.

        Raises:
            InputError: the robot cannot play all of them, or they move other joints.
        """
        try:
            library = read_motions(params.motions_file, params.robot, self._model)
        except StartError as problem:
            raise InputError(str(problem)) from problem
        if library.refused:
            raise InputError("; ".join(library.refused.values()))
        if library.rest.joints != self._library.rest.joints:
            raise InputError(
                f"{params.motions_file}: '{library.rest.name}' moves other joints than before: "
                f"start {self.get_name()} again to read it"
            )
        return library

    def _on_joint_states(self, message: JointState) -> None:
        self._heard.add(self._age(message.header), self._monotonic())
        ignored = self._mover.monitor.update(
            message.name, message.position, message.velocity, self._monotonic()
        )
        if ignored:
            self.get_logger().warning(f"ignored in joint_states: {ignored}")

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._camera_info = message

    def _on_emotions(self, message: EmotionArray) -> None:
        """Looks at the attended face, and gives it a sign when it is noticed or changes."""
        if not message.attended:
            self._notice(Emotion(label=Emotion.UNKNOWN))
        for face in message.emotions:
            if message.attended and face.face_id == message.attended:
                self._look(face, message.image_width, message.image_height)
                self._notice(face)

    def _on_emotion(self, message: Emotion) -> None:
        """The same where nobody publishes `emotions`; looks if the camera tells its size."""
        if self._faces.get_publisher_count():
            return
        if self._camera_info is not None:
            self._look(message, self._camera_info.width, self._camera_info.height)
        self._notice(message)

    def _notice(self, face: Emotion) -> None:
        """Gives the attended face a sign if one is due, without waiting for the next tick."""
        shares = zip(face.labels, map(float, face.probabilities), strict=False)
        likely = {label: share for label, share in shares if math.isfinite(share)}
        self._tell(self._mover.notice(face.face_id, face.label, likely, self._monotonic()))

    def _look(self, message: Emotion, width: int, height: int) -> None:
        roi = message.roi
        if not (roi.width and roi.height and width and height):
            return  # an expression without a face, or an image of no known size
        left = width / 2.0 - (roi.x_offset + roi.width / 2.0)
        down = (roi.y_offset + roi.height / 2.0) - height / 2.0
        now = self._monotonic()
        taken = now - self._age(message.header)
        self._mover.see(bearing(left, down, focal_px(width, self._camera_info)), taken, now)

    def _age(self, header: Header) -> float:
        """Of a message, seconds; 0 where its stamp is of no use."""
        old = self.get_clock().now().nanoseconds * 1e-9 - seconds(header.stamp)
        return old if 0.0 <= old <= OLDEST_S else 0.0

    def _on_behavior(self, message: BehaviorState) -> None:
        self._mover.quiet = self._mover.ending or message.state == BehaviorState.DISABLED
        self._answers = message.emotion if message.state == BehaviorState.RESPONDING else ""

    def _on_speech(self, message: String) -> None:
        self._speaks = bool(message.data)

    def _report(self) -> Report:
        now, goal, playing = self._monotonic(), self._action.goal, self._mover.playing
        states, told = self._heard.summary(now), self._told.summary(now)
        state = "playing" if playing else self._mover.mood(now)
        motion = goal.motion if goal else self._library.rest.name if playing else None
        problem, refused = self.problem, ", ".join(self._library.refused)
        values = {
            "state": state,
            "motion": motion or "none",
            **self._action.outcomes,
            "robot": problem or "ready",
            **figures(states),
            "age of the newest joint state [s]": age(states.age_s),
            "joint_trajectory [1/s]": f"{told.rate:.1f}",
            "motions that cannot be played": refused or "none",
            **self._mishaps.values,
        }
        wiring = self._input.findings()
        if problem and not states.count and now - self._began < SETTLED_S:
            found = []
            state = "waits for the robot's first joint states"
        elif problem:  # what is wrong with the topic says more
            found = [error(finding.text) for finding in wiring] or [error(problem)]
        else:
            found = [error(self._mishaps.recent), *wiring]
        found += [*self._output.findings(), self._still.finding]
        if refused:
            found.append(warn(f"cannot play {refused}: see the start of the log"))
        if not problem:
            found.append(slowness(states, self._rate, "joint states"))
        return Report(f"plays {motion}" if motion else state, values, found)

    def _list_motions(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.success = True
        response.message = ", ".join(self._library.motions)
        return response


def to_message(trajectory: Trajectory) -> JointTrajectory:
    """The message of a trajectory that starts upon receipt (its stamp is zero)."""
    message = JointTrajectory(joint_names=list(trajectory.joints))
    rows = zip(trajectory.times, trajectory.positions, trajectory.velocities, strict=True)
    for time_s, positions, velocities in rows:
        nanoseconds = round(time_s * 1e9)
        start = Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
        message.points.append(
            JointTrajectoryPoint(
                positions=array("d", positions),
                velocities=array("d", velocities),
                time_from_start=start,
            )
        )
    return message
