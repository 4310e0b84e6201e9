"""The player between two motions, and its stop, over DDS with the simulated robot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Duration
from fer_interfaces.action import PlayMotion
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from geometry_msgs.msg import PointStamped
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionClient
from rclpy.executors import Executor
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import ColorRGBA, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from fer_common.qos import EVENTS, LATCHED
from fer_common.testing import Bystander, FakeClock, PacedClock, spin_until, spinning
from robot_behavior.body.face import ASLEEP, HELD, LISTENING, NEUTRAL, SAD
from robot_behavior.motion.mover import AGAIN_S
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot

URDF = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
ARM, YAW, BREATH = "left_shoulder_pitch_joint", "head_yaw_joint", "left_shoulder_roll_joint"
MOTIONS = f"""
/motion_player:
  ros__parameters:
    idle: {{breath: {{{BREATH}: 0.028}}, sign: {{{ARM}: 0.1}}}}
    motions:
      rest: {{joints: [{ARM}, {YAW}, {BREATH}], positions: [0, 0, 0], times_from_start: [0.3]}}
      raise: {{joints: [{ARM}], positions: [0.1, 0.8, 0.8], times_from_start: [0.3, 0.9, 1.5]}}
"""


class Somebody(Bystander):
    """Shows a face, asks for motions, and watches the robot."""

    def __init__(self) -> None:
        super().__init__("somebody")
        self.position: dict[str, float] = {}
        self.speed: dict[str, float] = {}
        self.told: list[JointTrajectory] = []
        self.eyes: list[ColorRGBA] = []
        self.face_x: int | None = None
        self.label = Emotion.HAPPY
        self.image_width, self.attended = 640, "someone"
        self.client = ActionClient(self, PlayMotion, "play_motion")
        self.eyes_light = self.create_publisher(ColorRGBA, "eyes", LATCHED)
        self.states = self.create_publisher(JointState, "joint_states", 10)
        self.behavior = self.create_publisher(BehaviorState, "behavior_state", LATCHED)
        self.info = self.create_publisher(CameraInfo, "camera_info", 10)
        self._emotions = self.create_publisher(EmotionArray, "emotions", EVENTS)
        self._emotion = self.create_publisher(Emotion, "emotion", EVENTS)
        self.create_subscription(JointState, "joint_states", self._on_state, 10)
        self.create_subscription(JointTrajectory, "joint_trajectory", self.told.append, EVENTS)
        self.create_subscription(ColorRGBA, "eyes", self.eyes.append, LATCHED)
        self.create_timer(0.05, self._show)

    def _show(self) -> None:
        if self.face_x is None:
            return
        face = Emotion(label=self.label, face_id="someone")
        roi = face.roi
        roi.x_offset, roi.y_offset, roi.width, roi.height = self.face_x - 50, 190, 100, 100
        message = EmotionArray(image_width=self.image_width, image_height=480)
        message.header.stamp = self.get_clock().now().to_msg()
        message.emotions, message.attended = [face], self.attended
        face.header = message.header
        self._emotion.publish(face)
        if self._emotions is not None:
            self._emotions.publish(message)

    def tells_one_face_only(self) -> None:
        """As somebody's own perception may: `emotion`, and nothing on `emotions`."""
        self.destroy_publisher(self._emotions)
        self._emotions = None

    def _on_state(self, message: JointState) -> None:
        self.position.update(zip(message.name, message.position, strict=False))
        self.speed.update(zip(message.name, message.velocity, strict=False))

    @property
    def stands_still(self) -> bool:
        return not any(self.speed.values())


