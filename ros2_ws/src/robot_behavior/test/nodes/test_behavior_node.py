"""The node over real DDS, with mock action servers and a mock person."""

from __future__ import annotations

from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from ec_rfernet.labels import CONTEMPT, LABELS  # noqa: E402
from fer_common.qos import EVENTS  # noqa: E402
from fer_common.runner import GRACE_S  # noqa: E402
from fer_common.testing import spin_until, spinning  # noqa: E402
from robot_behavior.dialogue import behaviors  # noqa: E402
from robot_behavior.nodes.behavior_node import OPERATOR  # noqa: E402
from robot_behavior.testing.mocks import MockPerson  # noqa: E402
from robot_behavior.testing.world import make_node, world  # noqa: E402

# A server that is taken away while it works leaves this behind; it is no fault.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'ActionServer:RuntimeWarning")

Files = tuple[Path, Path]
NOTICE = "notice: {motion: greet, say: A camera looks at you., priority: 200}\n"


def test_an_emotion_becomes_a_gesture_and_a_sentence(files: Files) -> None:
    with world(files) as scene:
        began = scene.clock.now
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.goals and scene.say.goals)
        assert 0.3 <= scene.motion.goals[0].came - began < 2.0
        (motion,), (sentence,) = scene.motion.goals, scene.say.goals
        assert (motion.text, motion.priority) == ("nod", 120)
        assert sentence.text in ("You look happy!", "What a smile!")
        assert (sentence.priority, sentence.locale) == (120, "en-GB")
        answering = scene.until_state("responding")
        assert (answering.face_id, answering.emotion, answering.motion, answering.speech) == (
            "somebody",
            "happy",
            "nod",
            sentence.text,
        )
        assert answering.reason.startswith("happy has lasted 0.")
        assert "cool-down of 0.8 s" in scene.until_state("cooldown").reason
        order = [state.state for state in scene.person.states]
        assert order.index("idle") < order.index("attending") < order.index("responding")


def test_the_topic_emotion_alone_is_enough(files: Files) -> None:
    with world(files, forget_after_s=0.5) as scene:
        # As in: ros2 topic pub /emotion ... "{label: happy}"
        scene.person.face_id, scene.person.labels = "", ()
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.goals)
        scene.person.label = ""
        assert scene.until_state("idle").reason == "nobody is in view"


def test_an_empty_view_ends_the_attention_at_once(files: Files) -> None:
    with world(files, forget_after_s=60.0) as scene:
        scene.person.label = "neutral"
        scene.until_state("attending")
        scene.person.leave()
        scene.until_state("idle")


def test_what_is_unclear_is_not_answered(files: Files) -> None:
    with world(files) as scene:
        scene.person.label = "unknown"
        scene.wait_until(lambda: scene.person.seen.reason == "the expression is unknown")
        scene.go_on(0.7)
        assert scene.motion.goals == []


EIGHT = (*LABELS, CONTEMPT)
NOT_FITTING = "contempt, which have no behaviour: they are not answered"


