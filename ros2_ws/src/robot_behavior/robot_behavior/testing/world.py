"""What tests of the behaviour share: the node among mock servers and a mock person."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_interfaces.msg import BehaviorState
from rclpy.executors import Executor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from fer_common.testing import PacedClock, spinning
from robot_behavior.nodes.behavior_node import BehaviorNode
from robot_behavior.testing.mocks import MockPerson, MockServer


class BehaviorWorld:
    """A behaviour node, two mock servers and a person, in one executor.

    Args:
        executor: spins the nodes.
        nodes: behaviour node, person, server of play_motion, server of say.
        clock: of the node and the servers.
    """

    def __init__(self, executor: Executor, nodes: list[Any], clock: PacedClock) -> None:
        self.executor, self.nodes, self.clock = executor, nodes, clock
        self.node: BehaviorNode
        self.person: MockPerson
        self.motion: MockServer
        self.say: MockServer
        self.node, self.person, self.motion, self.say = nodes

    def wait_until(self, condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        """Lets time pass until something has happened."""
        if not self.clock.spin_until(self.executor, condition, timeout_s):
            raise AssertionError(
                f"state {self.person.seen}, motions {self.motion.goals}, said {self.say.goals}"
            )

    def until_state(self, state: str) -> BehaviorState:
        """Lets time pass until the robot says that it is in a state."""
        self.wait_until(lambda: self.person.seen.state == state)
        return self.person.seen

    def go_on(self, seconds: float) -> None:
        """Lets time pass in which something must *not* happen."""
        end = self.clock.now + seconds
        self.wait_until(lambda: self.clock.now > end)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What happens in this block takes no time: the clock stands still."""
        self.clock.stands = True
        yield
        self.clock.stands = False

    def stop(self) -> Any:
        """Calls ``~/stop``."""
        return self._call(Trigger, "behavior_node/stop")

    def enable(self, on: bool) -> Any:
        """Calls ``~/enable``."""
        return self._call(SetBool, "behavior_node/enable", data=on)

    def replace_motion_server(self, **overrides: Any) -> None:
        """Starts another server of play_motion."""
        self.motion = MockServer(self.clock, False, action="play_motion", **overrides)
        self.nodes.append(self.motion)
        self.executor.add_node(self.motion)

    def _call(self, kind: Any, name: str, **request: Any) -> Any:
        client = self.person.create_client(kind, name)
        self.wait_until(client.service_is_ready)
        future = client.call_async(kind.Request(**request))
        self.wait_until(future.done)
        self.person.destroy_client(client)
        return future.result()


def make_node(
    files: tuple[Path, Path], clock: Callable[[], float] = time.monotonic, **overrides: Any
) -> BehaviorNode:
    """A behaviour node.

    Args:
        files: the behaviours and the motions.
        clock: monotonic seconds.
        overrides: values of its parameters.
    """
    values = {"behaviors_file": str(files[0]), "motions_file": str(files[1]), "seed": 1} | overrides
    parameters = [Parameter(key, value=value) for key, value in values.items()]
    return BehaviorNode(clock, parameter_overrides=parameters)


@contextmanager
def inactive_world(
    files: tuple[Path, Path],
    motion: dict[str, Any] | None = None,
    say: dict[str, Any] | None = None,
    **overrides: Any,
) -> Iterator[BehaviorWorld]:
    """A world whose behaviour node is not configured yet, see `world`."""
    clock = PacedClock()
    with spinning(
        lambda: make_node(files, clock, **overrides),
        lambda: MockPerson(start_parameter_services=False),
        lambda: MockServer(clock, False, action="play_motion", **(motion or {})),
        lambda: MockServer(clock, False, action="say", **(say or {})),
    ) as (executor, nodes):
        clock.goes_with(nodes[0])
        yield BehaviorWorld(executor, nodes, clock)


@contextmanager
def world(
    files: tuple[Path, Path],
    motion: dict[str, Any] | None = None,
    say: dict[str, Any] | None = None,
    **overrides: Any,
) -> Iterator[BehaviorWorld]:
    """A world whose behaviour node is active; checks at its end that goals never overlapped.

    Args:
        files: see `make_node`.
        motion: parameters of the server of play_motion.
        say: parameters of the server of say.
        overrides: see `make_node`.
    """
    with inactive_world(files, motion, say, **overrides) as scene:
        for transition in (scene.node.trigger_configure, scene.node.trigger_activate):
            if transition() is not TransitionCallbackReturn.SUCCESS:
                raise AssertionError("the behaviour node does not start")
        scene.until_state("idle")
        yield scene
        for server in (scene.motion, scene.say):
            if server in scene.executor.get_nodes() and server.most_at_once > 1:
                raise AssertionError(f"two goals at once: {server.goals}")