class Room:
    def __init__(
        self, executor: Executor, nodes: list[Any], send: Callable, clock: PacedClock
    ) -> None:
        self.executor, self._send, self._clock = executor, send, clock
        self.who, self.player, self.sim = nodes

    def play(self, motion: str) -> Any:
        return self._send(self.who.client, PlayMotion.Goal(motion=motion, priority=128))

    def wait(self, condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        assert self._clock.spin_until(self.executor, condition, timeout_s)

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.who.create_client(kind, name)
        self.wait(client.service_is_ready)
        future = client.call_async(request)
        self.wait(future.done)
        return future.result()

    def release(self) -> None:
        self.call(Trigger, "/motion_player/release", Trigger.Request())

    def stop(self) -> str:
        answer = self.call(Trigger, "/motion_player/stop", Trigger.Request())
        assert answer.success
        return answer.message

    def set(self, name: str, value: Any) -> Any:
        parameters = [Parameter(name, value=value).to_parameter_msg()]
        request = SetParameters.Request(parameters=parameters)
        return self.call(SetParameters, "/motion_player/set_parameters", request).results[0]

    def breathes(self) -> None:
        self.wait(lambda: self.who.position.get(BREATH, 0.0) > 0.015)

    def is_calm(self) -> None:
        """Neither breathing nor gaze moves it: what is left are signs."""
        assert self.set("idle", 0.0).successful and self.set("gaze", False).successful
        self.falls_silent()

    def let_pass(self, seconds: float) -> None:
        until = self._clock.now + seconds
        self.wait(lambda: self._clock.now > until)

    def falls_silent(self) -> None:
        """Until half a second has seen neither a command nor a movement."""
        since, told, seen = self._clock.now, len(self.who.told), dict(self.who.position)

        def long_enough() -> bool:
            nonlocal since, told, seen
            now = len(self.who.told), dict(self.who.position)
            if now != (told, seen):
                since = self._clock.now
            told, seen = now
            return self._clock.now - since > 0.5

        self.wait(long_enough)


@pytest.fixture
def room(tmp_path: Path, send_goal: Callable) -> Iterator[Room]:
    file = tmp_path / "motions.yaml"
    file.write_text(MOTIONS)
    robot, clock = {"urdf": str(URDF)}, PacedClock()
    with spinning(
        Somebody,
        lambda: MotionPlayer(clock, parameter_overrides=overrides(motions_file=str(file), **robot)),
        lambda: SimRobot(clock, parameter_overrides=overrides(**robot)),
    ) as (executor, nodes):
        clock.goes_with(nodes[0])
        built = Room(executor, nodes, send_goal, clock)
        built.wait(built.who.client.server_is_ready)
        built.wait(lambda: built.who.position and not built.player.problem)
        yield built


def overrides(**values: Any) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


def test_it_breathes_and_a_motion_takes_over_and_gives_back(room: Room) -> None:
    room.breathes()
    goal = room.play("raise")
    room.wait(lambda: goal.over)
    assert goal.result.success
    room.wait(lambda: abs(room.who.position[ARM]) < 0.05)
    room.wait(lambda: room.who.position[BREATH] < -0.01)
    for message in room.who.told:  # a controller takes only what names all, and ends at rest
        assert message.joint_names == [ARM, YAW, BREATH]
        assert not any(message.points[-1].velocities)


def test_the_head_turns_to_the_face_and_back(room: Room) -> None:
    room.who.face_x = 520  # right in the image: the robot's right
    room.wait(lambda: room.who.position[YAW] < -0.3)
    room.who.image_width = 1040  # now it is in the middle
    room.wait(lambda: abs(room.who.position[YAW]) < 0.05)
    room.who.face_x = 100
    room.wait(lambda: room.who.position[YAW] > 0.35)
    room.who.face_x = None
    room.wait(lambda: abs(room.who.position[YAW]) < 0.15)


def test_the_camera_tells_how_far_the_head_turns(room: Room) -> None:
    room.who.face_x = 520
    room.wait(lambda: room.who.position[YAW] < -0.3)
    info = CameraInfo(width=320, height=240)  # of half the size, with a long lens
    info.k[0] = 1000.0
    room.who.info.publish(info)
    room.wait(lambda: abs(room.who.position[YAW] + 0.1) < 0.05)


def test_an_emotion_alone_turns_the_head_where_the_camera_tells_its_size(room: Room) -> None:
    room.who.tells_one_face_only()
    room.who.face_x = 520
    room.breathes()
    assert room.who.position[YAW] > -0.2
    room.who.info.publish(CameraInfo(width=640, height=480))
    room.wait(lambda: room.who.position[YAW] < -0.3)


def test_the_head_does_not_turn_to_who_is_not_attended_to(room: Room) -> None:
    room.who.attended = ""
    room.who.face_x = 520
    room.breathes()
    assert room.who.position[YAW] > -0.2
    room.who.attended = "someone"
    room.wait(lambda: room.who.position[YAW] < -0.3)


def test_the_head_stays_with_the_face_during_a_motion(room: Room) -> None:
    room.who.face_x = 520
    room.wait(lambda: room.who.position[YAW] < -0.3)
    goal = room.play("raise")
    room.wait(lambda: room.who.position[ARM] > 0.5)
    assert room.who.position[YAW] < -0.25
    room.who.face_x = 120
    room.wait(lambda: goal.over)
    assert goal.result.success
    room.wait(lambda: room.who.position[YAW] > 0.25)


def test_a_stop_ends_the_goal_and_everything_else(room: Room) -> None:
    goal = room.play("raise")
    room.wait(lambda: room.who.position.get(ARM, 0.0) > 0.3)
    assert room.stop().startswith("stands still in 0.")
    room.wait(lambda: goal.over)
    assert goal.result.message == "stopped by ~/stop"
    room.wait(lambda: room.who.stands_still)
    held = dict(room.who.position)
    assert held[ARM] > 0.2
    room.who.face_x = 520
    room.wait(lambda: room.who.eyes[-1].g < 0.7 and room.who.eyes[-1].r == 1.0)  # amber
    room.falls_silent()
    assert room.who.position == held
    refused = room.play("rest")
    room.wait(lambda: refused.over)
    assert refused.result.message.startswith("stopped since ")
    assert "'robot release', or the service /sim_robot/release" in refused.result.message
    assert room.who.position == held
    room.release()
    rest = room.play("rest")
    room.wait(lambda: rest.over)
    assert rest.result.success and abs(room.who.position[ARM]) < 0.05
    room.wait(lambda: room.who.position[YAW] < -0.2)  # and it lives again


def test_a_stop_holds_beyond_the_end_of_the_program(room: Room) -> None:
    room.play("raise")
    room.wait(lambda: room.who.position.get(ARM, 0.0) > 0.3)
    room.stop()
    room.wait(lambda: room.who.stands_still)
    held = room.who.position[ARM]
    room.player.begin_stop()
    room.wait(room.player.is_stopped)
    room.falls_silent()
    assert room.who.position[ARM] == held


def test_a_behaviour_that_is_disabled_leaves_the_robot_alone(room: Room) -> None:
    room.breathes()
    room.who.face_x = 520
    room.who.behavior.publish(BehaviorState(state=BehaviorState.DISABLED))
    room.falls_silent()
    room.who.behavior.publish(BehaviorState(state=BehaviorState.IDLE))
    room.wait(lambda: room.who.position[YAW] < -0.2)


def test_who_is_noticed_gets_one_small_sign_and_a_blink_at_once(room: Room) -> None:
    room.is_calm()
    room.wait(lambda: room.who.eyes[-1].a == 1.0)
    told, shone = len(room.who.told), len(room.who.eyes)
    room.who.face_x = 320
    room.wait(lambda: room.who.position[ARM] > 0.05)
    room.wait(lambda: any(light.a < 0.5 for light in room.who.eyes[shone:]))
    room.falls_silent()
    assert abs(room.who.position[ARM]) < 0.01 and len(room.who.told) > told
    told = len(room.who.told)
    room.let_pass(AGAIN_S + 1.0)  # it is still seen, and shows the same
    assert len(room.who.told) == told
    room.who.label = Emotion.SURPRISED
    room.wait(lambda: room.who.position[ARM] > 0.05)
    assert max(room.who.position.values()) < 0.15


def test_an_emotion_alone_is_noticed_too(room: Room) -> None:
    room.who.tells_one_face_only()
    room.is_calm()
    room.who.face_x = 320
    room.wait(lambda: room.who.position[ARM] > 0.05)


def test_who_is_not_attended_to_gets_no_sign(room: Room) -> None:
    room.who.attended = ""
    room.is_calm()
    told = len(room.who.told)
    room.who.face_x = 320
    room.let_pass(1.0)
    assert len(room.who.told) == told


def test_the_sign_can_be_switched_off_while_the_robot_runs(room: Room) -> None:
    room.is_calm()
    assert room.set("first_contact", False).successful
    told, shone = len(room.who.told), len(room.who.eyes)
    room.who.face_x = 320
    room.let_pass(1.0)
    assert len(room.who.told) == told
    assert all(light.a == 1.0 for light in room.who.eyes[shone:])


def test_a_robot_that_disappears_is_taken_up_again_when_it_is_back(room: Room) -> None:
    room.wait(lambda: room.who.position)
    goal = room.play("raise")
    room.wait(lambda: room.who.position.get(ARM, 0.0) > 0.3)
    room.executor.remove_node(room.sim)
    room.wait(lambda: goal.over)
    assert "no joint states for 1." in goal.result.message
    room.wait(lambda: (room.who.eyes[-1].r, room.who.eyes[-1].b) == (1.0, pytest.approx(0.1)))
    again = room.play("raise")
    room.wait(lambda: again.over)
    assert "no joint states" in again.result.message
    room.executor.add_node(room.sim)
    room.wait(lambda: abs(room.who.position[ARM]) < 0.05)  # from where it was, to rest
    room.breathes()
    last = room.play("raise")
    room.wait(lambda: last.over)
    assert last.result.success


def test_joint_states_without_sense_move_nothing(room: Room) -> None:
    nonsense = JointState(
        name=["tail", ARM, YAW], position=[1.0, math.nan, math.inf], velocity=[0.0, 0.0, 0.0]
    )
    for _ in range(5):
        room.who.states.publish(nonsense)
    goal = room.play("raise")
    room.wait(lambda: goal.over)
    assert goal.result.success


def test_speed_and_idling_change_while_the_robot_runs(room: Room) -> None:
    room.breathes()
    assert room.set("idle", 0.0).successful
    room.falls_silent()
    assert abs(room.who.position[BREATH]) < 0.005

    def seconds() -> float:
        told = len(room.who.told)
        goal = room.play("raise")
        room.wait(lambda: goal.over and len(room.who.told) > told)
        stamp = room.who.told[told].points[-1].time_from_start
        return float(stamp.sec + stamp.nanosec * 1e-9)

    whole = seconds()
    room.falls_silent()
    assert room.set("speed_scale", 0.5).successful
    assert seconds() == pytest.approx(2.0 * whole, rel=0.02)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("speed_scale", "fast", "parameter 'speed_scale' is 'fast', expected a number"),
        ("speed_scale", 7.0, "out of range"),
        ("idle", -1.0, "out of range"),
        ("gaze", 3, "parameter 'gaze' is 3, expected true or false"),
        ("urdf", "/other.urdf", "cannot change while motion_player runs"),
    ],
)
def test_a_value_that_is_not_allowed_changes_nothing(
    room: Room, name: str, value: Any, complaint: str
) -> None:
    before = room.player.get_parameter(name).value
    result = room.set(name, value)
    assert not result.successful and complaint in result.reason
    assert room.player.get_parameter(name).value == before


