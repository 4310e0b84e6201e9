"""A thread that works on the newest item only."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from fer_node.perception.mailbox import Mailbox

T = TypeVar("T")


class Worker(Generic[T]):
    """Calls a function with the newest item, one at a time, in a thread of its own.

    Args:
        process: what to do with an item.
        failed: told about an exception of ``process``; the worker goes on with the
            next item, so that one bad image does not blind the robot.
    """

    def __init__(self, process: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        self._process = process
        self._failed = failed
        self._mailbox: Mailbox[T] = Mailbox()
        self._thread = Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many items were replaced by newer ones."""
        return self._mailbox.dropped

    def put(self, item: T) -> None:
        """Leaves an item to be worked on, in place of one that still waits."""
        self._mailbox.put(item)

    def stop(self) -> None:
        """Finishes the item at hand and ends the thread."""
        self._mailbox.close()
        self._thread.join()

    def _run(self) -> None:
        while (item := self._mailbox.take()) is not None:
            try:
                self._process(item)
            except Exception as error:  # whatever it was, the next image may be better
                self._failed(error)
