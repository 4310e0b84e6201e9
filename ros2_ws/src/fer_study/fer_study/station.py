"""The ROS side of a session: orders to the robot, what it sees and does, and the bag."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import yaml
from action_msgs.msg import GoalStatus
from ament_index_python.packages import get_package_prefix, get_package_share_directory
from builtin_interfaces.msg import Time
from fer_interfaces.action import PlayMotion, Say
from fer_interfaces.msg import BehaviorState, EmotionArray, HoldState, StudyEvent
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import temporary_folder
from fer_bringup.assembly import enclave
from fer_bringup.remote import FOUND_S, PLAYER, STOPPABLE
from fer_common.actions import FirstAnswerClient
from fer_common.emotions import stamp_of
from fer_common.entry import ENDS_WITH
from fer_common.qos import EVENTS, LATCHED, NEWEST
from fer_common.runner import GRACE_S, ClosingNode, LeanExecutor, StartError, add, spin_once
from fer_monitor.recording.bag_recorder import BagRecorder
from fer_monitor.viewer.viewer_node import Pairing, jpeg
from fer_node.perception.frame import DecodeError
from fer_study.protocol import FILE, FIXED, StudyCondition, StudyProtocol
from fer_study.session import Done
from fer_study.store import BAG, SessionFiles
from robot_behavior.dialogue import behaviors
from robot_behavior.dialogue.behaviors import Repertoire
from robot_behavior.dialogue.sentences import Sentences
from robot_behavior.motion.library import REST, read_gestures
from robot_behavior.nodes.behavior_node import OPERATOR
from robot_behavior.nodes.robot_files import humanoid_motions, motions_file
from robot_behavior.robots.sign_of_life import HELD

BEHAVIOUR = "behavior_node"
OF_AN_OPERATOR = 255
"""Priority of what an operator asks for: nothing of the robot's own comes before it."""