def test_the_simulated_robot_wears_a_face_that_blinks(room: Room) -> None:
    arrays: list[MarkerArray] = []
    room.who.create_subscription(MarkerArray, "/sim_robot/markers", arrays.append, 10)
    for openness, seen in ((1.0, range(5, 10_000)), (0.0, range(1, 5)), (1.0, range(5, 10_000))):
        arrays.clear()

        def shows(openness: float = openness, seen: range = seen) -> bool:
            room.who.eyes_light.publish(ColorRGBA(r=1.0, g=0.5, b=0.0, a=openness))
            return any(round(100 * height_of_eyes(array)) in seen for array in arrays)

        room.wait(shows)


def height_of_eyes(array: MarkerArray) -> float:
    """Of what shines in our light above the middle of the face, m; 0 while none of it does."""
    (face,) = (marker for marker in array.markers if marker.ns == "face")
    lit = [
        point.z
        for point, colour in zip(face.points, face.colors, strict=True)
        if colour.r > 0.9 and colour.b < 0.1 and point.z > -0.02
    ]
    return max(lit) - min(lit) if lit else 0.0


def test_the_face_expresses_what_the_robot_is_about(room: Room) -> None:
    told: list[str] = []
    looks: list[PointStamped] = []
    room.who.create_subscription(
        String, "expression", lambda message: told.append(message.data), LATCHED
    )
    room.who.create_subscription(PointStamped, "look_at", looks.append, LATCHED)
    room.wait(lambda: told and told[-1] == NEUTRAL)
    room.who.face_x = 500  # to the robot's right
    room.wait(lambda: told[-1] == LISTENING and any(look.point.y < -0.05 for look in looks))
    room.who.behavior.publish(BehaviorState(state=BehaviorState.RESPONDING, emotion="sad"))
    room.wait(lambda: told[-1] == SAD)
    room.wait(lambda: abs(looks[-1].point.y) < 0.05)  # the head has turned there
    room.who.behavior.publish(BehaviorState(state=BehaviorState.DISABLED))
    room.wait(lambda: told[-1] == ASLEEP)
    room.call(Trigger, "/motion_player/stop", Trigger.Request())
    room.wait(lambda: told[-1] == HELD)


