"""A stand-in of Reachy Mini's daemon: the part of its REST and WebSocket interface that we use.

Its robot is where it is told to be after 0.02 s, as in the daemon's own ``--mockup-sim``.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

HEAD = ("x", "y", "z", "roll", "pitch", "yaw")
SLEEP = (-0.021, 0.001, -0.044, 0.0, 0.426, 0.0, 0.0, -3.05, 3.05)
"""The pose in which it is put to sleep: head, body yaw, right and left antenna, m and rad."""

AWAKE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.1745, 0.1745)

PERIOD_S = 0.02
"""Of its control loop."""


class FakeReachyMini:
    """The daemon and its robot, on a thread of its own; a context manager.

    Args:
        port: of 127.0.0.1; 0: any.
        version: that it says it has.
        asleep: whether it begins asleep, with its motors off; otherwise awake.
        delay_s: by which everything is late on its way, in either direction.

    Attributes:
        port: where it answers.
        pose: where the robot is: x, y, z, roll, pitch, yaw, body yaw, right antenna, left antenna.
        mode: of the motors.
        targets: every target that it has obeyed: by the clock `time.monotonic`, and the pose.
        requests: methods and paths of what it was asked for.
    """

    def __init__(
        self, port: int = 0, version: str = "1.13.0", asleep: bool = False, delay_s: float = 0.0
    ) -> None:
        self.port, self.version, self.delay_s = port, version, delay_s
        self.pose: list[float] = list(SLEEP if asleep else AWAKE)
        self.mode = "disabled" if asleep else "enabled"
        self.targets: list[tuple[float, list[float]]] = []
        self.requests: list[str] = []
        self._wanted = list(self.pose)
        self._moves: dict[str, asyncio.Task[None]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> FakeReachyMini:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._soon(lambda: self._end.set() if self._end is not None else None)
        self._thread.join()

    def move_by_another(self, pose: dict[str, float], seconds: float) -> None:
        """What a ``goto`` of another program does: the robot obeys no targets meanwhile."""
        self._soon(lambda: self._goto([pose.get(name, 0.0) for name in HEAD], None, seconds))

    def _soon(self, act: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        tasks = [asyncio.ensure_future(self._control())]
        await self._end.wait()
        server.close()
        tasks += self._moves.values()
        for task in tasks:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others, timeout=1.0) if others else None

    async def _control(self) -> None:
        while True:
            if self.mode == "enabled":
                self.pose = list(self._wanted)
            await asyncio.sleep(PERIOD_S)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, _ = head.decode().split(" ", 2)
            path = path.removeprefix("/api/")
            self.requests.append(f"{method} {path}")
            await asyncio.sleep(self.delay_s)
            if b"upgrade: websocket" in head.lower():
                await self._websocket(head, path, reader, writer)
                return
            length = [
                int(line[15:])
                for line in head.split(b"\r\n")
                if line[:15].lower() == b"content-length:"
            ]
            body = json.loads(await reader.readexactly(length[0])) if length and length[0] else None
            status, answer = self._answer(method, path, body)
            text = json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n"
                "Content-Type: application/json\r\nConnection: close\r\n\r\n".encode()
                + text
            )
            await writer.drain()
        except (OSError, EOFError, ValueError):
            pass  # the client is gone
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _websocket(
        self, head: bytes, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(head)
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))

        def flush() -> None:
            writer.writelines(protocol.data_to_send())

        flush()
        states = path.startswith("state/ws/full")
        telling = asyncio.ensure_future(self._tell(protocol, flush)) if states else None
        try:
            while protocol.state is State.OPEN and (data := await reader.read(65536)):
                protocol.receive_data(data)
                for frame in protocol.events_received():
                    if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                        target = json.loads(bytes(frame.data))
                        self._loop.call_later(self.delay_s, self._set_target, target)
                flush()
        finally:
            if telling is not None:
                telling.cancel()

    async def _tell(self, protocol: ServerProtocol, flush: Callable[[], None]) -> None:
        while True:
            text = json.dumps(self._state()).encode()

            def send(text: bytes = text) -> None:
                if protocol.state is State.OPEN:
                    protocol.send_text(text)
                    flush()

            self._loop.call_later(self.delay_s, send)
            await asyncio.sleep(PERIOD_S)

    def _state(self) -> dict[str, Any]:
        return {
            "control_mode": self.mode,
            "head_pose": dict(zip(HEAD, self.pose, strict=False)),
            "body_yaw": self.pose[6],
            "antennas_position": self.pose[7:],
        }

    def _answer(self, method: str, path: str, body: Any) -> tuple[str, Any]:
        found: Any
        if (method, path) == ("GET", "daemon/status"):
            found = {"type": "daemon_status", "state": "running", "version": self.version}
        elif (method, path) == ("GET", "telemetry"):
            found = {"enabled": True, "disabled_by_env": True}
        elif (method, path) == ("GET", "state/full"):
            found = self._state()
        elif (method, path) == ("GET", "move/running"):
            found = [{"uuid": each} for each in self._moves]
        elif (method, path) == ("POST", "move/stop"):
            self._moves[body["uuid"]].cancel()
            found = {"message": "stopped"}
        elif (method, path) == ("POST", "move/set_target"):
            found = self._set_target(body)
        elif (method, path) == ("POST", "move/play/wake_up"):
            found = self._goto(AWAKE[:6], AWAKE[6:], 0.5)
        elif (method, path) == ("POST", "move/play/goto_sleep"):
            found = self._goto(SLEEP[:6], SLEEP[6:], 0.5, "disabled")
        elif method == "POST" and path.startswith("motors/set_mode/"):
            self.mode = path.rpartition("/")[2]
            found = {"status": f"motors changed to {self.mode} mode"}
        else:
            return "404 Not Found", {"detail": "Not Found"}
        return "200 OK", found

    def _set_target(self, body: dict[str, Any]) -> dict[str, str]:
        if self._moves:
            return {"status": "ignored", "reason": "move_running"}
        if body:
            head, antennas = body["target_head_pose"], body["target_antennas"]
            self._wanted = [head[name] for name in HEAD] + [body["target_body_yaw"], *antennas]
            self.targets.append((time.monotonic(), list(self._wanted)))
        return {"status": "ok"}

    def _goto(
        self, head: Any, rest: Any, seconds: float, mode: str | None = None
    ) -> dict[str, str]:
        name, start = str(uuid.uuid4()), list(self._wanted)
        goal = [*head, *(rest if rest is not None else start[6:])]

        async def go() -> None:
            began = self._loop.time()
            try:
                while (share := min((self._loop.time() - began) / seconds, 1.0)) < 1.0:
                    bend = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
                    pairs = zip(start, goal, strict=True)
                    self._wanted = [one + bend * (other - one) for one, other in pairs]
                    await asyncio.sleep(PERIOD_S)
                self.pose = self._wanted = list(goal)
                self.mode = mode or self.mode
            finally:
                self._moves.pop(name, None)

        self._moves[name] = self._loop.create_task(go())
        return {"uuid": name}
