"""Watches who publishes and subscribes, and tells what does not fit together.

The graph is looked into only when something is wrong: when nothing comes, or when somebody is
there with whom the middleware has not connected us. Otherwise a look costs some 20 us.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from fer_common.diagnostics import Limits, warn
from fer_common.reason import Finding
from fer_common.topic_words import (
    Endpoint,
    Expected,
    Quality,
    Remedies,
    absence,
    deaf,
    mismatch,
    rivals,
    silence,
    unheard,
)

PATIENCE_S = 3.0
"""Discovery takes a moment, and nodes do not start all at once."""

GHOST_S = 30.0
"""A node that was killed, or whose farewell was lost, is seen for 20 s more."""

_ENDLESS = 2**62  # nanoseconds


class InputWatch:
    """Watches a topic that a node needs to hear.

    Args:
        node: that subscribes.
        subscription: of it.
        what: comes on it, in the plural.
        question: to ask when nobody sends it, such as ``is the camera running?``; None where
            that is no reason to worry.
        silence: when a silence is worth a finding, seconds; None for topics on which
            something comes now and then, of which only a publisher is expected.
        single: whether only one node should publish it.
        remedies: how to get what comes on another topic; the default is to remap.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        node: Node,
        subscription: Subscription,
        what: str,
        question: str | None,
        *,
        silence: Limits | None = None,
        single: bool = False,
        remedies: Remedies | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node, self._subscription = node, subscription
        self._silence, self._single = silence, single
        self._kind = _kind(subscription.msg_type)
        topic = subscription.topic_name
        default = {self._kind: lambda other: f"remap with --ros-args -r {topic}:={other}"}
        self._expected = Expected(topic, self._kind, what, question, remedies or default)
        self._lonely, self._rivals = _Patience(clock), _Patience(clock, GHOST_S)
        self._log = _FindingLog(node)

    def findings(self, silent_s: float = 0.0) -> list[Finding]:
        """What is wrong with the topic now.

        Args:
            silent_s: seconds since something came; only for topics that never pause.
        """
        topic = self._expected.topic
        count = self._node.count_publishers(topic)
        unmatched = count != self._subscription.get_publisher_count()
        silent = self._silence is not None and silent_s > self._silence.warn
        publishers = []
        if unmatched or silent or (self._single and count > 1):
            publishers = self._publishers()
        level = self._silence.above if self._silence is not None and silent else _warn
        found = [level(silent_s, text) for text in unheard(self._expected, publishers)]
        heard = [p for p in publishers if p.kind == self._kind and not p.mismatch]
        if self._rivals.ends(self._single and len(heard) > 1):
            found.append(warn(rivals(topic, heard)))
        if self._silence is not None:
            if silent and not found:
                elsewhere = {} if heard else self._elsewhere()
                if heard or elsewhere or self._expected.question:
                    why = silence(self._expected, silent_s, heard, elsewhere)
                    found.append(level(silent_s, why))
        elif self._expected.question and self._lonely.ends(not count):
            found.append(warn(absence(self._expected, self._elsewhere())))
        return self._log.write(found)

    def _publishers(self) -> list[Endpoint]:
        asked, me = _quality(self._subscription.qos_profile), self._node.get_name()
        return [
            Endpoint(
                _node(info), info.topic_type, mismatch(_quality(info.qos_profile), asked, "it", me)
            )
            for info in self._node.get_publishers_info_by_topic(self._expected.topic)
        ]

    def _elsewhere(self) -> Mapping[str, str]:
        """Other topics with a type that is of use, that no node such as this one publishes."""
        me, own = self._node.get_name(), self._expected.topic
        found = {}
        for topic, kinds in self._node.get_topic_names_and_types():
            kind = next((kind for kind in kinds if kind in self._expected.remedies), None)
            if kind is not None and topic != own:
                infos = self._node.get_publishers_info_by_topic(topic)
                if any(info.topic_type == kind and info.node_name != me for info in infos):
                    found[topic] = kind
        return found


