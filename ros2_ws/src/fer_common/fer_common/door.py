"""The door of a node: messages are checked there, and what goes wrong inside ends nothing.

A node has one `Door`, found by `door_of`. It stands before every callback of the node, those of now
and those to come, so that no node and no callback can forget it.
"""

from __future__ import annotations

import math
import time
import traceback
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, wraps
from inspect import iscoroutinefunction
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.client import Client
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from rclpy.waitable import Waitable

from ec_rfernet.registry import in_one_line
from fer_common.diagnostics import Mishaps, warn
from fer_common.reason import Finding, Reason

# What a message may hold.

LARGEST = 1e9
"""No number that a robot measures or is told is larger, in the units of REP-103."""

LONGEST_TEXT = 4096
"""Characters."""

MOST = 2000
"""Elements of a list of numbers, texts or messages; bytes are not counted."""

_MEASURED = ("sensor_msgs/JointState",)
"""Types in which a number that is not finite says that nobody knows it."""

_LONGER = {("fer_interfaces/Say_Goal", "text"): 100_000, ("std_msgs/String", "data"): 100_000}
"""Texts that may be longer, by type and field, characters."""

_ROUNDING = 1e-3  # what 32 bits may add to the end of a range

_RANGES: Mapping[tuple[str, str], tuple[float, float]] = {
    ("fer_interfaces/Emotion", "confidence"): (0.0, 1.0),
    ("fer_interfaces/Emotion", "probabilities"): (0.0, 1.0),
    ("fer_interfaces/Emotion", "valence"): (-1.0, 1.0),
    ("fer_interfaces/Emotion", "arousal"): (-1.0, 1.0),
    ("fer_interfaces/Emotion", "yaw"): (-math.pi, math.pi),
    ("fer_interfaces/Emotion", "pitch"): (-math.pi, math.pi),
    ("fer_interfaces/Emotion", "roll"): (-math.pi, math.pi),
    ("std_msgs/ColorRGBA", "r"): (0.0, 1.0),
    ("std_msgs/ColorRGBA", "g"): (0.0, 1.0),
    ("std_msgs/ColorRGBA", "b"): (0.0, 1.0),
    ("std_msgs/ColorRGBA", "a"): (0.0, 1.0),
}
"""By type and field; other numbers may be as large as `LARGEST`."""


def refusal(message: Any) -> Reason | None:
    """Why a message makes no sense, or is too large; None if it may come in.

    Args:
        message: of any type.
    """
    try:
        _check_message(message)
    except _SenselessError as refused:
        return Reason("refused", str(refused))
    return None


def seconds(stamp: Time) -> float:
    """A stamp in seconds; unlike ``rclpy.time.Time``, of any stamp, negative ones included."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def known_positions(names: Sequence[str], positions: Sequence[float]) -> dict[str, float]:
    """The positions of a ``JointState``, rad by name; what is missing or not finite is left out."""
    pairs = zip(names, positions, strict=False)
    return {name: position for name, position in pairs if -LARGEST <= position <= LARGEST}


class _SenselessError(ValueError):
    """The message says what was found where, and what was expected."""


@lru_cache(maxsize=256)
def _fields(kind: Any) -> tuple[str, tuple[str, ...]]:
    """The name of a message's type, and those of its fields that need a look."""
    fields = kind.get_fields_and_field_types()
    plain = ("boolean", "octet", "int", "uint", "byte", "char", "builtin_interfaces/")
    looked_at = [
        name for name, what in fields.items() if not what.startswith(plain) or "sequence" in what
    ]
    return f"{kind.__module__.split('.')[0]}/{kind.__name__}", tuple(looked_at)


def _check_message(message: Any) -> None:
    kind, names = _fields(message.__class__)
    for name in names:
        value = getattr(message, name)
        if isinstance(value, str):
            _check_text(value, name, _LONGER.get((kind, name), LONGEST_TEXT))
        elif isinstance(value, float):
            _check_number(value, kind, name)
        elif isinstance(value, (array, np.ndarray)):
            _check_numbers(value, kind, name)
        elif isinstance(value, (list, tuple)):
            _check_list(value, name)
        elif hasattr(value, "get_fields_and_field_types"):
            _check_message(value)


def _check_text(text: str, name: str, longest: int = LONGEST_TEXT) -> None:
    if len(text) > longest:
        raise _SenselessError(f"{name} has {len(text)} characters, expected at most {longest}")


