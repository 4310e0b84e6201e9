"""A program that is killed in the middle of something: nobody goes on without control."""

from __future__ import annotations

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
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, ColorRGBA, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from fer_common.qos import EVENTS, LATCHED, NEWEST
from fer_common.testing import spin_until, spinning
from robot_behavior.body import urdf

URDF = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
CONFIG = Path(__file__).parents[2] / "config"
ARM = "left_shoulder_pitch_joint"


def start(node: str, log: Path, **parameters: object) -> subprocess.Popen[bytes]:
    code = f"import sys; from robot_behavior.nodes.executables import {node}; sys.exit({node}())"
    settings = [item for k, v in parameters.items() for item in ("-p", f"{k}:={v}")]
    with log.open("a") as stream:
        return subprocess.Popen(
            [sys.executable, "-c", code, "--ros-args", *settings], stderr=stream
        )


class Witness(Node):
    def __init__(self) -> None:
        super().__init__("witness")
        self.poses: list[tuple[float, dict[str, float]]] = []
        self.states: list[BehaviorState] = []
        self.said = ""
        self.motion = ActionClient(self, PlayMotion, "play_motion")
        self.stop = self.create_client(Trigger, "motion_player/stop")
        self.release = self.create_client(Trigger, "motion_player/release")
        self.held: list[int] = []
        self.can_move: list[bool] = []
        self.create_subscription(Bool, "can_move", lambda m: self.can_move.append(m.data), LATCHED)
        self.create_subscription(HoldState, "held", lambda m: self.held.append(m.state), LATCHED)
        self.emotion = self.create_publisher(Emotion, "emotion", EVENTS)
        self.emotions = self.create_publisher(EmotionArray, "emotions", EVENTS)
        self.create_subscription(JointState, "joint_states", self._on_joints, NEWEST)
        self.create_subscription(BehaviorState, "behavior_state", self.states.append, LATCHED)
        self.create_subscription(String, "speech", self._on_speech, EVENTS)

    def _on_joints(self, message: JointState) -> None:
        pose = dict(zip(message.name, message.position, strict=True))
        self.poses.append((time.monotonic(), pose))

    def _on_speech(self, message: String) -> None:
        self.said = message.data or self.said

    @property
    def arm(self) -> float:
        return self.poses[-1][1][ARM] if self.poses else 0.0

    def fastest(self, since: float) -> float:
        """Of any joint between two joint states from a time on, rad per message."""
        rows = np.array([list(pose.values()) for at, pose in self.poses if at >= since])
        return float(np.abs(np.diff(rows, axis=0)).max(initial=0.0)) if len(rows) > 1 else 0.0


