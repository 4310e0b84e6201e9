"""The driver of Reachy Mini, which speaks REST and WebSocket to its maker's daemon."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect

from ec_rfernet.registry import in_one_line
from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits, RobotModel
from robot_behavior.robots.backend import STOPPED, JointDriver, JointReport, LinkHealth, stopped
from robot_behavior.robots.reachy_mini import ReachyMiniSettings

if TYPE_CHECKING:
    from rclpy.node import Node

VERSION = "1"
"""First part of the versions of the daemon whose interface this is; tested with 1.13.0."""

STATES_HZ = 50.0
"""How often the daemon tells where the robot is."""

ANSWER_S = 2.0
"""An answer of the daemon that takes longer does not come."""

RETRY_S = 1.0
"""A daemon that is away is looked for so often."""

PROBE_S = 0.5
"""The daemon is asked so often whether another program moves the robot."""

SILENCE_S = 1.0
"""A robot whose states stay away for so long is lost."""

ASLEEP_Z, ASLEEP_PITCH = -0.035, 0.3
"""A head that is lower and looks further down than this has been put to sleep, m and rad."""

HEAD = ("x", "y", "z", "roll", "pitch", "yaw")
"""The daemon's names of the joints ``head_*_joint``."""

Positions = Mapping[str, float]
"""Rad, or m, by name of the joint."""


def to_target(positions: Positions) -> dict[str, Any]:
    """Positions as the daemon's ``FullBodyTarget``; its antennas are right, left."""
    right, left = positions["right_antenna_joint"], positions["left_antenna_joint"]
    return {
        "target_head_pose": {name: positions[f"head_{name}_joint"] for name in HEAD},
        "target_antennas": [-right, left],
        "target_body_yaw": positions["body_yaw_joint"],
    }


def from_state(state: Mapping[str, Any]) -> dict[str, float]:
    """Positions of the daemon's ``FullState``.

    Raises:
        ValueError: it is none, or holds a number that is not finite.
    """
    try:
        right, left = state["antennas_position"]
        positions = {f"head_{name}_joint": float(state["head_pose"][name]) for name in HEAD}
        positions["body_yaw_joint"] = float(state["body_yaw"])
        positions["left_antenna_joint"] = float(left)
        positions["right_antenna_joint"] = -float(right)
    except (KeyError, TypeError) as error:
        raise ValueError(f"is no state of Reachy Mini: {error!r}") from error
    if not all(map(math.isfinite, positions.values())):
        raise ValueError("holds a number that is not finite")
    return positions


def judge(status: object) -> Reason | None:
    """Why the robot behind a daemon cannot be moved, by the daemon's status; None if it can."""
    if not isinstance(status, dict) or status.get("type") != "daemon_status":
        return Reason("no_daemon", "is no daemon of Reachy Mini")
    version = str(status.get("version"))
    if version.partition(".")[0] != VERSION:
        return Reason(
            "version", f"is a daemon of version {version}, expected {VERSION}.x: update either"
        )
    state = status.get("state")
    if state != "running":
        problem = status.get("error") or f"its state is '{state}'"
        return Reason("not_running", f"is a daemon that does not move its robot: {problem}")
    return None


