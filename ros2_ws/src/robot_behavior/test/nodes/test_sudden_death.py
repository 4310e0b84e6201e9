"""A program that is killed in the middle of something: nobody goes on without control."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from fer_interfaces.action import PlayMotion
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray, HoldState
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, ColorRGBA, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from fer_common.qos import EVENTS, LATCHED, NEWEST
from fer_common.testing import Bystander, spin_until, spinning
from robot_behavior.body import urdf
from tests.processes import NodeProcess

URDF = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
CONFIG = Path(__file__).parents[2] / "config"
ARM = "left_shoulder_pitch_joint"
RATE = 50
"""Poses of the robot, per second."""

HIGHEST = 2.5
"""Of the arm in its gesture, rad."""

NOISE = 1e-3
"""Of the joints of a robot that stands still, rad; steps of the servo board are 0.5 of it."""


class Witness(Bystander):
    def __init__(self) -> None:
        super().__init__("witness")
        self._since_ns = 0
        self.poses: list[tuple[float, dict[str, float]]] = []  # with the robot's own time
        self.states: list[BehaviorState] = []
        self.said = ""
        self.motion = ActionClient(self, PlayMotion, "play_motion")
        self.stop = self.create_client(Trigger, "motion_player/stop")
        self.release = self.create_client(Trigger, "motion_player/release")
        self.held: list[int] = []
        self.can_move: list[bool] = []
        self.hear(Bool, "can_move", lambda m: self.can_move.append(m.data), LATCHED)
        self.hear(HoldState, "held", lambda m: self.held.append(m.state), LATCHED)
        self.emotion = self.create_publisher(Emotion, "emotion", EVENTS)
        self.emotions = self.create_publisher(EmotionArray, "emotions", EVENTS)
        self.hear(JointState, "joint_states", self._on_joints, NEWEST)
        self.hear(BehaviorState, "behavior_state", self.states.append, LATCHED)
        self.hear(String, "speech", self._on_speech, EVENTS)

    def hear(self, kind: type, topic: str, note: Callable[[Any], None], qos: QoSProfile) -> None:
        """Subscribes to a topic; see `leaves_the_past`."""

        def heard(message: Any, information: dict[str, int]) -> None:
            if information["source_timestamp"] > self._since_ns:
                note(message)

        self.create_subscription(kind, topic, heard, qos)

    def leaves_the_past(self) -> None:
        """Takes nothing in that was sent until now, also where it has not been read yet."""
        self._since_ns = time.time_ns()

    def _on_joints(self, message: JointState) -> None:
        pose = dict(zip(message.name, message.position, strict=True))
        stamp = message.header.stamp
        self.poses.append((stamp.sec + 1e-9 * stamp.nanosec, pose))

    def _on_speech(self, message: String) -> None:
        self.said = message.data or self.said

    @property
    def arm(self) -> float:
        return self.poses[-1][1][ARM] if self.poses else 0.0

    def fastest(self, since: int) -> float:
        """Of any joint, from one of `poses` on, rad per second of the robot's own."""
        times = np.array([at for at, _ in self.poses[since:]])
        rows = np.array([list(pose.values()) for _, pose in self.poses[since:]])
        return float((np.abs(np.diff(rows, axis=0)).max(axis=1) / np.diff(times)).max())


