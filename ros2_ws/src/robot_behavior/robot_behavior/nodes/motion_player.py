"""The node ``motion_player``: moves the robot, and keeps it alive between two gestures."""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fer_interfaces.action import PlayMotion
from fer_interfaces.msg import BehaviorState, Emotion
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.subscription import Subscription
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import ColorRGBA, Header
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from fer_common.diagnostics import Limits, Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare, on_change
from fer_common.qos import EVENTS, LATCHED, STREAM
from fer_common.settings import setting
from robot_behavior.body.eyes import light
from robot_behavior.motion.gaze import Camera
from robot_behavior.motion.mover import Head, Mover, MoverSettings
from robot_behavior.motion.trajectory import Trajectory
from robot_behavior.nodes.commander import BEAT_S, EYES
from robot_behavior.nodes.exclusive_action import ExclusiveAction
from robot_behavior.nodes.player_health import PlayerHealth, PlayerMoment
from robot_behavior.nodes.robot_files import read_model, read_motions
from robot_behavior.nodes.robot_markers import markers
from robot_behavior.nodes.trajectory_message import to_message

# ----------------------------------------------------------------------
# The parameters of the node ``motion_player``.


@dataclass(frozen=True)
class PlayerParams:
    """The parameters of `robot_behavior.nodes.motion_player.MotionPlayer`."""

    motions_file: str = setting("", "Path of the motions; empty: the installed file.")
    urdf: str = setting("", "Path of the robot's URDF; empty: the installed humanoid.")
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
    camera_on_head: bool = setting(
        False, "Whether the camera turns with the head; a webcam or a video does not."
    )
    image_width: int = setting(
        640, "Width of the images while there is no camera_info, pixels.", low=16, high=8192
    )
    image_height: int = setting(
        480, "Height of the images while there is no camera_info, pixels.", low=16, high=8192
    )
    fov_deg: float = setting(
        60.0,
        "Horizontal field of view while there is no camera_info, degrees.",
        low=1.0,
        high=179.0,
    )
    head_yaw_joint: str = setting("head_yaw_joint", "Joint that turns the head to the left.")
    head_pitch_joint: str = setting("head_pitch_joint", "Joint that nods the head down.")
    tolerance_rad: float = setting(
        0.35,
        "A joint that is farther from where it should be is at fault, rad.",
        low=0.06,
        high=3.2,
    )
    warn_rate: float = setting(
        10.0, "Diagnostics warns of fewer joint states per second.", low=0.0, high=1000.0
    )

    @property
    def settings(self) -> MoverSettings:
        """How the robot moves."""
        return MoverSettings(
            self.speed_scale, self.idle, self.gaze, self.camera_on_head, self.tolerance_rad
        )

    @property
    def head(self) -> Head:
        """The joints of the head."""
        return Head(self.head_yaw_joint, self.head_pitch_joint)


# ----------------------------------------------------------------------

RATE_HZ = 20.0

STOP_S = 2.8
"""The way to the rest pose takes no longer when the node stops, if the limits allow it."""

OLDEST_S = 1.0
"""An image that says to be older, or to be of the future, has no useful stamp."""