class OutputWatch:
    """Watches who wants to hear what a node publishes.

    Args:
        node: that publishes.
        publisher: of it.
    """

    def __init__(self, node: Node, publisher: Publisher) -> None:
        self._node, self._publisher = node, publisher
        self._topic, self._log = publisher.topic_name, _FindingLog(node)

    def findings(self) -> list[Finding]:
        """Who cannot hear it."""
        publisher = self._publisher
        if self._node.count_subscribers(self._topic) == publisher.get_subscription_count():
            return self._log.write([])
        offered, me = _quality(publisher.qos_profile), self._node.get_name()
        subscribers = [
            Endpoint(
                _node(info),
                info.topic_type,
                mismatch(offered, _quality(info.qos_profile), me, "it"),
            )
            for info in self._node.get_subscriptions_info_by_topic(self._topic)
        ]
        texts = deaf(self._topic, _kind(publisher.msg_type), me, subscribers)
        return self._log.write([warn(text) for text in texts])


class ServerWatch:
    """Watches a server of an action that a node needs.

    Args:
        node: the client.
        action: its name.
        question: to ask when nobody serves it.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        node: Node,
        action: str,
        question: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node, self._action, self._question = node, action, question
        self._service = node.resolve_service_name(f"{action}/_action/send_goal")
        self._missing, self._rivals = _Patience(clock), _Patience(clock, GHOST_S)
        self._log = _FindingLog(node)

    def findings(self) -> list[Finding]:
        """Whether nobody serves it, or several do, of whom none is a ghost."""
        count, found = self._node.count_services(self._service), []
        if self._missing.ends(not count):
            found.append(warn(f"no action server {self._action}: {self._question}"))
        if self._rivals.ends(count > 1):
            found.append(warn(f"{count} nodes serve the action {self._action}: stop all but one"))
        return self._log.write(found)


class NameWatch:
    """Watches whether another node has the name of this one.

    Args:
        node: this one.
        clock: monotonic seconds.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node, self._twins, self._log = node, _Patience(clock, GHOST_S), _FindingLog(node)
        self._name = (node.get_name(), node.get_namespace())

    def findings(self) -> list[Finding]:
        """That there is one, and that it is no ghost."""
        twins = self._node.get_node_names_and_namespaces().count(self._name) > 1
        if not self._twins.ends(twins):
            return self._log.write([])
        name = self._node.get_fully_qualified_name()
        text = f"another node is called {name}, too: does the robot run twice?"
        return self._log.write([warn(text)])


class _Patience:
    """Waits before it believes that something is wrong.

    Args:
        clock: monotonic seconds.
        seconds: for so long.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = PATIENCE_S) -> None:
        self._clock, self._seconds, self._since = clock, seconds, math.inf

    def ends(self, wrong: bool) -> bool:
        """Whether it has been wrong for so long."""
        now = self._clock()
        self._since = min(self._since, now) if wrong else math.inf
        return now - self._since > self._seconds


class _FindingLog:
    """Writes each finding to the log, once while it lasts."""

    def __init__(self, node: Node) -> None:
        self._logger, self._kinds = node.get_logger(), set[str]()

    def write(self, findings: Sequence[Finding | None]) -> list[Finding]:
        """Returns the findings that there are."""
        found = [finding for finding in findings if finding is not None]
        for finding in found:
            if finding.kind not in self._kinds:
                self._logger.warning(finding.text)
        self._kinds = {finding.kind for finding in found}
        return found


def _warn(_value: float, text: str) -> Finding | None:
    return warn(text)


def _node(info: TopicEndpointInfo) -> str:
    if info.node_name.startswith("_"):  # _NODE_NAME_UNKNOWN_, or of a command-line tool
        return "somebody" if info.node_name.startswith("_NODE") else f"/{info.node_name}"
    return f"{info.node_namespace.rstrip('/')}/{info.node_name}"


def _kind(message: Any) -> str:
    return f"{message.__module__.split('.')[0]}/msg/{message.__name__}"


def _quality(profile: QoSProfile) -> Quality:
    return Quality(
        reliable=profile.reliability == ReliabilityPolicy.RELIABLE,
        latched=profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        manual=profile.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC,
        deadline_s=_seconds(profile.deadline),
        lease_s=_seconds(profile.liveliness_lease_duration),
    )


def _seconds(duration: Duration) -> float:
    """Infinite where there is no limit, which is written as 0 or as the largest number."""
    nanoseconds = duration.nanoseconds
    return 1e-9 * nanoseconds if 0 < nanoseconds < _ENDLESS else math.inf