def test_the_eyes_blink_and_whoever_comes_late_sees_them(room: Room) -> None:
    room.wait(lambda: any(light.a < 0.5 for light in room.who.eyes))
    room.wait(lambda: room.who.eyes[-1].a == 1.0)
    assert all(0.0 <= light.a <= 1.0 for light in room.who.eyes)


def test_the_robot_keeps_pace_while_its_computer_is_busy() -> None:
    clock, seen = FakeClock(), list[JointState]()
    with spinning(
        Somebody, lambda: SimRobot(clock, parameter_overrides=overrides(urdf=str(URDF)))
    ) as (executor, (who, _)):
        assert isinstance(who, Somebody)
        who.create_subscription(JointState, "joint_states", seen.append, 10)
        commands = who.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        assert spin_until(executor, lambda: commands.get_subscription_count() == 2)
        point = JointTrajectoryPoint(positions=[1.0], time_from_start=Duration(sec=2))
        commands.publish(JointTrajectory(joint_names=[ARM], points=[point]))
        assert spin_until(executor, lambda: who.told)
        for seconds in [0.02] * 10 + [0.4] * 5:
            seen.clear()  # the first may have been on their way already
            clock.now += seconds
            assert spin_until(executor, lambda: len(seen) > 3)
        assert who.position[ARM] == pytest.approx(1.0, abs=0.02)