def _check_number(number: float, kind: str, name: str) -> None:
    low, high = _RANGES.get((kind, name), (-LARGEST, LARGEST))
    if low - _ROUNDING <= number <= high + _ROUNDING:
        return
    if kind in _MEASURED and not np.isfinite(number):
        return
    raise _SenselessError(f"{name} is {number:g}, expected {low:g}..{high:g}")


def _check_numbers(numbers: Any, kind: str, name: str) -> None:
    if numbers.itemsize == 1:
        return  # bytes, such as the pixels of an image
    _check_count(numbers, name)
    low, high = _RANGES.get((kind, name), (-LARGEST, LARGEST))
    if not all(low <= number <= high for number in numbers):
        for number in numbers:
            _check_number(float(number), kind, name)


def _check_list(values: Sequence[Any], name: str) -> None:
    _check_count(values, name)
    if values and isinstance(values[0], str):
        _check_text(max(values, key=len), name)
    elif values and hasattr(values[0], "get_fields_and_field_types"):
        for value in values:
            _check_message(value)


def _check_count(values: Sequence[Any], name: str) -> None:
    if len(values) > MOST:
        raise _SenselessError(f"{name} has {len(values)} elements, expected at most {MOST}")


# What goes wrong inside.

SHOWN_S = 60.0
"""For so long a failure is a finding of the node; its figures stay."""

_MOST_KINDS = 100  # of failures that are logged: nobody shall fill the log
_SHOWN = 300  # characters of what was raised


def door_of(node: Node) -> Door:
    """The door of a node; put in, where it has none yet."""
    door = getattr(node, "door", None)
    if not isinstance(door, Door):
        door = Door(node)
        setattr(node, "door", door)  # noqa: B010, of a class that knows nothing of it
    return door


