"""What keeps perception up to date.

A thread works on the newest image only; a gate turns away images that are too old to act upon.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread
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


class AgeGate:
    """Turns away stale images, unless the camera's clock cannot be trusted.

    An image without a stamp, or with one from the future, is let pass: nothing is
    known of its age. When nothing but old images have come for a while, the sender's
    clock differs from ours (another machine, a replayed recording); turning every
    image away for ever would blind the robot, so they are let pass, too.

    Args:
        max_age_s: oldest image to let pass, seconds.
        patience_s: for how long all images may be too old before the clock is blamed.
    """

    def __init__(self, max_age_s: float, patience_s: float = 3.0) -> None:
        self.max_age_s = max_age_s
        self._patience_s = patience_s
        self._old_since: float | None = None
        self._complaint: str | None = None
        self.dropped = 0
        """How many images were turned away."""

    @property
    def complaint(self) -> str | None:
        """What is wrong with the stamps of the images; None when they are good."""
        return self._complaint

    def admits(self, stamp_s: float, now_s: float, arrived: float) -> bool:
        """Whether to process an image.

        Args:
            stamp_s: of the image, seconds of ROS time; 0 when it has none.
            now_s: ROS time, seconds.
            arrived: when the image came, on a monotonic clock, seconds.
        """
        age = now_s - stamp_s
        if stamp_s <= 0:
            return self._distrust("images have no stamp")
        if age < -self.max_age_s:
            return self._distrust(f"images are stamped {-age:.1f} s in the future")
        if age <= self.max_age_s:
            self._old_since = self._complaint = None
            return True
        if self._old_since is None:
            self._old_since = arrived
        if arrived - self._old_since >= self._patience_s:
            return self._distrust(f"all images are stamped {age:.1f} s or so ago")
        self.dropped += 1
        return False

    def _distrust(self, complaint: str) -> bool:
        if self._complaint is None:
            self._complaint = f"{complaint}; their age is not checked"
        return True
