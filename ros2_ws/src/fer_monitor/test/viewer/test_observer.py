"""What the viewer shows of what happens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ament_index_python.packages import get_package_share_directory

from ec_rfernet.labels import LABELS
from fer_common.emotions import SeenFace, SeenImage
from robot_behavior.body.urdf import load

rr = pytest.importorskip("rerun", reason="needs requirements/viewer.txt")

from fer_monitor.viewer import screen  # noqa: E402
from fer_monitor.viewer.observer import CURVES_S, LOST_S, PAGE_S, Observer  # noqa: E402
from fer_monitor.viewer.scene import Figure  # noqa: E402
from fer_monitor.viewer.screen import Row  # noqa: E402

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
        return next(word(what.text) for path, what in self.observer.tick() if path == screen.NOW)


@pytest.fixture
def world() -> World:
    return World()


def parts(batch: Any) -> list:
    """What a part of an archetype holds."""
    return list(batch.as_arrow_array().to_pylist())


def word(batch: Any) -> str:
    (only,) = parts(batch)
    return str(only)


def numbers(rows: list[Row]) -> dict[str, float]:
    points = [(path, what) for path, what in rows if isinstance(what, rr.Scalars)]
    return {path: parts(what.scalars)[0] for path, what in points}


def curves(rows: list[Row]) -> dict[str, Any]:
    return {path: what for path, what in rows if isinstance(what, rr.SeriesLines)}


def cleared(rows: list[Row]) -> set[str]:
    return {path for path, what in rows if isinstance(what, rr.Clear)}


def texts(rows: list[Row]) -> list[str]:
    return [word(what.text) for _, what in rows if isinstance(what, rr.TextLog)]


def test_the_probabilities_and_the_mood_become_curves(world: World) -> None:
    shown = numbers(world.observer.expression(ANNA))
    assert shown == {
        **{f"/expression/{label}": value for label, value in zip(LABELS, HAPPY, strict=True)},
        "/mood/valence": 0.8,
        "/mood/arousal": 0.5,
    }


def test_each_label_of_the_model_has_a_curve_of_its_own_colour(world: World) -> None:
    eight = (*LABELS, "contempt")
    proud = replace(ANNA, labels=(*eight, "very proud"), probabilities=(*HAPPY, 0.0, 0.0))
    rows = world.observer.expression(proud)
    found = curves(rows)
    assert [word(curve.names) for curve in found.values()] == [*eight, "very proud"]
    assert len({word(curve.colors) for curve in found.values()}) == 9
    paths = [path for path, _ in rows]
    for path in found:  # how it looks comes before its first point
        assert paths.count(path) == 2
        assert isinstance(rows[paths.index(path)][1], rr.SeriesLines)
    world.now += CURVES_S
    assert not curves(world.observer.expression(proud))


def test_labels_that_differ_by_a_sign_do_not_share_a_curve(world: World) -> None:
    labels = ("a b", "a_b", "a/b", "a.b")
    alike = replace(ANNA, label="a b", labels=labels, probabilities=(0.4, 0.3, 0.2, 0.1))
    points = numbers(world.observer.expression(alike))
    found = [value for path, value in points.items() if path.startswith(screen.EXPRESSION)]
    assert found == [0.4, 0.3, 0.2, 0.1]


def test_a_label_without_probabilities_has_a_curve_too(world: World) -> None:
    """What ``ros2 topic pub /emotion`` says."""
    by_hand = replace(ANNA, label="happy", confidence=0.7, labels=(), probabilities=())
    assert numbers(world.observer.expression(by_hand))["/expression/happy"] == 0.7


def test_curves_have_no_more_points_than_can_be_seen(world: World) -> None:
    points = 0
    for _ in range(100):
        points += bool(world.observer.expression(ANNA))
        world.now += 0.01
    assert points == pytest.approx(1.0 / CURVES_S, abs=1)


def test_a_curve_is_interrupted_while_nobody_is_attended_to(world: World) -> None:
    world.observer.expression(ANNA)
    assert not cleared(world.observer.tick())
    world.now += LOST_S + 0.1
    gaps = cleared(world.observer.tick())
    assert gaps == {f"/expression/{label}" for label in LABELS} | {"/mood/valence", "/mood/arousal"}
    world.now += 1.0
    assert not cleared(world.observer.tick())


def test_a_late_image_shows_even_between_two_points(world: World) -> None:
    for latency in (0.01, 0.2, 0.01):  # the second is not due
        rows = world.observer.seen(image(), latency)
        world.now += 0.6 * CURVES_S
    assert numbers(rows)[screen.LARGEST] == pytest.approx(200.0)
    assert numbers(rows)[screen.MEDIAN] == pytest.approx(10.0)


def test_the_rate_is_that_of_the_images(world: World) -> None:
    rates = []
    for _ in range(90):
        rows = world.observer.seen(image(), 0.01)
        rates += [value for path, value in numbers(rows).items() if path == screen.IMAGES]
        world.now += 1 / 30
    assert rates[-1] == pytest.approx(30.0, rel=0.05)
    assert max(rates) < 35  # also at the beginning


def test_each_face_has_its_rectangle(world: World) -> None:
    world.observer.seen(image(ANNA, BEN, attended="anna"), 0.01)
    path, boxes = world.observer.frames(shrink=2)
    assert path == screen.FACES
    assert parts(boxes.half_sizes) == [[20.0, 22.5], [10.0, 10.0]]
    assert parts(boxes.centers) == [[70.0, 47.5], [160.0, 40.0]]
    anna, ben = parts(boxes.labels)
    assert "happy 91%" in anna and "anna" in anna
    assert "unknown" in ben and "%" not in ben
    wide, narrow = map(abs, parts(boxes.radii))
    assert wide > narrow  # attended to
    assert len(set(parts(boxes.colors))) == 2


def test_rectangles_vanish_when_perception_stops(world: World) -> None:
    world.observer.seen(image(ANNA), 0.01)
    assert screen.FACES not in dict(world.observer.tick())
    world.now += 5.0
    assert parts(dict(world.observer.tick())[screen.FACES].half_sizes) == []


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
    assert parts(dict(rows)[screen.SPEECH].labels) == ["Hello!"]
    assert "Hello!" in world.page()
    assert texts(world.observer.said("")) == []
    assert "Hello!" not in world.page()


def test_complaints_are_told_once_and_their_end_too(world: World) -> None:
    tell = world.observer.health
    assert tell("fer_node", 0, "30.0 images/s") == []
    ((path, line),) = tell("fer_node", 1, "no images for 3 s")
    assert path == screen.HEALTH
    assert (word(line.text), word(line.level)) == ("fer_node: no images for 3 s", "WARN")
    assert tell("fer_node", 1, "no images for 4 s") == []
    assert "no images for 4 s" in world.page()
    ((_, line),) = tell("fer_node", 2, "the model is damaged")
    assert word(line.level) == "ERROR"
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
