"""What the bridges to real robots say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from trajectory_msgs.msg import JointTrajectory

from fer_common.diagnostics import Limits, Report, error
from fer_common.qos import EVENTS
from fer_common.reason import Level, Reason
from fer_common.testing import Bystander, DiagnosticsListener, spin_until, spinning
from robot_behavior.nodes.robot_bridge import LinkVerdict, RobotBridge
from robot_behavior.robots.backend import LinkHealth

BRIDGE = "/robot_bridge"


def bridge(port: Path) -> Callable[[], RobotBridge]:
    overrides = [Parameter("robot", value="servo_humanoid"), Parameter("port", value=str(port))]
    return lambda: RobotBridge(parameter_overrides=overrides)


def player() -> Node:
    node = Bystander("player")
    node.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
    return node


def test_the_servo_board_is_described_and_missed(fake_board: Any) -> None:
    with spinning(DiagnosticsListener, player, bridge(fake_board.link)) as (
        executor,
        (physician, *_),
    ):
        assert spin_until(executor, lambda: physician.level(BRIDGE) == Level.OK)
        status, values = physician.statuses[BRIDGE], physician.values(BRIDGE)
        assert status.hardware_id == values["link"] == str(fake_board.link)
        assert (values["state"], values["backend"]) == ("ready", "servo_humanoid")
        assert values["watchdog [s]"] == "0.5"
        assert float(values["time since the last answer [s]"]) < 0.5
        assert int(values["frames sent"]) > 0 and int(values["frames received"]) > 0
        fake_board.kill()
        assert spin_until(executor, lambda: physician.level(BRIDGE) == Level.ERROR)
        assert f"servo board at {fake_board.link}" in physician.message(BRIDGE)
        fake_board.start()
        assert spin_until(executor, lambda: physician.level(BRIDGE) == Level.OK)


def test_a_missing_port_is_an_error(tmp_path: Path) -> None:
    with spinning(DiagnosticsListener, bridge(tmp_path / "none")) as (executor, (physician, _)):
        text = "cannot be opened (No such file or directory)"
        assert spin_until(executor, lambda: text in physician.message(BRIDGE))
        assert physician.level(BRIDGE) == Level.ERROR
        assert physician.values(BRIDGE)["time since the last answer [s]"] == "never"


GOOD = LinkHealth("/dev/ttyACM0", silence_s=0.02, sent=1000, received=1000, damaged=7)


@pytest.mark.parametrize(
    ("changes", "problem", "level", "message"),
    [
        ({}, "", Level.OK, "moves the robot over /dev/ttyACM0"),
        ({}, "it is stopped", Level.ERROR, "it is stopped"),
        ({"silence_s": 0.4}, "", Level.WARN, "the robot answered 0.4 s ago, expected at most 0.25"),
        ({"silence_s": 9.0}, "it is gone", Level.ERROR, "it is gone"),
        (
            {"damaged": 12, "received": 1045},
            "",
            Level.WARN,
            "5 of 50 frames were damaged: is the cable good?",
        ),
        ({"damaged": 0, "received": 1050}, "", Level.OK, "moves the robot over /dev/ttyACM0"),
    ],
    ids=["good", "stopped", "slow", "gone", "damaged", "board started anew"],
)
def test_the_verdict_on_the_link(
    changes: dict[str, Any], problem: str, level: Level, message: str
) -> None:
    verdict = LinkVerdict(Limits(0.25), Limits(0.02))
    reason = Reason("any", problem) if problem else None
    verdict.findings(GOOD, None)
    link = replace(GOOD, **changes)
    findings = [error(reason), *verdict.findings(link, reason)]
    told = Report(f"moves the robot over {link.name}", findings=findings)
    assert (told.level, told.message) == (level, message)
