"""What the viewer shows of what happens."""

from dataclasses import replace
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

from ec_rfernet.labels import LABELS
from fer_common.emotions import SeenFace, SeenImage
from fer_monitor.viewer import rows as entities
from fer_monitor.viewer.observer import CURVES_S, LOST_S, PAGE_S, Observer
from fer_monitor.viewer.rows import (
    Cleared,
    Curve,
    CurvePoint,
    FaceFrames,
    LogLine,
    Row,
    SpeechBubble,
    TextPage,
)
from fer_monitor.viewer.scene import Figure
from robot_behavior.body.urdf import load

HAPPY = (0.01, 0.01, 0.01, 0.91, 0.02, 0.02, 0.02)
ANNA = SeenFace("anna", "happy", 0.91, LABELS, HAPPY, 0.8, 0.5, (100, 50, 80, 90))
BEN = SeenFace("ben", "unknown", 0.3, LABELS, (1 / 7,) * 7, 0.0, 0.0, (300, 60, 40, 40))


def image(*faces: SeenFace, attended: str = "") -> SeenImage:
    return SeenImage(0, 640, LABELS, attended, faces)


class World:
    def __init__(self) -> None:
        share = Path(get_package_share_directory("fer_bringup"))
        self.now = 100.0
        self.observer = Observer(lambda: self.now, Figure(load(share / "urdf" / "humanoid.urdf")))

    def page(self) -> str:
        self.now += PAGE_S
        return next(row.text for row in self.observer.tick() if isinstance(row, TextPage))


@pytest.fixture
def world() -> World:
    return World()


def numbers(rows: list[Row]) -> dict[str, float]:
    return {row.path: row.value for row in rows if isinstance(row, CurvePoint)}


def texts(rows: list[Row]) -> list[str]:
    return [row.text for row in rows if isinstance(row, LogLine)]


def test_the_probabilities_and_the_mood_become_curves(world: World) -> None:
    shown = numbers(world.observer.expression(ANNA))
    assert shown == {
        **{f"expression/{label}": value for label, value in zip(LABELS, HAPPY, strict=True)},
        "mood/valence": 0.8,
        "mood/arousal": 0.5,
    }


def test_each_label_of_the_model_has_a_curve_of_its_own_colour(world: World) -> None:
    eight = (*LABELS, "contempt")
    proud = replace(ANNA, labels=(*eight, "very proud"), probabilities=(*HAPPY, 0.0, 0.0))
    rows = world.observer.expression(proud)
    curves = [row for row in rows if isinstance(row, Curve)]
    assert [curve.name for curve in curves] == [*eight, "very proud"]
    assert curves[-1].path == "expression/very_proud"
    assert len({curve.colour for curve in curves}) == 9
    for curve in curves:  # before the first point on it
        assert rows.index(curve) < rows.index(CurvePoint(curve.path, numbers(rows)[curve.path]))
    world.now += CURVES_S
    assert not any(isinstance(row, Curve) for row in world.observer.expression(proud))


def test_a_label_without_probabilities_has_a_curve_too(world: World) -> None:
    """What ``ros2 topic pub /emotion`` says."""
    by_hand = replace(ANNA, label="happy", confidence=0.7, labels=(), probabilities=())
    assert numbers(world.observer.expression(by_hand))["expression/happy"] == 0.7


def test_curves_have_no_more_points_than_can_be_seen(world: World) -> None:
    points = 0
    for _ in range(100):
        points += bool(world.observer.expression(ANNA))
        world.now += 0.01
    assert points == pytest.approx(1.0 / CURVES_S, abs=1)


def test_a_curve_is_interrupted_while_nobody_is_attended_to(world: World) -> None:
    world.observer.expression(ANNA)
    assert not any(isinstance(row, Cleared) for row in world.observer.tick())
    world.now += LOST_S + 0.1
    gaps = {row.path for row in world.observer.tick() if isinstance(row, Cleared)}
    assert gaps == {f"expression/{label}" for label in LABELS} | {"mood/valence", "mood/arousal"}
    world.now += 1.0
    assert not any(isinstance(row, Cleared) for row in world.observer.tick())


