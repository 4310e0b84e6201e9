from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from ec_rfernet.errors import InputError
from fer_node.camera.pictures import Pictures
from fer_node.camera.source import FrameSettings


def test_pictures_are_shown_by_name_each_for_a_while(folder, time, levels):
    warnings: list[str] = []
    pictures = Pictures(
        folder, FrameSettings(rate=10, period=0.3, loop=False), time.tools(warnings.append)
    )
    assert levels(pictures) == [0, 0, 0, 1, 1, 1, 3, 3, 3]
    assert time.now - 1000 == pytest.approx(0.9)
    assert len(warnings) == 1 and "c.png: is not a picture that can be read" in warnings[0]


def test_looping_pictures_warn_once(folder, time, levels):
    warnings: list[str] = []
    pictures = Pictures(
        folder, FrameSettings(rate=10, period=0.1, loop=True), time.tools(warnings.append)
    )
    assert levels(pictures, 7) == [0, 1, 3, 0, 1, 3, 0]
    assert len(warnings) == 1


def test_a_folder_without_pictures(tmp_path, time):
    (tmp_path / "x.png").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="no readable picture"):
        Pictures(tmp_path, FrameSettings(rate=10, period=1, loop=False), time.tools())


def test_names_that_are_no_text_are_shown_and_told(tmp_path, time, levels):
    folder = os.fsencode(tmp_path)
    Path(os.fsdecode(folder + b"/a\xe9.png")).write_bytes(b"rubbish")
    cv2.imencode(".png", np.full((9, 9, 3), 16, np.uint8))[1].tofile(folder + b"/b\xe9.png")
    told: list[str] = []
    frames = FrameSettings(rate=10, period=0.1, loop=False)
    pictures = Pictures(tmp_path, frames, time.tools(told.append))
    assert levels(pictures) == [2]
    assert len(told) == 1 and r"a\udce9.png: is not a picture" in told[0]
