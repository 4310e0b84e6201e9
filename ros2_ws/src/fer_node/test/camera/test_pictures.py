from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

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


def photo(path: Path, width: int, height: int, **info) -> Path:
    """A picture of a phone: its left half is white."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, : width // 2] = 255
    Image.fromarray(pixels).save(path, **info)
    return path


def held(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_photo_is_shown_as_large_as_the_robot_needs(tmp_path, time, suffix):
    path = photo(tmp_path / f"photo{suffix}", 4000, 3000)
    told: list[str] = []
    tools = replace(time.tools(), tell=told.append)
    shown = Pictures(path, FrameSettings(loop=True), tools).read()
    assert shown.shape == (1254, 1673, 3)
    assert shown[:, 0].min() > 250 and shown[:, -1].max() < 5
    assert len(told) == 1 and "4000x3000 pixels are shown as 1673x1254" in told[0]


def test_a_single_picture_is_shown_without_end(tmp_path, time, levels):
    pictures = Pictures(photo(tmp_path / "a.png", 2, 2), FrameSettings(rate=1), time.tools())
    assert len(levels(pictures, 50)) == 50


def test_a_photo_that_was_taken_upright_stays_so(tmp_path, time):
    path = photo(tmp_path / "photo.jpg", 4000, 3000, exif=held(6))
    shown = Pictures(path, FrameSettings(megapixels=0.3), time.tools()).read()
    assert shown.shape == (632, 474, 3)
    assert shown[0].min() > 250 and shown[-1].max() < 5


@pytest.mark.parametrize(("megapixels", "side"), [(0.0, 2000), (1.0, 1000), (134.0, 2000)])
def test_how_large_pictures_are_shown_is_a_parameter(tmp_path, time, megapixels, side):
    path = photo(tmp_path / "photo.jpg", 2000, 2000)
    shown = Pictures(path, FrameSettings(megapixels=megapixels), time.tools()).read()
    assert shown.shape == (side, side, 3)


def test_a_picture_of_full_hd_is_not_touched(tmp_path, time):
    told: list[str] = []
    tools = replace(time.tools(), tell=told.append)
    path = photo(tmp_path / "a.png", 1920, 1080)
    assert Pictures(path, FrameSettings(), tools).read().shape == (1080, 1920, 3)
    assert told == []


def test_a_picture_that_is_shown_again_is_not_read_again(folder, time, levels):
    frames = FrameSettings(rate=10, period=0.1, loop=True)
    pictures = Pictures(folder, frames, time.tools())
    assert levels(pictures, 4) == [0, 1, 3, 0]
    for path in folder.iterdir():
        path.write_bytes(b"rubbish")
    assert levels(pictures, 5) == [1, 3, 0, 1, 3]
    pictures.close()


def test_many_large_pictures_do_not_fill_the_memory(tmp_path, time, monkeypatch):
    monkeypatch.setattr("fer_node.camera.pictures.CACHE_BYTES", 20 << 20)
    first = photo(tmp_path / "000.jpg", 1600, 1200)
    for index in range(1, 60):
        os.link(first, tmp_path / f"{index:03}.jpg")
    frames = FrameSettings(rate=10, period=0.1, loop=True)
    tracemalloc.start()  # numpy tells it of its arrays
    pictures = Pictures(tmp_path, frames, time.tools())
    for _ in range(130):
        assert pictures.read() is not None
    pictures.close()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 60 << 20, "60 pictures of 5.8 MB are 346 MB"


def test_names_that_are_no_text_are_shown_and_told(tmp_path, time, levels):
    folder = os.fsencode(tmp_path)
    Path(os.fsdecode(folder + b"/a\xe9.png")).write_bytes(b"rubbish")
    cv2.imencode(".png", np.full((9, 9, 3), 16, np.uint8))[1].tofile(folder + b"/b\xe9.png")
    told: list[str] = []
    frames = FrameSettings(rate=10, period=0.1, loop=False)
    pictures = Pictures(tmp_path, frames, time.tools(told.append))
    assert levels(pictures) == [2]
    assert len(told) == 1 and r"a\udce9.png: is not a picture" in told[0]
