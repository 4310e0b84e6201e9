"""Commands to a robot that runs: ``robot say``, ``robot play``, ``robot stop`` and the others.

Each is a program of its own, for the shell: it finds the robot over ROS, asks for one thing,
waits for the answer, and ends. The robot may be that of ``robot``, that of ``robot.launch.py``, or
nodes that somebody started one by one.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import rclpy
import yaml
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fer_interfaces.action import PlayMotion, Say
from fer_interfaces.msg import BehaviorState, HoldState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.task import Future
from std_srvs.srv import Trigger

from ec_rfernet.errors import InputError, writable
from fer_common.actions import FirstAnswerClient
from fer_common.entry import INTERRUPTED
from fer_common.qos import EVENTS, LATCHED
from fer_common.runner import (
    LeanExecutor,
    StartError,
    StopRequest,
    add,
    initialise,
    spin_once,
)
from robot_behavior.dialogue.behaviors import NEAREST
from robot_behavior.robots.sign_of_life import HELD
from robot_behavior.speech import SPEAKS, SPEAKS_BETTER

FOUND_S = 6.0
"""A part of the robot that has not been found after so long is not there."""

ANSWER_S = 5.0
"""A service that has not answered after so long does not answer."""

AGAIN_S = 1.0
"""A service is asked again after so long: it may have heard the question before it has found who
asks. Nothing that it does is different when it is done twice."""

HEARD_S = 1.5
"""For so long ``robot status`` listens: every node tells how it is once a second."""

NAME = "robot_command_"
"""Begin of the name of the node of a command."""

_SETTLES_S = 0.3  # after one node has been found, the others have been

PLAYER, SPEAKER = "motion_player", "speech_node"
BOTH = "play_motion2_bridge"
STOPPABLE = (PLAYER, "sim_robot", "robot_bridge", "stop_keeper", BOTH)
"""The nodes with ``~/stop`` and ``~/release``: what plays the gestures, and what moves a robot; the
last one does both."""


class NotDoneError(InputError):
    """The robot was asked, and did not do it: exit code 1."""


@dataclass
class Line:
    """The way to the robot.

    Args:
        node: of this program.
        executor: spins it.
        stop: set by Ctrl-C.
        tell: called with each line for the user.
    """

    node: Node
    executor: Executor
    stop: StopRequest = field(default_factory=StopRequest)
    tell: Callable[[str], object] = lambda text: print(writable(text), flush=True)

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Works until a condition holds, for so long at most; whether it does.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        end = time.monotonic() + seconds
        while not condition():
            if self.stop:
                raise KeyboardInterrupt
            if time.monotonic() > end:
                return False
            spin_once(self.executor, 0.05)
        return True

    def name(self, node: str) -> str:
        """Of a node of the robot, with its namespace."""
        return self.node.resolve_topic_name(node)

    def call(self, kind: Any, name: str, request: Any, found_s: float = FOUND_S) -> Any:
        """The answer of a service.

        Raises:
            NotDoneError: nobody serves it, or there is no answer.
        """
        client = self.node.create_client(kind, name)
        try:
            if not self.wait(client.service_is_ready, found_s):
                raise self.absent(name.rpartition("/")[0] or name)
            for _ in range(round(ANSWER_S / AGAIN_S)):
                future = client.call_async(request)
                if self.wait(future.done, AGAIN_S):
                    return future.result()
            raise NotDoneError(f"{name} has not answered within {ANSWER_S:g} s")
        finally:
            self.node.destroy_client(client)

    def absent(self, node: str) -> NotDoneError:
        """What to say of a node that is not there."""
        others = [name for name, _ in self.nodes()]
        seen = f"; there are {', '.join(others)}" if others else "; no other node is there either"
        domain, space = os.environ.get("ROS_DOMAIN_ID", "0"), self.node.get_namespace()
        return NotDoneError(
            f"there is no {node} in ROS domain {domain}, namespace {space}{seen}. "
            "Is the robot running, or does it hang? Have ROS_DOMAIN_ID and --namespace the values "
            "that it has?"
        )

    def nodes(self) -> list[tuple[str, str]]:
        """Name and namespace of every other node."""
        found = self.node.get_node_names_and_namespaces()
        own = (self.node.get_name(), self.node.get_namespace())
        ours = ("_", NAME)  # those of a stop path, and of other commands
        return sorted({each for each in found if each != own and not each[0].startswith(ours)})


# What can be asked for.


def perform(line: Line, kind: Any, action: str, goal: Any, server: str) -> None:
    """Has the robot carry out a goal, and waits for its end; Ctrl-C cancels it.

    Raises:
        NotDoneError: there is no server, it refused, or the goal was not completed.
    """
    client = FirstAnswerClient(line.node, kind, action)
    try:
        if not line.wait(client.server_is_ready, FOUND_S):
            raise line.absent(server)
        line.wait(lambda: False, _SETTLES_S)  # the server has found us a moment later
        asked = client.send_goal_async(goal)
        try:
            answer = _answer(line, asked, goal, server)
        except KeyboardInterrupt:
            line.stop.count = 0
            if line.wait(asked.done, ANSWER_S) and (handle := asked.result()).accepted:
                line.wait(handle.cancel_goal_async().done, ANSWER_S)
                line.wait(handle.get_result_async().done, ANSWER_S)
            raise
        if answer.status != GoalStatus.STATUS_SUCCEEDED or not answer.result.success:
            raise NotDoneError(answer.result.message or f"{server} has not completed it")
        if answer.result.message:
            line.tell(answer.result.message)
    finally:
        client.destroy()


def _answer(line: Line, asked: Future, goal: Any, server: str) -> Any:
    if not line.wait(asked.done, ANSWER_S):
        raise NotDoneError(f"{server} has not answered within {ANSWER_S:g} s")
    handle = asked.result()
    if not handle.accepted:
        raise NotDoneError(
            f"{server} refuses: it does something of a higher priority than {goal.priority}; "
            "ask with --priority 255, or wait"
        )
    result: Future = handle.get_result_async()
    line.wait(result.done, math.inf)
    return result.result()


def say(line: Line, options: argparse.Namespace) -> None:
    """Says a sentence."""
    goal = Say.Goal(text=options.text, locale=options.locale, priority=options.priority)
    perform(line, Say, "say", goal, SPEAKER)


def play(line: Line, options: argparse.Namespace) -> None:
    """Plays a gesture."""
    goal = PlayMotion.Goal(motion=options.motion, priority=options.priority)
    perform(line, PlayMotion, "play_motion", goal, PLAYER)


def stop(line: Line, options: argparse.Namespace) -> None:
    """Stops the robot; those of this machine are stopped already, see `fer_bringup.robot`.

    Raises:
        NotDoneError: nobody answers.
    """
    try:
        _everybody(line, "stop")
    except NotDoneError as error:
        if not options.here:
            raise
        raise NotDoneError(
            f"robot {', '.join(options.here)}, on this machine, does not answer: it hangs, or is "
            "very busy. It stays where it is as soon as it goes on, until robot release"
        ) from error


def release(line: Line, _options: argparse.Namespace) -> None:
    """Lets it move again."""
    _everybody(line, "release")


def _everybody(line: Line, what: str) -> None:
    """Asks all that can stop a robot at once: some of them may be dead, or hang.

    Raises:
        NotDoneError: nobody has done it.
    """
    clients = {name: line.node.create_client(Trigger, f"{name}/{what}") for name in STOPPABLE}
    asked: dict[str, list[Future]] = {}

    def ask() -> bool:
        for name, client in clients.items():
            if name not in asked and client.service_is_ready():
                asked[name] = [client.call_async(Trigger.Request())]
        return BOTH in asked or (PLAYER in asked and len(asked) > 1)

    line.wait(ask, FOUND_S)
    if not asked:
        raise line.absent(PLAYER)

    def answered(name: str) -> bool:
        return any(future.done() for future in asked[name])

    for _ in range(round(ANSWER_S / AGAIN_S)):
        if line.wait(lambda: all(map(answered, asked)), AGAIN_S):
            break
        for name, futures in asked.items():
            if not answered(name):
                futures.append(clients[name].call_async(Trigger.Request()))
    done = False
    for name, futures in asked.items():
        answer = next((future.result() for future in futures if future.done()), None)
        done |= bool(answer and answer.success)
        line.tell(f"{name}: {answer.message if answer else 'no answer'}")
    if not done:
        raise NotDoneError(f"nobody has answered to {what}")


def motions(line: Line, _options: argparse.Namespace) -> None:
    """Lists the gestures."""
    for name in _motions(line):
        line.tell(name)


def _motions(line: Line) -> list[str]:
    answer = line.call(Trigger, f"{PLAYER}/list_motions", Trigger.Request())
    return [name.strip() for name in answer.message.split(",")]


_LEVELS = {
    DiagnosticStatus.OK: "ok",
    DiagnosticStatus.WARN: "warning",
    DiagnosticStatus.ERROR: "error",
    DiagnosticStatus.STALE: "silent",
}


def status(line: Line, options: argparse.Namespace) -> None:
    """Tells how the robot is.

    Raises:
        NotDoneError: nothing was heard of a robot, or something is wrong with it.
    """
    behaviour: list[BehaviorState] = []
    held: list[HoldState] = []
    nodes: dict[str, DiagnosticStatus] = {}
    prefix = line.node.get_namespace().strip("/")

    def on_diagnostics(message: DiagnosticArray) -> None:
        for each in message.status:
            space = each.name.partition(":")[0].strip("/").rpartition("/")[0]
            if space == prefix:
                nodes[each.name] = each

    node = line.node
    node.create_subscription(BehaviorState, "behavior_state", behaviour.append, LATCHED)
    node.create_subscription(HoldState, HELD, held.append, LATCHED)
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, EVENTS)
    line.wait(lambda: nodes or behaviour, FOUND_S)
    line.wait(lambda: False, HEARD_S)
    if not nodes and not behaviour:
        raise line.absent("robot")
    told = {each.key: each.value for each in _of(nodes, SPEAKER)}
    is_held = bool(held) and held[-1].state == HoldState.HELD
    last = behaviour[-1] if behaviour else None
    wrong = sorted(name for name, each in nodes.items() if each.level != DiagnosticStatus.OK)
    if options.json:
        line.tell(
            json.dumps(
                {
                    "held": is_held if held else None,
                    "state": last.state if last else None,
                    "reason": last.reason if last else None,
                    "voice": told.get(SPEAKS) or None,
                    "better_voice": told.get(SPEAKS_BETTER) or None,
                    "nodes": {
                        name: {"level": _LEVELS[each.level], "message": each.message}
                        for name, each in sorted(nodes.items())
                    },
                }
            )
        )
    else:
        if last:
            line.tell(f"does      {last.state}: {last.reason}")
        if held:
            line.tell("may move  " + ("no: it was stopped; robot release" if is_held else "yes"))
        line.tell(f"voice     {told.get(SPEAKS) or 'none: fer-doctor tells how to get one'}")
        if told.get(SPEAKS_BETTER):
            line.tell(f"          {told[SPEAKS_BETTER]}")
        width = max(map(len, nodes), default=0)
        for name, each in sorted(nodes.items()):
            line.tell(f"{_LEVELS[each.level]:<8}  {name:<{width}}  {each.message}")
    if wrong:
        raise NotDoneError(f"not in order: {', '.join(wrong)}")


def _of(nodes: Mapping[str, DiagnosticStatus], node: str) -> Sequence[KeyValue]:
    """What a node has told of itself."""
    found = (
        each.values for name, each in nodes.items() if name.rpartition("/")[2].startswith(node)
    )
    return next(found, ())


def watch(line: Line, options: argparse.Namespace) -> None:
    """Shows what goes on until Ctrl-C."""
    if not line.wait(line.nodes, FOUND_S):
        raise line.absent("robot")
    from fer_bringup import terminal  # 50 ms and 3 MB, most of it rich
    from fer_bringup.view_node import ViewNode

    with terminal.opened(options.view) as screen:
        view = ViewNode(screen)
        add(line.executor, view)
        try:
            line.wait(lambda: False, math.inf)
        finally:
            line.executor.remove_node(view)
            view.destroy_node()


def change(line: Line, options: argparse.Namespace) -> None:
    """Changes a parameter, or shows what it is.

    Where several nodes have it, it changes in all of them or in none.

    Raises:
        NotDoneError: no node has it, or one has refused the value.
    """
    name = options.name.rpartition(".")[2]
    changed: list[tuple[str, ParameterMessage]] = []
    owners = _owners(line, options.name)
    for node in owners if options.value is not None else []:
        before = ParameterMessage(name=name, value=_values(line, node, name))
        result = _set(line, node, _parameter(name, options.value))
        if not result.successful:
            for earlier, value in changed:
                _set(line, earlier, value)
            value = options.value or "''"
            raise NotDoneError(f"{node} refuses {value} for {name}: {result.reason}")
        changed.append((node, before))
    for node in owners:
        line.tell(f"{node}.{name} = {parameter_value_to_python(_values(line, node, name))}")


def _values(line: Line, node: str, name: str) -> Any:
    """The message with the value of a parameter."""
    request = GetParameters.Request(names=[name])
    return line.call(GetParameters, f"{node}/get_parameters", request).values[0]


def _set(line: Line, node: str, parameter: ParameterMessage) -> Any:
    """Whether a node has taken a value, and why not."""
    request = SetParameters.Request(parameters=[parameter])
    return line.call(SetParameters, f"{node}/set_parameters", request).results[0]


def _owners(line: Line, wanted: str) -> list[str]:
    """The nodes that have a parameter ``name`` or, if it is ``node.name``, this one.

    Raises:
        NotDoneError: none has it.
    """
    node, _, name = wanted.rpartition(".")
    known, silent = _parameters(line)
    if owners := [each for each in known if name in known[each] and node in ("", each)]:
        return owners
    every = sorted({each for names in known.values() for each in names})
    near = difflib.get_close_matches(name, every, 3, 0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    if silent:
        hint = f"; {', '.join(silent)} {'has' if len(silent) == 1 else 'have'} not answered" + hint
    raise NotDoneError(f"no node of the robot has a parameter '{wanted}'{hint}")


def _parameters(line: Line) -> tuple[dict[str, list[str]], list[str]]:
    """The parameters of every node of the robot that answers, and the nodes that do not.

    Raises:
        NotDoneError: there is no node.
    """
    space = line.node.get_namespace()

    def names() -> list[str]:
        return [name for name, place in line.nodes() if place == space]

    line.wait(names, FOUND_S)
    line.wait(lambda: False, _SETTLES_S)  # the others are found a moment later
    services = {name: f"{name}/list_parameters" for name in names()}
    clients = [line.node.create_client(ListParameters, each) for each in services.values()]
    line.wait(lambda: all(client.service_is_ready() for client in clients), FOUND_S)
    found = {}
    ready = [client.service_is_ready() for client in clients]
    for name, service in (
        each for each, there in zip(services.items(), ready, strict=True) if there
    ):
        with suppress(NotDoneError):  # it is ending, or hangs
            answer = line.call(ListParameters, service, ListParameters.Request())
            found[name] = list(answer.result.names)
    for client in clients:
        line.node.destroy_client(client)
    if not found:
        raise line.absent("robot")
    return found, [name for name in services if name not in found]


def _parameter(name: str, text: str) -> ParameterMessage:
    try:
        value = _value(text)
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int):
                number.to_bytes(8, "big", signed=True)  # the message has no room for more
        return Parameter(name, value=value).to_parameter_msg()
    except (TypeError, ValueError, OverflowError, SystemError, AssertionError) as error:
        raise NotDoneError(f"'{text}' is no value of a parameter") from error


_POWER_OF_TEN = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+", re.ASCII)


def _value(text: str) -> Any:
    """As ``ros2 param set`` reads it: YAML; what is no value of a parameter stays a text.

    Numbers such as 1e-3 are numbers, which YAML wants to be written 1.0e-3.
    """
    if _POWER_OF_TEN.fullmatch(text):
        return float(text)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float | list) else text


# The program.

WORK: dict[str, Callable[[Line, argparse.Namespace], None]] = {
    "say": say,
    "play": play,
    "stop": stop,
    "release": release,
    "status": status,
    "watch": watch,
    "list": motions,
    "set": change,
}
"""What each of `fer_bringup.arguments.COMMANDS` does."""


@contextmanager
def line_to(namespace: str, network: bool) -> Iterator[Line]:
    """A way to the robot.

    Args:
        namespace: of the robot's nodes.
        network: whether it may be on another machine.

    Raises:
        StartError: ROS cannot be initialised.
    """
    arguments = ["--ros-args", "--log-level", "ERROR", "--disable-external-lib-logs"]
    if namespace.strip("/"):
        arguments += ["-r", f"__ns:=/{namespace.strip('/')}"]
    initialise(arguments, network, images=False)
    executor, stop = LeanExecutor(), StopRequest()
    stop.install(executor)
    node = Node(f"{NAME}{os.getpid()}", enable_rosout=False, start_parameter_services=False)
    try:
        add(executor, node)
        yield Line(node, executor, stop)
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()


def run(options: argparse.Namespace) -> int:
    """Carries out a command.

    Returns:
        Exit code: 0 when it is done; 1 when the robot refuses, is not there, or is not well; 2
        when ROS could not be initialised; 130 after Ctrl-C.
    """
    try:
        with line_to(options.namespace, options.network) as line:
            WORK[options.command](line, options)
    except NotDoneError as error:
        print(writable(str(error)), file=sys.stderr)
        return 1
    except StartError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0 if options.command == "watch" else INTERRUPTED
    return 0


def known(what: str, namespace: str, network: bool) -> list[str]:
    """What a robot that runs has of something, for completion; nothing where there is none.

    Args:
        what: ``motion`` or ``name``, of a parameter.
        namespace: see `line_to`.
        network: likewise.
    """
    with suppress(NotDoneError, StartError), line_to(namespace, network) as line:
        if what == "motion":
            return [*_motions(line), *NEAREST]
        return sorted({name for names in _parameters(line)[0].values() for name in names})
    return []
