"""What is misspelt in a parameter file is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

from ec_rfernet.errors import InputError
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import check_user_file, parts

INSTALLED = Path(get_package_share_directory("fer_bringup"), "config", "robot.yaml")


def check(path: Path, **arguments: str) -> None:
    values = {a.name: a.default for a in ARGUMENTS} | {"params_file": str(path)} | arguments
    settings = RobotSettings.read(values, INSTALLED)
    check_user_file(settings, parts(settings, Path("clip")), INSTALLED)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "motion_player: {ros__parameters: {speed_scal: 0.2}}",
            "motion_player has no parameter 'speed_scal'; did you mean 'speed_scale'?",
        ),
        (
            "/**/motion_plaier: {ros__parameters: {speed_scale: 0.2}}",
            "there is no node 'motion_plaier'; did you mean 'motion_player'?",
        ),
        ("fer: {ros__parameters: {}}", "there is no node 'fer'; did you mean 'fer_node'?"),
        ("/**: {ros__parameters: {locle: de}}", "no node has parameter 'locle'; did you mean 'loc"),
        (
            "fer_node: {ros__parameters: {qqqqq: 1}}",
            "fer_node has no parameter 'qqqqq'; all of them are in robot.yaml",
        ),
        (
            "fer_node: {ros_parameters: {min_face_px: 30}}",
            "fer_node.ros_parameters.min_face_px is 30, expected a node",
        ),
        (
            "/robot_2/fer_node: {ros__parameters: {min_face_px: 30.0}}",
            "'/robot_2/fer_node' is not /fer_node; write '/**/fer_node'",
        ),
        ("fer_node: {ros__parameters: 3}", "ros__parameters is 3, expected a mapping"),
    ],
)
def test_it_is_told_with_the_nearest_name(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        check(path)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (INSTALLED.read_text(encoding="utf-8"), {}),
        ("/**: {ros__parameters: {use_sim_time: true, locale: de}}", {}),
        ("/**/fer_node: {ros__parameters: {camera_x: 0.1, autostart: false}}", {}),
        ("/lab/fer_node: {ros__parameters: {min_face_px: 30.0}}", {"namespace": "lab"}),
        ("/*/fer_node: {ros__parameters: {min_face_px: 30.0}}", {"namespace": "/lab"}),
        ("lab: {fer_node: {ros__parameters: {min_face_px: 30.0}}}", {"namespace": "lab"}),
        ("fer_node: {ros__parameters: {qos_overrides: {/image: {}}}}", {}),
        ("robot_state_publisher: {ros__parameters: {publish_frequency: 30.0}}", {}),
        ("somebody_elses: {ros__parameters: {x: 1}}", {}),
        ("robot_bridge: {ros__parameters: {servos_file: x}}", {"robot": "servo_humanoid"}),
        ("bag_recorder: {ros__parameters: {images: true}}", {"record": "true"}),
    ],
)
def test_what_is_right_is_not_complained_of(
    tmp_path: Path, text: str, arguments: dict[str, str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    check(path, **arguments)
