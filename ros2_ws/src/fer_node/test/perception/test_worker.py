from __future__ import annotations

from threading import Event, Thread

from hypothesis import given
from hypothesis import strategies as st

from fer_node.perception.worker import AgeGate, Mailbox, Worker

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


# Images that are too old.


def test_old_images_are_turned_away_and_counted():
    gate = AgeGate(0.5)
    assert gate.admits(100.0, 100.4, 0.0)
    assert not gate.admits(100.0, 100.6, 0.2)
    assert gate.admits(100.5, 100.7, 0.3)
    assert gate.dropped == 1
    assert gate.complaint is None


def test_images_without_a_stamp_pass():
    gate = AgeGate(0.5)
    assert gate.admits(0.0, 1e9, 0.0)
    assert "no stamp" in gate.complaint


def test_images_from_the_future_pass():
    gate = AgeGate(0.5)
    assert gate.admits(130.0, 100.0, 0.0)
    assert "30.0 s in the future" in gate.complaint


def test_a_foreign_clock_does_not_blind_for_ever():
    gate = AgeGate(0.5, patience_s=3)
    verdicts = [gate.admits(50.0 + t, 100.0 + t, float(t)) for t in range(8)]
    assert verdicts == [False] * 3 + [True] * 5
    assert "50.0 s or so ago; their age is not checked" in gate.complaint
    assert gate.admits(110.0, 110.1, 9.0)
    assert gate.complaint is None, "good stamps are trusted again"
    assert not gate.admits(110.0, 111.0, 10.0)


def test_single_late_images_over_a_long_time_are_no_foreign_clock():
    gate = AgeGate(0.5, patience_s=3)
    for second in range(20):
        assert gate.admits(second + 100.0, second + 100.1, second)
        assert not gate.admits(second + 99.0, second + 100.2, second + 0.1)
