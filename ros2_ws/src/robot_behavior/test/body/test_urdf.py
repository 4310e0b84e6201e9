"""The humanoid's URDF, and reading URDF in general."""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from robot_behavior.body.robot_model import RobotModel
from robot_behavior.body.urdf import FULL_SPEED_S, LARGEST, UrdfError, load

HUMANOID = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"

ARM = """<robot name="arm">
  <link name="base"><visual><geometry><box size="1 2 3"/></geometry></visual></link>
  <link name="tip"/>
  <joint name="bend" type="revolute">
    <parent link="base"/><child link="tip"/><origin xyz="0 0 1"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="2" velocity="3" effort="4"/>
  </joint>
</robot>"""


@pytest.fixture(scope="module")
def humanoid() -> RobotModel:
    return load(HUMANOID)


def arm(tmp_path: Path, text: str = ARM) -> Path:
    file = tmp_path / "arm.urdf"
    file.write_text(text)
    return file


def test_humanoid_has_a_humanoids_joints_with_limits(humanoid: RobotModel) -> None:
    assert 17 <= len(humanoid.limits) <= 20
    for joint in ("head_yaw_joint", "head_pitch_joint", "torso_yaw_joint", "torso_pitch_joint"):
        assert joint in humanoid.limits
    for side in ("left", "right"):
        for part in ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist"):
            assert f"{side}_{part}_joint" in humanoid.limits
    for limits in humanoid.limits.values():
        assert limits.lower < 0.0 < limits.upper
        assert 0.5 < limits.velocity < 10 and 1 <= limits.effort < 200
        assert 5 < limits.acceleration < 100


def test_humanoid_stands_on_the_floor_and_looks_ahead(humanoid: RobotModel) -> None:
    assert humanoid.root == "base_link"
    lowest = min(
        humanoid.poses({})[link][2, 3] + shape.origin[2, 3] - shape.size[-1] / 2
        for link, shapes in humanoid.shapes.items()
        if link == "base_link"
        for shape in shapes
    )
    assert lowest == pytest.approx(0.0, abs=1e-6)
    assert 1.1 < humanoid.height < 1.3
    camera = humanoid.poses({})["camera_optical_frame"]
    right, down, ahead = camera[:3, :3].T
    np.testing.assert_allclose(ahead, [1, 0, 0], atol=1e-6)  # REP-103: z is the line of sight
    np.testing.assert_allclose(right, [0, -1, 0], atol=1e-6)
    np.testing.assert_allclose(down, [0, 0, -1], atol=1e-6)
    assert camera[2, 3] > 1.0


@pytest.mark.parametrize(
    ("joint", "link", "axis", "sign"),
    [
        ("left_shoulder_pitch_joint", "left_hand_link", 0, 1),
        ("right_shoulder_pitch_joint", "right_hand_link", 0, 1),
        ("left_shoulder_roll_joint", "left_hand_link", 1, 1),
        ("right_shoulder_roll_joint", "right_hand_link", 1, -1),
        ("left_elbow_joint", "left_hand_link", 2, 1),
        ("torso_pitch_joint", "head_link", 0, 1),
    ],
)
def test_positive_angles_move_as_documented(
    humanoid: RobotModel, joint: str, link: str, axis: int, sign: int
) -> None:
    before, after = humanoid.poses({})[link], humanoid.poses({joint: 0.5})[link]
    assert sign * (after - before)[axis, 3] > 0.02


def test_arms_are_mirror_images(humanoid: RobotModel) -> None:
    parts = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist")
    angles = dict(zip(parts, (0.7, 0.4, -0.3, 1.1, 0.8), strict=True))
    pose = {f"{side}_{part}_joint": v for part, v in angles.items() for side in ("left", "right")}
    poses = humanoid.poses(pose)
    mirrored = poses["right_hand_link"][:3, 3] * [1, -1, 1]
    np.testing.assert_allclose(poses["left_hand_link"][:3, 3], mirrored, atol=1e-9)


def test_legs_bend_upright(humanoid: RobotModel) -> None:
    bent = {"ankle_pitch_joint": 0.2, "knee_pitch_joint": 0.4, "hip_pitch_joint": 0.2}
    before, after = humanoid.poses({})["pelvis_link"], humanoid.poses(bent)["pelvis_link"]
    np.testing.assert_allclose(after[:3, :3], before[:3, :3], atol=1e-9)
    assert after[0, 3] == pytest.approx(before[0, 3], abs=1e-9)
    assert after[2, 3] < before[2, 3]


def test_humanoid_has_plausible_masses() -> None:
    total = 0.0
    for inertial in ET.parse(HUMANOID).getroot().iter("inertial"):
        mass, inertia = inertial.find("mass"), inertial.find("inertia")
        assert mass is not None and inertia is not None
        value = float(mass.get("value", "nan"))
        x, y, z = sorted(float(inertia.get(name, "nan")) for name in ("ixx", "iyy", "izz"))
        assert value > 0 and x > 0 and x + y >= z  # or physics engines refuse it
        total += value
    assert 20 < total < 60


