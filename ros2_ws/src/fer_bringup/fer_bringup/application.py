"""Puts the robot together in one process, runs it, and tells what happened."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import rclpy
from ament_index_python.packages import get_package_prefix, get_package_share_directory
from rclpy.executors import Executor
from rclpy.node import Node

from ec_rfernet.errors import InputError
from ec_rfernet.files import temporary_folder
from fer_bringup.arguments import RobotOptions, RobotSettings
from fer_bringup.assembly import (
    Part,
    check_user_file,
    default_file,
    enclave,
    parameter_file,
    parts,
)
from fer_bringup.clip.make_clip import clip_path, ensure_clip_for
from fer_bringup.film import VOICE
from fer_bringup.journal import Journal, Screen
from fer_bringup.recorder_node import PAINTED, FilmRecorder
from fer_bringup.supervisor import DELAY_S, Restarts
from fer_bringup.view_node import ViewNode
from fer_common.entry import ENDS_WITH
from fer_common.runner import (
    GRACE_S,
    OPEN,
    ClosingNode,
    LeanExecutor,
    StartError,
    StopRequest,
    add,
    fast_executor,
    initialise,
    rest,
    settle_memory,
    spin,
    spin_once,
    start,
    why_open,
)
from fer_common.settings import ParameterError
from robot_behavior.robots import find_robot

# Nodes that only watch: processes of their own, so that they cannot slow the robot down.

COULD_NOT_START = 2
"""Exit code of a node that could not start; it has said why."""


class Companions:
    """The processes; ended by `close`.

    Args:
        commands: the command line of each, by the name of its node.
        tell: called with a line for the user.
        respawn: whether one that fails is started again, see `fer_bringup.supervisor.Restarts`.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        tell: Callable[[str], None],
        respawn: bool = True,
    ) -> None:
        self._commands, self._tell, self._respawn = commands, tell, respawn
        self._restarts = {name: Restarts() for name in commands}
        self._due: dict[str, float] = {}  # when one is started again
        self._running = {name: self._started(name) for name in commands}
        self._failed: str | None = None

    def have_failed(self) -> bool:
        """Whether one of them could not start. Tells of one that has ended in another way."""
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            del self._running[name]
            restarts = self._restarts[name]
            if code == COULD_NOT_START and not restarts.count:
                self._failed = name
                continue
            follows = "the robot goes on"
            if code != 0 and self._respawn and restarts.allowed():
                follows += f", and starts it again in {DELAY_S:g} s"
                self._due[name] = time.monotonic() + DELAY_S
            self._tell(f"{name} has ended with exit code {code}; {follows}")
        for name in [name for name, at in self._due.items() if time.monotonic() >= at]:
            del self._due[name]
            self._running[name] = self._started(name)
        return self._failed is not None

    def _started(self, name: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {ENDS_WITH: str(os.getpid())}
        return subprocess.Popen(self._commands[name], env=environment)

    def check(self) -> None:
        """Complains about what `have_failed`.

        Raises:
            StartError: one could not start.
        """
        if self._failed is not None:
            raise StartError(f"{self._failed} could not start, see its message above")

    def close(self) -> None:
        """Ends those that run, as Ctrl-C would; kills one that does not stop."""
        for process in self._running.values():
            process.send_signal(signal.SIGINT)
        for process in self._running.values():
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def command(part: Part, settings: RobotSettings) -> list[str]:
    """The command line that starts a node in a process of its own."""
    folder = Path(get_package_prefix(part.package), "lib", part.package)
    # The little that they say is for the user: where to look, and what is written where.
    level = "DEBUG" if settings.log_level == "debug" else "INFO"
    arguments = [str(folder / part.executable), "--ros-args", "--log-level", level]
    arguments += ["--enclave", enclave(part.executable)]
    if settings.namespace:
        arguments += ["-r", f"__ns:=/{settings.namespace.strip('/')}"]
    for source, target in part.remappings:
        arguments += ["-r", f"{source}:={target}"]
    arguments += ["--params-file", str(settings.params_file)]
    for name, value in part.parameters.items():
        text = json.dumps(value, default=str)  # which is YAML: "" and "7" are text
        arguments += ["-p", f"{name}:={text}"]
    return arguments


# The program.

_SETTLE_S = 1.0  # after the last frame: what was seen in it may still be answered
_PATIENCE_S = 15.0  # a response may take so long after the last frame


def run(options: RobotOptions) -> int:
    """The whole program; see `fer_bringup.robot.main`."""
    share = Path(get_package_share_directory("fer_bringup"))
    code, lines = 0, list[str]()
    try:
        ensure_clip_for(options.settings.camera, partial(print, flush=True))
        _perform(options, share, lines)
    except (InputError, ParameterError, StartError) as error:
        print(error, file=sys.stderr)
        code = 2
    except KeyboardInterrupt:  # while the clip was made
        return 0
    if lines:
        print("\n".join(["", *lines]), flush=True)
    return code


def _perform(options: RobotOptions, share: Path, lines: list[str]) -> None:
    """Runs the robot; adds what to tell at the end, also where the video cannot be completed."""
    settings, folder = options.settings, options.video
    everybody = parts(settings, clip_path(), folder / VOICE if folder else None)
    check_user_file(settings, everybody, share / "config" / "robot.yaml")
    robot = [part for part in everybody if part.target]
    watching = {p.executable: command(p, settings) for p in everybody if not p.target}
    with ExitStack() as stack:
        show = stack.enter_context(_screen(options.view))
        executor, stop = stack.enter_context(_ros(settings, robot))
        companions = stack.enter_context(closing(Companions(watching, show.line, settings.respawn)))
        crew = stack.enter_context(closing(_Crew(executor)))
        seeing = stack.enter_context(closing(_Thread("perception", fast_executor())))
        aside = stack.enter_context(closing(_Thread("view", LeanExecutor())))
        view = ViewNode(show)
        view.journal.expects_images(settings.camera != "none")
        aside.add(view)
        if reason := why_open():
            show.line(f"{OPEN}: {reason}")
        if folder is not None:
            show.line(f"recording to {folder}: pictures of people, and what is said")
            recorder = _recorder(settings.robot, folder, share, view.journal)
            aside.add(recorder)
            stack.callback(lambda: lines.append(_left(recorder.files)))  # when it is closed
            stack.enter_context(closing(recorder))
        aside.begin()
        stack.callback(aside.stop)  # before anything goes that it shows or records
        try:
            for part in robot:
                if stop or companions.have_failed():
                    break
                show.line(f"starting {part.executable}")
                node = _create(part)
                (seeing if part.package == "fer_node" else crew).add(node)
                if isinstance(node, ClosingNode) and node.introduction is not None:
                    show.line(node.introduction)
                if part.lifecycle and settings.autostart:
                    start(node)
            settle_memory()
            seeing.begin()
            finish = _Finish(crew, seeing, companions, view.journal)
            # The behaviour's last order, to rest, is carried out by nodes that still work.
            spin(executor, crew.named("behavior_node"), stop, finish)
        finally:  # whatever the reason for the end: what moves comes to rest
            if stop.count < 2:
                rest(executor, crew.nodes, stop)
        companions.check()
        seeing.stop()
        aside.stop()
        lines += view.journal.summary().lines()
        profiled = seeing.named("fer_node") if options.profile else []
        lines += chain.from_iterable(["", *node.profile().splitlines()] for node in profiled)


def _recorder(robot: str, folder: Path, share: Path, journal: Journal) -> FilmRecorder:
    described = find_robot(robot)
    description = described.urdf or share / "urdf" / "humanoid.urdf"
    return FilmRecorder(folder, description, journal, described.make_painter(PAINTED))


def _left(files: Sequence[Path]) -> str:
    """What a recording has left, in one line."""
    sizes = (f"{file} ({file.stat().st_size / 1e6:.1f} MB)" for file in files)
    return f"recorded   {', '.join(sizes) or 'nothing'}"


def _screen(view: str) -> AbstractContextManager[Screen]:
    if view == "none":
        return nullcontext(Screen())
    from fer_bringup import terminal  # 50 ms and 3 MB, most of it rich

    return terminal.opened(view)


@contextmanager
def _ros(settings: RobotSettings, robot: Sequence[Part]) -> Iterator[tuple[Executor, StopRequest]]:
    """ROS with the executor of what moves, and what Ctrl-C sets.

    Raises:
        StartError: ROS does not accept the namespace or the parameter file.
    """
    # Capitals: rcl makes them as the locale does, and in Turkish an i is no I then.
    arguments = ["--ros-args", "--log-level", settings.log_level.upper(), "--enclave", enclave()]
    if settings.namespace:
        arguments += ["-r", f"__ns:=/{settings.namespace.strip('/')}"]
    if settings.use_sim_time:  # also for the nodes that only show what happens
        arguments += ["-p", "use_sim_time:=true"]
    for part in robot:
        for source, target in part.remappings:
            arguments += ["-r", f"{part.executable}:{source}:={target}"]
    with TemporaryDirectory(dir=temporary_folder()) as folder:
        # The later file wins, so arguments win over the user's file, and that over defaults.
        before, after = Path(folder) / "defaults.yaml", Path(folder) / "arguments.yaml"
        before.write_text(default_file(robot), encoding="utf-8")
        after.write_text(parameter_file(robot), encoding="utf-8")
        for file in (before, settings.params_file, after):
            arguments += ["--params-file", str(file)]
        initialise(arguments, settings.network)
    executor, stop = LeanExecutor(), StopRequest()
    try:
        stop.install(executor)
        yield executor, stop
    finally:
        executor.shutdown(timeout_sec=1.0)
        rclpy.try_shutdown()


def _create(part: Part) -> Node:
    module, name = part.target.split(":")
    try:
        kind: Callable[[], Node] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise StartError(f"node {part.target} cannot be imported: {error}") from error
    return kind()


class _Crew:
    """Nodes that one executor spins; destroyed in the reverse of their order."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.nodes: list[Node] = []

    def add(self, node: Node) -> None:
        """Spins the node from now on."""
        self.nodes.append(node)
        add(self._executor, node)

    def named(self, name: str) -> list[Node]:
        """The node of a name, or none."""
        return [node for node in self.nodes if node.get_name() == name]

    def close(self) -> None:
        """Destroys the nodes."""
        for node in reversed(self.nodes):
            self._executor.remove_node(node)
            node.destroy_node()


class _Thread(_Crew):
    """Nodes that a thread of their own spins: they cannot hold up what moves."""

    def __init__(self, name: str, executor: Executor) -> None:
        super().__init__(executor)
        self._over = Event()
        self._thread = Thread(target=self._spin, name=name, daemon=True)

    def begin(self) -> None:
        """Starts the thread; after it no node can be added."""
        self._thread.start()

    def end(self) -> None:
        """Has the thread end, without waiting for it."""
        self._over.set()
        if self._thread.is_alive():
            self._executor.wake()

    def stop(self) -> None:
        """Ends the thread; one that hangs is left behind after a while."""
        self.end()
        if self._thread.is_alive():
            self._thread.join(GRACE_S)

    def close(self) -> None:
        """Ends the thread, and destroys the nodes."""
        self.stop()
        if not self._thread.is_alive():
            super().close()
            self._executor.shutdown(timeout_sec=1.0)

    def _spin(self) -> None:
        while not self._over.is_set():
            spin_once(self._executor, 0.1)


class _Finish:
    """Tells when there is nothing more to do: no more frames, and no response under way.

    It is also the end when what should watch could not start.
    """

    def __init__(
        self, crew: _Crew, seeing: _Thread, companions: Companions, journal: Journal
    ) -> None:
        self._crew, self._seeing = crew, seeing
        self._companions, self._journal = companions, journal
        self._since: float | None = None
        self._has_told = False

    def __call__(self) -> bool:
        if self._companions.have_failed():
            return True
        if self._since is None:
            if any(camera.has_ended() for camera in self._seeing.named("camera_node")):
                self._since = time.monotonic()
            return False
        waited = time.monotonic() - self._since
        if waited < _SETTLE_S:
            return False
        if not self._has_told:
            self._has_told = True
            self._seeing.end()  # they would complain that no images come
            for node in self._crew.named("supervisor"):
                node.excuse(seeing.get_name() for seeing in self._seeing.nodes)
            for node in self._crew.named("behavior_node"):
                node.sees_no_more()
        return waited > _PATIENCE_S or not self._journal.responding
