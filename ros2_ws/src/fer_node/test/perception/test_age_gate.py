from __future__ import annotations

from fer_node.perception.worker import AgeGate


def test_old_images_are_turned_away_and_counted():
    gate = AgeGate(0.5)
    assert gate.admits(100.0, 100.4, 0.0)
    assert not gate.admits(100.0, 100.6, 0.2)
    assert gate.admits(100.5, 100.7, 0.3)
    assert gate.dropped == 1
    assert gate.complaint == ""


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
    assert gate.complaint == "", "good stamps are trusted again"
    assert not gate.admits(110.0, 111.0, 10.0)


def test_single_late_images_over_a_long_time_are_no_foreign_clock():
    gate = AgeGate(0.5, patience_s=3)
    for second in range(20):
        assert gate.admits(second + 100.0, second + 100.1, second)
        assert not gate.admits(second + 99.0, second + 100.2, second + 0.1)
