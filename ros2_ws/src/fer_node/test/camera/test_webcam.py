from __future__ import annotations

from pathlib import Path

import numpy as np

from fer_node.camera.webcam import Webcam, open_device
from fer_node.testing.fakes import FakeDevice, SimulatedTime


def test_an_unplugged_webcam_is_waited_for_with_growing_patience(time):
    first, second = FakeDevice(3), FakeDevice(2)
    answers = [first, None, None, None, None, None, second]
    log: list[str] = []
    webcam = Webcam("/dev/video7", lambda: answers.pop(0), time.tools(log.append))
    for _ in range(5):
        assert webcam.read() is not None
    assert first.released and not second.released
    assert [w for w in time.waits if w] == [0.5, 1, 2, 4, 5, 5]
    assert log == ["camera /dev/video7 is gone, waiting for it to come back"]


def test_waiting_for_a_webcam_ends_when_asked():
    time = SimulatedTime(stop_after=60)
    devices = [FakeDevice(1)]
    webcam = Webcam("w", lambda: devices.pop() if devices else None, time.tools())
    assert webcam.read() is not None
    assert webcam.read() is None
    webcam.close()


def test_single_missed_frames_are_no_loss(time):
    class Hiccup(FakeDevice):
        def read(self):
            self.frames += 1
            return (True, np.zeros((4, 4, 3))) if self.frames % 3 == 0 else (False, None)

    log: list[str] = []
    webcam = Webcam("w", lambda: Hiccup(0), time.tools(log.append))
    assert all(webcam.read() is not None for _ in range(10))
    assert log == []


def test_a_missing_device_makes_no_noise(capfd):
    assert open_device(Path("/dev/video97"), 640, 480, 30) is None
    assert capfd.readouterr().err == ""
