"""What the viewer shows of what happens."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ament_index_python.packages import get_package_share_directory

from ec_rfernet.labels import LABELS
from fer_common.emotions import SeenFace, SeenImage
from robot_behavior.body.urdf import load
from robot_behavior.dialogue.response import Activity

rr = pytest.importorskip("rerun", reason="needs requirements/viewer.txt")

from rerun.chunk import RrdReader  # noqa: E402

from fer_monitor.viewer import screen  # noqa: E402
from fer_monitor.viewer.screen import LOST_S, PAGE_S, Row, ViewerScreen  # noqa: E402

HAPPY = (0.01, 0.01, 0.01, 0.91, 0.02, 0.02, 0.02)
ANNA = SeenFace("anna", "happy", 0.91, LABELS, HAPPY, 0.8, 0.5, (100, 50, 80, 90))
BEN = SeenFace("ben", "unknown", 0.3, LABELS, (1 / 7,) * 7, 0.0, 0.0, (300, 60, 40, 40))


def image(*faces: SeenFace, attended: str = "") -> SeenImage:
    return SeenImage(0, 640, LABELS, attended, faces)


class World:
    """A screen that is told things at times of our own."""

    def __init__(self) -> None:
        file = Path(get_package_share_directory("fer_bringup"), "urdf", "humanoid.urdf")
        self.robot = load(file)
        self.now = 100.0
        self.screen = ViewerScreen(lambda: self.now, file, self.robot.height)

    def shows(self, face: SeenFace) -> list[Row]:
        """The rows after a face has been attended to; the robot stands still."""
        self.screen.tick()
        self.screen.expression(face)
        return [row for row in self.screen.tick() if row[0] not in (screen.NOW, screen.RATE)]

    def page(self) -> str:
        self.now += PAGE_S
        return next(word(what.text) for path, what in self.screen.tick() if path == screen.NOW)

    def moved(self, **positions: float) -> dict[str, Any]:
        self.screen.joints(positions)
        rows = [row for row in self.screen.tick() if row[0].startswith(screen.POSE)]
        return {word(what.child_frame): what for _, what in rows}


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
    shown = numbers(world.shows(ANNA))
    assert shown == {
        **{f"/expression/{label}": value for label, value in zip(LABELS, HAPPY, strict=True)},
        "/mood/valence": 0.8,
        "/mood/arousal": 0.5,
    }


def test_each_label_of_the_model_has_a_curve_of_its_own_colour(world: World) -> None:
    eight = (*LABELS, "contempt")
    proud = replace(ANNA, labels=(*eight, "very proud"), probabilities=(*HAPPY, 0.0, 0.0))
    rows = world.shows(proud)
    found = curves(rows)
    assert [word(curve.names) for curve in found.values()] == [*eight, "very proud"]
    assert len({word(curve.colors) for curve in found.values()}) == 9
    paths = [path for path, _ in rows]
    for path in found:  # how it looks comes before its first point
        assert paths.count(path) == 2
        assert isinstance(rows[paths.index(path)][1], rr.SeriesLines)
    assert not curves(world.shows(proud))


def test_labels_that_differ_by_a_sign_do_not_share_a_curve(world: World) -> None:
    labels = ("a b", "a_b", "a/b", "a.b")
    alike = replace(ANNA, label="a b", labels=labels, probabilities=(0.4, 0.3, 0.2, 0.1))
    points = numbers(world.shows(alike))
    found = [value for path, value in points.items() if path.startswith(screen.EXPRESSION)]
    assert found == [0.4, 0.3, 0.2, 0.1]


def test_a_label_without_probabilities_has_a_curve_too(world: World) -> None:
    """What ``ros2 topic pub /emotion`` says."""
    by_hand = replace(ANNA, label="happy", confidence=0.7, labels=(), probabilities=())
    assert numbers(world.shows(by_hand))["/expression/happy"] == 0.7


def test_a_curve_is_interrupted_while_nobody_is_attended_to(world: World) -> None:
    world.shows(ANNA)
    assert not cleared(world.screen.tick())
    world.now += LOST_S + 0.1
    gaps = cleared(world.screen.tick())
    assert gaps == {f"/expression/{label}" for label in LABELS} | {"/mood/valence", "/mood/arousal"}
    world.now += 1.0
    assert not cleared(world.screen.tick())


def test_every_image_has_its_latency(world: World) -> None:
    shown = [numbers(world.screen.seen(image(), latency)) for latency in (0.01, 0.2)]
    assert shown == [{screen.LATENCY: 10.0}, {screen.LATENCY: 200.0}]


def test_the_rate_is_that_of_the_images(world: World) -> None:
    rates = []
    for _ in range(90):
        world.screen.seen(image(), 0.01)
        rates += [numbers(world.screen.tick()).get(screen.RATE, 0.0)]
        world.now += 1 / 30
    assert rates[-1] == pytest.approx(30.0, rel=0.05)
    assert max(rates) < 35  # also at the beginning


def test_each_face_has_its_rectangle(world: World) -> None:
    world.screen.seen(image(ANNA, BEN, attended="anna"), 0.01)
    path, boxes = world.screen.frames(shrink=2)
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
    world.screen.seen(image(ANNA), 0.01)
    assert screen.FACES not in dict(world.screen.tick())
    world.now += 5.0
    assert parts(dict(world.screen.tick())[screen.FACES].half_sizes) == []


def test_the_log_tells_changes_of_behaviour_and_why(world: World) -> None:
    told = world.screen.behaviour
    assert texts(told("idle", "", "", "nobody is in view")) == ["idle: nobody is in view"]
    assert told("idle", "", "", "nobody is in view, still") == []
    lines = texts(told("responding", "happy", "nod", "happy has lasted 0.8 s"))
    assert lines == ["responding to happy (nod): happy has lasted 0.8 s"]


def test_what_is_said_is_in_the_log_and_in_a_bubble(world: World) -> None:
    rows = world.screen.said("Hello!")
    assert texts(rows) == ["“Hello!”"]
    assert parts(dict(rows)[screen.SPEECH].labels) == ["Hello!"]
    assert "Hello!" in world.page()
    assert texts(world.screen.said("")) == []
    assert "Hello!" not in world.page()


def test_complaints_are_told_once_and_their_end_too(world: World) -> None:
    tell = world.screen.health
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
    world.screen.seen(image(), 0.01)
    assert world.page().startswith("## nobody")
    world.screen.seen(image(ANNA), 0.012)
    assert "not attended to yet" in world.page()
    world.screen.expression(ANNA)
    world.screen.behaviour("attending", "happy", "", "happy for 0.1 s of 0.8 s")
    text = world.page()
    assert text.startswith("## happy 91%") and "ms" in text
    assert "The robot watches: happy for 0.1 s of 0.8 s" in text


@pytest.mark.parametrize("activity", Activity)
def test_every_state_is_a_sentence(world: World, activity: Activity) -> None:
    world.screen.behaviour(activity.value, "happy", "", "this is why")
    assert re.search(
        r"^The robot (waits|watches|answers|pauses)\b.*: this is why$", world.page(), re.M
    )


# The robot in the scene.


def matrix(pose: Any) -> np.ndarray:
    (x, y, z, w), found = parts(pose.quaternion)[0], np.eye(4)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    found[:3, :3] = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    found[:3, 3] = parts(pose.translation)[0]
    return found


def test_links_hang_together_as_in_the_robot(world: World) -> None:
    """Rerun's joints give the robot's own forward kinematics."""
    robot = world.robot
    positions = {name: 0.3 * limits.upper for name, limits in robot.limits.items()}
    moved = world.moved(**positions)
    poses = {robot.root: np.eye(4)}
    for joint in robot.joints:
        local = matrix(moved[joint.child]) if joint.child in moved else joint.transform(0.0)
        poses[joint.child] = poses[joint.parent] @ local
    expected = robot.poses(positions)
    for link, pose in poses.items():
        assert pose == pytest.approx(expected[link], abs=1e-5), link


def test_only_what_moves_is_sent(world: World) -> None:
    assert len(world.moved()) == len(world.robot.limits)
    assert not world.moved()
    (turned,) = world.moved(head_yaw_joint=0.2)
    assert turned == next(j.child for j in world.robot.joints if j.name == "head_yaw_joint")
    assert not world.moved(head_yaw_joint=0.2, no_such_joint=1.0)


@pytest.mark.parametrize("is_tall", [False, True])
def test_a_browser_begins_with_the_robots_shapes(
    world: World, tmp_path: Path, is_tall: bool
) -> None:
    recording = rr.RecordingStream("test")
    memory = recording.memory_recording()
    world.screen.begin(recording, is_tall)
    file = tmp_path / "a.rrd"
    file.write_bytes(memory.drain_as_bytes())
    shapes = Counter(
        chunk.entity_path.split("/")[-2]
        for chunk in RrdReader(file).stream()
        if "/visual_geometries/" in chunk.entity_path
        and any("colors" in str(name) for name in chunk.to_record_batch().schema.names)
    )
    assert shapes == {link: len(shapes) for link, shapes in world.robot.shapes.items()}


def test_speaks_in_a_bubble_over_its_head(world: World) -> None:
    text = "A sentence that is much too long for a single line of a bubble."
    bubble = dict(world.screen.said(text))[screen.SPEECH]
    assert parts(bubble.positions)[0][2] > world.robot.height
    assert max(map(len, word(bubble.labels).splitlines())) <= 32
    ((path, nothing),) = world.screen.said("")
    assert path == screen.SPEECH and isinstance(nothing, rr.Clear)