class Door:
    """Stands before all callbacks of a node; see the module. Use `door_of`.

    A message that makes no sense does not get to its callback. What a callback raises is counted,
    logged once for each kind, and told on ``/diagnostics``; the node goes on. A service that fails
    answers all the same, with the reason where it has a place for one; a transition logs it.

    Args:
        node: whose callbacks they are.
        clock: monotonic seconds.

    Attributes:
        turn: held while a callback runs; a lock, where more than one thread runs them.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node, self._kinds = node, set[str]()
        self.turn: AbstractContextManager[Any] = nullcontext()
        self._failed, self._refused = Mishaps(clock, SHOWN_S), Mishaps(clock, SHOWN_S)
        for entities, method, stand in (
            (node.subscriptions, "create_subscription", self._before_subscription),
            (node.timers, "create_timer", self._before_timer),
            (node.services, "create_service", self.before_service),
            (node.clients, "create_client", self._before_client),
        ):
            for entity in entities:
                stand(entity)
            setattr(node, method, _then(getattr(node, method), stand))
        for waitable in node.waitables:
            self._before_waitable(waitable)
        add_waitable = node.add_waitable

        def add(waitable: Waitable) -> None:
            self._before_waitable(waitable)
            add_waitable(waitable)

        setattr(node, "add_waitable", add)  # noqa: B010
        if isinstance(node, LifecycleNode):
            # rclpy has no other way to them, and would be silent about what they raise.
            transitions = node._callbacks
            for state, callback in transitions.items():
                transitions[state] = self._transition(callback)

    @property
    def values(self) -> dict[str, object]:
        """How much was refused and has failed, if anything, for `fer_common.diagnostics.Report`."""
        counts = {
            "messages refused": self._refused.count,
            "callbacks failed": self._failed.count,
        }
        return {what: count for what, count in counts.items() if count}

    @property
    def findings(self) -> list[Finding]:
        """What was refused and what has failed lately."""
        return _told(self._refused, "messages refused") + self.failures

    @property
    def failures(self) -> list[Finding]:
        """What has failed lately."""
        return _told(self._failed, "callbacks failed")

    def guarded(
        self,
        callback: Callable[..., Any],
        what: str,
        otherwise: Callable[..., Any] = lambda *_: None,
    ) -> Callable[..., Any]:
        """A callback that does not raise.

        Args:
            callback: a function, or one that makes a coroutine.
            what: it is, for people.
            otherwise: makes the result where it raises, of what it has raised and of its arguments.
        """
        if iscoroutinefunction(callback):

            @wraps(callback)
            async def wait(*arguments: Any) -> Any:
                try:
                    return await callback(*arguments)
                except (Exception, SystemExit) as error:
                    self.note(error, what)
                    return otherwise(error, *arguments)

            return wait

        @wraps(callback)
        def call(*arguments: Any) -> Any:
            try:
                with self.turn:
                    return callback(*arguments)
            except (Exception, SystemExit) as error:  # of whatever kind: the node goes on
                self.note(error, what)
                return otherwise(error, *arguments)

        return call

    def note(self, error: BaseException, what: str) -> None:
        """Counts and tells what was raised.

        Args:
            error: what was raised.
            what: has raised it, for people.
        """
        text = _shown(f"{what}: {in_one_line(error)}")
        self._failed.note(text)
        if self._is_new(f"{what}: {type(error).__name__} in {_place(error)}"):
            self._node.get_logger().error(f"failed, and the node goes on: {text}")
            self._node.get_logger().debug("".join(traceback.format_exception(error)))

    def refuse(self, reason: Reason, what: str) -> None:
        """Counts and tells that something was refused.

        Args:
            reason: why.
            what: it was, for people.
        """
        finding = warn(_shown(f"{what}: {reason}"))
        if finding is not None:
            self._refused.note(finding.text)
            if self._is_new(finding.kind):
                self._node.get_logger().warning(f"refused {finding.text}")

    def _is_new(self, kind: str) -> bool:
        if kind in self._kinds or len(self._kinds) >= _MOST_KINDS:
            return False
        self._kinds.add(kind)
        return True

    def _before_subscription(self, subscription: Subscription) -> None:
        topic = subscription.topic_name
        callback = self.guarded(subscription.callback, topic)
        if subscription.raw:
            subscription.callback = callback
            return

        @wraps(callback)
        def enter(message: Any, *info: Any) -> Any:
            reason = refusal(message)
            if reason is None:
                return callback(message, *info)
            return self.refuse(reason, topic)

        subscription.callback = enter

    def _before_timer(self, timer: Timer) -> None:
        timer.callback = self.guarded(timer.callback, f"timer of {_name(timer.callback)}")

    def before_service(self, service: Service) -> None:
        """Puts the door before a service; also before one of another node, on behalf of this."""
        service.callback = self.guarded(service.callback, service.service_name, _failed_answer)

    def _before_client(self, client: Client) -> None:
        call, what = client.call_async, client.service_name

        def call_async(request: Any) -> Any:
            future = call(request)
            add = future.add_done_callback
            future.add_done_callback = lambda callback: add(self.guarded(callback, what))
            return future

        client.call_async = call_async

    def _before_waitable(self, waitable: Waitable) -> None:
        waitable.execute = self.guarded(waitable.execute, type(waitable).__name__)

    def _transition(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        name = callback.__name__.removeprefix("on_")

        def failed(error: BaseException, *_state: object) -> TransitionCallbackReturn:
            # Said every time: whoever has asked for the transition waits for the reason.
            self._node.get_logger().error(_shown(f"cannot {name}: {in_one_line(error)}"))
            return TransitionCallbackReturn.ERROR

        return self.guarded(callback, f"transition {name}", failed)


def _told(mishaps: Mishaps, what: str) -> list[Finding]:
    finding = warn(mishaps.recent and f"{mishaps.count} {what}, last: {mishaps.recent}")
    return [finding] if finding is not None else []


def _then(method: Callable[..., Any], stand: Callable[[Any], None]) -> Callable[..., Any]:
    """A method that makes something, before which somebody stands from then on."""

    @wraps(method)
    def make(*arguments: Any, **options: Any) -> Any:
        made = method(*arguments, **options)
        stand(made)
        return made

    return make


def _failed_answer(error: BaseException, _request: Any, response: Any) -> Any:
    answer = type(response)()
    for name in ("message", "reason"):
        if hasattr(answer, name):
            setattr(answer, name, _shown(in_one_line(error)))
    return answer


def _name(callback: Any) -> str:
    return str(getattr(callback, "__qualname__", None) or type(callback).__name__)


def _place(error: BaseException) -> str:
    """Where something was raised."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return f"{frames[0].filename}:{frames[0].lineno}" if frames else "nowhere"


def _shown(text: str) -> str:
    """What comes from outside, as it may be shown: not too long, without control characters."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text[: _SHOWN + 1])
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."
