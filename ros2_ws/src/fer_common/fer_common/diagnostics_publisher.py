"""Publishes how a node is doing on ``/diagnostics``, once a second, after REP-107."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from fer_common.diagnostics import Report, error, status_name
from fer_common.door import door_of
from fer_common.graph_watch import NameWatch
from fer_common.qos import EVENTS

PERIOD_S = 1.0

PROCESS = "process"
"""The key under which each node tells in which process it runs."""

_TOKEN = secrets.token_hex(4)  # containers have processes of the same numbers


class DiagnosticsPublisher:
    """The status of one node. Lives as long as the node, in every state of its life.

    Args:
        node: whose status it is.
        subject: what the node is about, in a word or two.
        report: how it is doing now. An exception in there is reported, it does not stop
            the node: a robot that cannot tell how it is must still be able to rest.
    """

    def __init__(self, node: Node, subject: str, report: Callable[[], Report]) -> None:
        self._node, self._report, self._door = node, report, door_of(node)
        self._name = status_name(node.get_fully_qualified_name(), subject)
        self._twins = NameWatch(node)
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", EVENTS)
        # Steady: also while simulated time stands still.
        node.create_timer(PERIOD_S, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _publish(self) -> None:
        try:
            report = self._report()
        except Exception as problem:
            text = f"cannot tell how it is doing: {type(problem).__name__}: {problem}"
            self._node.get_logger().error(text, throttle_duration_sec=60.0)
            report = Report(text, findings=[error(text)])
        status = self._status(report.plus([*self._door.findings, *self._twins.findings()]))
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)

    def _status(self, report: Report) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([report.level]),
            name=self._name,
            message=report.message,
            hardware_id=report.hardware,
            values=[
                KeyValue(key=key, value=str(value))
                for key, value in {
                    **report.values,
                    **self._door.values,
                    PROCESS: f"{os.getpid()}-{_TOKEN}",
                }.items()
            ],
        )