class MotionPlayer(Node):
    """Serves ``play_motion``; looks at faces and idles in between; can be stopped.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the URDF or the motions are unusable.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("motion_player", **options)
        params = declare(self, PlayerParams)
        self._monotonic = clock
        model = self._model = read_model(params.urdf)
        self._library = read_motions(params.motions_file, model)
        for name, reason in self._library.refused.items():
            self.get_logger().error(f"cannot play '{name}': {reason}")
        rest = self._library.rest
        self._mover = Mover(rest, model.limits, params.settings, params.head)
        self._camera = Camera.with_view(params.image_width, params.image_height, params.fov_deg)
        self._light: ColorRGBA | None = None
        self._shone = -math.inf
        self._trajectory = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self._eyes = self.create_publisher(ColorRGBA, "eyes", EYES)
        self._markers = self.create_publisher(MarkerArray, "~/markers", STREAM)
        states = self._subscribe()
        limits = Limits(params.warn_rate)
        self._health = PlayerHealth(self, states, self._trajectory, limits, clock)
        self.create_service(Trigger, "~/list_motions", self._list_motions)
        self.create_service(Trigger, "~/stop", self._stop)
        self.create_service(Trigger, "~/release", self._release)
        self._action = ExclusiveAction(
            self, PlayMotion, "play_motion", self._refusal, self._begin, self._rest
        )
        on_change(self, PlayerParams, self._on_parameters)
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, "motions", self._report)
        self.get_logger().info(f"can play {', '.join(self._library.motions)}")

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

    def destroy_node(self) -> None:
        """Also takes the action server away."""
        self._action.destroy()
        super().destroy_node()

    def _subscribe(self) -> Subscription:
        """Subscribes to everything; the subscription of the joint states."""
        stream = qos_profile_sensor_data
        self.create_subscription(CameraInfo, "camera_info", self._on_camera_info, stream)
        self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS)
        self.create_subscription(BehaviorState, "behavior_state", self._on_behavior, LATCHED)
        return self.create_subscription(JointState, "joint_states", self._on_joint_states, stream)

    def _refusal(self, goal: PlayMotion.Goal) -> str:
        """Why a goal cannot be carried out; empty if it can."""
        name, known = goal.motion, self._library.motions
        if name in self._library.refused:
            return f"cannot play '{name}': {self._library.refused[name]}"
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            return f"no motion '{name}', expected one such as {', '.join(close or sorted(known))}"
        return "the motion player stops" if self._mover.ending else self._unreachable()

    def _unreachable(self) -> str:
        """Why the robot cannot be moved; empty if it can."""
        refusal = self._mover.refusal(self._monotonic())
        if not refusal and not self._trajectory.get_subscription_count():
            return "no robot listens to joint_trajectory"
        return refusal

    def _begin(self, goal: PlayMotion.Goal) -> None:
        self.get_logger().info(f"plays '{goal.motion}'")
        self._tell(self._mover.play(self._library.motions[goal.motion], self._monotonic()))

    def _rest(self, within_s: float = math.inf) -> None:
        """Takes the robot to its rest pose, if it can be moved and is not there."""
        self._tell(self._mover.rest(self._monotonic(), within_s))

    def _tell(self, trajectory: Trajectory | None) -> None:
        if trajectory is not None:
            self._trajectory.publish(to_message(trajectory))
            self._health.told()

    def _tick(self) -> None:
        now = self._monotonic()
        if self._mover.playing:
            self._action.report(self._mover.progress(now))
        turn = self._mover.tick(now)
        self._tell(turn.trajectory)
        if turn.failure:
            self._health.mishaps.note(turn.failure)
            self.get_logger().error(turn.failure)
        if turn.recovered:
            self.get_logger().info("the robot is in order again")
        if turn.arrived or turn.failure:
            self._action.finish(turn.arrived, turn.failure)
        self._shine(now)
        if self._markers.get_subscription_count():
            self._draw()

    def _draw(self) -> None:
        """Publishes the robot as its joints are; nothing before they have told."""
        positions = self._mover.monitor.positions
        if positions:
            stamp = self.get_clock().now().to_msg()
            self._markers.publish(markers(self._model, positions, stamp, self._light))

    def _shine(self, now: float) -> None:
        """Publishes the light of the eyes when it changes, and as a sign of life."""
        red, green, blue, openness = light(now, self._mover.mood(now), self._mover.is_lively)
        colour = ColorRGBA(r=red, g=green, b=blue, a=openness)
        if colour != self._light or now - self._shone >= BEAT_S:
            self._light, self._shone = colour, now
            self._eyes.publish(colour)

    def _stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        trajectory = self._mover.stop(self._monotonic())
        self._tell(trajectory)
        self._action.finish(False, "stopped by ~/stop")
        response.success = True
        response.message = (
            f"stands still in {trajectory.duration:.2f} s, until ~/release is called"
            if trajectory
            else f"commands nothing: {self._mover.refusal(self._monotonic())}"
        )
        self.get_logger().warning(f"~/stop: {response.message}")
        return response

    def _release(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._mover.release()
        response.success, response.message = True, "may move again"
        self.get_logger().warning(f"~/release: {response.message}")
        return response

    def _on_parameters(self, values: dict[str, Any]) -> None:
        names = {"speed_scale": "speed"}
        changes = {names.get(name, name): value for name, value in values.items()}
        self._mover.settings = replace(self._mover.settings, **changes)

    def _on_joint_states(self, message: JointState) -> None:
        self._health.heard(self._age(message.header))
        ignored = self._mover.monitor.update(
            message.name, message.position, message.velocity, self._monotonic()
        )
        if ignored:
            self.get_logger().warning(f"ignored in joint_states: {ignored}")

    def _on_camera_info(self, message: CameraInfo) -> None:
        focal = float(message.k[0])
        if message.width and message.height and math.isfinite(focal) and focal > 0.0:
            self._camera = Camera(message.width, message.height, focal)

    def _on_emotion(self, message: Emotion) -> None:
        roi = message.roi
        if not roi.width or not roi.height:
            return  # from the command line: an expression without a face
        middle = roi.x_offset + roi.width / 2.0, roi.y_offset + roi.height / 2.0
        now = self._monotonic()
        taken = now - self._age(message.header)
        self._mover.see(self._camera.bearing(*middle), taken, now)

    def _age(self, header: Header) -> float:
        """Of a message, seconds; 0 where its stamp is of no use."""
        age = (self.get_clock().now() - Time.from_msg(header.stamp)).nanoseconds * 1e-9
        return age if 0.0 <= age <= OLDEST_S else 0.0

    def _on_behavior(self, message: BehaviorState) -> None:
        self._mover.quiet = self._mover.ending or message.state == BehaviorState.DISABLED

    def _report(self) -> Report:
        now, goal, playing = self._monotonic(), self._action.goal, self._mover.playing
        moment = PlayerMoment(
            state="playing" if playing else self._mover.mood(now),
            motion=goal.motion if goal else self._library.rest.name if playing else "",
            goals=self._action.outcomes,
            problem=self._unreachable(),
            refused=self._library.refused,
        )
        return self._health.report(moment)

    def _list_motions(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.success = True
        response.message = ", ".join(self._library.motions)
        return response
