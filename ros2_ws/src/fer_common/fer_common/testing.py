"""What tests of nodes share: waiting for a condition instead of for a time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node


def spin_until(
    executor: Executor, condition: Callable[[], object], timeout_s: float = 20.0
) -> bool:
    """Spins until ``condition()`` is true.

    Returns:
        Whether it became true within ``timeout_s`` (a deadline, not a duration to wait).
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        executor.spin_once(timeout_sec=0.05)
    return True


@contextmanager
def spinning(*factories: Callable[[], Node]) -> Iterator[tuple[Executor, list[Node]]]:
    """An executor with freshly made nodes, in a ROS context of their own.

    Everything is destroyed on exit, also after a failed assertion.
    """
    rclpy.init()
    executor = SingleThreadedExecutor()
    nodes: list[Node] = []
    try:
        for factory in factories:
            nodes.append(factory())
            executor.add_node(nodes[-1])
        yield executor, nodes
    finally:
        executor.shutdown(timeout_sec=1.0)
        for node in reversed(nodes):
            node.destroy_node()
        rclpy.try_shutdown()
        gc.collect()  # what is left of a context stays visible to the next one
