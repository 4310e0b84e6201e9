"""The doctor looks at ROS, and at what passes between processes, of a made-up machine."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fer_common.reason import Level
from fer_monitor.doctor import devices, machine, ros, software
from fer_monitor.doctor.host import MissingError, Outcome

OK, WARN, FAIL = Level

RUNS, BROKEN = {"rclpy": "7.1.6", "rmw": "rmw_fastrtps_cpp", "open": None}, {"error": "broken"}
RANGE, PROFILES = "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTRTPS_DEFAULT_PROFILES_FILE"
OPEN = {**RUNS, "open": "other machines can watch and command this robot: because"}
COMPLAINT = "[ERROR] [17.25] [rcl]: It broke, at /src/a.c:15"


@pytest.mark.parametrize(
    ("environ", "level", "words", "remedy"),
    [
        ({}, OK, "domain 0, this machine only", ""),
        ({"ROS_DOMAIN_ID": "63"}, OK, "domain 63", ""),
        ({"ROS_DOMAIN_ID": "232"}, OK, "domain 232", ""),
        ({"ROS_DOMAIN_ID": "233"}, FAIL, "'233', expected 0..232", "export ROS_DOMAIN_ID=0"),
        ({"ROS_DOMAIN_ID": "-1"}, FAIL, "expected 0..232", "export ROS_DOMAIN_ID"),
        ({"ROS_DOMAIN_ID": "lab"}, FAIL, "'lab'", "export ROS_DOMAIN_ID"),
        ({"ROS_DOMAIN_ID": "150"}, WARN, "ports", "0 to 101"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, WARN, "do not find each", "unset"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "HOME"}, FAIL, "'HOME'", "unset"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, OK, "this machine only", ""),
        ({"ROS_STATIC_PEERS": "10.0.0.9"}, WARN, "only, whatever ROS_STATIC", "unset ROS_STATIC_P"),
    ],
)
def test_the_variables_of_ros(host, answering, environ, level, words, remedy):
    finding = ros.ros(answering(replace(host, environ=environ), {"probes ros": RUNS}))[1]
    assert finding.level == level and words in finding.text and remedy in str(finding.remedy)


@pytest.mark.parametrize(
    ("environ", "remedy"),
    [
        ({}, "docs/security.md"),
        ({PROFILES: "/x.xml"}, f"unset {PROFILES}"),
        ({"RMW_IMPLEMENTATION": "rmw_x_cpp", RANGE: "LOCALHOST"}, "unset RMW_IMPLEMENTATION"),
        ({RANGE: "OFF"}, "docs/security.md"),
    ],
)
def test_a_robot_that_is_open_to_the_network(host, answering, environ, remedy):
    finding = ros.ros(answering(replace(host, environ=environ), {"probes ros": OPEN}))[1]
    assert finding.level == WARN and OPEN["open"] in finding.text and remedy in finding.remedy


def test_nobody_is_told_that_it_is_closed_before_it_was_tried(host, answering):
    finding = ros.ros(answering(host, {"probes ros": BROKEN}))[1]
    assert "this machine only" not in finding.text


@pytest.mark.parametrize(
    ("environ", "answer", "level", "words", "remedy"),
    [
        ({}, RUNS, OK, "ROS 2 jazzy from PyPI, rclpy 7.1.6, rmw_fastrtps_cpp", ""),
        ({}, {"missing": "No module named 'rclpy'"}, FAIL, "No module named", "make setup"),
        ({"ROS_DISTRO": "rolling"}, RUNS, FAIL, "/opt/ros/rolling is not", "unset ROS_DISTRO"),
        ({"ROS_DISTRO": "humble"}, RUNS, WARN, "made for jazzy", "/opt/ros/jazzy/setup.bash"),
        ({"RMW_IMPLEMENTATION": "rmw_x_cpp"}, BROKEN, FAIL, "rmw_x_cpp (broken)", "-rmw-x-cpp"),
        ({"ROS_DOMAIN_ID": "900"}, BROKEN, FAIL, "start (broken)", "export ROS_DOMAIN_ID=0"),
        ({}, Outcome(None), FAIL, "did not end within 5 s", "make setup"),
        ({}, Outcome(-11, err="x"), FAIL, "was killed by signal 11", "make setup"),
        ({}, Outcome(1, err=COMPLAINT), FAIL, "(It broke)", "make setup"),
    ],
)
def test_the_start_of_ros(host, write, answering, environ, answer, level, words, remedy):
    write(host.file("/opt/ros/humble/setup.bash"))
    host = replace(host, environ=environ, robot_environ=environ)
    finding = ros.ros(answering(host, {"probes ros": answer}))[0]
    assert finding.level == level and words in finding.text and remedy in str(finding.remedy)


# An exchange between two processes

HEARD, SILENCE = {"count": 20, "first_s": 0.8, "median_ms": 3.0}, {"count": 0}


@pytest.mark.parametrize(
    ("heard", "environ", "level", "words", "remedy"),
    [
        (HEARD, {}, OK, "found each other in 0.8 s; a picture of 640x480 takes 3.0 ms", ""),
        ({**HEARD, "first_s": 4.0}, {}, WARN, "4.0 s", "end other"),
        ({**HEARD, "median_ms": 90.0}, {}, WARN, "90.0 ms, which is slow", "end other"),
        (BROKEN, {}, FAIL, "could not take part: broken", "see the lines ros"),
        (Outcome(None), {}, FAIL, "none arrived", "ROS"),  # it hangs
        (SILENCE, {RANGE: "OFF"}, FAIL, "none arrived", f"unset {RANGE}"),
        (SILENCE, {PROFILES: "/x.xml"}, FAIL, "none arrived", f"unset {PROFILES}"),
        (SILENCE, {"ROS_DISCOVERY_SERVER": "10.0.0.9"}, FAIL, "none", "unset ROS_DISCOVERY_SERVER"),
        (SILENCE, {}, FAIL, "99 pictures were sent", "end other ROS programs"),
    ],
)
def test_an_exchange(host, answering, heard, environ, level, words, remedy):
    answers = {"probes talk": {"count": 99}, "probes listen": heard}
    (finding,) = ros.exchange(answering(replace(host, environ=environ), answers))
    assert finding.level == level and words in finding.text and remedy in str(finding.remedy)


@pytest.mark.parametrize(
    "check", [software.packages, ros.ros, ros.exchange, devices.sound, machine.speed]
)
def test_without_an_environment_nothing_is_tried(host, bundle, write, check):
    bundle(host.root / "models")
    (host.root / ".venv" / "bin" / "python").unlink()
    with pytest.raises(MissingError, match=re.escape(".venv")):
        list(check(host))
