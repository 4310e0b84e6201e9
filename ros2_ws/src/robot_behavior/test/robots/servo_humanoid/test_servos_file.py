"""Files that map joints to servos: what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.nodes.robot_files import read_model
from robot_behavior.robots.servo_humanoid.driver import SERVOS_FILE, Servo, load_servos
from robot_behavior.robots.servo_humanoid.protocol import HIGHEST, LOWEST
from robot_behavior.yaml_file import ConfigError

JOINTS = {"neck": JointLimits(-1.0, 1.0, 2.0), "arm": JointLimits(-0.5, 2.0, 3.0)}
NECK = {"channel": 2, "zero_us": 1500, "us_per_rad": 500, "lower": -2, "upper": 0.5, "speed": 1.5}


def write(folder: Path, content: object) -> Path:
    file = folder / "map.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_a_servo_obeys_the_file_and_the_model(tmp_path: Path) -> None:
    (servo,) = load_servos(write(tmp_path, {"servos": {"neck": NECK}}), JOINTS).values()
    assert servo.limits == JointLimits(-1.0, 0.5, 1.5)
    assert servo.ticks(0.0) == 3000 and servo.ticks(0.4) == 3400
    assert servo.ticks(9.0) == 3500 and servo.ticks(-9.0) == 2000
    assert servo.limit_frame.words == (2, 2000, 3500, 3000, 31)


@given(st.floats(-1.0, 1.0), st.sampled_from([-600.0, 400.0]))
def test_positions_survive_the_way_to_the_servo(position: float, slope: float) -> None:
    servo = Servo(0, 1500.0, slope, JointLimits(-1.0, 1.0, 2.0))
    assert servo.position(servo.ticks(position)) == pytest.approx(position, abs=0.001)


def test_the_shipped_file_fits_the_humanoid() -> None:
    limits = read_model("").limits
    servos = load_servos(SERVOS_FILE, limits)
    assert set(servos) == set(limits)
    for joint, servo in servos.items():
        # All of the model's range: what the motion player asks for is what the servo does.
        assert (servo.limits.lower, servo.limits.upper) == (
            limits[joint].lower,
            limits[joint].upper,
        )
        _, low, high, rest, _ = servo.limit_frame.words
        assert LOWEST <= low <= rest <= high <= HIGHEST


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"channel": 18}, "servos.neck.channel is 18, expected a whole number 0..17"),
        ({"channel": "2"}, "expected a whole number"),
        ({"zero_us": 400}, "servos.neck.zero_us is 400, expected a number 500..2500"),
        ({"zero_us": float("nan")}, "zero_us is nan"),
        ({"us_per_rad": 0}, "us_per_rad is 0.0, expected at least 10"),
        ({"us_per_rad": 1500}, "servos.neck.lower is -1.0, expected a pulse of 500..2500 us"),
        ({"lower": 0.2}, "that hold the zero pose"),
        ({"upper": -3}, "servos.neck.upper is -3, expected a number"),
        ({"speed": 0}, "servos.neck.speed is 0, expected a number 0.1..20"),
        ({"spede": 1}, "servos.neck.spede is not known"),
    ],
)
def test_a_servo_that_makes_no_sense_is_refused(
    tmp_path: Path, change: dict, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_servos(write(tmp_path, {"servos": {"neck": {**NECK, **change}}}), JOINTS)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"servos": {}}, "servos is empty"),
        ({"servos": {"tail": NECK}}, "servos.tail is 'a joint', expected one of neck, arm"),
        ({"servos": {"neck": NECK, "arm": NECK}}, "channel is 2, expected another one than arm"),
        ({"servos": [1]}, "servos is \\[1\\], expected a mapping"),
        ({"servos": {"neck": NECK}, "speed": 1}, "speed is not known"),
        ({}, "servos is missing"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    tmp_path: Path, content: object, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_servos(write(tmp_path, content), JOINTS)
