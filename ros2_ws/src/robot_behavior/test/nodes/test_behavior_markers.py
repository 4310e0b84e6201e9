from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from visualization_msgs.msg import Marker

from fer_common.reason import Reason
from robot_behavior.dialogue.response import Activity, BehaviorStatus
from robot_behavior.nodes.markers import (
    FOREIGN,
    REASON_LINES,
    REASON_WIDTH,
    SPEECH_WIDTH,
    BehaviorMarkers,
)


def why(sentence):
    return Reason("why", sentence)


BOARD = BehaviorMarkers("base_link", 1.23)
STATUS = BehaviorStatus(
    Activity.RESPONDING, why("happy for 0.6 s"), "a", "happy", "arms_up", "Hello!"
)


def draw(status=STATUS, speech="Hello!"):
    markers = BOARD.draw(status, speech, Time(sec=3)).markers
    return {(marker.ns, marker.id): marker for marker in markers}


def text(markers, space):
    return markers[space, 0].text


def test_speech_state_and_reason_are_above_the_head():
    markers = draw()
    assert text(markers, "speech") == "Hello!"
    assert text(markers, "state") == "responding: arms_up"
    assert text(markers, "reason") == "happy for 0.6 s"
    for marker in markers.values():
        assert marker.action == Marker.ADD
        assert marker.header.frame_id == "base_link" and marker.header.stamp.sec == 3
        assert marker.pose.position.z > 1.23


def test_the_bubble_goes_when_nothing_is_said_and_the_account_stays():
    before, after = draw(), draw(speech=None)
    assert set(before) == set(after)
    gone = {key for key, marker in after.items() if marker.action == Marker.DELETE}
    assert gone == {("speech", 0), ("bubble", 0), ("bubble", 1), ("bubble", 2)}


def test_the_texts_do_not_cover_each_other():
    long = "a long sentence " * 12
    for speech in (None, "Hello!", long):
        markers = draw(BehaviorStatus(Activity.IDLE, why(long)), speech)
        bubble, reason, state = markers["bubble", 2], markers["reason", 0], markers["state", 0]
        top = bubble.pose.position.z + bubble.scale.z / 2 if speech else 1.23
        lines = reason.text.count("\n") + 1
        half = lines * 0.6 * reason.scale.z
        assert top < reason.pose.position.z - half
        assert reason.pose.position.z + half < state.pose.position.z - state.scale.z / 2


@pytest.mark.parametrize("words", ["one", "a few words", "many words " * 20])
def test_the_bubble_is_as_large_as_its_text(words):
    markers = draw(speech=words)
    rows = text(markers, "speech").split("\n")
    assert max(map(len, rows)) <= SPEECH_WIDTH
    bubble, letters = markers["bubble", 2].scale, markers["speech", 0].scale.z
    assert bubble.x == bubble.y > 0.47 * letters * max(map(len, rows))
    assert bubble.z > 1.2 * letters * len(rows)


def test_a_long_reason_is_wrapped_and_ends_somewhere():
    rows = text(draw(BehaviorStatus(Activity.IDLE, why("because " * 100))), "reason").split("\n")
    assert len(rows) == REASON_LINES and max(map(len, rows)) <= REASON_WIDTH
    assert rows[-1].endswith("...")


def test_a_chinese_sentence_is_told_about():
    rows = text(draw(speech="你好，很高兴见到你。"), "speech").split("\n")
    assert " ".join(rows) == FOREIGN


def test_a_reason_of_which_nothing_can_be_drawn_is_no_marker():
    assert draw(BehaviorStatus(Activity.IDLE, why("¿")))["reason", 0].action == Marker.DELETE


@pytest.mark.parametrize("activity", Activity)
def test_rviz_has_nothing_to_complain_about(activity):
    """It warns of a scale of zero, and of a turn that is none."""
    for marker in draw(BehaviorStatus(activity, why("why"))).values():
        assert marker.pose.orientation.w == 1.0
        assert marker.scale.z > 0 and marker.scale.x > 0
        assert marker.scale.y > 0 or marker.type == Marker.TEXT_VIEW_FACING
        assert marker.color.a > 0 and marker.lifetime.sec >= 1