class Scene:
    def __init__(self, tmp_path: Path, executor: Any, witness: Witness) -> None:
        self.log, self._executor, self.witness = tmp_path / "log", executor, witness
        self._running: dict[str, NodeProcess] = {}

    def start(self, node: str, **parameters: object) -> None:
        self._running[node] = NodeProcess(node, self.log, **parameters)

    def behave(self, **parameters: object) -> None:
        """Starts the behaviours, without greetings."""
        files = {f"{kind}_file": CONFIG / f"{kind}.yaml" for kind in ("behaviors", "motions")}
        files["sentences_dir"] = CONFIG / "sentences"
        self.start("behavior_node", **files, notice=False, greet=False, **parameters)

    def kill(self, node: str) -> None:
        """Until it is dead; what it has told, and nobody has read, is forgotten."""
        self._running.pop(node).kill()
        self.witness.leaves_the_past()

    def freeze(self, node: str) -> None:
        self._running[node].send_signal(signal.SIGSTOP)

    def terminate(self, node: str) -> None:
        """As ``ros2 launch`` ends it; until it has ended."""
        process = self._running.pop(node)
        process.send_signal(signal.SIGTERM)
        self.wait_until(lambda: process.has_ended)
        self.witness.leaves_the_past()

    def call(self, client: Any) -> None:
        """Calls a service, again where a dead server has been asked."""
        futures: list[Any] = []
        asked = 0.0

        def answered() -> bool:
            nonlocal asked
            if client.service_is_ready() and time.monotonic() - asked > 1.0:
                asked = time.monotonic()
                futures.append(client.call_async(Trigger.Request()))
            return any(future.done() for future in futures)

        self.wait_until(answered)

    def thaw(self, node: str) -> None:
        self._running[node].send_signal(signal.SIGCONT)

    def wait_until(self, condition: Callable[[], object]) -> None:
        assert spin_until(self._executor, condition), self.log.read_text()

    def stands(self) -> None:
        """Waits until the robot tells the same pose half a second long."""
        poses, since = self.witness.poses, len(self.witness.poses)

        def still() -> bool:
            rows = np.array([list(pose.values()) for _, pose in poses[since:][-25:]])
            return len(rows) == 25 and float(np.ptp(rows, axis=0).max()) < 1e-3

        self.wait_until(still)

    def lives(self, seconds: float) -> None:
        """Until the robot has told as many poses as it does in these seconds."""
        enough = len(self.witness.poses) + RATE * seconds
        self.wait_until(lambda: len(self.witness.poses) > enough)

    def go_on(self, seconds: float) -> None:
        """Lets time pass in which something must *not* happen."""
        end = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() > end)

    def runs(self, node: str) -> bool:
        return node in self._running

    def moved(self, first: int) -> float:
        """The way of any joint from one of the poses on, rad."""
        rows = np.array([list(pose.values()) for _, pose in self.witness.poses[first:]])
        return float(np.ptp(rows, axis=0).max()) if len(rows) else 0.0

    def has_said(self, text: str) -> bool:
        return text in self.log.read_text()

    def rests(self) -> bool:
        return max(map(abs, self.witness.poses[-1][1].values())) < 0.01

    def end(self) -> None:
        for process in self._running.values():
            process.kill()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with spinning(Witness) as (executor, nodes):
        found = Scene(tmp_path, executor, nodes[0])
        try:
            yield found
        finally:
            found.end()


def ask_until(scene: Scene, send_goal: Callable, condition: Callable[[list[Any]], object]) -> None:
    """Asks for a gesture until its goals have led to something.

    It asks again where a dead server has been asked.
    """
    motion = scene.witness.motion
    scene.wait_until(motion.server_is_ready)
    goals: list[Any] = []
    asked = 0.0

    def holds() -> object:
        nonlocal asked
        unheard = not goals or goals[-1].over or not goals[-1].accepted
        if unheard and time.monotonic() - asked > 1.0:
            asked = time.monotonic()
            goals.append(send_goal(motion, PlayMotion.Goal(motion="happy_arms_up")))
        return condition(goals)

    scene.wait_until(holds)


def raise_the_arms(scene: Scene, send_goal: Callable) -> None:
    """Until they are high and move."""
    ask_until(scene, send_goal, lambda _: scene.witness.arm > 1.0)


def is_refused(goals: list[Any]) -> bool:
    """Whether the motion player has refused a gesture, because the robot is stopped."""
    return any(goal.result and "stopped since" in goal.result.message for goal in goals)


def start_player(scene: Scene, idle: float = 0.0, robot: str = "sim") -> None:
    files = {"urdf": URDF, "motions_file": CONFIG / "motions.yaml"}
    scene.start("motion_player", **files, idle=idle, robot=robot)


def start_with_raised_arms(scene: Scene, send_goal: Callable) -> None:
    """A simulated robot in the middle of a gesture."""
    scene.start("sim_robot", urdf=URDF)
    start_player(scene)
    raise_the_arms(scene, send_goal)


def test_the_robot_rests_when_its_motion_player_is_killed(
    scene: Scene, send_goal: Callable
) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.kill("motion_player")
    poses = len(scene.witness.poses)
    scene.wait_until(lambda: scene.has_said("the motion player is gone"))
    scene.wait_until(scene.rests)
    # Not with a jump: 5 rad/s is the fastest joint's limit. A jump takes 0.02 s.
    assert scene.witness.fastest(poses) < 15.0

    # A new one finds it, and everything works as before.
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml", idle=0.0)
    raise_the_arms(scene, send_goal)


