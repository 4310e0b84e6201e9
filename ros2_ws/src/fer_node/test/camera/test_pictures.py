from __future__ import annotations

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
    assert len(warnings) == 1 and "c.png' is not a readable picture" in warnings[0]


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
