"""Variables of ROS that would end a program are told before it starts."""

import os
from pathlib import Path

import pytest

from fer_common.environment import wrong_variable


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """Where ROS is installed with two middlewares."""
    folder = tmp_path / "share" / "ament_index" / "resource_index" / "rmw_typesupport"
    folder.mkdir(parents=True)
    for name in ("rmw_fastrtps_cpp", "rmw_cyclonedds_cpp", "rmw_implementation"):
        (folder / name).touch()
    return f"/no/such{os.pathsep}{tmp_path}"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"ROS_DOMAIN_ID": "999"}, "ROS_DOMAIN_ID is '999', expected 0..232"),
        ({"ROS_DOMAIN_ID": "233"}, "ROS_DOMAIN_ID is '233', expected 0..232"),
        ({"ROS_DOMAIN_ID": "abc"}, "ROS_DOMAIN_ID is 'abc', expected 0..232"),
        ({"ROS_DOMAIN_ID": "-1"}, "ROS_DOMAIN_ID is '-1', expected 0..232"),
        ({"ROS_DOMAIN_ID": "٣"}, "ROS_DOMAIN_ID is '٣', expected 0..232"),
        ({"RMW_IMPLEMENTATION": "nonsense"}, "expected rmw_cyclonedds_cpp or rmw_fastrtps_cpp"),
        ({"RMW_IMPLEMENTATION": "rmw_implementation"}, "which is not installed"),
        ({"RCUTILS_COLORIZED_OUTPUT": "yes"}, "RCUTILS_COLORIZED_OUTPUT is 'yes', expected 0 or 1"),
        ({"RCUTILS_LOGGING_USE_STDOUT": "2"}, "RCUTILS_LOGGING_USE_STDOUT is '2'"),
        (
            {"FASTDDS_ENVIRONMENT_FILE": "/dev/zero"},
            "FASTDDS_ENVIRONMENT_FILE is '/dev/zero', which",
        ),
        ({"RCUTILS_LOGGING_BUFFERED_STREAM": "x"}, "RCUTILS_LOGGING_BUFFERED_STREAM is 'x'"),
    ],
)
def test_what_ros_cannot_start_with(prefix: str, environ: dict[str, str], told: str) -> None:
    wrong = wrong_variable({"AMENT_PREFIX_PATH": prefix, **environ})
    assert wrong is not None
    assert wrong[0] in environ and told in wrong[1]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"ROS_DOMAIN_ID": ""},
        {"ROS_DOMAIN_ID": "232"},
        {"RMW_IMPLEMENTATION": ""},
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
        {"RMW_IMPLEMENTATION": "anything", "AMENT_PREFIX_PATH": ""},  # nobody knows
        {"RCUTILS_COLORIZED_OUTPUT": "1", "RCUTILS_LOGGING_USE_STDOUT": "0"},
    ],
)
def test_what_is_well(prefix: str, environ: dict[str, str]) -> None:
    assert wrong_variable({"AMENT_PREFIX_PATH": prefix, **environ}) is None
