"""A place for the newest item only."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One slot between a producer and a slower consumer: the newest item wins.

    Thread-safe. An item that is replaced before it was taken counts as dropped.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: T | None = None
        self._dropped = 0
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many items were replaced before anyone took them."""
        return self._dropped

    def put(self, item: T) -> None:
        """Leaves an item, in place of one that is still there; ignored once closed."""
        with self._changed:
            if self._closed:
                return
            self._dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self, timeout: float | None = None) -> T | None:
        """Waits for an item and removes it.

        Returns:
            The newest item; None once the mailbox is closed, or after ``timeout`` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None, timeout)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Ends every `take`, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
