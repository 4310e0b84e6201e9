"""`ec-rfernet analyze`, with the real model on short videos of a face in the public domain."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ec_rfernet.cli import main
from ec_rfernet.labels import LABELS
from fer_monitor.video.analysis import files
from fer_monitor.video.outputs import columns

PEOPLE = Path(__file__).parents[3] / "fer_bringup/fer_bringup/clip/people"
COLLINS = PEOPLE / "collins.png"
BUNDLE = ["--bundle", str(Path(__file__).parents[5] / "models/ec_rfernet")]
RATE = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """``face.mp4``: a second nobody, then a second of a smiling face. ``nobody.mp4``: nobody."""
    place = tmp_path_factory.mktemp("videos")
    face = cv2.resize(cv2.imread(str(COLLINS))[:480, 16:496], (240, 240))
    empty = np.full_like(face, 90)
    write(place / "face.mp4", [empty] * RATE + [face] * RATE)
    write(place / "nobody.mp4", [empty] * 5)
    return place


def write(path: Path, frames: list[np.ndarray]) -> Path:
    size = frames[0].shape[1::-1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, size)
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def analyze(*arguments: object) -> int:
    return main(["analyze", *map(str, arguments), *BUNDLE])


@pytest.fixture(scope="module")
def rows(folder) -> list[dict[str, str]]:
    assert analyze(folder / "face.mp4", "--csv", folder / "out.csv") == 0
    return table(folder / "out.csv")


def test_every_frame_has_a_row_with_its_true_time(rows):
    assert [int(row["frame"]) for row in rows] == [*range(2 * RATE)]
    assert [float(row["time"]) for row in rows] == pytest.approx(
        [frame / RATE for frame in range(2 * RATE)], abs=1e-3
    )
    assert tuple(rows[0]) == columns(LABELS)


def test_frames_without_a_face_say_so_and_a_face_is_followed(rows):
    assert not any(row["face_id"] or row["label"] for row in rows[:RATE])
    seen = rows[RATE + 1 :]
    assert len({row["face_id"] for row in seen}) == 1 and seen[0]["face_id"]
    assert {row["label"] for row in seen} == {"happy"}
    for row in seen:
        assert sum(float(row[f"p_{label}"]) for label in LABELS) == pytest.approx(1, abs=1e-3)
        assert 60 < float(row["x"]) < 100 and 40 < float(row["width"]) < 70
        assert all(abs(float(row[angle])) < 0.5 for angle in ("yaw", "pitch", "roll"))
        assert float(row["valence"]) > 0.5
    assert (seen[0]["attended"], seen[-1]["attended"]) == ("0", "1")  # it takes a while, as on
    assert (seen[0]["engagement"], seen[-1]["engagement"]) == ("engaging", "engaged")  # the robot


def test_the_same_command_gives_the_same_table(folder, rows):
    assert analyze(folder / "face.mp4", "--csv", folder / "again.csv") == 0
    assert table(folder / "again.csv") == rows


def test_expressions_are_smoothed_as_on_the_robot_or_not_at_all(tmp_path, capsys):
    face = cv2.resize(cv2.imread(str(COLLINS))[:480, 16:496], (240, 240))
    blurred = cv2.GaussianBlur(face, (0, 0), 4)
    video = write(tmp_path / "v.mp4", [face] * 6 + [blurred] * 2 + [face] * 2)
    jumps = {}
    for smoothing in ("robot", "none"):
        assert analyze(video, "--json", "--smoothing", smoothing) == 0
        frames = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        happy = [f["faces"][0]["probabilities"]["happy"] for f in frames if f["faces"]]
        jumps[smoothing] = max(abs(b - a) for a, b in pairwise(happy))
    assert 0 < jumps["robot"] < 0.5 * jumps["none"]


def test_json_has_a_line_for_each_frame_and_nothing_else_on_stdout(folder, rows, capsys):
    assert analyze(folder / "face.mp4", "--json") == 0
    frames = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(frame["faces"]) for frame in frames] == [bool(row["face_id"]) for row in rows]
    (face,) = frames[-1]["faces"]
    assert (frames[-1]["width"], frames[-1]["height"]) == (240, 240)
    assert (face["label"], face["attended"], face["engagement"]) == ("happy", True, "engaged")
    assert float(rows[-1]["yaw"]) == face["head"]["yaw"]


def test_folders_of_videos_and_pictures_come_into_one_table(folder, tmp_path, capsys):
    for path in (COLLINS, folder / "face.mp4", folder / "nobody.mp4"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "notes.txt").write_text("no video")
    out, page = tmp_path / "out" / "table.csv", tmp_path / "page.html"
    assert analyze(tmp_path, folder / "nobody.mp4", "--csv", out, "--report", page) == 0
    found = table(out)
    names = [Path(row["source"]).name for row in found]
    assert list(dict.fromkeys(names)) == ["collins.png", "face.mp4", "nobody.mp4"]
    assert [names.count(name) for name in ("collins.png", "face.mp4", "nobody.mp4")] == [1, 20, 10]
    picture = found[0]
    assert (picture["label"], picture["time"], picture["engagement"]) == ("happy", "", "")
    ids = {row["face_id"] for row in found} - {""}
    assert len(ids) == 2, "nobody is taken for the same in two files"
    assert out.stat().st_mode & 0o777 == 0o600 == page.stat().st_mode & 0o777
    text = page.read_text()
    assert "What was seen" in text and "<h2>Answers" not in text and "http" not in text
    assert text.count("nobody.mp4") == 2 and "16 without a face" not in text
    assert "31 frames of 3.0 s, 2 faces" in capsys.readouterr().out


def test_a_gif_that_moves_is_a_video_and_one_that_does_not_a_picture(tmp_path, capsys):
    pictures = [Image.new("RGB", (64, 48), (40 * step,) * 3) for step in range(3)]
    pictures[0].save(tmp_path / "still.gif")
    pictures[0].save(tmp_path / "film.gif", save_all=True, append_images=pictures[1:], duration=100)
    assert analyze(tmp_path, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    times = [(Path(line["source"]).name, line["time"]) for line in lines]
    assert times[0][0] == times[1][0] == times[2][0] == "film.gif"
    assert [time for _, time in times[:3]] == pytest.approx([0.0, 0.1, 0.2], abs=0.01)
    assert times[3:] == [("still.gif", None)]


def test_a_video_with_overlay_is_as_long_and_can_be_read(folder, tmp_path):
    small = write(tmp_path / "odd.mp4", [np.full((98, 122, 3), 90, np.uint8)] * 7)
    assert analyze(small, "--annotate", tmp_path / "a.mp4") == 0
    reader = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    frames = [reader.read()[1] for _ in range(7)]
    assert not reader.read()[0] and reader.get(cv2.CAP_PROP_FPS) == RATE
    assert frames[0].shape[0] >= 470, "small pictures are enlarged, so that one can read it"


def test_a_model_that_its_training_found_unfit_is_refused_unless_forced(folder, tmp_path, capsys):
    unfit = shutil.copytree(BUNDLE[1], tmp_path / "unfit")
    manifest = json.loads((unfit / "bundle.json").read_text())
    (unfit / "bundle.json").write_text(json.dumps({**manifest, "unfit": "it has collapsed"}))
    command = ["analyze", str(folder / "nobody.mp4"), "--json", "--bundle", str(unfit)]
    assert main(command) == 2
    assert "unfit for use: it has collapsed" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0


def test_a_damaged_video_is_analysed_as_far_as_possible_and_the_loss_is_told(
    folder, tmp_path, capsys
):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (96, 96, 3), np.uint8) for _ in range(40)]
    whole = write(tmp_path / "whole.mp4", noise).read_bytes()
    hurt, place = bytearray(whole), whole.index(b"mdat") + len(whole) // 8
    hurt[place : place + len(whole) // 4] = bytes(len(whole) // 4)
    (tmp_path / "hurt.mp4").write_bytes(hurt)
    page = tmp_path / "page.html"
    assert analyze(tmp_path / "hurt.mp4", "--csv", tmp_path / "t.csv", "--report", page) == 0
    told, found = capsys.readouterr(), table(tmp_path / "t.csv")
    assert [int(row["frame"]) for row in found] == [*range(40)]
    times = [float(row["time"]) for row in found]
    assert times == pytest.approx([frame / RATE for frame in range(40)], abs=1e-3)
    lost = [row for row in found if row["flaw"] == "not decoded"]
    assert 0 < len(lost) < 40
    assert f"{len(lost)} of the 40 frames that the file announces could not be" in told.err
    assert f"{40 - len(lost)} frames of" in told.out
    for row in lost:
        assert not any(row[column] for column in columns(LABELS)[3:-1])
    assert f"{len(lost)} more not decoded" in page.read_text()


def test_the_frames_of_a_video_that_was_cut_off_are_in_table_and_json(folder, tmp_path, capsys):
    data = bytearray((folder / "face.mp4").read_bytes())
    place = data.index(b"mdat")
    size = int.from_bytes(data[place - 4 : place], "big")
    data[place + 4 + size // 2 : place - 4 + size] = bytes(size // 2 - 8 + size % 2)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data)
    assert analyze(cut, "--csv", tmp_path / "t.csv", "--annotate", tmp_path / "a.mp4") == 0
    capsys.readouterr()
    assert analyze(cut, "--json") == 0
    frames = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = table(tmp_path / "t.csv")
    assert [frame["frame"] for frame in frames] == [*range(2 * RATE)]
    lost = [frame for frame in frames if frame["flaw"] == "not decoded"]
    assert lost and lost[-1] is frames[-1]
    assert all(frame["width"] is None and frame["faces"] == [] for frame in lost)
    for frame, row in zip(frames, found, strict=False):
        assert (row["flaw"] == "not decoded") == (frame["flaw"] is not None)
        assert float(row["time"]) == frame["time"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["FACE"], "nothing is asked for, expected --csv, --json, --annotate or --report"),
        (["-", "--json"], "-: standard input is not read"),
        (["nowhere.mp4", "--json"], "nowhere.mp4: cannot be read"),
        (["EMPTY", "--json"], "has no video and no picture"),
        (["TEXT", "--json"], "is not a readable video"),
        (["FACE", "--csv", "FACE"], "is one of the inputs"),
        (["FACE", "--csv", "EMPTY"], "is a folder, expected a file"),
        (["FACE", "--csv", "-"], "standard output is not written to"),
        (["FACE", "--csv", "same", "--report", "same"], "two outputs have the same name"),
        (["FACE", "FACE", "--annotate", "a.mp4"], "--annotate takes one video, not 2"),
        (["FACE", "--annotate", "a.avi"], "expected '.mp4'"),
        (["FACE", "--json", "--min-score", "2"], "--min-score is 2.0, expected 0..1"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    names = {"FACE": folder / "face.mp4", "EMPTY": tmp_path / "empty", "TEXT": text}
    before = sorted(tmp_path.iterdir())
    assert analyze(*(names.get(argument, argument) for argument in arguments)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_one_bad_file_among_others_is_told_and_the_others_are_analysed(folder, tmp_path, capsys):
    (tmp_path / "bad.mp4").write_text("no video")
    out = tmp_path / "t.csv"
    assert analyze(tmp_path / "bad.mp4", folder / "nobody.mp4", "--csv", out) == 2
    assert len(table(out)) == 5
    told = capsys.readouterr()
    assert "1 of 2 inputs could not be read, the others were" in told.err
    assert "no face was found" in told.out


def test_a_full_disk_is_one_line_and_the_old_table_stays(folder, tmp_path, capsys):
    out = tmp_path / "t.csv"
    out.write_text("old")
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)); "
        "from ec_rfernet.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", program, "analyze", folder / "face.mp4", "--csv", out, *BUNDLE]
    environment = {**os.environ}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # `make coverage` writes a larger file
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert f"{out}: File too large" in done.stderr and done.stderr.count("\n") == 1
    assert out.read_text() == "old" and [*tmp_path.iterdir()] == [out]


def test_ctrl_c_leaves_no_file_and_says_so(folder, tmp_path):
    out = tmp_path / "t.csv"
    many = [folder / "face.mp4"] * 500
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from ec_rfernet.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", program, "analyze", *many, "--csv", out, "--json", *BUNDLE]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert '"frame": 0' in process.stdout.readline()  # it is at work
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "frames: no file was written" in told and "Traceback" not in told
    assert not [*tmp_path.iterdir()]


def test_it_needs_no_ros(folder, tmp_path):
    program = (
        "import sys\n"
        "for name in ('rclpy', 'std_msgs', 'sensor_msgs', 'fer_interfaces'):\n"
        "    sys.modules[name] = None\n"
        "from ec_rfernet.cli import main\nsys.exit(main())"
    )
    out = tmp_path / "t.csv"
    command = [
        *(sys.executable, "-c", program, "analyze", folder / "nobody.mp4", "--csv", out),
        *("--annotate", tmp_path / "a.mp4", "--report", tmp_path / "p.html", *BUNDLE),
    ]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
    assert len(table(out)) == 5


def test_files_of_a_folder_are_in_the_order_of_their_names(tmp_path):
    for name in ("b.MP4", "a.jpg", "c.txt", "d.webm"):
        (tmp_path / name).touch()
    assert [path.name for path in files([tmp_path])] == ["a.jpg", "b.MP4", "d.webm"]


def test_hidden_files_of_a_folder_are_no_videos(tmp_path):
    for name in ("._a.mp4", ".b.png", "c.mp4"):
        (tmp_path / name).write_bytes(b"x")
    assert files([tmp_path]) == [tmp_path / "c.mp4"]


def test_a_link_to_itself_is_one_sentence(folder, tmp_path, capsys):
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    assert analyze(loop, "--csv", tmp_path / "a.csv") == 2
    assert analyze(folder / "nobody.mp4", "--csv", loop) in (0, 2)
    told = capsys.readouterr().err
    assert "Too many levels of symbolic links" in told and "Traceback" not in told
