"""Answers expressions with gestures and speech: the ROS side of `Conductor`."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from fer_interfaces.action import PlayMotion, Say
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray, HoldState, Supervision
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.actions import OUTRANKED, GoalClient
from fer_common.diagnostics import Limits, Mishaps, Report, Statistics, age, error, figures, warn
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.door import LONGEST_TEXT, seconds
from fer_common.graph_watch import InputWatch, ServerWatch
from fer_common.node_clock import NodeClock
from fer_common.parameters import declare, on_change
from fer_common.qos import EVENTS, LATCHED
from fer_common.reason import Finding, Reason
from fer_common.runner import ClosingNode
from fer_common.settings import ParameterError, part, setting
from robot_behavior.dialogue import behaviors
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import NOT_TOLD, RESTING, Behaviors, Repertoire
from robot_behavior.dialogue.conductor import NOT_ACTIVE, Conductor, DialogueSettings
from robot_behavior.dialogue.response import (
    Activity,
    BehaviorStatus,
    Finished,
    Response,
    StatusFilter,
    rest,
)
from robot_behavior.dialogue.sentences import LANGUAGE
from robot_behavior.motion.library import REST, read_gestures
from robot_behavior.nodes.markers import BehaviorMarkers
from robot_behavior.nodes.robot_files import WHICH_ROBOT, humanoid_motions, motions_file
from robot_behavior.prosody import PLAIN
from robot_behavior.robots.sign_of_life import CAN_MOVE, HELD, SignOfLife

SHUT_DOWN = Reason("shut_down", "shut down")
SHUTTING_DOWN = Reason("shutting_down", "shutting down")
SWITCHED_OFF = Reason("switched_off", "switched off by ~/enable")
STOPPED = Reason("stopped", "stopped by ~/stop")
"""Why it rests, beside the reasons of `Conductor`."""

SUPERVISION = "supervision"
"""Topic on which the robot's supervisor tells once a second who is missing."""

OPERATOR = "operator"
"""Topic on which whoever commands the robot by hand tells once a second why the behaviours wait;
an empty text: they need not. Who falls silent commands no longer."""

OPERATED = "operated"
"""Code of the reason that an operator has told."""

NODE_MISSING = "node_missing"
"""Code of the reasons that name who is missing."""

ROBOT_STOPPED = "robot_stopped"
"""Code of the reason that somebody has stopped what moves the robot."""

_TICK_S = 0.05
_DRAW_S = 0.1
_SUPERVISION_S = 3.0  # what a supervisor has told holds for so long; then it is missing itself
_MOST_MODELS = 8  # whose labels are told about: nobody shall fill the log


@dataclass(frozen=True)
class BehaviorParams:
    """See the descriptions; they are also what ``ros2 param describe`` shows."""

    behaviors_file: str = setting(
        "", "Path of the behaviours, read again when set; empty: the installed file.", live=True
    )
    robot: str = setting("sim", WHICH_ROBOT)
    motions_file: str = setting(
        "",
        "Path of the motions that behaviours may name, read again when set; empty: those of the "
        "robot.",
        live=True,
    )
    sentences_dir: str = setting(
        "",
        "Folder with the sentences of each language, read again when set; empty: the installed "
        "folder.",
        live=True,
    )
    locale: str = setting(
        "", "Language tag of the sentences; empty: that of the behaviours file.", live=True
    )
    dialogue: DialogueSettings = part(DialogueSettings)
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
        live=True,
    )
    autostart: bool = setting(True, "Configure and activate the node when it starts.")

    def __post_init__(self) -> None:
        if self.locale and not LANGUAGE.fullmatch(self.locale):
            expected = "a language tag such as en, de or en-GB"
            raise ParameterError(f"parameter 'locale' is {self.locale!r}, expected {expected}")


_OF_BEHAVIORS = frozenset(("behaviors_file", "motions_file", "sentences_dir", "locale"))
"""Parameters that decide what `read_behaviors` reads."""