@pytest.mark.parametrize("labels", [EIGHT, ()])
def test_a_label_without_a_behaviour_is_not_answered_and_the_state_says_so(
    files: Files, labels: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    with world(files) as scene:
        scene.person.labels, scene.person.label = labels, CONTEMPT
        scene.wait_until(lambda: scene.person.seen.reason == "no answer is set for contempt")
        assert scene.person.seen.emotion == CONTEMPT
        scene.go_on(0.7)
        assert scene.motion.goals == []
    assert capfd.readouterr().err.count(NOT_FITTING) == (1 if labels else 0)


def test_a_behaviour_for_a_label_of_another_model_is_carried_out(files: Files) -> None:
    files[0].write_text(files[0].read_text().replace("happy:", "contempt:"))
    with world(files) as scene:
        scene.person.labels, scene.person.label = EIGHT, CONTEMPT
        scene.wait_until(lambda: scene.motion.goals)
        assert scene.person.seen.emotion == CONTEMPT


def test_a_behaviour_whose_label_the_model_does_not_tell_is_told_once(
    files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    files[0].write_text(files[0].read_text().replace("happy:", "surprise:"))
    with world(files) as scene:
        scene.person.label = "scared"
        scene.wait_until(lambda: scene.motion.goals)
    told = capfd.readouterr().err
    assert told.count("the behaviours answer surprise, which the model does not tell") == 1
    assert "(did you mean surprised?)" in told


def test_a_slip_of_the_pen_is_told_with_the_nearest_label(
    files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    with world(files) as scene:
        scene.person.labels, scene.person.label = (), "hapy"
        scene.wait_until(lambda: scene.person.seen.reason == "no answer is set for hapy")
    assert "label 'hapy' is not known, expected one of angry" in capfd.readouterr().err


def test_the_voice_is_told_how_a_sentence_sounds(files: Files) -> None:
    files[0].write_text(files[0].read_text().replace("[You look happy!, What a smile!]", "happy"))
    with world(files) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.say.goals)
        (sentence,) = scene.say.goals
        assert "<" not in sentence.text
        assert sentence.prosody.rate == pytest.approx(1.1)
        assert (sentence.prosody.pitch_st, sentence.prosody.volume_db) == (2.0, 1.0)


def test_cooldown_and_no_repetition(files: Files) -> None:
    with world(files, motion={"duration_s": 0.05}, say={"duration_s": 0.4}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: len(scene.motion.goals) == 3)
        # Twice 0.4 s of speech, and twice a cool-down of 0.8 s from its end.
        first, *_, last = (goal.came for goal in scene.motion.goals)
        assert last - first >= 2 * (0.4 + 0.8) - 0.1
        first, second = scene.say.texts  # then all has been said about this smile
        assert first != second


def test_a_higher_priority_interrupts(files: Files) -> None:
    with world(files, motion={"duration_s": 0.9}, say={"duration_s": 0.9}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.running and scene.say.running)
        scene.person.label = "scared"
        scene.wait_until(lambda: len(scene.motion.goals) == 2)
        assert scene.motion.texts == ["nod", "palms"]
        assert scene.motion.goals[0].outcome == "canceled"
        assert scene.say.goals[0].outcome == "canceled"
        scene.wait_until(lambda: "outranks happy, 160 over 120" in scene.person.seen.reason)


def test_a_lower_priority_waits_for_the_end(files: Files) -> None:
    with world(files, motion={"duration_s": 0.9}, say={"duration_s": 0.1}) as scene:
        scene.person.label = "scared"
        scene.wait_until(lambda: scene.motion.running)
        scene.person.label = "happy"
        scene.wait_until(lambda: "happy waits: its priority 120" in scene.person.seen.reason)
        scene.wait_until(lambda: len(scene.motion.goals) == 2)
        assert scene.motion.goals[0].outcome == "succeeded"


def test_the_notice_is_given_once(files: Files) -> None:
    files[0].write_text(files[0].read_text() + NOTICE)
    with world(files) as scene:
        scene.person.label = "unknown"
        scene.wait_until(lambda: scene.say.texts == ["A camera looks at you."])
        scene.person.leave()
        scene.person.face_id = "bert"
        scene.person.label = "happy"
        scene.wait_until(lambda: len(scene.say.goals) == len(scene.motion.goals) == 2)
        assert scene.motion.texts == ["greet", "nod"]


def test_the_notice_is_repeated_until_it_was_heard(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviors, "NOTICE_RETRY_S", 0.3)
    files[0].write_text(files[0].read_text() + NOTICE)
    with world(files, say={"mode": "abort"}) as scene:
        scene.person.label = "unknown"
        scene.wait_until(lambda: len(scene.say.goals) == 2)
        scene.say.mode = "succeed"
        scene.wait_until(lambda: scene.say.goals[-1].outcome == "succeeded")
        assert set(scene.say.texts) == {"A camera looks at you."}
        said, moved = len(scene.say.goals), len(scene.motion.goals)
        scene.go_on(0.7)
        assert (len(scene.say.goals), len(scene.motion.goals)) == (said, moved)


def test_the_notice_can_be_switched_off(files: Files) -> None:
    files[0].write_text(files[0].read_text() + NOTICE)
    with world(files, notice=False, locale="de") as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.say.goals and scene.motion.goals)
        assert scene.motion.texts == ["nod"]
        assert scene.say.goals[0].locale == "de"


def test_switching_off_rests_and_switching_on_goes_on(files: Files) -> None:
    with world(files, motion={"duration_s": 0.5}, say={"mode": "never"}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.running and scene.say.running)
        assert scene.enable(False).success
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest"])
        assert (scene.motion.goals[0].outcome, scene.motion.goals[1].priority) == ("canceled", 255)
        assert scene.say.goals[0].outcome == "canceled"
        assert scene.until_state("disabled").reason.startswith("switched off by ~/enable")
        scene.person.label = "scared"
        scene.go_on(0.7)
        assert len(scene.motion.goals) == 2
        assert scene.enable(True).message == "responds"
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest", "palms"])


def test_stop_cancels_everything_and_rests(files: Files) -> None:
    with world(files, motion={"duration_s": 0.8}, say={"duration_s": 0.8}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.running and scene.say.running)
        scene.person.label = ""
        answer = scene.stop()
        assert (answer.success, answer.message) == (True, "going to rest")
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest"])
        scene.wait_until(lambda: scene.motion.goals[1].outcome == "succeeded")
        assert scene.motion.goals[0].outcome == "canceled"
        assert scene.say.goals[0].outcome == "canceled"


def test_a_stop_before_the_goal_is_accepted_is_not_lost(files: Files) -> None:
    with world(files, motion={"mode": "never", "answer_after_s": 0.5}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.goals)
        scene.stop()
        scene.person.label = ""
        assert scene.motion.goals[0].outcome == "rejected"  # that is: not accepted yet
        scene.wait_until(lambda: scene.motion.goals[0].outcome == "canceled")
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest"])


@pytest.mark.parametrize(("mode", "motions"), [("reject", ["palms"]), ("abort", ["palms", "rest"])])
def test_a_failing_motion_leaves_the_sentence_alone(
    files: Files, mode: str, motions: list[str]
) -> None:
    with world(files, motion={"mode": mode}) as scene:
        scene.person.label = "scared"
        scene.wait_until(lambda: scene.say.goals and scene.say.goals[0].outcome == "succeeded")
        cooling = scene.until_state("cooldown")
        assert "scared again, but tried" in cooling.reason
        assert "(play_motion " in cooling.reason
        assert scene.motion.texts == motions


@pytest.mark.parametrize("mode", ["never", "stubborn"])
def test_a_goal_that_never_ends_does_not_block_the_robot(files: Files, mode: str) -> None:
    with world(files, say={"mode": mode}) as scene:
        scene.person.label = "scared"
        scene.wait_until(lambda: scene.say.goals)
        scene.wait_until(lambda: "it took longer than 1.5 s" in scene.person.seen.reason)
        scene.say.mode = "succeed"
        scene.person.label = "happy"
        scene.wait_until(lambda: len(scene.say.goals) == 2)
        scene.say.most_at_once = 1  # a stubborn server lets them overlap, whoever asks


def test_a_server_dies_and_comes_back(files: Files) -> None:
    with world(files, motion={"mode": "never"}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.running)
        scene.executor.remove_node(scene.motion)
        scene.motion.destroy_node()
        scene.wait_until(lambda: "play_motion disappeared during 'nod'" in scene.person.seen.reason)
        scene.wait_until(lambda: "waits a moment for play_motion" in scene.person.seen.reason)
        scene.wait_until(lambda: len(scene.say.goals) == 2)
        scene.wait_until(lambda: "play_motion is not available" in scene.person.seen.reason)
        assert scene.person.seen.motion == ""
        scene.replace_motion_server()
        scene.wait_until(lambda: scene.motion.goals)


def test_without_any_server_it_says_so(files: Files) -> None:
    with spinning(lambda: make_node(files), MockPerson) as (executor, (node, person)):
        node.trigger_configure()
        node.trigger_activate()
        person.label = "happy"
        missing = "neither play_motion nor say is available"
        assert spin_until(executor, lambda: missing in person.seen.reason)
        assert person.seen.state == "attending"
        node.begin_stop()
        assert spin_until(executor, node.is_stopped)


def test_whoever_comes_late_gets_the_state(files: Files) -> None:
    with world(files) as scene:
        late = MockPerson()
        scene.executor.add_node(late)
        assert spin_until(scene.executor, lambda: late.seen.state == "idle")
        late.destroy_node()


def test_the_state_is_no_flood(files: Files) -> None:
    with world(files) as scene:
        before = len(scene.person.states)
        scene.person.label = "neutral"
        scene.wait_until(lambda: scene.motion.goals)  # after 2.5 s
        assert len(scene.person.states) - before <= 9


def test_deactivation_rests_and_activation_goes_on(files: Files) -> None:
    with world(files, motion={"duration_s": 0.5}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.running)
        assert scene.node.trigger_deactivate() is TransitionCallbackReturn.SUCCESS
        assert scene.node.trigger_cleanup() is TransitionCallbackReturn.SUCCESS
        scene.wait_until(lambda: scene.motion.texts == ["nod", "rest"])
        assert scene.until_state("disabled").reason.startswith("not active")
        assert scene.stop().success  # in any state; the robot is on its way to rest already
        assert scene.motion.texts == ["nod", "rest"]
        assert scene.enable(True).message == "will respond once the node is active"
        scene.wait_until(scene.node.is_stopped)
        scene.node.trigger_configure()
        scene.node.trigger_activate()
        scene.wait_until(lambda: len(scene.motion.goals) == 3)


def test_switched_off_before_it_is_active(files: Files) -> None:
    with world(files) as scene:
        scene.node.trigger_deactivate()
        scene.enable(False)
        scene.node.trigger_activate()
        scene.wait_until(lambda: scene.person.seen.reason == "switched off by ~/enable")


def test_the_end_of_the_program_rests_first(files: Files) -> None:
    with world(files, motion={"duration_s": 0.5}) as scene:
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.motion.running)
        scene.node.begin_stop()
        assert not scene.node.is_stopped()
        began = scene.clock.now
        scene.wait_until(scene.node.is_stopped)
        assert scene.clock.now - began < GRACE_S
        assert scene.motion.texts == ["nod", "rest"]
        assert scene.motion.goals[1].outcome == "succeeded"


