from __future__ import annotations

from threading import Event, Thread

from hypothesis import given
from hypothesis import strategies as st

from fer_node.perception.worker import Mailbox, Worker

DEADLINE_S = 10.0


@given(st.lists(st.integers(), min_size=1))
def test_only_the_newest_is_taken_and_the_others_are_counted(items):
    mailbox: Mailbox[int] = Mailbox()
    for item in items:
        mailbox.put(item)
    assert mailbox.take() == items[-1]
    assert mailbox.dropped == len(items) - 1
    assert mailbox.take(timeout=0) is None


def test_closing_wakes_a_waiting_taker():
    mailbox: Mailbox[int] = Mailbox()
    taken = []
    thread = Thread(target=lambda: taken.append(mailbox.take()))
    thread.start()
    mailbox.close()
    thread.join(DEADLINE_S)
    assert taken == [None]
    mailbox.put(3)
    assert mailbox.take() is None


def test_a_slow_worker_skips_to_the_newest():
    busy, release, done = Event(), Event(), Event()
    worked = []

    def work(item: int) -> None:
        worked.append(item)
        busy.set()
        assert release.wait(DEADLINE_S)
        if item == 5:
            done.set()

    worker = Worker(work, lambda error: None)
    worker.put(0)
    assert busy.wait(DEADLINE_S)
    for item in range(1, 6):
        worker.put(item)
    release.set()
    assert done.wait(DEADLINE_S)
    worker.stop()
    assert worked == [0, 5]
    assert worker.dropped == 4


def test_a_worker_survives_a_failure():
    failures, done = [], Event()

    def work(item: int) -> None:
        if item == 0:
            raise ValueError("bad item")
        done.set()

    worker = Worker(work, lambda error: (failures.append(str(error)), done.set()))
    worker.put(0)
    assert done.wait(DEADLINE_S)
    done.clear()
    worker.put(1)
    assert done.wait(DEADLINE_S)
    worker.stop()
    assert failures == ["bad item"]