def behaviors_file(params: BehaviorParams) -> Path:
    """The file with the behaviours.

    Raises:
        InputError: there is no such home.
    """
    return user_path(params.behaviors_file or _share() / "behaviors.yaml")


def _share() -> Path:
    return Path(get_package_share_directory("robot_behavior")) / "config"


def read_behaviors(params: BehaviorParams) -> Behaviors:
    """The behaviours, checked against the motions of the robot and the sentences.

    Raises:
        InputError: a file cannot be read, or has something that cannot be done, such as a motion
            that nobody knows; names file, key, value and what was expected.
    """
    gestures = read_gestures(motions_file(params.motions_file, params.robot))
    repertoire = Repertoire(gestures, read_gestures(humanoid_motions()), REST)
    folder = user_path(params.sentences_dir or _share() / "sentences")
    return behaviors.load(behaviors_file(params), repertoire, folder, params.locale or None)


def motion_goal(response: Response) -> PlayMotion.Goal:
    """What the motion player is asked for."""
    return PlayMotion.Goal(motion=response.motion, priority=response.priority)


def speech_goal(response: Response) -> Say.Goal:
    """What the voice is asked for."""
    words = response.words
    prosody = words.prosody if words is not None else PLAIN
    return Say.Goal(
        text=words.text if words is not None else "",
        locale=words.locale if words is not None else "",
        rate=prosody.rate,
        pitch_st=prosody.pitch_st,
        volume_db=prosody.volume_db,
        priority=response.priority,
    )