def test_the_robot_rests_when_its_motion_player_hangs(scene: Scene, send_goal: Callable) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.freeze("motion_player")
    scene.wait_until(lambda: scene.has_said("the motion player is gone"))
    scene.wait_until(scene.rests)

    scene.thaw("motion_player")
    raise_the_arms(scene, send_goal)


def test_the_eyes_of_somebody_else_are_no_sign_of_life(scene: Scene, send_goal: Callable) -> None:
    light = scene.witness.create_publisher(ColorRGBA, "eyes", LATCHED)
    scene.witness.create_timer(0.05, lambda: light.publish(ColorRGBA(r=1.0, a=1.0)))
    start_with_raised_arms(scene, send_goal)
    scene.kill("motion_player")
    scene.wait_until(lambda: scene.has_said("the motion player is gone"))
    scene.wait_until(scene.rests)


def test_a_robot_that_somebody_stopped_stays_although_its_motion_player_is_killed(
    scene: Scene, send_goal: Callable
) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.wait_until(scene.witness.stop.service_is_ready)
    scene.wait_until(scene.witness.stop.call_async(Trigger.Request()).done)
    scene.stands()
    held = scene.witness.arm
    scene.kill("motion_player")
    scene.go_on(2.5)
    assert scene.witness.arm == pytest.approx(held, abs=1e-3)
    assert not scene.has_said("the motion player is gone")


@pytest.fixture
def start_board(scene: Scene, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Switches a servo board on, after it off."""
    program, board = "robot_behavior.robots.servo_humanoid.fake_servo_board", tmp_path / "board"
    running: list[subprocess.Popen[bytes]] = []

    def switch_off() -> None:
        for process in running:
            process.kill()
            process.wait()
        board.unlink(missing_ok=True)

    def switch_on() -> None:
        switch_off()
        command = [sys.executable, "-m", program, str(board)]
        running.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        scene.wait_until(board.exists)

    yield switch_on
    switch_off()


@pytest.fixture
def servos(start_board: Callable[[], None], tmp_path: Path) -> Path:
    """The link to a servo board."""
    start_board()
    return tmp_path / "board"


def start_with_raised_servos(scene: Scene, send_goal: Callable, board: Path) -> None:
    """A servo board in the middle of a gesture."""
    scene.start("robot_bridge", robot="servo_humanoid", port=board, urdf=URDF)
    start_player(scene)
    raise_the_arms(scene, send_goal)


def test_servos_rest_when_the_motion_player_is_killed(
    scene: Scene, send_goal: Callable, servos: Path
) -> None:
    start_with_raised_servos(scene, send_goal, servos)
    scene.kill("motion_player")
    scene.wait_until(lambda: scene.has_said("the motion player is gone"))
    scene.wait_until(scene.rests)


# A stop is a stop.


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_stop_outlives_the_motion_player(scene: Scene, send_goal: Callable, end: str) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.call(scene.witness.stop)
    scene.wait_until(lambda: scene.witness.held[-1] == HoldState.HELD)
    scene.stands()
    held = scene.witness.arm
    getattr(scene, end)("motion_player")
    start_player(scene, idle=1.0)
    ask_until(scene, send_goal, lambda _: scene.has_said("/sim_robot/release"))
    scene.lives(1.0)
    assert scene.witness.arm == pytest.approx(held, abs=1e-3)

    scene.call(scene.witness.release)
    scene.wait_until(lambda: scene.witness.held[-1] == HoldState.RELEASED)
    raise_the_arms(scene, send_goal)


def test_a_stop_outlives_the_robot(scene: Scene, send_goal: Callable) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.call(scene.witness.stop)
    scene.wait_until(lambda: scene.witness.held[-1] == HoldState.HELD)
    scene.kill("sim_robot")
    seen = len(scene.witness.held)
    scene.start("sim_robot", urdf=URDF)
    scene.wait_until(lambda: scene.witness.held[seen:][-1:] == [HoldState.HELD])
    scene.lives(1.2)
    assert scene.rests()  # where the new one has begun


@pytest.mark.parametrize("later_s", [0.0, 0.5])
def test_stopped_servos_stay_although_everything_else_is_killed(
    scene: Scene, send_goal: Callable, servos: Path, later_s: float
) -> None:
    witness = scene.witness
    start_with_raised_servos(scene, send_goal, servos)
    scene.call(witness.stop)
    scene.wait_until(lambda: witness.held[-1] == HoldState.HELD)
    witness.leaves_the_past()
    scene.lives(later_s)  # at first it still brakes
    seen = len(witness.held)
    scene.kill("robot_bridge")
    scene.kill("motion_player")
    scene.go_on(1.0)  # the board would rest after 0.5 s without a word
    held, poses = witness.arm, len(witness.poses)
    scene.start("robot_bridge", robot="servo_humanoid", port=servos, urdf=URDF)
    start_player(scene, idle=1.0, robot="servo_humanoid")
    scene.wait_until(lambda: witness.held[seen:][-1:] == [HoldState.HELD])
    scene.lives(1.5)
    assert scene.moved(poses) < NOISE
    # Braking takes 0.25 rad, and what the bridge told last may be older on a busy machine.
    assert held - 0.3 < witness.arm < HIGHEST, "neither to its rest pose, at 0, nor on"

    scene.call(witness.release)
    raise_the_arms(scene, send_goal)


FORGETFUL = """
from fer_common.reason import Reason
from robot_behavior.robots import Robot
from robot_behavior.robots.backend import STOPPED, JointDriver, JointReport, LinkHealth

class Forgetful(JointDriver):
    health = LinkHealth("nothing")
    limits = property(lambda self: self._limits)
    def __init__(self, node, model, settings):
        self._limits, self._stopped = model.limits, False
        self._at = dict.fromkeys(model.limits, 0.0)
    @property
    def problem(self):
        return Reason(STOPPED, "is stopped") if self._stopped else None
    def update(self):
        return JointReport(dict(self._at))
    def move(self, positions):
        if not self._stopped:
            self._at.update(positions)
    def stop(self):
        self._stopped = True
    def release(self):
        self._stopped = False
    def close(self): ...

ROBOT = Robot("a robot whose driver forgets all when it ends", driver="forgetful:Forgetful")
"""


@pytest.fixture
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else with a robot."""
    info = tmp_path / "forgetful-1.0.dist-info"
    info.mkdir()
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: forgetful\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[robot_behavior.robots]\nforgetful = forgetful:ROBOT\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)