def test_a_late_image_shows_even_between_two_points(world: World) -> None:
    for latency in (0.01, 0.2, 0.01):  # the second is not due
        rows = world.observer.seen(image(), latency)
        world.now += 0.6 * CURVES_S
    assert numbers(rows)[entities.LARGEST.path] == pytest.approx(200.0)
    assert numbers(rows)[entities.MEDIAN.path] == pytest.approx(10.0)


def test_the_rate_is_that_of_the_images(world: World) -> None:
    rates = []
    for _ in range(90):
        rows = world.observer.seen(image(), 0.01)
        rates += [value for path, value in numbers(rows).items() if path == entities.IMAGES.path]
        world.now += 1 / 30
    assert rates[-1] == pytest.approx(30.0, rel=0.05)
    assert max(rates) < 35  # also at the beginning


def test_each_face_has_its_rectangle(world: World) -> None:
    world.observer.seen(image(ANNA, BEN, attended="anna"), 0.01)
    row = world.observer.frames(shrink=2)
    assert isinstance(row, FaceFrames)
    anna, ben = row.frames
    assert anna.box == (50.0, 25.0, 40.0, 45.0)
    assert "happy 91%" in anna.text and "anna" in anna.text and anna.strong
    assert "unknown" in ben.text and "%" not in ben.text and not ben.strong
    assert anna.colour != ben.colour


def test_rectangles_vanish_when_perception_stops(world: World) -> None:
    world.observer.seen(image(ANNA), 0.01)
    assert not any(isinstance(row, FaceFrames) for row in world.observer.tick())
    world.now += 5.0
    assert FaceFrames(entities.FACES, ()) in world.observer.tick()


def test_the_log_tells_changes_of_behaviour_and_why(world: World) -> None:
    observer = world.observer
    assert texts(observer.behaviour("idle", "", "", "nobody is in view")) == [
        "idle: nobody is in view"
    ]
    assert observer.behaviour("idle", "", "", "nobody is in view, still") == []
    lines = texts(observer.behaviour("responding", "happy", "nod", "happy has lasted 0.8 s"))
    assert lines == ["responding to happy (nod): happy has lasted 0.8 s"]


def test_what_is_said_is_in_the_log_and_in_a_bubble(world: World) -> None:
    rows = world.observer.said("Hello!")
    assert texts(rows) == ["“Hello!”"]
    assert any(isinstance(row, SpeechBubble) and row.text == "Hello!" for row in rows)
    assert "Hello!" in world.page()
    assert texts(world.observer.said("")) == []
    assert "Hello!" not in world.page()


def test_complaints_are_told_once_and_their_end_too(world: World) -> None:
    tell = world.observer.health
    assert tell("fer_node", 0, "30.0 images/s") == []
    (line,) = tell("fer_node", 1, "no images for 3 s")
    assert line == LogLine(entities.HEALTH, "fer_node: no images for 3 s", "WARN")
    assert tell("fer_node", 1, "no images for 4 s") == []
    assert "no images for 4 s" in world.page()
    (line,) = tell("fer_node", 2, "the model is damaged")
    assert isinstance(line, LogLine) and line.level == "ERROR"
    assert texts(tell("fer_node", 0, "30.0 images/s")) == [
        "fer_node: in order again: 30.0 images/s"
    ]
    assert tell("fer_node", 0, "29.0 images/s") == []


def test_the_present_is_told_in_words(world: World) -> None:
    assert "no emotions come" in world.page()
    world.observer.seen(image(), 0.01)
    assert world.page().startswith("# nobody")
    world.observer.seen(image(ANNA), 0.012)
    assert "not attended to yet" in world.page()
    world.observer.expression(ANNA)
    world.observer.behaviour("attending", "happy", "", "happy for 0.1 s of 0.8 s")
    text = world.page()
    assert text.startswith("# happy 91%") and "attending" in text and "ms" in text