class BehaviorNode(ClosingNode, LifecycleNode):
    """Lifecycle node; the behaviours are read when it is configured.

    Timer, action clients and state publisher live as long as the node: after a
    deactivation they still bring the robot into its rest pose.

    Args:
        clock: monotonic seconds; None: those of `fer_common.node_clock.NodeClock`, but the
            machine's where servers have to answer.
        options: passed on to the node, such as ``parameter_overrides``.
    """

    def __init__(self, clock: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__("behavior_node", **options)
        self._still = NodeClock(self)
        wall, clock = clock or time.monotonic, clock or self._still
        self._params, self._monotonic = declare(self, BehaviorParams), clock
        self._conductor: Conductor | None = None
        self._behaviors: Behaviors | None = None
        self._vocabularies: set[tuple[str, ...]] = set()  # the labels of each model so far
        self._enabled = True
        self._active = False
        self._missing: set[str] = set()
        self._held: Reason | None = None
        goals = partial(GoalClient, self, ended=self._tick, clock=wall, rejects=OUTRANKED)
        self._actions = {
            MOTION: goals(PlayMotion, MOTION, motion_goal),
            SPEECH: goals(Say, SPEECH, speech_goal),
        }
        for client in self._actions.values():
            self.closing.callback(client.destroy)
        self._arbiter = Arbiter(clock, self._actions[MOTION], self._actions[SPEECH])
        self._filter = StatusFilter(clock)
        self._state = self.create_publisher(BehaviorState, "behavior_state", LATCHED)
        self._board = BehaviorMarkers(self._params.markers_frame, self._params.head_height)
        self._markers = self.create_publisher(MarkerArray, "~/markers", EVENTS)
        self._said: str | None = None
        self._status: BehaviorStatus | None = None
        self._supervisor = SignOfLife(round(_SUPERVISION_S / _TICK_S))
        self._operator, self._waits = SignOfLife(round(_SUPERVISION_S / _TICK_S)), ""
        self._own_file: str | None = None  # from before an operator has changed it
        self._mishaps, self._seen = Mishaps(wall), Statistics()
        self._responses = 0
        self._last: tuple[str, float] | None = None  # response, and when it began
        emotion = self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS)
        emotions = self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS)
        self._watches = (
            InputWatch(self, emotion, "emotions", "is fer_node running?", single=True, clock=wall),
            InputWatch(self, emotions, "emotions", "", single=True, clock=wall),
            ServerWatch(self, MOTION, "is motion_player running?", wall),
            ServerWatch(self, SPEECH, "is speech_node running?", wall),
        )
        self.create_subscription(String, "speech", self._on_speech, EVENTS)
        self.create_subscription(Bool, CAN_MOVE, self._on_can_move, LATCHED)
        self.create_subscription(HoldState, HELD, self._on_held, LATCHED)
        self.create_subscription(Supervision, SUPERVISION, self._on_supervision, LATCHED)
        self.create_subscription(String, OPERATOR, self._on_operator, EVENTS)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(Trigger, "~/stop", self._on_stop)
        # Steady: the robot has to come to rest even where simulated time stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_TICK_S, self._tick, clock=steady)
        DiagnosticsPublisher(self, "behaviour", self._report)
        self.create_timer(_DRAW_S, self._draw, clock=steady)
        on_change(self, BehaviorParams, self._prepare)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Reads the behaviours."""
        params = self._params
        try:
            known = read_behaviors(params)
        except InputError as problem:
            self.get_logger().error(str(problem))
            return TransitionCallbackReturn.FAILURE
        self._take(known)
        self._conductor = Conductor(
            known,
            self._arbiter,
            REST,
            self._monotonic,
            random.Random(params.seed if params.seed >= 0 else None),
            params.dialogue,
            hour=lambda: time.localtime().tm_hour,
            started=self._on_start,
            ended=self._on_end,
            dropped=lambda note: self.get_logger().debug(str(note)),
        )
        self._conductor.hold(self._held)
        return TransitionCallbackReturn.SUCCESS

    def _take(self, known: Behaviors) -> None:
        """Answers as these behaviours say from now on, and tells how they fit the robot."""
        if known.sentences is not None and known.sentences.fallback is not None:
            self.get_logger().warning(str(known.sentences.fallback))
        for substitute in known.substitutes:
            self.get_logger().info(str(substitute))
        self._behaviors = known
        self._vocabularies.clear()
        file = behaviors_file(self._params)
        self.get_logger().info(f"answers {', '.join(known.emotions)} as {file} says")

    def _prepare(self, new: BehaviorParams, names: frozenset[str]) -> Callable[[], None]:
        known = read_behaviors(new) if names & _OF_BEHAVIORS else None

        def change() -> None:
            is_other = new.behaviors_file != self._params.behaviors_file
            if is_other and self._own_file is None and self._operator.is_heard:
                self._own_file = self._params.behaviors_file
            self._params = new
            if self._conductor is None or self._behaviors is None:
                return  # what was read is what is going to be read
            if known is not None:
                self._take(known)
            self._conductor.adjust(self._behaviors, new.dialogue)

        return change

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Starts to respond."""
        self._active = True
        self._apply_enabled()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Cancels what the robot does; it rests while the node is inactive already."""
        self._sleep(NOT_ACTIVE)
        return super().on_deactivate(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """The same as a deactivation."""
        self._sleep(SHUT_DOWN)
        return super().on_shutdown(state)

    def begin_stop(self) -> None:
        """Cancels what the robot does and brings it to rest; see `is_stopped`."""
        self._sleep(SHUTTING_DOWN)

    def is_stopped(self) -> bool:
        """Whether the robot has come to rest."""
        return self._arbiter.latest is None

    def _sleep(self, reason: Reason) -> None:
        self._active = False
        if self._conductor is not None:
            self._conductor.disable(reason)

    def _on_emotion(self, msg: Emotion) -> None:
        if self._conductor is None or self._behaviors is None:
            return
        self._learn(msg.labels, self._behaviors)
        known = (*(msg.labels or LABELS), *self._behaviors.emotions, UNKNOWN)
        if msg.label not in known:
            hint = behaviors.did_you_mean(msg.label, known)
            self.get_logger().warning(
                f"label {msg.label!r} is not known, expected one of "
                f"{', '.join(dict.fromkeys(known))}{hint}",
                throttle_duration_sec=5.0,
            )
        if msg.label:
            self._conductor.observe(msg.face_id, msg.label, abs(msg.confidence))

    def _on_emotions(self, msg: EmotionArray) -> None:
        late_s = self.get_clock().now().nanoseconds * 1e-9 - seconds(msg.header.stamp)
        latency_s = late_s if msg.header.stamp.sec > 0 else 0.0
        self._seen.add(latency_s, self._monotonic())
        if self._conductor is None or self._behaviors is None:
            return
        self._learn(msg.labels, self._behaviors)
        width = msg.image_width or math.inf  # of an unknown size, a face counts as far away
        self._conductor.see({face.face_id: face.roi.width / width for face in msg.emotions})

    def _learn(self, labels: Sequence[str], known: Behaviors) -> None:
        """Tells once where the labels of a model and the behaviours do not fit."""
        vocabulary = tuple(labels)
        news = vocabulary and vocabulary not in self._vocabularies
        if not news or len(self._vocabularies) >= _MOST_MODELS:
            return
        self._vocabularies.add(vocabulary)
        for misfit in known.misfits(vocabulary):
            if misfit.code == NOT_TOLD:
                self.get_logger().warning(str(misfit))
            else:
                self.get_logger().info(str(misfit))

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
        if not self._enabled:
            self._conductor.disable(SWITCHED_OFF)
        elif self._waits:
            self._conductor.disable(Reason(OPERATED, self._waits))
        else:
            self._conductor.enable()

    def _on_operator(self, msg: String) -> None:
        self._operator.heard()
        self._wait_because(msg.data[:LONGEST_TEXT])

    def _wait_because(self, text: str) -> None:
        """Lets the behaviours wait while an operator commands the robot; empty: no longer."""
        if text != self._waits:
            self._waits = text
            self._apply_enabled()

    def _take_own_file(self) -> None:
        """Uses the behaviours of before an operator came, who has not given them back."""
        own, self._own_file = self._own_file, None
        if own is not None and own != self._params.behaviors_file:
            self.get_logger().warning(
                "who commanded the robot is gone without a word: it takes its own behaviours again"
            )
            self.set_parameters([Parameter("behaviors_file", value=own)])

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Works in every state of the node: stopping is never refused."""
        before = self.get_clock().now().to_msg()
        current = self._arbiter.current
        resting = current is not None and current.name == RESTING
        if self._conductor is not None:
            self._conductor.stop(STOPPED)
        elif self._arbiter.latest is None:
            self._arbiter.start(rest(STOPPED, REST))
        for name, client in self._actions.items():
            if name != MOTION or not resting:
                client.cancel_all(before)  # also what others have asked for
        response.success, response.message = True, "going to rest"
        return response

    def sees_no_more(self) -> None:
        """Perception has ended on purpose: its silence is no fault."""
        if self._conductor is not None:
            self._conductor.sees_no_more()

    def _tick(self) -> None:
        if self._operator.has_ended():
            self._wait_because("")
            self._take_own_file()
        if self._conductor is None:
            self._arbiter.update()
            return
        if self._supervisor.has_ended():
            self._conductor.miss(None, Reason(NODE_MISSING, "the supervisor is missing"))
        status = self._conductor.tick()
        self._log_servers()
        self._status = status
        if self._filter.is_news(status):
            self._publish(status)

    def _on_can_move(self, msg: Bool) -> None:
        if msg.data and self._conductor is not None:
            self._conductor.robot_is_back()

    def _on_held(self, msg: HoldState) -> None:
        """Tells what no gesture can be played for, instead of trying again and again."""
        is_held = msg.state == HoldState.HELD
        self._held = Reason(ROBOT_STOPPED, msg.text or "the robot is stopped") if is_held else None
        if self._conductor is not None:
            self._conductor.hold(self._held)

    def _on_supervision(self, msg: Supervision) -> None:
        self._supervisor.heard()
        if self._conductor is not None:
            self._conductor.miss(_missing(msg.rests_without), _missing(msg.goes_on_without))

    def _on_speech(self, msg: String) -> None:
        self._said = msg.data[:LONGEST_TEXT] or None

    def _draw(self) -> None:
        """Shows what the robot says and why, while someone looks."""
        if self._status is not None and self._markers.get_subscription_count():
            said = self._said if self.count_publishers("speech") else None
            stamp = self.get_clock().now().to_msg()
            self._markers.publish(self._board.draw(self._status, said, stamp))

    def _publish(self, status: BehaviorStatus) -> None:
        msg = BehaviorState(
            state=status.activity.value,
            face_id=status.face_id or "",
            emotion=status.emotion or "",
            motion=status.motion or "",
            speech=status.speech or "",
            reason=str(status.reason),
        )
        msg.header.stamp = self.get_clock().now().to_msg()
        self._state.publish(msg)

    def _report(self) -> Report:
        now, lifecycle = self._monotonic(), self._lifecycle
        status = self._status or BehaviorStatus(Activity.DISABLED, lifecycle)
        responding = status.activity is Activity.RESPONDING
        seen = self._seen.summary(now)
        last = "none"
        if self._last is not None:
            last = f"{self._last[0]} ({now - self._last[1]:.0f} s ago)"
        values = {
            "state": lifecycle,
            "enabled": "yes" if self._enabled else "no",
            "behaviour": status.activity.value,
            "person": status.face_id or "nobody",
            "emotion": status.emotion or "none",
            "motion": status.motion or "none",
            "speech": status.speech or "none",
            "responses given": self._responses,
            "last response": last,
            "withheld": "nothing" if responding else status.reason,
            **{
                f"server {name}": "there" if action.available else "missing"
                for name, action in self._actions.items()
            },
            **figures(seen),
            "age of the newest emotion [s]": age(seen.age_s),
            **self._mishaps.values,
        }
        latency = Limits(self._params.warn_latency_s)
        late = (
            f"expressions arrive {1000 * seen.median_s:.0f} ms after the image, "
            f"expected at most {1000 * latency.warn:g}"
        )
        findings = [
            error(self._mishaps.recent),
            *self._wiring(),
            latency.above(seen.median_s, late),
        ]
        return Report(f"{status.activity.value}: {status.reason}", values, findings)

    @property
    def _lifecycle(self) -> Reason:
        if self._conductor is None:
            return Reason("unconfigured", "unconfigured")
        return Reason("active", "active") if self._active else Reason("inactive", "inactive")

    def _wiring(self) -> list[Finding | None]:
        """What is missing around it, once it is active."""
        found = [finding for watch in self._watches for finding in watch.findings()]
        if self._conductor is None or not self._active:
            return [warn(self._lifecycle)]
        return [warn(self._conductor.alarm), self._still.finding, *found]

    def _on_start(self, response: Response) -> None:
        words = f' and "{response.sentence}"' if response.sentence else ""
        text = f"{response.motion or 'no gesture'}{words} ({response.reason})"
        if response.name != RESTING:
            text = f"{response.name}: {text}"
            self._responses += 1
            self._last = response.name, self._monotonic()
        self.get_logger().info(text)

    def _on_end(self, finished: Finished) -> None:
        for problem in finished.problems:
            if self._active:
                self._mishaps.note(str(problem))
                self.get_logger().warning(str(problem))
            else:  # Ctrl-C reaches all processes: the others may stop before they have answered
                self.get_logger().info(str(problem))

    def _log_servers(self) -> None:
        for name in self._arbiter.absent:
            if name not in self._missing:
                self.get_logger().warning(f"no server for {name}: goes on without it")
                self._missing.add(name)
        for name in [name for name in self._missing if self._actions[name].available]:
            self.get_logger().info(f"{name} is available")
            self._missing.remove(name)


def _missing(names: Sequence[str]) -> Reason | None:
    verb = "is" if len(names) == 1 else "are"
    return Reason(NODE_MISSING, f"{' and '.join(names)} {verb} missing") if names else None
