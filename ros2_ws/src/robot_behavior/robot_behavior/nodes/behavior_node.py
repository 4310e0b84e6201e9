"""Answers expressions with gestures and speech: the ROS side of `Conductor`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from ament_index_python.packages import get_package_share_directory
from builtin_interfaces.msg import Time as TimeMessage
from fer_interfaces.action import PlayMotion, Say
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.task import Future
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.diagnostics import Limits, Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare
from fer_common.qos import EVENTS, LATCHED
from fer_common.settings import ParameterError, setting
from robot_behavior.dialogue import behaviors
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter, Command, GoalSlot, Start
from robot_behavior.dialogue.behaviors import LANGUAGE
from robot_behavior.dialogue.conductor import Conductor, DialogueOptions
from robot_behavior.dialogue.response import Response, rest
from robot_behavior.dialogue.status import Status, StatusFilter
from robot_behavior.motion.library import REST, motion_names
from robot_behavior.nodes.behavior_health import BehaviorHealth, BehaviorMoment
from robot_behavior.nodes.behavior_markers import BehaviorMarkers
from robot_behavior.yaml_file import ConfigError

# ----------------------------------------------------------------------
# The parameters of ``behavior_node``.


@dataclass(frozen=True)
class BehaviorParams:
    """See the descriptions; they are also what ``ros2 param describe`` shows."""

    behaviors_file: str = setting("", "Path of the behaviours; empty: the installed file.")
    motions_file: str = setting(
        "", "Path of the motions that behaviours may name; empty: the installed file."
    )
    sentences_dir: str = setting(
        "", "Folder with the sentences of each language; empty: the installed folder."
    )
    locale: str = setting("", "Language tag of the sentences; empty: that of the behaviours file.")
    forget_after_s: float = setting(
        2.0,
        "A face or an expression that is not observed for so long is over, in seconds.",
        low=0.2,
        high=60.0,
    )
    perception_timeout_s: float = setting(
        3.0,
        "After so long without any message of perception the robot rests, in seconds.",
        low=0.5,
        high=60.0,
    )
    image_width: int = setting(
        640, "Width of the images while there is no camera_info, in pixels.", low=16, high=16384
    )
    notice: bool = setting(True, "Tell the first face about the camera.")
    greet: bool = setting(True, "Greet who comes near, and say goodbye to who leaves.")
    seed: int = setting(
        -1, "Seed of the choice among variants; -1: another one each time.", low=-1, high=2**31
    )
    markers_frame: str = setting("base_link", "Frame of the markers, that of the robot's body.")
    head_height: float = setting(
        1.23, "Height of the robot's head in that frame, m; texts are above.", low=0.0, high=10.0
    )
    warn_latency_s: float = setting(
        0.5,
        "Diagnostics warns when expressions arrive later than so after their image, in seconds.",
        low=0.0,
        high=60.0,
    )
    autostart: bool = setting(True, "Configure and activate the node when it starts.")

    def __post_init__(self) -> None:
        if self.locale and not LANGUAGE.fullmatch(self.locale):
            expected = "a language tag such as en, de or en-GB"
            raise ParameterError(f"parameter 'locale' is {self.locale!r}, expected {expected}")


# ----------------------------------------------------------------------
# Sends the goals of one action and reports what becomes of them.


class GoalClient:
    """Connects a `GoalSlot` to its action server; never blocks.

    Args:
        node: the node that owns the action client.
        action: the action's type.
        slot: keeps account of the goals; its action is the name.
        goal: makes the goal message of a `Start`.
        ended: called when a goal has ended or was rejected, so that nobody has to wait for
            the next tick to go on.
    """

    def __init__(
        self,
        node: Node,
        action: type,
        slot: GoalSlot,
        goal: Callable[[Start], Any],
        ended: Callable[[], None],
    ) -> None:
        self._slot = slot
        self._goal = goal
        self._after = ended
        self._client = ActionClient(node, action, slot.action)
        self._sweeper = node.create_client(CancelGoal, f"{slot.action}/_action/cancel_goal")
        self._handles: dict[int, ClientGoalHandle] = {}

    @property
    def available(self) -> bool:
        """Whether the server is there."""
        return self._client.server_is_ready()

    def destroy(self) -> None:
        """Takes the client away; ``destroy_node`` would leave it to the garbage collector."""
        self._client.destroy()

    def carry_out(self, command: Command) -> None:
        """Sends a goal, or its cancellation."""
        if isinstance(command, Start):
            progressed = partial(self._progressed, command.goal)
            future = self._client.send_goal_async(self._goal(command), progressed)
            future.add_done_callback(partial(self._answered, command.goal))
        elif command.goal in self._handles:
            self._handles.pop(command.goal).cancel_goal_async()

    def cancel_all(self, before: TimeMessage) -> None:
        """Cancels every goal that the server has accepted until then, whoever sent it."""
        if self._sweeper.service_is_ready():
            request = CancelGoal.Request()
            request.goal_info.stamp = before
            self._sweeper.call_async(request)

    def _answered(self, goal: int, future: Future) -> None:
        handle = future.result()
        if not handle.accepted:
            self._slot.rejected(goal)
            self._after()
            return
        self._handles[goal] = handle
        handle.get_result_async().add_done_callback(partial(self._ended, goal))
        self._slot.accepted(goal)

    def _progressed(self, goal: int, _feedback: Any) -> None:
        self._slot.progressed(goal)

    def _ended(self, goal: int, future: Future) -> None:
        self._handles.pop(goal, None)
        answer = future.result()
        succeeded = answer.status == GoalStatus.STATUS_SUCCEEDED and answer.result.success
        self._slot.ended(goal, succeeded, answer.result.message)
        self._after()


# ----------------------------------------------------------------------

_TICK_S = 0.05
_DRAW_S = 0.1


class BehaviorNode(LifecycleNode):
    """Lifecycle node; the behaviours are read when it is configured.

    Timer, action clients and state publisher live as long as the node: after a
    deactivation they still bring the robot into its rest pose.

    Args:
        options: passed on to the node, such as ``parameter_overrides``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("behavior_node", **options)
        self._params = declare(self, BehaviorParams)
        self._conductor: Conductor | None = None
        self._image_width = self._params.image_width
        self._enabled = True
        self._active = False
        self._missing: set[str] = set()
        self._arbiter = Arbiter(time.monotonic, self._carry_out)
        slots = self._arbiter.slots
        self._actions = {
            MOTION: GoalClient(self, PlayMotion, slots[MOTION], self._motion_goal, self._tick),
            SPEECH: GoalClient(self, Say, slots[SPEECH], self._speech_goal, self._tick),
        }
        self._filter = StatusFilter(time.monotonic)
        self._state = self.create_publisher(BehaviorState, "behavior_state", LATCHED)
        self._board = BehaviorMarkers(self._params.markers_frame, self._params.head_height)
        self._markers = self.create_publisher(MarkerArray, "~/markers", EVENTS)
        self._said = ""
        self._status: Status | None = None
        self._health = BehaviorHealth(
            self,
            self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS),
            self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS),
            Limits(self._params.warn_latency_s),
            time.monotonic,
        )
        self.create_subscription(
            CameraInfo, "camera_info", self._on_camera_info, qos_profile_sensor_data
        )
        self.create_subscription(String, "speech", self._on_speech, EVENTS)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(Trigger, "~/stop", self._on_stop)
        # Steady: the robot has to come to rest even where simulated time stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_TICK_S, self._tick, clock=steady)
        DiagnosticsPublisher(self, "behaviour", self._report)
        self.create_timer(_DRAW_S, self._draw, clock=steady)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Reads the behaviours."""
        share = Path(get_package_share_directory("robot_behavior")) / "config"
        params = self._params
        motions = Path(params.motions_file or share / "motions.yaml")
        file = Path(params.behaviors_file or share / "behaviors.yaml")
        try:
            folder = Path(params.sentences_dir or share / "sentences")
            known = behaviors.load(file, motion_names(motions), folder, params.locale)
        except ConfigError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        if known.sentences is not None and known.sentences.fallback:
            self.get_logger().warning(known.sentences.fallback)
        options = DialogueOptions(
            params.forget_after_s,
            params.notice,
            params.greet,
            params.perception_timeout_s,
            hour=lambda: time.localtime().tm_hour,
        )
        self._conductor = Conductor.of(
            known,
            self._arbiter,
            time.monotonic,
            random.Random(params.seed if params.seed >= 0 else None),
            options,
            started=self._log_start,
            failed=self._log_problem,
        )
        self.get_logger().info(f"answers {', '.join(known.emotions)} as {file} says")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Starts to respond."""
        self._active = True
        self._apply_enabled()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Cancels what the robot does; it rests while the node is inactive already."""
        self._sleep("not active")
        return super().on_deactivate(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """The same as a deactivation."""
        self._sleep("shut down")
        return super().on_shutdown(state)

    def begin_stop(self) -> None:
        """Cancels what the robot does and brings it to rest; see `is_stopped`."""
        self._sleep("shutting down")

    def is_stopped(self) -> bool:
        """Whether the robot has come to rest."""
        return self._arbiter.latest is None

    def destroy_node(self) -> None:
        """Also takes the action clients away."""
        for client in self._actions.values():
            client.destroy()
        super().destroy_node()

    def _sleep(self, reason: str) -> None:
        self._active = False
        if self._conductor is not None:
            self._conductor.disable(reason)

    def _on_emotion(self, msg: Emotion) -> None:
        if self._conductor is None:
            return
        if msg.label not in (*LABELS, UNKNOWN):
            self.get_logger().warning(
                f"label {msg.label!r} ignored, expected one of {', '.join(LABELS)}, {UNKNOWN}",
                throttle_duration_sec=5.0,
            )
            return
        self._conductor.watchdog.feed(wake=False)
        size = msg.roi.width / self._image_width
        self._conductor.policy.observe(msg.face_id, msg.label, msg.confidence, size)

    def _on_emotions(self, msg: EmotionArray) -> None:
        late = self.get_clock().now() - Time.from_msg(msg.header.stamp)
        self._health.saw(late.nanoseconds * 1e-9 if msg.header.stamp.sec else 0.0)
        if self._conductor is not None:
            self._conductor.watchdog.feed()
            sizes = {face.face_id: face.roi.width / self._image_width for face in msg.emotions}
            self._conductor.policy.see(sizes)

    def _on_camera_info(self, msg: CameraInfo) -> None:
        self._image_width = msg.width or self._params.image_width

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        self._apply_enabled()
        response.success = True
        response.message = "responds" if request.data else "does not respond"
        if request.data and not self._active:
            response.message = "will respond once the node is active"
        return response

    def _apply_enabled(self) -> None:
        if self._conductor is None or not self._active:
            return
        if self._enabled:
            self._conductor.enable()
        else:
            self._conductor.disable("switched off by ~/enable")

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Works in every state of the node: stopping is never refused."""
        before = self.get_clock().now().to_msg()
        current = self._arbiter.current
        resting = current is not None and current.name == REST
        if self._conductor is not None:
            self._conductor.stop("stopped by ~/stop")
        elif self._arbiter.latest is None:
            self._arbiter.start(rest("stopped by ~/stop"))
        for name, client in self._actions.items():
            if name != MOTION or not resting:
                client.cancel_all(before)  # also what others have asked for
        response.success, response.message = True, "going to rest"
        return response

    def _tick(self) -> None:
        available = {name: client.available for name, client in self._actions.items()}
        if self._conductor is None:
            self._arbiter.update(available)
            return
        status = self._conductor.tick(available)
        self._log_servers(available)
        self._status = status
        if self._filter.is_news(status):
            self._publish(status)

    def _on_speech(self, msg: String) -> None:
        self._said = msg.data

    def _draw(self) -> None:
        """Shows what the robot says and why, while someone looks."""
        if self._status is not None and self._markers.get_subscription_count():
            said = self._said if self.count_publishers("speech") else ""
            stamp = self.get_clock().now().to_msg()
            self._markers.publish(self._board.draw(self._status, said, stamp))

    def _publish(self, status: Status) -> None:
        msg = BehaviorState(
            state=status.state.value,
            face_id=status.face_id,
            emotion=status.emotion,
            motion=status.motion,
            speech=status.speech,
            reason=status.reason,
        )
        msg.header.stamp = self.get_clock().now().to_msg()
        self._state.publish(msg)

    def _carry_out(self, command: Command) -> None:
        self._actions[command.action].carry_out(command)

    def _motion_goal(self, command: Start) -> PlayMotion.Goal:
        return PlayMotion.Goal(motion=command.text, priority=command.priority)

    def _speech_goal(self, command: Start) -> Say.Goal:
        assert self._conductor is not None, "nothing is said before the node is configured"
        line = self._conductor.wording.line(command.text)
        return Say.Goal(text=line.marked, locale=line.locale, priority=command.priority)

    def _report(self) -> Report:
        lifecycle, alarm = "unconfigured", ""
        if self._conductor is not None:
            lifecycle = "active" if self._active else "inactive"
            alarm = self._conductor.watchdog.alarm
        available = {name: client.available for name, client in self._actions.items()}
        moment = BehaviorMoment(lifecycle, self._enabled, self._status, alarm, available)
        return self._health.report(moment)

    def _log_start(self, response: Response) -> None:
        self._health.responded(response)
        words = f' and "{response.sentence}"' if response.sentence else ""
        motion = response.motion or "no gesture"
        text = f"{response.name}: {motion}{words} ({response.reason})"
        self.get_logger().info(text.removeprefix(f"{REST}: "))

    def _log_problem(self, problem: str) -> None:
        if self._active:
            self._health.mishaps.note(problem)
            self.get_logger().warning(problem)
        else:  # Ctrl-C reaches all processes: the others may stop before they have answered
            self.get_logger().info(problem)

    def _log_servers(self, available: dict[str, bool]) -> None:
        for name in self._arbiter.absent:
            if name not in self._missing:
                self.get_logger().warning(f"no server for {name}: goes on without it")
                self._missing.add(name)
        for name in [name for name in self._missing if available[name]]:
            self.get_logger().info(f"{name} is available")
            self._missing.remove(name)
