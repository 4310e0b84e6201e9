"""Slow, failing and dying servers, a stop from any state, perception that falls silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from fer_interfaces.action import PlayMotion  # noqa: E402
from fer_interfaces.msg import Supervision  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402

from fer_common.qos import LATCHED  # noqa: E402
from robot_behavior.testing.world import BehaviorWorld, inactive_world, world  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'ActionServer:RuntimeWarning")

Files = tuple[Path, Path]


def start_answering(scene: BehaviorWorld) -> None:
    scene.person.label = "happy"
    scene.wait_until(lambda: scene.motion.running and scene.say.running)


def test_gesture_and_sentence_start_in_the_same_moment(files: Files) -> None:
    with world(files) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.goals or scene.say.goals)
        with scene.at_once():  # the other one comes
            scene.wait_until(lambda: scene.motion.running and scene.say.running)


def test_the_response_lasts_as_long_as_the_longer_of_the_two(files: Files) -> None:
    with world(files, motion={"duration_s": 0.1}, say={"duration_s": 0.8}) as scene:
        start_answering(scene)
        scene.wait_until(lambda: scene.motion.goals[0].outcome == "succeeded")
        scene.go_on(0.3)
        assert scene.person.seen.state == "responding"
        scene.until_state("cooldown")
        assert scene.say.goals[0].outcome == "succeeded"


def test_an_interruption_stops_gesture_and_sentence_together(files: Files) -> None:
    with world(files, motion={"mode": "never"}, say={"mode": "never"}) as scene:
        start_answering(scene)
        goals = (scene.motion.goals[0], scene.say.goals[0])
        scene.person.label = "scared"
        scene.wait_until(lambda: any(goal.outcome == "canceled" for goal in goals))
        with scene.at_once():
            scene.wait_until(lambda: all(goal.outcome == "canceled" for goal in goals))
        scene.wait_until(lambda: len(scene.motion.goals) == len(scene.say.goals) == 2)
        assert scene.motion.goals[1].came >= max(goal.ended for goal in goals)


@pytest.mark.parametrize("answering", [False, True])
def test_a_stop_takes_effect_at_once(files: Files, answering: bool) -> None:
    with world(files, motion={"mode": "never"}, say={"mode": "never"}) as scene:
        if answering:
            start_answering(scene)
        scene.person.label = ""
        with scene.at_once():
            assert scene.stop().success
            scene.wait_until(lambda: scene.motion.texts[-1:] == ["rest"])
        for goal in (*scene.motion.goals[:-1], *scene.say.goals):
            assert goal.outcome == "canceled"


def test_a_stop_also_ends_what_others_have_asked_for(files: Files) -> None:
    with world(files, motion={"mode": "never"}) as scene:
        other = ActionClient(scene.person, PlayMotion, "play_motion")
        scene.wait_until(other.server_is_ready)
        other.send_goal_async(PlayMotion.Goal(motion="dance", priority=255))
        scene.wait_until(lambda: scene.motion.running)
        scene.motion.mode = "succeed"
        scene.stop()
        scene.wait_until(lambda: scene.motion.texts == ["dance", "rest"])
        scene.wait_until(lambda: scene.motion.goals[1].outcome == "succeeded")
        assert scene.motion.goals[0].outcome == "canceled"
        scene.motion.most_at_once = 1  # until its cancellation the other one's goal goes on
        other.destroy()


def test_a_stop_before_the_node_is_configured_rests(files: Files) -> None:
    with inactive_world(files) as scene:
        # Until the server has been found there is nobody who could be told to rest.
        scene.wait_until(lambda: scene.stop().success and scene.motion.texts == ["rest"])


@pytest.mark.parametrize("slow", [{"answer_after_s": 0.4}, {"mode": "mute"}])
def test_a_slow_server_delays_neither_speech_nor_stop(files: Files, slow: dict[str, Any]) -> None:
    with world(files, motion=slow) as scene:
        scene.person.label = "scared"
        scene.wait_until(lambda: scene.motion.goals and scene.say.running)
        scene.person.label = ""
        scene.stop()
        scene.wait_until(lambda: scene.say.goals[0].outcome == "canceled")
        if "mode" in slow:
            scene.until_state("idle")  # it is given up, and rest, too
        else:
            scene.wait_until(lambda: scene.motion.texts == ["palms", "rest"])
            scene.wait_until(lambda: scene.motion.goals[0].outcome == "canceled")
            scene.wait_until(lambda: scene.motion.goals[1].outcome == "succeeded")


def test_failing_motions_do_not_go_on_and_on(files: Files) -> None:
    with world(files, motion={"mode": "abort"}) as scene:
        scene.person.label = "happy"  # cool-down of 0.8 s
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest"])
        scene.wait_until(lambda: len(scene.say.goals) == 2)
        scene.wait_until(lambda: "without a gesture: play_motion did" in scene.person.seen.reason)
        scene.go_on(1.0)
        assert scene.motion.texts == ["nod", "rest"]


def test_a_server_that_dies_midway_is_missed_and_then_done_without(files: Files) -> None:
    with world(files, motion={"mode": "die", "duration_s": 0.2}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: "play_motion disappeared during 'nod'" in scene.person.seen.reason)
        scene.wait_until(lambda: len(scene.say.goals) == 2)
        assert scene.motion.goals[0].outcome == "lost"


def test_silent_perception_brings_the_robot_to_rest(files: Files) -> None:
    with world(files, motion={"duration_s": 1.4}, perception_timeout_s=0.6) as scene:
        scene.person.size = 0.1  # publishes emotions, too
        start_answering(scene)
        scene.executor.remove_node(scene.person)  # the camera's cable is pulled
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest"])
        scene.executor.add_node(scene.person)
        scene.person.label, scene.person.size = "", 0.0
        assert scene.motion.goals[0].outcome == "canceled"
        reason = "perception is silent for 1 s: is fer_node running?"
        scene.wait_until(lambda: any(s.reason == reason for s in scene.person.states))
        state = next(s for s in scene.person.states if s.reason == reason)
        assert state.state == "idle"


def test_who_is_missing_brings_the_robot_to_rest_until_it_is_back(files: Files) -> None:
    with world(files, motion={"duration_s": 1.4}) as scene:
        publisher = scene.person.create_publisher(Supervision, "supervision", LATCHED)
        publisher.publish(Supervision())
        start_answering(scene)
        publisher.publish(Supervision(rests_without=["fer_node"]))
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest"])
        scene.wait_until(lambda: scene.person.seen.state == "idle")
        assert scene.person.seen.reason == "fer_node is missing"
        publisher.publish(Supervision(goes_on_without=["camera_node", "viewer_node"]))
        seen = scene.person
        scene.wait_until(lambda: (seen.seen.state, seen.seen.motion) == ("responding", "nod"))
        assert "camera_node and viewer_node are missing" in scene.person.seen.reason


def test_what_a_supervisor_has_told_ends_with_it(files: Files) -> None:
    with world(files) as scene:
        publisher = scene.person.create_publisher(Supervision, "supervision", LATCHED)
        publisher.publish(Supervision(rests_without=["motion_player"]))
        scene.wait_until(lambda: scene.person.seen.reason == "motion_player is missing")
        scene.wait_until(lambda: "the supervisor is missing" in scene.person.seen.reason)
        start_answering(scene)


def test_a_robot_driven_by_hand_is_not_watched(files: Files) -> None:
    with world(files, motion={"duration_s": 1.2}, perception_timeout_s=0.5) as scene:
        start_answering(scene)
        scene.person.label = ""
        scene.wait_until(lambda: scene.motion.goals[0].outcome == "succeeded")
        assert scene.motion.texts == ["nod"]


GREETINGS = """
engagement:
  {near: 0.12, far: 0.08, dwell_s: 0.3, leave_s: 0.4,
   greeting: {cooldown_s: 1, priority: 180, variants: [{motion: greet, say: Hello.}]},
   farewell: {cooldown_s: 1, priority: 170, variants: [{motion: greet, say: Goodbye.}]}}
"""


def test_who_comes_near_is_greeted_and_who_leaves_gets_a_farewell(files: Files) -> None:
    files[0].write_text(files[0].read_text() + GREETINGS)
    with world(files) as scene:
        scene.person.label, scene.person.size = "unknown", 0.05
        scene.go_on(0.6)
        assert scene.say.texts == []
        scene.person.size = 0.2
        scene.wait_until(lambda: scene.say.texts == ["Hello."])
        assert "somebody has been near for" in scene.until_state("responding").reason
        scene.go_on(0.8)
        scene.person.label = ""
        scene.wait_until(lambda: scene.say.texts == ["Hello.", "Goodbye."])
        scene.wait_until(lambda: scene.motion.texts == ["greet", "greet"])


def test_greetings_can_be_switched_off(files: Files) -> None:
    files[0].write_text(files[0].read_text() + GREETINGS)
    with world(files, greet=False) as scene:
        scene.person.label, scene.person.size = "unknown", 0.2
        scene.go_on(1.0)
        assert scene.say.texts == []
