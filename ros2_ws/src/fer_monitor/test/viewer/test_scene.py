"""The robot in the scene of the viewer."""

import math
from pathlib import Path

import numpy as np
import pytest
from ament_index_python.packages import get_package_share_directory

from fer_monitor.viewer.rows import ROBOT, Cleared, LinkPose, SpeechBubble
from fer_monitor.viewer.scene import STILL, Figure, Mesh, mesh
from robot_behavior.body.robot_model import RobotModel, Shape
from robot_behavior.body.urdf import load

SHAPES = [
    Shape("box", (0.2, 0.4, 0.6), np.eye(4), (1.0, 0.0, 0.0, 1.0)),
    Shape("cylinder", (0.2, 0.5), np.eye(4), (0.0, 1.0, 0.0, 1.0)),
    Shape("sphere", (0.3,), np.eye(4), (0.0, 0.0, 1.0, 0.5)),
]
VOLUMES = [0.2 * 0.4 * 0.6, math.pi * 0.2**2 * 0.5, 4 / 3 * math.pi * 0.3**3]


@pytest.fixture(scope="module")
def model() -> RobotModel:
    return load(Path(get_package_share_directory("fer_bringup"), "urdf", "humanoid.urdf"))


def volume(body: Mesh) -> float:
    """Of what the surface encloses: positive only if all triangles face outwards."""
    a, b, c = (body.vertices[body.triangles[:, i]].astype(float) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(("shape", "expected"), zip(SHAPES, VOLUMES, strict=True))
def test_a_surface_encloses_its_shape(shape: Shape, expected: float) -> None:
    body = mesh([shape])
    assert volume(body) == pytest.approx(expected, rel=0.03)
    assert np.linalg.norm(body.normals, axis=1) == pytest.approx(1.0)
    a, b, c = (body.vertices[body.triangles[:, i]] for i in range(3))
    outwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), body.normals[body.triangles[:, 0]])
    assert (outwards >= -1e-9).all()


def test_shapes_are_put_where_they_belong() -> None:
    pose = np.eye(4)
    pose[:3, 3] = (5.0, 0.0, 0.0)
    moved = Shape("box", (1.0, 1.0, 1.0), pose, (1.0, 1.0, 1.0, 1.0))
    body = mesh([SHAPES[0], moved])
    assert body.vertices[:, 0].min() == pytest.approx(-0.1)
    assert body.vertices[:, 0].max() == pytest.approx(5.5)
    assert body.triangles.max() == len(body.vertices) - 1
    assert body.colours[0].tolist() == [255, 0, 0, 255]


def test_every_link_that_shows_has_a_surface(model: RobotModel) -> None:
    meshes = Figure(model).meshes()
    assert {path.rsplit("/", 1)[1] for path in meshes} == set(model.shapes)


def test_links_hang_together_as_in_the_robot(model: RobotModel) -> None:
    """Following the entities downwards gives the robot's own forward kinematics."""
    figure = Figure(model)
    positions = {name: 0.3 * limits.upper for name, limits in model.limits.items()}
    local = {row.path: row.matrix for row in figure.moved(positions) if isinstance(row, LinkPose)}
    poses = model.poses(positions)
    for path in figure.meshes():
        world, below = np.eye(4), ROBOT
        for name in path.removeprefix(f"{ROBOT}/").split("/"):
            below = f"{below}/{name}"
            world = world @ local.get(below, np.eye(4))
        assert world == pytest.approx(poses[path.rsplit("/", 1)[1]], abs=1e-9)


def test_only_what_moves_is_sent(model: RobotModel) -> None:
    figure = Figure(model)
    assert len(figure.moved({})) == len(model.joints)
    assert figure.moved({}) == []
    assert figure.moved({"head_yaw_joint": STILL / 2}) == []
    assert [row.path.rsplit("/", 1)[1] for row in figure.moved({"head_yaw_joint": 0.2})] == [
        joint.child for joint in model.joints if joint.name == "head_yaw_joint"
    ]
    assert figure.moved({"head_yaw_joint": 0.2, "no_such_joint": 1.0}) == []


def test_speaks_in_a_bubble_over_its_head(model: RobotModel) -> None:
    figure = Figure(model)
    bubble = figure.says("A sentence that is much too long for a single line of a bubble.")
    assert isinstance(bubble, SpeechBubble)
    assert bubble.place[2] > model.height
    assert max(map(len, bubble.text.splitlines())) <= 32
    assert figure.says("") == Cleared(bubble.path)
