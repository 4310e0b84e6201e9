"""A report becomes a status on /diagnostics."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from fer_common.diagnostics import Report, warn
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.reason import Level
from fer_common.testing import DiagnosticsListener, spin_until, spinning


def test_a_report_becomes_a_status() -> None:
    report = Report("fine", {"rate": 3.5, "on": "yes"}, [warn("slow")], "servo board")

    def reporter() -> Node:
        node = Node("reporter", namespace="left")
        DiagnosticsPublisher(node, "arm", lambda: report)
        return node

    with spinning(DiagnosticsListener, reporter) as (executor, (listener, _)):
        assert spin_until(executor, lambda: "/left/reporter" in listener.statuses)
        status = listener.statuses["/left/reporter"]
        assert (status.name, status.hardware_id) == ("left/reporter: arm", "servo board")
        assert (status.level, status.message) == (DiagnosticStatus.WARN, "slow")
        values = [(value.key, value.value) for value in status.values]
        assert values[:2] == [("rate", "3.5"), ("on", "yes")]


def test_a_report_that_fails_does_not_stop_the_node() -> None:
    calls: list[int] = []

    def broken() -> Report:
        calls.append(1)
        raise KeyError("arm")

    def reporter() -> Node:
        node = Node("reporter")
        DiagnosticsPublisher(node, "arm", broken)
        return node

    with spinning(DiagnosticsListener, reporter) as (executor, (listener, _)):
        assert spin_until(executor, lambda: len(calls) > 1 and listener.level("/reporter"))
        assert listener.level("/reporter") == Level.ERROR
        assert listener.message("/reporter") == "cannot tell how it is doing: KeyError: 'arm'"
