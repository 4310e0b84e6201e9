"""What is wrong with a topic, in words; without ROS, see `graph_watch`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Remedies = Mapping[str, Callable[[str], str | None]]
"""By type of message: how to get what comes, with this type, on the topic that is given; None
where nothing helps."""

_NUMBERS = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True)
class Endpoint:
    """Somebody who publishes a topic, or subscribes to it.

    Attributes:
        node: full name.
        kind: type of the messages, such as ``sensor_msgs/msg/Image``.
        mismatch: why its quality of service does not fit ours, see `mismatch`; None if it
            does.
    """

    node: str
    kind: str
    mismatch: str | None = None


@dataclass(frozen=True)
class Expected:
    """What a node needs to hear.

    Attributes:
        topic: full name.
        kind: type of the messages.
        what: it is, in the plural.
        question: to ask when nobody sends it; None where that is no reason to worry.
        remedies: for what comes on other topics.
    """

    topic: str
    kind: str
    what: str
    question: str | None
    remedies: Remedies


@dataclass(frozen=True)
class Quality:
    """What of a quality of service can be incompatible, see REP-2003 and the DDS standard.

    Attributes:
        reliable: whether lost messages are sent again.
        latched: whether who comes late gets the last ones: transient local.
        manual: whether a node has to assert that it lives.
        deadline_s: between two messages.
        lease_s: between two assertions that a node lives.
    """

    reliable: bool = True
    latched: bool = False
    manual: bool = False
    deadline_s: float = math.inf
    lease_s: float = math.inf


def mismatch(offered: Quality, asked: Quality, offers: str, asks: str) -> str | None:
    """Why the middleware does not connect two qualities of service; None if it does.

    Args:
        offered: by the publisher.
        asked: by the subscriber.
        offers: the publisher.
        asks: the subscriber.
    """
    short_of = []
    if asked.reliable and not offered.reliable:
        short_of.append(("best effort", "reliable"))
    if asked.latched and not offered.latched:
        short_of.append(("volatile", "transient local"))
    if asked.manual and not offered.manual:
        short_of.append(("automatic liveliness", "manual liveliness"))
    for name, promised, wanted in (
        ("deadline", offered.deadline_s, asked.deadline_s),
        ("liveliness lease", offered.lease_s, asked.lease_s),
    ):
        if promised > wanted:
            short_of.append((_within(name, promised), _within(name, wanted)))
    if not short_of:
        return None
    promises, wishes = zip(*short_of, strict=True)
    return f"{offers} offers {'/'.join(promises)}, {asks} asks for {'/'.join(wishes)}"


def unheard(expected: Expected, publishers: Sequence[Endpoint]) -> list[str]:
    """Which publishers of a topic cannot be heard, and why."""
    topic, kind = expected.topic, expected.kind
    told = []
    for publisher in publishers:
        if publisher.kind != kind:
            remedy = expected.remedies.get(publisher.kind, lambda topic: None)(topic)
            told.append(
                f"{publisher.node} publishes {topic} as {short(publisher.kind)}, "
                f"expected {short(kind)}" + (f": {remedy}" if remedy else "")
            )
        elif publisher.mismatch:
            told.append(
                f"the publisher of {topic} is {publisher.node}; "
                f"incompatible QoS: {publisher.mismatch}"
            )
    return told


def silence(
    expected: Expected,
    silent_s: float,
    publishers: Sequence[Endpoint],
    elsewhere: Mapping[str, str],
) -> str:
    """Why nothing comes on a topic that should never pause.

    Args:
        expected: see there.
        silent_s: for how long.
        publishers: that could be heard.
        elsewhere: other topics with what is expected, or a like of it, and their types.
    """
    nothing = f"no {expected.what} on {expected.topic} for {silent_s:.0f} s"
    if publishers:
        nothing += f", though {listed(p.node for p in publishers)} publishes there"
    why = _elsewhere(expected, elsewhere) or expected.question
    return f"{nothing}: {why}" if why else nothing


def absence(expected: Expected, elsewhere: Mapping[str, str]) -> str:
    """That nobody publishes a topic on which something comes now and then; see `silence`."""
    return (
        f"nobody publishes {expected.topic}: {_elsewhere(expected, elsewhere) or expected.question}"
    )


def rivals(topic: str, publishers: Sequence[Endpoint]) -> str:
    """That two nodes or more publish what one should."""
    count = len(publishers)
    names = listed(publisher.node for publisher in publishers)
    return f"{_NUMBERS.get(count, str(count))} nodes publish {topic}: {names}"


def deaf(topic: str, kind: str, me: str, subscribers: Sequence[Endpoint]) -> list[str]:
    """Which subscribers of a topic cannot hear ``me``, and why."""
    told = []
    for subscriber in subscribers:
        who = f"{subscriber.node} subscribes to {topic}"
        if subscriber.kind != kind:
            told.append(f"{who} as {short(subscriber.kind)}, but {me} sends {short(kind)}")
        elif subscriber.mismatch:
            told.append(f"{who} and hears nothing; incompatible QoS: {subscriber.mismatch}")
    return told


def short(kind: str) -> str:
    """The type of a message as people write it: ``sensor_msgs/Image``."""
    return kind.replace("/msg/", "/")


def listed(names: Iterable[str]) -> str:
    """Names as part of a sentence, at most three of them."""
    known = list(names)
    rest = [f"{len(known) - 3} more"] if len(known) > 3 else []
    *first, last = known[:3] + rest
    return f"{', '.join(first)} and {last}" if first else last


def _within(name: str, seconds: float) -> str:
    return f"a {name} of {seconds:g} s" if math.isfinite(seconds) else f"no {name}"


def _elsewhere(expected: Expected, topics: Mapping[str, str]) -> str | None:
    """Where it comes instead, and how to get it; None if nowhere."""
    if not topics:
        return None
    first = min(topics, key=lambda topic: (topics[topic] != expected.kind, topic))
    place = f"{expected.what} come on {listed(sorted(topics))}"
    remedy = expected.remedies[topics[first]](first)
    return f"{place}: {remedy}" if remedy else place