def test_forward_kinematics_of_one_joint(tmp_path: Path) -> None:
    model = load(arm(tmp_path))
    pose = model.poses({"bend": math.pi / 2, "unknown": 1.0})["tip"]
    np.testing.assert_allclose(pose[:3, 3], [0, 0, 1])
    np.testing.assert_allclose(pose[:3, 0], [0, 0, -1], atol=1e-12)
    limits = model.limits["bend"]
    assert (limits.lower, limits.upper, limits.velocity, limits.effort) == (-1, 2, 3, 4)
    assert limits.acceleration == pytest.approx(3 / FULL_SPEED_S)  # when the URDF tells none
    assert model.shapes["base"][0].size == (1, 2, 3)
    assert not model.collisions and not model.masses


def test_acceleration_collision_and_mass_are_read(tmp_path: Path) -> None:
    text = ARM.replace('effort="4"', 'effort="4" acceleration="7"').replace(
        '<link name="tip"/>',
        '<link name="tip"><inertial><origin xyz="0 0 1"/><mass value="2"/></inertial>'
        '<collision><geometry><sphere radius="0.1"/></geometry></collision></link>',
    )
    model = load(arm(tmp_path, text))
    assert model.limits["bend"].acceleration == 7
    assert model.collisions["tip"][0].size == (0.1,)
    assert model.masses["tip"].kilograms == 2
    np.testing.assert_allclose(model.masses["tip"].centre, [0, 0, 1])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("<limit", "<limits", "joint 'bend' has no <limit>"),
        ('velocity="3"', "", "velocity=None, expected a number"),
        ('velocity="3"', 'velocity="nan"', "velocity='nan', expected a number"),
        ('velocity="3"', 'velocity="0"', "expected more than 0"),
        ('effort="4"', 'acceleration="0"', "acceleration limit 0, expected above 0"),
        (
            '<link name="tip"/>',
            '<link name="tip"><inertial><mass value="-1"/></inertial></link>',
            "link 'tip' has the mass -1, expected at least 0",
        ),
        ('lower="-1"', 'lower="5"', "limits 5..2, expected lower < upper"),
        ('type="revolute"', 'type="ball"', "type 'ball', expected one of revolute"),
        ('<child link="tip"/>', '<child link="hand"/>', "link 'hand', which does not exist"),
        ('<child link="tip"/>', "", "no <child"),
        ('<child link="tip"/>', '<child link="base"/>', "ancestor|root links"),
        ('xyz="0 1 0"', 'xyz="0 0 0"', "expected a direction"),
        ('size="1 2 3"', 'size="1 2"', "expected 3 numbers"),
        ("<robot", "<machine", "is not XML"),
        ('size="1 2 3"', 'size="1 2 1e308"', "size='1 2 1e308', expected at most 1e.06"),
        ('xyz="0 0 1"', 'xyz="0 0 1e308"', "expected at most 1e.06"),
        ('size="1 2 3"', f'size="{"1" * 5000}"', r"size='1+\.\.\.1+', expected 3 numbers"),
        ('name="bend"', f'name="{"b" * 5000}"', r"name='b+\.\.\.'> has too long a name"),
        ("<robot", '<?xml version="1.0" encoding="utf-99"?><robot', "is not XML that can be read"),
        ("<robot", '<?xml version="1.0" encoding="gbk"?><robot', "is not XML that can be read"),
        ("<robot", '<!DOCTYPE x [<!ENTITY a "b">]><robot', "has a <!DOCTYPE>"),
        ("</robot>", "<a>" * 500 + "</a>" * 500 + "</robot>", "elements, or 64 in each other"),
        ("</robot>", "<a/>" * 100_001 + "</robot>", "has more than 100000 elements"),
        ("</robot>", '<joint name="x"/>' * 1001 + "</robot>", "has 1002 joints, expected at most"),
    ],
)
def test_broken_urdf_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in ARM
    file = arm(tmp_path, ARM.replace(old, new))
    with pytest.raises(UrdfError, match=complaint) as caught:
        load(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_limits_beyond_what_any_robot_does_are_none(tmp_path: Path) -> None:
    text = ARM.replace('upper="2"', 'upper="1e308"').replace('effort="4"', 'effort="1e300"')
    limits = load(arm(tmp_path, text)).limits["bend"]
    assert limits.upper == limits.effort == LARGEST


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.urdf")
    with pytest.raises(UrdfError, match="is not a file but a device or a pipe"):
        load(tmp_path / "pipe.urdf")
    with pytest.raises(UrdfError, match="is not a file but a device or a pipe"):
        load(Path("/dev/zero"))


def test_other_files_are_no_urdf(tmp_path: Path) -> None:
    with pytest.raises(UrdfError, match="cannot be read"):
        load(tmp_path / "missing.urdf")
    with pytest.raises(UrdfError, match="root element is <html>"):
        load(arm(tmp_path, "<html/>"))


def test_joints_that_nobody_commands_stay_at_zero(tmp_path: Path) -> None:
    for old, new in (("<limit", "<mimic joint='x'/><limit"), ("revolute", "fixed")):
        model = load(arm(tmp_path, ARM.replace(old, new)))
        assert model.limits == {}
        np.testing.assert_allclose(model.poses({"bend": 1.0})["tip"][:3, :3], np.eye(3))
