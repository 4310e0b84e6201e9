"""The robot in the scene of the viewer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ament_index_python.packages import get_package_share_directory

from robot_behavior.body.robot_model import RobotModel
from robot_behavior.body.urdf import load

rr = pytest.importorskip("rerun", reason="needs requirements/viewer.txt")

from fer_monitor.viewer.scene import STILL, Figure  # noqa: E402
from fer_monitor.viewer.screen import ROBOT, SPEECH  # noqa: E402


@pytest.fixture(scope="module")
def model() -> RobotModel:
    return load(Path(get_package_share_directory("fer_bringup"), "urdf", "humanoid.urdf"))


def parts(batch: Any) -> np.ndarray:
    return np.array(batch.as_arrow_array().to_pylist(), float)


def turn(quaternion: np.ndarray) -> np.ndarray:
    """[3,3] rotation of a unit quaternion x, y, z, w."""
    (x, y, z), w = quaternion[:3], quaternion[3]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def test_every_shape_of_every_link_is_shown_where_it_belongs(model: RobotModel) -> None:
    shown: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for path, body in Figure(model).bodies():
        centres, turns = parts(body.centers), parts(body.quaternions)
        if isinstance(body, rr.Cylinders3D):
            sizes = np.stack([parts(body.radii), parts(body.lengths)], axis=1)
        else:  # boxes, spheres
            sizes = 2 * parts(body.half_sizes) if isinstance(body, rr.Boxes3D) else None
            sizes = parts(body.half_sizes)[:, :1] if sizes is None else sizes
        link = path.rsplit("/", 1)[1]
        shown.setdefault(link, []).extend(zip(sizes, centres, map(turn, turns), strict=True))
    assert set(shown) == set(model.shapes)
    for link, shapes in model.shapes.items():
        assert len(shown[link]) == len(shapes)
        for shape in shapes:
            assert any(
                size == pytest.approx(shape.size, abs=1e-6)
                and centre == pytest.approx(shape.origin[:3, 3], abs=1e-6)
                and turned == pytest.approx(shape.origin[:3, :3], abs=1e-5)
                for size, centre, turned in shown[link]
            ), (link, shape)


def matrix(pose: Any) -> np.ndarray:
    found = np.eye(4)
    found[:3, :3] = parts(pose.mat3x3).reshape(3, 3).T  # column by column
    found[:3, 3] = parts(pose.translation).ravel()
    return found


def test_links_hang_together_as_in_the_robot(model: RobotModel) -> None:
    """Following the entities downwards gives the robot's own forward kinematics."""
    figure = Figure(model)
    positions = {name: 0.3 * limits.upper for name, limits in model.limits.items()}
    local = {path: matrix(pose) for path, pose in figure.moved(positions)}
    poses = model.poses(positions)
    for path, _ in figure.bodies():
        world, below = np.eye(4), ROBOT
        for name in path.removeprefix(f"{ROBOT}/").split("/"):
            below = f"{below}/{name}"
            world = world @ local.get(below, np.eye(4))
        assert world == pytest.approx(poses[path.rsplit("/", 1)[1]], abs=1e-6)


def test_only_what_moves_is_sent(model: RobotModel) -> None:
    figure = Figure(model)
    assert len(figure.moved({})) == len(model.joints)
    assert figure.moved({}) == []
    assert figure.moved({"head_yaw_joint": STILL / 2}) == []
    assert [path.rsplit("/", 1)[1] for path, _ in figure.moved({"head_yaw_joint": 0.2})] == [
        joint.child for joint in model.joints if joint.name == "head_yaw_joint"
    ]
    assert figure.moved({"head_yaw_joint": 0.2, "no_such_joint": 1.0}) == []


def test_speaks_in_a_bubble_over_its_head(model: RobotModel) -> None:
    figure = Figure(model)
    path, bubble = figure.says("A sentence that is much too long for a single line of a bubble.")
    assert path == SPEECH
    assert parts(bubble.positions)[0, 2] > model.height
    (text,) = bubble.labels.as_arrow_array().to_pylist()
    assert max(map(len, text.splitlines())) <= 32
    path, nothing = figure.says("")
    assert path == SPEECH and isinstance(nothing, rr.Clear)
