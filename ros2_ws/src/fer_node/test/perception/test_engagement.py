from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ec_rfernet.faces.head_pose import HeadAngles
from ec_rfernet.perceived import EngagementLevel
from fer_node.perception.engagement import EngagementSettings, EngagementTracker
from fer_node.perception.frame import RawFrame
from fer_node.perception.pipeline import Perception, PerceptionSettings
from fer_node.perception.tracker import Interval, Track
from fer_node.testing.fakes import FakeClassifier, FakeDetector, frontal_face, surely

UNKNOWN, DISENGAGED, ENGAGING, ENGAGED, DISENGAGING = EngagementLevel
STRAIGHT = HeadAngles(0.0, 0.0, 0.0)
WIDTH = 640


def turned(yaw=0.0, pitch=0.0, roll=0.0) -> HeadAngles:
    return HeadAngles(*map(math.radians, (yaw, pitch, roll)))


class Someone:
    """Looks for some seconds, ten images each."""

    def __init__(self, size: float = 100.0, **settings) -> None:
        self.tracker = EngagementTracker(EngagementSettings(**settings))
        self.now, self.size = 0.0, size

    def look(self, head: HeadAngles | None, seconds: float) -> EngagementLevel:
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            track = Track("anna", frontal_face(300, 200, self.size), 0.0, self.now)
            self.tracker.update(track, head, WIDTH, self.now)
        return self.tracker.level("anna")


def test_who_was_never_seen_is_unknown():
    assert EngagementTracker(EngagementSettings()).level("anna") is UNKNOWN


def test_who_looks_for_a_while_is_engaged_until_they_look_away_for_a_while():
    anna = Someone()
    assert anna.look(STRAIGHT, 0.3) is ENGAGING
    assert anna.look(STRAIGHT, 0.4) is ENGAGED
    assert anna.look(turned(yaw=70), 0.5) is DISENGAGING
    assert anna.tracker.preferred == {"anna"}
    assert anna.look(STRAIGHT, 0.1) is ENGAGED  # it was a glance
    assert anna.look(turned(yaw=70), 1.7) is DISENGAGED
    assert anna.tracker.preferred == frozenset()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (turned(yaw=20, pitch=-15, roll=40), ENGAGED),  # roughly at the camera
        (turned(yaw=-45), DISENGAGED),
        (turned(pitch=50), DISENGAGED),
        (turned(yaw=28, pitch=28), DISENGAGED),  # both together
        (None, DISENGAGED),
    ],
)
def test_who_faces_the_camera_roughly_looks_at_the_robot(head, expected):
    assert Someone().look(head, 2) is expected


def test_who_is_far_away_does_not_and_limits_are_wider_for_who_does():
    assert Someone(size=30).look(STRAIGHT, 2) is DISENGAGED
    anna = Someone(size=40)
    assert anna.look(STRAIGHT, 2) is ENGAGED
    anna.size = 33
    assert anna.look(turned(yaw=40), 3) is ENGAGED
    anna.size = 25
    assert anna.look(STRAIGHT, 3) is DISENGAGED


def test_who_is_gone_is_forgotten():
    anna = Someone()
    anna.look(STRAIGHT, 2)
    anna.tracker.forget(frozenset({"bert"}))
    assert anna.tracker.level("anna") is UNKNOWN and not anna.tracker.preferred


@pytest.mark.parametrize("prefer", [True, False])
def test_the_robot_attends_to_who_looks_at_it(prefer):
    """A large face that looks aside, and a smaller one that looks at the robot."""
    faces = [frontal_face(150, 200, 200, turn=0.9), frontal_face(480, 200, 90)]
    settings = PerceptionSettings(
        interval=Interval(detect_every_s=0.0), engagement=EngagementSettings(prefer_engaged=prefer)
    )
    eyes = Perception(FakeDetector(lambda image: faces), FakeClassifier(surely("happy")), settings)
    frame = RawFrame(np.zeros((480, 640, 3), np.uint8))
    for step in range(20):
        perceived = eyes.process(frame, step / 10)
    aside, looking = perceived.estimates
    assert (aside.engagement, looking.engagement) == (DISENGAGED, ENGAGED)
    assert abs(aside.head.yaw) > 0.6 > abs(looking.head.yaw)
    assert perceived.attended == (looking if prefer else aside).face_id


def test_other_limits_hold_from_the_next_image_on_and_nobody_is_forgotten():
    detector = FakeDetector(lambda _image: [frontal_face(300, 200, 100)])
    settings = PerceptionSettings()
    perception = Perception(detector, FakeClassifier(surely("happy")), settings)
    picture = RawFrame(np.zeros((480, 640, 3), np.uint8))
    for tenth in range(12):
        before = perception.process(picture, tenth / 10).estimates[0]
    assert before.engagement is ENGAGED
    far = replace(settings.engagement, engage_near=0.9, disengage_after_s=0.0)
    perception.adjust(replace(settings, engagement=far))
    after = perception.process(picture, 1.2).estimates[0]
    assert (after.face_id, after.engagement) == (before.face_id, DISENGAGED)