def test_the_behaviours_wait_while_an_operator_commands_the_robot(files: Files) -> None:
    with world(files) as scene:
        operator = scene.person.create_publisher(String, OPERATOR, EVENTS)
        scene.wait_until(operator.get_subscription_count)
        scene.person.label = "happy"
        scene.until_state("responding")
        operator.publish(String(data="the operator has taken over"))
        assert scene.until_state("disabled").reason.startswith("the operator has taken over")
        scene.wait_until(lambda: [g.text for g in scene.motion.goals][-1] == "rest")
        operator.publish(String(data=""))  # is given back
        scene.wait_until(lambda: scene.person.seen.state != "disabled")
        operator.publish(String(data="the operator has taken over"))
        scene.until_state("disabled")
        # Who falls silent commands no longer; and ~/enable still has its say.
        scene.wait_until(lambda: scene.person.seen.state != "disabled")
        scene.enable(False)
        assert scene.until_state("disabled").reason.startswith("switched off")
        operator.publish(String(data=""))
        scene.go_on(1.0)
        assert scene.person.seen.state == "disabled"


def set_parameter(scene, **values):
    found = [Parameter(name, value=value) for name, value in values.items()]
    return scene.node.set_parameters_atomically(found)


def test_an_operator_who_is_gone_leaves_no_behaviours_behind(files: Files, tmp_path) -> None:
    others = tmp_path / "others.yaml"
    others.write_text(files[0].read_text(encoding="utf-8"), encoding="utf-8")

    def file(scene) -> Path:
        return Path(scene.node.get_parameter("behaviors_file").value)

    with world(files) as scene:
        own = file(scene)
        operator = scene.person.create_publisher(String, OPERATOR, EVENTS)
        scene.wait_until(operator.get_subscription_count)
        operator.publish(String(data="the operator has taken over"))
        scene.until_state("disabled")
        assert set_parameter(scene, behaviors_file=str(others)).successful
        assert file(scene) == others != own
        scene.wait_until(lambda: file(scene) == own)  # the operator fell silent
        assert set_parameter(scene, behaviors_file=str(others)).successful
        scene.go_on(4.0)
        assert file(scene) == others, "nobody commands it: the change stays"


def test_behaviours_are_read_again_while_it_runs_and_the_old_ones_stay_when_they_are_bad(
    files: Files,
) -> None:
    with world(files) as scene:
        good = files[0].read_text(encoding="utf-8")
        files[0].write_text(good.replace("motion: nod", "motion: nodd"), encoding="utf-8")
        refused = set_parameter(scene, behaviors_file=str(files[0]))
        assert not refused.successful and "nodd" in refused.reason
        changed = good.replace("You look happy!", "Hooray!").replace("What a smile!", "Hooray!!")
        files[0].write_text(changed, encoding="utf-8")
        assert set_parameter(scene, behaviors_file=str(files[0])).successful
        scene.person.label = "happy"
        scene.wait_until(lambda: scene.say.goals)
        assert scene.say.goals[0].text.startswith("Hooray!")