FAKES = {"ros2_control": "fake_controller"}
MESSAGES = {"ros2_control": "control_msgs"}


def start_body(scene: Scene, robot: str) -> None:
    """What moves a robot, and the robot where that is another program; the latter lives on."""
    if robot == "sim":
        scene.start("sim_robot", urdf=URDF)
        return
    if robot in FAKES and not scene.runs(FAKES[robot]):
        scene.start(FAKES[robot])
    scene.start("robot_bridge", robot=robot, urdf=URDF)


def body_of(robot: str) -> str:
    return "sim_robot" if robot == "sim" else "robot_bridge"


def start_alive(scene: Scene, robot: str) -> None:
    """A robot that breathes."""
    start_body(scene, robot)
    start_player(scene, idle=1.0, robot=robot)
    witness = scene.witness
    scene.wait_until(lambda: any(witness.can_move))
    poses = len(witness.poses)
    scene.wait_until(lambda: scene.moved(poses) > 0.01)


def start_again(scene: Scene, robot: str) -> int:
    """The number of the first pose of what has started; after a second and a half of its life."""
    witness, heard = scene.witness, len(scene.witness.held)
    start_body(scene, robot)
    start_player(scene, idle=1.0, robot=robot)
    poses = len(witness.poses)
    scene.wait_until(lambda: len(witness.held) > heard and len(witness.poses) > poses)
    scene.call(witness.create_client(Trigger, "motion_player/list_motions"))
    scene.lives(1.5)
    return poses