class Scene:
    def __init__(self, tmp_path: Path, executor: Any, witness: Witness) -> None:
        self.log, self._executor, self.witness = tmp_path / "log", executor, witness
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, node: str, **parameters: object) -> None:
        self._running[node] = start(node, self.log, **parameters)

    def behave(self, **parameters: object) -> None:
        """Starts the behaviours, without greetings."""
        files = {f"{kind}_file": CONFIG / f"{kind}.yaml" for kind in ("behaviors", "motions")}
        files["sentences_dir"] = CONFIG / "sentences"
        self.start("behavior_node", **files, notice=False, greet=False, **parameters)

    def kill(self, node: str) -> None:
        self._running.pop(node).send_signal(signal.SIGKILL)

    def freeze(self, node: str) -> None:
        self._running[node].send_signal(signal.SIGSTOP)

    def terminate(self, node: str) -> None:
        """As ``ros2 launch`` ends it; until it has ended."""
        process = self._running.pop(node)
        process.send_signal(signal.SIGTERM)
        self.wait_until(lambda: process.poll() is not None)

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

    def wait_until(self, condition: Callable[[], object], timeout_s: float = 30.0) -> None:
        assert spin_until(self._executor, condition, timeout_s), self.log.read_text()

    def go_on(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() > end)

    def has_said(self, text: str) -> bool:
        return text in self.log.read_text()

    def rests(self) -> bool:
        return max(map(abs, self.witness.poses[-1][1].values())) < 0.01

    def end(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with spinning(Witness) as (executor, nodes):
        found = Scene(tmp_path, executor, nodes[0])
        try:
            yield found
        finally:
            found.end()


def raise_the_arms(scene: Scene, send_goal: Callable) -> None:
    """Until they are high and move; asks again where a dead server has been asked."""
    witness = scene.witness
    scene.wait_until(witness.motion.server_is_ready)
    goals: list[Any] = []
    asked = 0.0

    def raised() -> bool:
        nonlocal asked
        unheard = not goals or goals[-1].over or not goals[-1].accepted
        if unheard and time.monotonic() - asked > 1.0:
            asked = time.monotonic()
            goals.append(send_goal(witness.motion, PlayMotion.Goal(motion="happy_arms_up")))
        return witness.arm > 1.0

    scene.wait_until(raised)


def start_player(scene: Scene, idle: float = 0.0) -> None:
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml", idle=idle)


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
    killed, poses = time.monotonic(), len(scene.witness.poses)
    scene.wait_until(lambda: scene.has_said("the motion player is gone"), 10.0)
    # In 1.1 s of the robot's own: it tells 50 poses a second, and none while the computer pauses.
    assert len(scene.witness.poses) - poses < 100
    scene.wait_until(scene.rests, 10.0)
    # Not with a jump: 5 rad/s is the fastest joint's limit, and there are 50 messages a second.
    assert scene.witness.fastest(killed) < 0.3

    # A new one finds it, and everything works as before.
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml", idle=0.0)
    raise_the_arms(scene, send_goal)


def test_the_robot_rests_when_its_motion_player_hangs(scene: Scene, send_goal: Callable) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.freeze("motion_player")
    scene.wait_until(lambda: scene.has_said("the motion player is gone"), 10.0)
    scene.wait_until(scene.rests, 10.0)

    scene.thaw("motion_player")
    raise_the_arms(scene, send_goal)


def test_the_eyes_of_somebody_else_are_no_sign_of_life(scene: Scene, send_goal: Callable) -> None:
    light = scene.witness.create_publisher(ColorRGBA, "eyes", LATCHED)
    scene.witness.create_timer(0.05, lambda: light.publish(ColorRGBA(r=1.0, a=1.0)))
    start_with_raised_arms(scene, send_goal)
    scene.kill("motion_player")
    scene.wait_until(lambda: scene.has_said("the motion player is gone"), 10.0)
    scene.wait_until(scene.rests, 10.0)


def test_a_robot_that_somebody_stopped_stays_although_its_motion_player_is_killed(
    scene: Scene, send_goal: Callable
) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.wait_until(scene.witness.stop.service_is_ready)
    scene.wait_until(scene.witness.stop.call_async(Trigger.Request()).done)
    scene.go_on(0.5)
    held = scene.witness.arm
    scene.kill("motion_player")
    scene.go_on(2.5)
    assert scene.witness.arm == pytest.approx(held, abs=1e-3)
    assert not scene.has_said("the motion player is gone")


@pytest.fixture
def servos(scene: Scene, tmp_path: Path) -> Iterator[Path]:
    """The link to a servo board."""
    board = tmp_path / "board"
    program = "robot_behavior.robots.servo_humanoid.fake_servo_board"
    process = subprocess.Popen(
        [sys.executable, "-m", program, str(board)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    scene.wait_until(board.exists)
    yield board
    process.kill()
    process.wait()


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
    scene.wait_until(lambda: scene.has_said("the motion player is gone"), 10.0)
    scene.wait_until(scene.rests, 10.0)


# A stop is a stop.


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_stop_outlives_the_motion_player(scene: Scene, send_goal: Callable, end: str) -> None:
    start_with_raised_arms(scene, send_goal)
    scene.call(scene.witness.stop)
    scene.wait_until(lambda: scene.witness.held[-1] == HoldState.HELD)
    scene.go_on(0.5)
    held = scene.witness.arm
    getattr(scene, end)("motion_player")
    start_player(scene, idle=1.0)
    scene.call(scene.witness.create_client(Trigger, "motion_player/list_motions"))
    send_goal(scene.witness.motion, PlayMotion.Goal(motion="happy_arms_up"))
    scene.go_on(2.0)
    send_goal(scene.witness.motion, PlayMotion.Goal(motion="happy_arms_up"))
    scene.wait_until(lambda: scene.has_said("stopped until ~/release is called"))
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
    poses = len(scene.witness.poses)
    scene.wait_until(lambda: len(scene.witness.poses) > poses + 60)
    assert scene.rests()  # where the new one has begun


def test_stopped_servos_stay_although_everything_else_is_killed(
    scene: Scene, send_goal: Callable, servos: Path
) -> None:
    witness = scene.witness
    start_with_raised_servos(scene, send_goal, servos)
    scene.call(witness.stop)
    scene.wait_until(lambda: witness.held[-1] == HoldState.HELD)
    scene.go_on(0.5)
    held, seen = witness.arm, len(witness.held)
    scene.kill("motion_player")
    scene.kill("robot_bridge")
    scene.go_on(2.0)  # the board would rest after 0.5 s without a word
    poses = len(witness.poses)
    scene.start("robot_bridge", robot="servo_humanoid", port=servos, urdf=URDF)
    start_player(scene, idle=1.0)
    scene.wait_until(lambda: witness.held[seen:][-1:] == [HoldState.HELD])
    scene.wait_until(lambda: len(witness.poses) > poses + 100)
    moved = [abs(pose[ARM] - held) for _, pose in witness.poses[poses:]]
    assert max(moved) < 0.01

    scene.call(witness.release)
    raise_the_arms(scene, send_goal)


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

    scene.wait_until(goes_on, 20.0)
    assert scene.has_said("say fell silent during") or scene.has_said("say did not")


def test_the_robot_rests_when_perception_is_killed(scene: Scene) -> None:
    witness = scene.witness
    scene.start("sim_robot", urdf=URDF)
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml", idle=0.0)
    scene.behave(perception_timeout_s=1.0)
    scene.start("mock_person", label="happy", size=0.3)
    scene.wait_until(lambda: witness.arm > 0.5)
    scene.kill("mock_person")
    scene.wait_until(lambda: "perception is silent" in witness.states[-1].reason, 10.0)
    scene.wait_until(lambda: max(map(abs, witness.poses[-1][1].values())) < 0.06, 15.0)


def test_a_stop_holds_although_the_behaviours_go_on(scene: Scene) -> None:
    witness = scene.witness
    scene.start("sim_robot", urdf=URDF)
    scene.start("motion_player", urdf=URDF, motions_file=CONFIG / "motions.yaml")
    scene.behave()
    scene.start("mock_person", label="happy")
    scene.wait_until(lambda: witness.arm > 0.5)
    scene.wait_until(witness.stop.call_async(Trigger.Request()).done)
    scene.go_on(0.5)
    held = dict(witness.poses[-1][1])
    scene.go_on(4.0)
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