_TICK_S = 0.1
_TELL_S = 1.0  # between two times that the behaviours are told to wait
_PICTURES_S = 0.1
_QUALITY = 75  # of JPEG
_STARTS_S = 90.0
_ANSWERS_S = 5.0
_LEAVES_S = 2.0
_SETTLES_S = 2.0
_FILE = "behaviors_file"
_KEPT = QoSProfile(
    depth=1000, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


# The robot's own lists.


def sentences(locale: str, hour: int) -> list[tuple[str, str]]:
    """What the robot can say in a language: the occasion, and the sentence; there may be nothing.

    Raises:
        ConfigError: it is no language.
    """
    folder = Path(get_package_share_directory("robot_behavior"), "config", "sentences")
    known = Sentences.load(folder, locale)
    if known.fallback is not None:
        return []
    return [
        (key, known.words(template, key, hour).text)
        for key, templates in known.templates.items()
        for template in templates
    ]


def check_with_robot(protocol: StudyProtocol) -> None:
    """Sees that the robot can do what the protocol asks for, before anybody waits for it.

    Raises:
        InputError: a behaviours file is unusable, a gesture or a language is not there.
    """
    gestures = read_gestures(motions_file("", protocol.robot.get("robot", "sim")))
    repertoire = Repertoire(gestures, read_gestures(humanoid_motions()), REST)
    share = Path(get_package_share_directory("robot_behavior"), "config")
    sentences(protocol.locale, 12)
    for condition in protocol.conditions:
        if condition.kind == FILE and condition.file is not None:
            behaviors.load(condition.file, repertoire, share / "sentences")
        for action in condition.script if condition.kind == FIXED else ():
            if action.play and action.play not in gestures:
                raise InputError(
                    f"{protocol.file}: conditions.{condition.name} plays '{action.play}', "
                    f"expected one of {', '.join(sorted(gestures))}"
                )


# The robot's process, where none runs yet.


class RobotProcess:
    """The robot of a study, in a process of its own that ends with this one.

    Args:
        arguments: of ``robot``, by name.
        locale: language of all that it says, unless the arguments say another one.
    """

    def __init__(self, arguments: Mapping[str, str], locale: str) -> None:
        self._arguments, self._locale = dict(arguments), locale
        self._process: subprocess.Popen[bytes] | None = None
        self._place = TemporaryDirectory(dir=temporary_folder())

    def start(self) -> None:
        """Starts it; a film or the clip begins anew at its end."""
        values = {"/**/camera_node": {"ros__parameters": {"loop": True}}}
        file = Path(self._place.name, "robot.yaml")
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        program = Path(get_package_prefix("fer_bringup"), "lib", "fer_bringup", "robot")
        command = [str(program), "--view", "none", "--params_file", str(file)]
        for name, value in {"locale": self._locale, **self._arguments}.items():
            command += [f"--{name}", value]
        environment = os.environ | {ENDS_WITH: str(os.getpid())}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def has_ended(self) -> bool:
        """Whether it runs no longer."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Ends it, as Ctrl-C would; kills one that does not stop."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(2 * GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def close(self) -> None:
        """Ends it, and removes its parameter file."""
        self.stop()
        self._place.cleanup()


# The node.


class StudyStation(ClosingNode):
    """Talks to the robot on behalf of a `fer_study.session.Desk`.

    It is spun in a thread of its own; its methods may be called from another one, in which
    `post` has the answers given.

    Args:
        protocol: see there.
        post: has something called in the thread of the desk.
        clock: monotonic seconds.

    Attributes:
        looking: whether somebody looks at the pictures.
        picture: the newest, a JPEG, with its number; None while there is none.
    """

    def __init__(
        self,
        protocol: StudyProtocol,
        post: Callable[[Callable[[], None]], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("study_station")
        self._protocol, self._post, self._monotonic = protocol, post, clock
        self._tasks: deque[Callable[[], None]] = deque()
        self._waits, self._told = "", -_TELL_S
        self._process: RobotProcess | None = None
        self._before: str | None = None  # the behaviours file of the robot as it was found
        self._wanted: str | None = None  # that of the condition
        self._answered: float | None = None  # when the robot has answered; None: not yet
        self._other: str | None = None  # says that the robot has another one
        self._recorder: BagRecorder | None = None
        self._executor: Executor | None = None
        self._behaviour = BehaviorState()
        self._held = HoldState()
        self._gestures: list[str] = []
        self._asked: tuple[float, Future] | None = None
        self._faces: list[dict[str, Any]] = []
        self._size = (0, 0)
        self._streams: list[Subscription] = []
        self._pairing: Pairing[Image] = Pairing(_PICTURES_S)
        self._gone: str | None = None
        self.looking = False
        self.picture: tuple[int, bytes] | None = None
        self._sentences = sentences(protocol.locale, time.localtime().tm_hour)
        self._events = self.create_publisher(StudyEvent, "study_event", _KEPT)
        self._operator = self.create_publisher(String, OPERATOR, EVENTS)
        self.create_subscription(BehaviorState, "behavior_state", self._on_behaviour, LATCHED)
        self.create_subscription(HoldState, HELD, self._on_held, LATCHED)
        self._play = FirstAnswerClient(self, PlayMotion, "play_motion")
        self._say = FirstAnswerClient(self, Say, "say")
        self.closing.callback(self._play.destroy)
        self.closing.callback(self._say.destroy)
        self._list = self.create_client(Trigger, f"{PLAYER}/list_motions")
        self._get = self.create_client(GetParameters, f"{BEHAVIOUR}/get_parameters")
        self._set = self.create_client(SetParameters, f"{BEHAVIOUR}/set_parameters")
        self._stops = {
            what: [self.create_client(Trigger, f"{name}/{what}") for name in STOPPABLE]
            for what in ("stop", "release")
        }
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_TICK_S, self._tick, clock=steady)

    # What a desk asks for; see `fer_study.session.RobotLink`.

    def now(self) -> int:
        """The robot's clock, ns since 1970."""
        nanoseconds: int = self.get_clock().now().nanoseconds
        return nanoseconds

    def play(self, gesture: str, done: Done) -> None:
        """Plays a gesture."""
        goal = PlayMotion.Goal(motion=gesture, priority=OF_AN_OPERATOR)
        self._soon(partial(self._perform, self._play, goal, done))

    def say(self, text: str, done: Done) -> None:
        """Says a sentence."""
        goal = Say.Goal(text=text, locale=self._protocol.locale, priority=OF_AN_OPERATOR)
        self._soon(partial(self._perform, self._say, goal, done))

    def stop(self, done: Done) -> None:
        """Stops the robot at once, where it is."""
        self._soon(partial(self._everybody, "stop", done))

    def release(self, done: Done) -> None:
        """Lets it move again."""
        self._soon(partial(self._everybody, "release", done))

    def behave(self, condition: StudyCondition, done: Done) -> None:
        """Uses the behaviours of a condition: those of a file, or those of the robot."""
        told = partial(self._reply, done)
        self._soon(partial(self._change_file, str(condition.file or ""), told))

    def wait_because(self, why: str) -> None:
        """Lets the behaviours wait; an empty text: they respond."""
        if why != self._waits:
            self._waits = why
            self._soon(self._tell)

    def record(self, files: SessionFiles) -> None:
        """Begins the bag.

        Raises:
            InputError: it cannot be written.
        """
        ready, problems = Event(), list[str]()

        def begin() -> None:
            values = {"folder": str(files.folder / BAG), "images": files.record.record_images}
            try:
                self._recorder = BagRecorder(
                    parameter_overrides=[Parameter(k, value=v) for k, v in values.items()]
                )
                if self._executor is not None:
                    add(self._executor, self._recorder)
            except (StartError, InputError) as error:
                problems.append(str(error))
            finally:
                ready.set()

        self._soon(begin)
        if not ready.wait(10.0):
            raise InputError("the recorder does not start")
        if problems:
            raise InputError(problems[0])

    def publish(self, now: int, event: Mapping[str, object]) -> None:
        """Puts an event into the bag."""
        message = StudyEvent(
            **{name: str(event[name]) for name in ("participant", "condition", "phase")},
            **{name: writable(str(event[name])) for name in ("kind", "name", "text")},
            session=int(str(event["session"])),
            page=int(str(event["page"])),
        )
        message.header.stamp = Time(sec=now // 10**9, nanosec=now % 10**9)
        self._events.publish(message)

    def problem(self) -> str | None:
        """Why nothing is recorded any more, or the robot is not there; None while all is well."""
        if self._recorder is not None and self._recorder.problem is not None:
            return f"the recording has ended: {self._recorder.problem}"
        return self._gone or self._other

    def state(self) -> dict[str, Any]:
        """What it sees and does, for the page."""
        behaviour, recorder = self._behaviour, self._recorder
        return {
            "state": behaviour.state,
            "reason": behaviour.reason,
            "motion": behaviour.motion,
            "speech": behaviour.speech,
            "held": self._held.state == HoldState.HELD,
            "gestures": self._gestures,
            "sentences": self._sentences,
            "faces": self._faces,
            "size": self._size,
            "messages": recorder.written if recorder is not None else 0,
            "recording": recorder is not None and recorder.problem is None,
            "images": self._protocol.record_images,
            "own": self._process is not None,
        }

    # Beginning and end.

    def is_there(self) -> bool:
        """Whether a robot of ours runs."""
        space = self.get_namespace()
        return (BEHAVIOUR, space) in self.get_node_names_and_namespaces()

    def find_robot(self, stopped: Callable[[], object], tell: Callable[[str], object]) -> None:
        """Joins the robot that runs, or starts one.

        Args:
            stopped: whether to give up.
            tell: is told which.

        Raises:
            StartError: it could not start.
        """
        if _wait(self.is_there, FOUND_S, stopped):
            tell("the robot that runs already takes part; it goes on afterwards")
            return
        if stopped():
            return
        self._process = RobotProcess(self._protocol.robot, self._protocol.locale)
        self.closing.callback(self._process.close)
        tell("starting the robot")
        self._process.start()
        self._await_own(stopped)

    def _await_own(self, stopped: Callable[[], object]) -> None:
        process = self._process
        assert process is not None
        over = _wait(lambda: self._behaviour.state or process.has_ended(), _STARTS_S, stopped)
        if over:  # one whose camera is not there, for instance, ends a moment later
            _wait(process.has_ended, _SETTLES_S, stopped)
        if not stopped() and (process.has_ended() or not over):
            raise StartError("the robot could not start, see its message above")

    @contextmanager
    def spun(self) -> Iterator[None]:
        """Spins it, and the recorder, in a thread of their own; closes both at the end."""
        executor, over = LeanExecutor(), Event()
        self._executor = executor

        def spin() -> None:
            while not over.is_set():
                spin_once(executor, 0.1)

        add(executor, self)
        thread = Thread(target=spin, name="station", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._leave()
            over.set()
            executor.wake()
            thread.join(GRACE_S)
            if self._recorder is not None:
                self._recorder.destroy_node()
            self.destroy_node()
            executor.shutdown(timeout_sec=1.0)

    # In its own thread.

    def _soon(self, task: Callable[[], None]) -> None:
        self._tasks.append(task)
        if self._executor is not None:
            self._executor.create_task(self._work)

    def _work(self) -> None:
        while self._tasks:
            self._tasks.popleft()()

    def _reply(self, done: Done, good: bool, why: str = "") -> None:
        self._post(partial(done, good, why))

    def _tick(self) -> None:
        self._work()
        if self._monotonic() - self._told >= _TELL_S:
            self._tell()
            self._look_for_robot()
            self._look_for_file()
        self._ask_for_gestures()
        if self.looking and not self._streams:
            self._streams = [
                self.create_subscription(Image, "image", self._on_image, NEWEST),
                self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS),
            ]
        elif not self.looking:
            while self._streams:
                self.destroy_subscription(self._streams.pop())
            self.picture, self._faces = None, []

    def _tell(self) -> None:
        self._told = self._monotonic()
        self._operator.publish(String(data=self._waits))

    def _look_for_robot(self) -> None:
        if self._process is not None and self._process.has_ended():
            self._process = None  # somebody may start another one
            self._answered = -math.inf
        if self._answered is not None:
            gone = self._monotonic() - self._answered > _ANSWERS_S
            self._gone = "the robot has ended, or does not answer" if gone else None

    def _ask_for_gestures(self) -> None:
        if self._gestures:
            return
        if self._asked is None or self._monotonic() - self._asked[0] > _ANSWERS_S:
            if self._list.service_is_ready():
                future = self._list.call_async(Trigger.Request())
                self._asked = self._monotonic(), future
        elif self._asked[1].done():
            names = self._asked[1].result().message.split(",")
            self._gestures = [name.strip() for name in names if name.strip()]

    def _perform(self, client: FirstAnswerClient, goal: Any, done: Done) -> None:
        if not client.server_is_ready():
            self._reply(done, False, "nobody is there to do it")
            return

        def answered(future: Future) -> None:
            handle = future.result()
            if not handle.accepted:
                self._reply(done, False, "the robot refuses it")
            else:
                handle.get_result_async().add_done_callback(ended)

        def ended(future: Future) -> None:
            answer = future.result()
            good = answer.status == GoalStatus.STATUS_SUCCEEDED and answer.result.success
            self._reply(done, good, answer.result.message or ("" if good else "not completed"))

        client.send_goal_async(goal).add_done_callback(answered)

    def _everybody(self, what: str, done: Done) -> None:
        """Asks all that can stop the robot at once: some of them may be dead, or hang."""
        ready = [client for client in self._stops[what] if client.service_is_ready()]
        if not ready:
            self._reply(done, False, f"nobody is there to {what} the robot")
            return
        left = len(ready)
        failed: list[str] = []

        def answered(future: Future) -> None:
            nonlocal left
            left -= 1
            if not future.result().success:
                failed.append(future.result().message)
            if not left:
                self._reply(done, len(failed) < len(ready), "; ".join(failed))

        for client in ready:
            client.call_async(Trigger.Request()).add_done_callback(answered)

    def _change_file(self, file: str, done: Done) -> None:
        """Has the robot use a behaviours file; an empty one is that which it had before."""
        self._wanted = None

        def asked(found: str) -> None:
            self._before = found if self._before is None else self._before
            self._use(file or self._before, found, done)

        self._ask_for_file(asked, lambda why: done(False, why))

    def _ask_for_file(self, found: Callable[[str], None], failed: Callable[[str], None]) -> None:
        """Asks the robot which behaviours file it uses; empty for the installed one."""
        if not (self._get.service_is_ready() and self._set.service_is_ready()):
            failed(f"{BEHAVIOUR} does not answer")
            return
        request = GetParameters.Request(names=[_FILE])

        def answered(future: Future) -> None:
            found(future.result().values[0].string_value)

        self._get.call_async(request).add_done_callback(answered)

    def _use(self, file: str, found: str, done: Done) -> None:
        def answered(future: Future) -> None:
            result = future.result().results[0]
            if result.successful:
                self._wanted = file
            done(result.successful, result.reason)

        if file == found:
            self._wanted = file
            done(True, "")
            return
        value = Parameter(_FILE, value=file).to_parameter_msg()
        request = SetParameters.Request(parameters=[value])
        self._set.call_async(request).add_done_callback(answered)

    def _look_for_file(self) -> None:
        """Sees that the robot answers, and still has the behaviours of the condition.

        One that was started again has those with which it starts; it is given the others.
        """
        wanted = self._wanted

        def asked(found: str) -> None:
            self._answered = self._monotonic()
            if wanted is not None and wanted == self._wanted:
                self._other = None
                if found != wanted:
                    self._other = (
                        "the robot had lost the behaviours of the study, and has them again"
                    )
                    self._use(wanted, found, lambda *_: None)

        self._ask_for_file(asked, lambda _: None)

    def _leave(self) -> None:
        """Gives a robot that goes on the behaviours that it had before."""
        left = Event()
        if self._process is None and self._before is not None:
            self._soon(partial(self._change_file, self._before, lambda *_: left.set()))
            left.wait(_LEAVES_S)

    def _on_behaviour(self, message: BehaviorState) -> None:
        self._behaviour = message

    def _on_held(self, message: HoldState) -> None:
        self._held = message

    def _on_image(self, message: Image) -> None:
        self._show(self._pairing.image(stamp_of(message), message, self._monotonic()))

    def _on_emotions(self, message: EmotionArray) -> None:
        self._size = message.image_width, message.image_height
        self._faces = [
            {
                "box": [face.roi.x_offset, face.roi.y_offset, face.roi.width, face.roi.height],
                "label": face.label,
                "confidence": round(float(face.confidence), 2),
                "attended": face.face_id == message.attended,
            }
            for face in message.emotions
        ]
        self._show(self._pairing.faces(stamp_of(message), self._monotonic()))

    def _show(self, image: Image | None) -> None:
        if image is None:
            return
        try:
            file, _ = jpeg(image, _QUALITY)
        except DecodeError:
            return
        self.picture = (self.picture[0] + 1 if self.picture else 1), file


def _wait(condition: Callable[[], object], seconds: float, stopped: Callable[[], object]) -> bool:
    """Waits while another thread spins; whether the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if stopped() or time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def arguments_of_ros(protocol: StudyProtocol, namespace: str) -> Sequence[str]:
    """What this process gives ROS.

    Args:
        protocol: names the topic of the images.
        namespace: of the robot.
    """
    arguments = ["--ros-args", "--log-level", "WARN", "--disable-external-lib-logs"]
    arguments += ["--enclave", enclave()]
    arguments += ["-r", f"image:={protocol.robot.get('image_topic', 'image_raw')}"]
    if namespace.strip("/"):
        arguments += ["-r", f"__ns:=/{namespace.strip('/')}"]
    return arguments