@pytest.mark.parametrize(
    ("robot", "asked"),
    [
        ("sim", "motion_player"),
        ("sim", "sim_robot"),
        ("forgetful", "motion_player"),
        ("forgetful", "robot_bridge"),
        ("ros2_control", "robot_bridge"),
    ],
)
@pytest.mark.usefixtures("forgetful")
def test_a_stop_outlives_the_robot_and_its_motion_player(
    scene: Scene, robot: str, asked: str
) -> None:
    if robot in MESSAGES:
        pytest.importorskip(MESSAGES[robot], reason=f"{MESSAGES[robot]} is not installed")
    witness, body = scene.witness, body_of(robot)
    start_alive(scene, robot)
    scene.call(witness.create_client(Trigger, f"{asked}/stop"))
    for node in (body, "motion_player"):
        scene.kill(node)
    first = start_again(scene, robot)
    assert scene.moved(first) < NOISE
    assert witness.held[-1] == HoldState.HELD
    scene.wait_until(lambda: scene.has_said(f"the service /{body}/release"))

    scene.call(witness.release)
    released = len(witness.poses)
    scene.wait_until(lambda: scene.moved(released) > 0.01)


def test_a_stop_that_the_robot_has_not_heard_is_kept(scene: Scene) -> None:
    witness = scene.witness
    start_alive(scene, "sim")
    scene.kill("sim_robot")
    scene.call(witness.stop)
    scene.kill("motion_player")
    assert scene.moved(start_again(scene, "sim")) < NOISE


def test_a_robot_that_was_released_is_free_after_a_new_start(scene: Scene) -> None:
    witness = scene.witness
    start_alive(scene, "sim")
    scene.call(witness.stop)
    scene.call(witness.create_client(Trigger, "sim_robot/release"))
    for node in ("sim_robot", "motion_player"):
        scene.kill(node)
    assert scene.moved(start_again(scene, "sim")) > 0.01


def test_a_robot_that_hears_trajectories_itself_is_sent_none_after_a_new_start(
    scene: Scene,
) -> None:
    witness = scene.witness
    states = witness.create_publisher(JointState, "joint_states", NEWEST)
    names = sorted(urdf.load(URDF).limits)
    state = JointState(name=names, position=[0.0] * len(names))
    witness.create_timer(0.05, lambda: states.publish(state))
    told: list[int] = []
    witness.hear(JointTrajectory, "joint_trajectory", lambda m: told.append(len(m.points)), EVENTS)
    for _ in range(2):
        scene.start("stop_keeper")
        start_player(scene, idle=1.0, robot="trajectory")
        scene.wait_until(lambda: any(told))
        scene.call(witness.create_client(Trigger, "stop_keeper/stop"))
        for node in ("stop_keeper", "motion_player"):
            scene.kill(node)
        told.clear()
        heard = len(witness.held)
        scene.start("stop_keeper")
        start_player(scene, idle=1.0, robot="trajectory")
        scene.wait_until(lambda n=heard: witness.held[n:][-1:] == [HoldState.HELD])
        scene.call(witness.create_client(Trigger, "motion_player/list_motions"))
        scene.go_on(1.5)
        assert not any(told)
        scene.call(witness.release)
        scene.wait_until(lambda: any(told))
        for node in ("stop_keeper", "motion_player"):
            scene.kill(node)


def test_a_board_that_was_switched_off_is_stopped_again(
    scene: Scene, tmp_path: Path, start_board: Callable[[], None], servos: Path
) -> None:
    """The board's own memory and that of this machine agree: either is enough."""
    witness = scene.witness
    start_player(scene, idle=1.0, robot="servo_humanoid")
    scene.start("robot_bridge", robot="servo_humanoid", port=servos, urdf=URDF)
    scene.wait_until(lambda: any(witness.can_move))
    scene.call(witness.stop)
    scene.wait_until(lambda: witness.held[-1:] == [HoldState.HELD])
    for node in ("motion_player", "robot_bridge"):
        scene.kill(node)
    start_board()
    heard, poses = len(witness.held), len(witness.poses)
    scene.start("robot_bridge", robot="servo_humanoid", port=servos, urdf=URDF)
    start_player(scene, idle=1.0, robot="servo_humanoid")
    scene.wait_until(lambda: witness.held[heard:][-1:] == [HoldState.HELD])
    scene.lives(1.5)
    assert scene.moved(poses) < NOISE
    scene.call(witness.release)
    scene.wait_until(lambda: witness.held[-1] == HoldState.RELEASED)


