"""The clip: real faces, natural warps, the same every time."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.errors import InputError
from ec_rfernet.faces.blazeface import BlazeFaceDetector
from fer_bringup.clip import make_clip
from fer_bringup.clip.portraits import (
    AT_REST,
    COLLINS,
    HOPPER,
    Expression,
    Photograph,
    Portrait,
    load,
    put_on,
)
from fer_bringup.clip.stage import FRAMES, HEIGHT, RATE, WIDTH, Scene, at

EXPRESSIONS = {
    "smile": Expression(cheek_raiser=0.8, lip_corner_puller=1.1),
    "sad": Expression(inner_brow_raiser=1.1, lip_corner_depressor=1.1, chin_raiser=0.6),
    "surprised": Expression(inner_brow_raiser=1, upper_lid_raiser=1, jaw_drop=0.8),
}


@pytest.fixture(scope="module")
def stage() -> Scene:
    return Scene()


@pytest.fixture(scope="module", params=[HOPPER, COLLINS], ids=["Hopper", "Collins"])
def portrait(request: pytest.FixtureRequest) -> Portrait:
    return load(request.param)


def test_a_portrait_is_cut_out_around_its_face(portrait: Portrait) -> None:
    right, left = portrait.eyes
    assert np.linalg.norm(left - right) == pytest.approx(90, abs=1)
    x, y = ((right + left) / 2).astype(int)
    assert portrait.alpha[y, x] > 0.99
    assert portrait.alpha[5, -5] < 0.01


def test_no_action_leaves_the_picture_as_it_is(portrait: Portrait) -> None:
    difference = cv2.absdiff(put_on(portrait, AT_REST), portrait.image)
    assert difference.max() <= 1


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_changes_the_face_and_nothing_else(portrait: Portrait, name: str) -> None:
    warped = put_on(portrait, EXPRESSIONS[name])
    changed = cv2.absdiff(warped, portrait.image).max(axis=2) > 12
    low, high = portrait.landmarks.min(0) - 60, portrait.landmarks.max(0) + 60
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 500
    assert columns.min() > low[0] and columns.max() < high[0]
    assert rows.min() > low[1] and rows.max() < high[1]


def test_a_smile_lifts_the_corners_of_the_mouth(portrait: Portrait) -> None:
    # The corner's surroundings are found again higher up in the smiling face.
    x, y = portrait.landmarks[61].astype(int)
    patch = portrait.image[y - 9 : y + 10, x - 9 : x + 10]
    smiling = put_on(portrait, Expression(lip_corner_puller=0.7))
    around = smiling[y - 40 : y + 41, x - 40 : x + 41]
    match = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    _, score, _, (column, row) = cv2.minMaxLoc(match)
    assert score > 0.7
    assert row + 9 < 40 and column + 9 < 40  # up and outwards


def test_frames_are_the_same_every_time(stage: Scene) -> None:
    index = 36 * RATE
    first = stage.frame(index)
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, Scene().frame(index))


@pytest.mark.parametrize(("second", "faces"), [(0, 0), (8, 1), (16, 0), (23, 2), (37, 2), (44, 0)])
def test_people_come_and_go(stage: Scene, second: int, faces: int) -> None:
    detector = BlazeFaceDetector()
    try:
        assert len(detector.detect(stage.frame(second * RATE))) == faces
    finally:
        detector.close()


def test_is_as_long_as_promised() -> None:
    assert 35 <= FRAMES / RATE <= 45


def test_a_clip_can_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.mp4"
    make_clip.make_clip(path, frames=12)
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(RATE)
    count = 0
    while video.read()[0]:
        count += 1
    assert count == 12
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_left_of_a_clip_that_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        def frame(self, index: int) -> np.ndarray:
            if index:
                raise KeyboardInterrupt
            return np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    monkeypatch.setattr(make_clip, "Scene", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_clip.make_clip(tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[Path] = []

    def touch(path: Path) -> None:
        made.append(path)
        path.parent.mkdir(parents=True)
        path.touch()

    monkeypatch.setattr(make_clip, "make_clip", touch)
    said: list[str] = []
    path = make_clip.ensure_clip(said.append)
    assert make_clip.ensure_clip(said.append) == path
    assert made == [path]
    assert path.is_relative_to(tmp_path)
    assert len(said) == 1 and str(path) in said[0]


def test_without_a_home_it_is_kept_in_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    at_home = make_clip.clip_path()
    assert at_home.is_relative_to(tmp_path / "home")
    monkeypatch.setenv("HOME", "/dev/null")  # as of a container that may only be read
    assert make_clip.clip_path().is_relative_to(tmp_path / "tmp")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    at_home.parent.mkdir(parents=True)
    at_home.touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert make_clip.clip_path() == at_home  # it is there already


def test_a_webcam_may_stand_in_for_a_clip_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    said: list[str] = []
    make_clip.ensure_clip_for("0", said.append)
    assert not said
    make_clip.ensure_clip_for("auto", said.append)
    assert "a webcam is needed" in said[-1] and "cannot be written" in said[-1]
    with pytest.raises(InputError, match="cannot be written"):
        make_clip.ensure_clip_for("clip", said.append)


def test_a_missing_portrait_is_named() -> None:
    with pytest.raises(InputError, match=r"no_such/face\.jpg"):
        load(Photograph(Path("no_such/face.jpg"), "0,0 9,9 0,9"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        make_clip.make_clip(tmp_path / "file" / "clip.mp4", frames=1)


def test_a_full_disk_is_told_and_leaves_no_clip(tmp_path: Path) -> None:
    code = (
        "import sys; from fer_bringup.clip import make_clip as m; "
        "m.make_clip.__defaults__ = (12,); sys.exit(m.main())"
    )
    command = f"ulimit -f 20; exec {sys.executable} -c '{code}'"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # `make coverage` writes a larger file
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written (the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_command_reports_its_error_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert make_clip.main([]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# Values between key moments


@dataclass(frozen=True)
class Level:
    value: float

    def towards(self, other: "Level", share: float) -> "Level":
        return Level(self.value + share * (other.value - self.value))


KEYS = ((1.0, Level(10.0)), (2.0, Level(20.0)), (4.0, Level(-5.0)))


@pytest.mark.parametrize(
    ("time", "value"), [(0, 10), (1, 10), (1.5, 15), (2, 20), (3, 7.5), (4, -5), (9, -5)]
)
def test_passes_through_its_keys_and_rests_outside(time: float, value: float) -> None:
    assert at(KEYS, time).value == pytest.approx(value)


@given(st.floats(-10, 20))
def test_never_overshoots(time: float) -> None:
    assert -5 <= at(KEYS, time).value <= 20


@given(st.floats(0, 5), st.floats(0, 1e-3))
def test_moves_without_jumps(time: float, step: float) -> None:
    assert abs(at(KEYS, time + step).value - at(KEYS, time).value) <= 40 * step + 1e-9
