"""NAO, spoken to directly: over libqi, the protocol of its maker's NAOqi; Pepper speaks it, too.

What all that speaks to them shares: a session, with answers in time and errors in one line. The
package ``qi`` is imported only when a robot is asked for.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ec_rfernet.errors import InputError
from fer_common.settings import setting
from robot_behavior.robots import Robot

HERE = Path(__file__).parent


@dataclass(frozen=True)
class NaoqiSettings:
    """Of the driver of NAO and Pepper."""

    host: str = setting("127.0.0.1", "Name or address of the robot.")
    naoqi_port: int = setting(9559, "Port of its NAOqi.", low=1, high=65535)
    naoqi_wake: bool = setting(
        True,
        "Whether the robot is woken, and stands up, at the start; in the end it is as it was.",
    )
    naoqi_speed: float = setting(
        0.7, "Share of its joints' speed that it may use to catch up.", low=0.05, high=1.0
    )


ROBOT = Robot(
    description="NAO, over its network",
    driver="robot_behavior.robots.nao.driver:create",
    settings=NaoqiSettings,
    arguments=("host",),
    urdf=HERE / "robot.urdf",
    motions=HERE / "motions.yaml",
)

# ----------------------------------------------------------------------
# A session.

PACKAGE = "qi==3.1.5"
"""The wheel against which everything is tested."""

PYTHONS = "3.10 to 3.12"
"""For these there is one."""

ANSWER_S = 5.0
"""An answer that takes longer does not come."""

AGAIN_S = 3.0
"""So often a missing service is looked for: a robot that starts has one after the other."""

_LOOK_S = 0.02  # between two looks whether something has been answered


class NaoqiError(RuntimeError):
    """Something that NAOqi was asked for did not happen; the message is one line."""


def library() -> Any:
    """The package ``qi``.

    Raises:
        InputError: it is not installed.
    """
    try:
        qi = importlib.import_module("qi")
    except ImportError as error:
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise InputError(
            f"NAO and Pepper need the package qi, which does not load: pip install {PACKAGE} "
            f"(for Python {PYTHONS} on x86-64; this is {python}), or use robot:=naoqi_driver"
        ) from error
    qi.logging.setLevel(qi.logging.FATAL)  # what it says otherwise, we say in words
    return qi


class Naoqi:
    """One session; closed for good when it is lost. Used from one thread.

    Args:
        qi: what `library` returns.
        host: name or address of the robot.
        port: of its NAOqi.
        unwanted: asked while an answer is waited for; once it is true nobody waits any more.

    Raises:
        NaoqiError: nobody answers.
    """

    def __init__(
        self, qi: Any, host: str, port: int, unwanted: Callable[[], bool] = lambda: False
    ) -> None:
        self._unwanted = unwanted
        self._services: dict[str, Any] = {}
        self._missing: dict[str, float] = {}  # since when
        self._session = qi.Session()
        at = f"[{host}]" if ":" in host else host
        self.answer(self._session.connect(f"tcp://{at}:{port}", _async=True))

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return bool(self._session.isConnected())

    def has(self, service: str) -> bool:
        """Whether the robot offers a service."""
        now = time.monotonic()
        if now - self._missing.get(service, -AGAIN_S) < AGAIN_S:
            return False
        try:
            self._service(service)
        except NaoqiError:
            self._missing[service] = now
            return False
        return True

    def post(self, service: str, method: str, *values: Any) -> Any:
        """Asks for something, without waiting; the future of its answer.

        Raises:
            NaoqiError: there is no such service or method, or the connection is lost.
        """
        found = self._service(service)
        try:
            return found.call(method, *values, _async=True)
        except (RuntimeError, AttributeError) as error:
            raise NaoqiError(told(error)) from error

    def ask(self, service: str, method: str, *values: Any, within_s: float = ANSWER_S) -> Any:
        """Asks for something, and waits for the answer.

        Raises:
            NaoqiError: it was refused, or does not come.
        """
        try:
            return self.answer(self.post(service, method, *values), within_s)
        except NaoqiError as error:
            raise NaoqiError(f"{service}.{method}: {error}") from error

    def answer(self, future: Any, within_s: float = ANSWER_S) -> Any:
        """What a future holds, in the end.

        Raises:
            NaoqiError: an error, or nothing in time.
        """
        end = time.monotonic() + within_s
        while future.isRunning():
            if self._unwanted() or time.monotonic() > end:
                raise NaoqiError(f"no answer within {within_s:g} s")
            _pause(future)
        return result(future)

    def close(self) -> None:
        """Ends the session."""
        self._session.close()

    def _service(self, name: str) -> Any:
        if name not in self._services:
            try:
                found = self._session.service(name, _async=True)
            except (RuntimeError, AttributeError) as error:
                raise NaoqiError(told(error)) from error
            self._services[name] = self.answer(found)
        return self._services[name]


def result(future: Any) -> Any:
    """What a future that has ended holds.

    Raises:
        NaoqiError: an error.
    """
    try:
        return future.value(0)
    except RuntimeError as error:
        raise NaoqiError(told(error)) from error


def told(error: Exception) -> str:
    """What NAOqi says has gone wrong, in one line, without where in its sources."""
    text = str(error).partition("\n\nAt:")[0].removeprefix("RuntimeError: ")
    lines = filter(None, map(str.strip, text.splitlines()))
    return ": ".join(lines) or type(error).__name__


def _pause(future: Any) -> None:
    try:
        future.wait(round(1000 * _LOOK_S))
    except RuntimeError:
        return  # still running