def test_a_stop_that_cannot_be_written_is_told_and_kept_in_memory(
    scene: Scene, send_goal: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FER_RUNTIME_DIR", str(tmp_path / "file"))
    witness = scene.witness
    start_alive(scene, "sim")
    scene.call(witness.stop)
    scene.wait_until(lambda: witness.held[-1:] == [HoldState.HELD])
    assert scene.has_said("a new start will not know that the robot is stopped")
    scene.kill("motion_player")
    start_player(scene, idle=1.0)
    ask_until(scene, send_goal, is_refused)  # it knows by now, from the robot
    scene.kill("sim_robot")
    heard = len(witness.held)
    scene.start("sim_robot", urdf=URDF)
    scene.wait_until(lambda: witness.held[heard:][-1:] == [HoldState.HELD])
    poses = len(witness.poses)
    scene.lives(1.5)
    assert scene.moved(poses) < NOISE


def test_a_motion_player_that_hears_of_no_robot_begins_held(scene: Scene) -> None:
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml")
    states = scene.witness.create_publisher(JointState, "joint_states", NEWEST)
    names = sorted(urdf.load(URDF).limits)
    scene.witness.create_timer(
        0.05, lambda: states.publish(JointState(name=names, position=[0.0] * len(names)))
    )
    told: list[JointTrajectory] = []
    scene.witness.create_subscription(JointTrajectory, "joint_trajectory", told.append, EVENTS)
    scene.wait_until(scene.witness.release.service_is_ready)
    scene.go_on(1.5)
    assert not told
    scene.call(scene.witness.release)
    scene.wait_until(lambda: told)


def test_behaviours_go_on_when_the_speech_node_is_killed(scene: Scene) -> None:
    witness = scene.witness
    scene.start("sim_robot", urdf=URDF)
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml")
    scene.start("speech_node", backend="log", rate_wpm=80)
    scene.behave()

    def show(label: str) -> None:
        witness.emotion.publish(Emotion(face_id="someone", label=label, confidence=0.9))

    def speaks() -> bool:
        show("happy")
        return bool(witness.said and witness.states and witness.states[-1].speech)

    scene.wait_until(speaks)
    scene.kill("speech_node")

    def goes_on() -> bool:
        show("scared")
        return any(state.emotion == "scared" and state.motion for state in witness.states)

    scene.wait_until(goes_on)
    assert scene.has_said("say fell silent during") or scene.has_said("say did not")


def test_the_robot_rests_when_perception_is_killed(scene: Scene) -> None:
    witness = scene.witness
    scene.start("sim_robot", urdf=URDF)
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml", idle=0.0)
    scene.behave(perception_timeout_s=1.0)
    scene.start("mock_person", label="happy", size=0.3)
    scene.wait_until(lambda: witness.arm > 0.5)
    scene.kill("mock_person")
    scene.wait_until(lambda: "perception is silent" in witness.states[-1].reason)
    scene.wait_until(lambda: max(map(abs, witness.poses[-1][1].values())) < 0.06)


def test_a_stop_holds_although_the_behaviours_go_on(scene: Scene) -> None:
    witness = scene.witness
    scene.start("sim_robot", urdf=URDF)
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml")
    scene.behave()
    scene.start("mock_person", label="happy")
    scene.wait_until(lambda: witness.arm > 0.5)
    scene.wait_until(witness.stop.call_async(Trigger.Request()).done)
    scene.stands()
    held, states = dict(witness.poses[-1][1]), len(witness.states)
    scene.wait_until(lambda: "release" in "".join(s.reason for s in witness.states[states - 1 :]))
    scene.lives(1.0)
    assert witness.poses[-1][1] == held


def test_a_motion_player_that_returns_may_gesture_at_once(scene: Scene) -> None:
    witness = scene.witness
    scene.start("sim_robot", urdf=URDF)
    start_player(scene)
    scene.behave()

    def show(label: str) -> bool:
        witness.emotion.publish(Emotion(face_id="someone", label=label, confidence=0.9))
        return True

    scene.wait_until(lambda: show("happy") and witness.arm > 0.5)
    scene.kill("motion_player")
    scene.wait_until(lambda: scene.has_said("play_motion did not answer within"))  # nor to rest
    start_player(scene)
    heard = len(witness.can_move)
    scene.wait_until(lambda: any(witness.can_move[heard:]))
    back = len(witness.states)

    def answers() -> bool:
        show("surprised")
        return any(state.emotion == "surprised" and state.motion for state in witness.states[back:])

    scene.wait_until(answers)
    assert not any("no motion for" in state.reason for state in witness.states[back:])