class DaemonLink:
    """The connection to a daemon, on a thread of its own: nobody waits for it.

    Only the newest target is sent, however slow the network. It connects again by itself.

    Args:
        settings: where the daemon is.
        clock: monotonic seconds.

    Attributes:
        problem: why nothing can be told to the robot; None if it can.
        positions: where the robot is; None as long as the daemon has not told.
        heard: when it was told last, by the clock.
        mode: of the motors, as the daemon calls it.
        busy: whether another program moves the robot, so that the daemon ignores targets.
        telemetry: whether the daemon sends usage data to its maker; None: not known.
        sent: targets.
        received: states.
        damaged: states and targets that were refused.
    """

    def __init__(self, settings: ReachyMiniSettings, clock: Callable[[], float]) -> None:
        self._at = f"{settings.host}:{settings.daemon_port}"
        if ":" in settings.host:  # IPv6
            self._at = f"[{settings.host}]:{settings.daemon_port}"
        self._clock, self._wake = clock, settings.wake
        self.problem: Reason | None = Reason("connecting", f"looks for {self._at}")
        self.positions: dict[str, float] | None = None
        self.heard = -math.inf
        self.mode: str | None = None
        self.busy = True
        self.telemetry: bool | None = None
        self.sent = self.received = self.damaged = 0
        self._woken = False
        self._target: dict[str, Any] | None = None
        # No proxy: what is told to a robot goes to the robot.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="reachy_mini", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """Where the daemon is."""
        return self._at

    def tell(self, positions: Positions) -> None:
        """Sends positions, in place of those that have not been sent yet."""
        self._target = to_target(positions)
        self._soon(self._news.set)

    def halt(self, positions: Positions | None) -> None:
        """Ends what the daemon moves for anybody, and holds the robot at these positions."""
        self._target = None
        self._soon(lambda: self._loop.create_task(self._halt(positions)))

    def close(self) -> None:
        """Ends the connection; a robot that it has woken is put to sleep."""

        def end() -> None:
            if self._main is not None:
                self._main.cancel()

        self._soon(end)
        self._thread.join(2.0 * ANSWER_S)

    def _soon(self, act: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._stay_connected())
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _stay_connected(self) -> None:
        try:
            while True:
                try:
                    self.problem = await self._visit()
                except Exception as error:  # whatever a network, or a stranger at its end, does
                    why = in_one_line(getattr(error, "reason", error))
                    self.problem = Reason("unreachable", f"nobody answers at {self._at}: {why}")
                self.busy, self._target = True, None
                await asyncio.sleep(RETRY_S)
        finally:
            if self._woken and self.positions is not None:
                await self._ask("POST", "move/play/goto_sleep")

    async def _visit(self) -> Reason | None:
        """One connection, from its beginning to its end; why it could not begin."""
        try:
            problem = judge(await self._ask("GET", "daemon/status"))
        except urllib.error.HTTPError:
            problem = Reason("no_daemon", "is no daemon of Reachy Mini")
        if problem is not None:
            return Reason(problem.code, f"what answers at {self._at} {problem}")
        await self._see_telemetry()
        path = f"state/ws/full?frequency={STATES_HZ:g}"
        async with self._socket(path) as states, self._socket("move/ws/set_target") as targets:
            await self._learn(await asyncio.wait_for(states.recv(), ANSWER_S))
            await self._wake_up()
            self.problem = None
            work = (
                self._listen(states),
                self._send(targets),
                self._hear_refusals(targets),
                self._probe(),
            )
            tasks = [asyncio.ensure_future(each) for each in work]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    if task.done():
                        task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return Reason("gone", f"the daemon at {self._at} has ended the connection")

    def _socket(self, path: str) -> connect:
        address = f"ws://{self._at}/api/{path}"
        return connect(address, proxy=None, open_timeout=ANSWER_S, close_timeout=0.2)

    async def _listen(self, states: ClientConnection) -> None:
        async for message in states:
            await self._learn(message)

    async def _learn(self, message: str | bytes) -> None:
        try:
            state = json.loads(message)
            self.positions, self.mode = from_state(state), state.get("control_mode")
        except (ValueError, AttributeError):
            self.damaged += 1
            return
        self.heard = self._clock()
        self.received += 1

    async def _send(self, targets: ClientConnection) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            target, self._target = self._target, None
            if target is not None:
                await targets.send(json.dumps(target))
                self.sent += 1

    async def _hear_refusals(self, targets: ClientConnection) -> None:
        async for _refusal in targets:
            self.damaged += 1

    async def _probe(self) -> None:
        """An empty target moves nothing, and the answer tells whether targets are obeyed."""
        while True:
            answer = await self._ask("POST", "move/set_target", {})
            self.busy = answer.get("status") != "ok"
            await asyncio.sleep(PROBE_S)

    async def _wake_up(self) -> None:
        at = self.positions
        if at is None or not self._wake or self._woken:
            return
        low = at["head_z_joint"] < ASLEEP_Z and at["head_pitch_joint"] > ASLEEP_PITCH
        if low or self.mode == "disabled":
            self._woken = True
            await self._ask("POST", "motors/set_mode/enabled")
            await self._ask("POST", "move/play/wake_up")

    async def _see_telemetry(self) -> None:
        try:
            answer = await self._ask("GET", "telemetry")
            self.telemetry = bool(answer.get("enabled")) and not answer.get("disabled_by_env")
        except urllib.error.HTTPError:
            self.telemetry = None  # an older daemon, which has none

    async def _halt(self, positions: Positions | None) -> None:
        if positions is not None:
            self.tell(positions)
        try:
            for move in await self._ask("GET", "move/running"):
                await self._ask("POST", "move/stop", move)
        except (OSError, ValueError):
            return  # it is told elsewhere that the daemon is away
        if positions is not None:
            self.tell(positions)

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        """What the daemon answers to a request.

        Raises:
            OSError: it cannot be reached, or refuses.
            ValueError: it answers no JSON.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://{self._at}/api/{path}",
            data,
            {"Content-Type": "application/json"},
            method=method,
        )

        def answer() -> Any:
            with self._opener.open(request, timeout=ANSWER_S) as response:
                return json.loads(response.read())

        return await asyncio.to_thread(answer)


class ReachyMiniDriver(JointDriver):
    """Moves Reachy Mini's head, body and antennas.

    Args:
        link: to its daemon.
        limits: of the joints.
        clock: monotonic seconds.
    """

    def __init__(
        self, link: DaemonLink, limits: Mapping[str, JointLimits], clock: Callable[[], float]
    ) -> None:
        self._link, self._limits, self._clock = link, limits, clock
        self._stopped = False

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """See `JointDriver`."""
        return self._limits

    @property
    def problem(self) -> Reason | None:
        """See `RobotDriver`."""
        link = self._link
        if self._stopped:
            return stopped("Reachy Mini")
        if link.problem is not None:
            return link.problem
        silence = self._clock() - link.heard
        if silence > SILENCE_S:
            return Reason("silent", f"Reachy Mini has been silent for {silence:.1f} s")
        if link.mode not in (None, "enabled"):
            asleep = f"Reachy Mini sleeps: its motors are '{link.mode}'; wake it in its dashboard"
            return Reason("asleep", f"{asleep} at http://{link.name}, or start this robot again")
        if link.busy:
            return Reason("busy", "another program moves Reachy Mini; waits until it has ended")
        return None

    @property
    def health(self) -> LinkHealth:
        """See `RobotDriver`."""
        link = self._link
        telemetry = {True: "on: start the daemon with DO_NOT_TRACK=1", False: "off"}
        details = {
            "motors": link.mode or "unknown",
            "telemetry of its maker": telemetry.get(link.telemetry or False)
            if link.telemetry is not None
            else "unknown",
        }
        silence_s = self._clock() - link.heard
        return LinkHealth(link.name, silence_s, link.sent, link.received, link.damaged, details)

    def update(self) -> JointReport | None:
        """See `JointDriver`."""
        positions, problem = self._link.positions, self.problem
        if positions is None or (problem is not None and problem.code not in (STOPPED, "busy")):
            return None
        return JointReport(dict(positions))

    def move(self, positions: Mapping[str, float]) -> None:
        """See `JointDriver`."""
        if self.problem is None:
            self._link.tell(positions)

    def stop(self) -> None:
        """See `RobotDriver`."""
        if not self._stopped:
            self._link.halt(self._link.positions)
        self._stopped = True

    def release(self) -> None:
        """See `RobotDriver`."""
        self._stopped = False

    def close(self) -> None:
        """See `RobotDriver`."""
        self._link.close()


def create(_node: Node, model: RobotModel, settings: ReachyMiniSettings) -> ReachyMiniDriver:
    """The driver, with its connection under way."""
    link = DaemonLink(settings, time.monotonic)
    return ReachyMiniDriver(link, model.limits, time.monotonic)
