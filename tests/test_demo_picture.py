"""The moving picture of the README, from a recording that was made up."""

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

PATH = Path(__file__).resolve().parents[1] / "scripts" / "demo_picture.py"
RATE_HZ = 20.0


@pytest.fixture(scope="module")
def picture():
    spec = importlib.util.spec_from_file_location("demo_picture_script", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Half a minute in which a bar moves; the robot greets, and answers two expressions."""
    writer = cv2.VideoWriter(
        str(tmp_path / "demo.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), RATE_HZ, (640, 64)
    )
    for index in range(600):
        frame = np.zeros((64, 640, 3), np.uint8)
        frame[:, index : index + 40] = 255
        writer.write(frame)
    writer.release()
    answers = [
        {"at_s": 2.0, "emotion": None},
        {"at_s": 6.0, "emotion": "happy"},
        {"at_s": 14.0, "emotion": "sad"},
        {"at_s": 22.0, "emotion": "happy"},
    ]
    (tmp_path / "summary.json").write_text(json.dumps({"answers": answers}))
    return tmp_path


def test_it_shows_the_first_answer_to_each_expression_and_begins_again(picture, recording):
    file = recording / "demo.webp"
    assert picture.main([str(recording), str(file)]) == 0
    with Image.open(file) as image:
        assert (image.size, image.info["loop"]) == ((640, 64), 0)
        rows = [np.asarray(frame.convert("L"))[32] for frame in ImageSequence.Iterator(image)]
    assert len(rows) == 92  # 4.6 s of each, 10 a second
    times = np.array([(row > 128).argmax() / RATE_HZ for row in rows])
    assert abs(times[[0, 45, 46, 91]] - [5.0, 9.5, 13.0, 17.5]).max() < 0.2


def test_what_is_no_recording_is_told(picture, recording, capsys):
    def refused(*arguments: object) -> str:
        assert picture.main([str(each) for each in arguments]) == 2
        return capsys.readouterr().err

    assert "ends in .webp or .gif" in refused(recording, recording / "demo.png")
    assert "no summary of make demo" in refused(recording / "gone", recording / "demo.webp")
    (recording / "summary.json").write_text('{"answers": [{"at_s": 2.0, "emotion": null}]}')
    assert "no expression was answered" in refused(recording, recording / "demo.webp")
    (recording / "summary.json").write_text('{"answers": [{"at_s": 90.0, "emotion": "sad"}]}')
    assert "shows none of the answers" in refused(recording, recording / "demo.webp")
