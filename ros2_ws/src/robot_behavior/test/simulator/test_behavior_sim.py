"""`behavior-sim`: scripts, the timeline, the film, and what a mistake is told."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from robot_behavior.simulator.command import main, read
from robot_behavior.simulator.views import Sighting
from robot_behavior.yaml_file import ConfigError

CONFIG = Path(__file__).parents[2] / "config"
URDF = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
SHORT = """
duration_s: 6
events:
  - {at: 0.5, face: anna, size: 0.2, label: happy}
  - {at: 5.0, face: anna, leaves: true}
"""


def run(*arguments: object) -> int:
    files = {
        "--behaviors": "behaviors.yaml",
        "--motions": "motions.yaml",
        "--sentences": "sentences",
    }
    defaults = [word for name, file in files.items() for word in (name, str(CONFIG / file))]
    return main([*defaults, "--urdf", str(URDF), *map(str, arguments)])


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "short.yaml"
    file.write_text(SHORT)
    return file


def test_the_timeline_tells_what_was_seen_done_said_and_why(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(script, "--no-notice") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["time", "seen", "decision", "motion", "s"]
    assert lines[1].split() == ["0.00", "nobody", "idle"]
    assert lines[2].strip() == "because nobody is in view"
    greeting = next(i for i, line in enumerate(lines) if "responding" in line)
    assert lines[greeting].split()[1:3] == ["anna", "happy"]
    assert lines[greeting].split()[-2].startswith("greet")
    assert lines[greeting + 1].strip().startswith('says "')
    assert lines[greeting + 2].strip().startswith("because somebody has been near for 0.")


def test_a_seed_makes_it_repeatable_and_a_locale_another_language(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for more in (["--seed", 5], ["--seed", 5], ["--locale", "de"]):
        assert run(script, *more) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] != told[2]
    assert "Kamera" in told[2]


def test_the_minute_of_moods_comforts_three_times_and_then_listens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(CONFIG / "scripts" / "mood_minute.yaml") == 0
    out = capsys.readouterr().out
    said = [line for line in out.splitlines() if line.strip().startswith("says")]
    assert len(set(said)) == len(said)
    assert "because sad goes on after 3 answers" in out
    assert out.count("comfort_") == 3
    assert "farewell_" in out


def test_a_script_becomes_images_with_an_attended_face(script: Path) -> None:
    views = read(script)
    assert len(views) == 61
    assert views[4].faces == ()
    assert views[5].faces == (Sighting("anna", "happy", 0.9, 0.2),)
    assert views[5].attended is None
    assert views[10].attended is views[10].faces[0]
    assert views[-1].faces == ()


def test_the_largest_of_several_faces_is_attended_to_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "duration_s: 3\nevents:\n"
        "  - {at: 0, face: anna, size: 0.1}\n  - {at: 0, face: bert, size: 0.2}\n"
        "  - {at: 1, face: anna, size: 0.3}\n"
    )
    attended = {view.attended.face_id for view in read(file) if view.attended is not None}
    assert attended == {"bert"}


def test_a_script_may_use_the_labels_that_the_behaviours_answer(script: Path) -> None:
    script.write_text(SHORT.replace("label: happy", "label: contempt"))
    assert read(script, ["contempt"])[-20].faces[0].label == "contempt"
    with pytest.raises(ConfigError, match=r"label is 'contempt', expected one of angry"):
        read(script)


def test_a_crowd_beyond_all_pictures_is_refused(script: Path) -> None:
    events = [f"  - {{at: 1, face: somebody {number}}}\n" for number in range(101)]
    script.write_text(f"duration_s: 6\nevents:\n{''.join(events[:100])}")
    assert len(read(script)[-1].faces) == 100
    script.write_text(f"duration_s: 6\nevents:\n{''.join(events)}")
    with pytest.raises(ConfigError, match="'somebody 100', expected at most 100 people at a time"):
        read(script)


BAD_SCRIPTS = [
    ("label: happy", "label: joyful", "events[0].label is 'joyful', expected one of angry"),
    ("at: 5.0", "at: 0.1", "events[1].at is 0.1, expected a time that is not before the 0.5"),
    ("at: 5.0", "at: 50", "events[1].at is 50, expected a number 0..6"),
    ("size: 0.2", "size: .nan", "events[0].size is nan, expected a number 0..1"),
    ("size: 0.2", "seize: 0.2", "events[0].seize is not known"),
    ("face: anna, leaves", "face: bert, leaves", "events[1].face is 'bert', expected somebody who"),
    ("leaves: true", "leaves: 1", "events[1].leaves is 1, expected true or false"),
    ("duration_s: 6", "duration_s: soon", "duration_s is 'soon', expected a number"),
    ("events:", "event:", "event is not known, did you mean 'events'?"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD_SCRIPTS)
def test_a_mistake_in_a_script_is_one_line(
    script: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert old in SHORT
    script.write_text(SHORT.replace(old, new, 1))
    assert run(script) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"behavior-sim: {script}: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["film.avi"], "film.avi: ends in '.avi', expected a folder or one of .yaml, .yml, .mcap"),
        (["seen.csv"], "seen.csv: ends in '.csv', expected a folder or one of .yaml, .yml, .mcap"),
        (["nowhere.mcap"], "nowhere.mcap: does not exist, expected a bag"),
        (["nowhere"], "nowhere: does not exist, expected a bag"),
        (["--locale", "plain English"], "--locale is 'plain English', expected a language tag"),
        (["--video", "film.webm"], "film.webm: ends in '.webm', expected one of .mp4, .gif"),
        (["--video", "/nowhere/film.mp4"], "/nowhere/film.mp4: cannot be written"),
        (["--urdf", "nowhere.urdf"], "nowhere.urdf"),
    ],
)
def test_other_mistakes_are_one_line(
    capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    minute = [] if arguments[0].startswith(("nowhere", "film", "seen")) else [MINUTE]
    assert run(*minute, *arguments) == 2
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("behavior-sim")]
    assert len(told) == 1
    assert message in told[0]


def test_a_motion_that_the_robot_would_refuse_is_not_played(
    script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joints = ["left_shoulder_roll_joint", "left_elbow_joint", "left_shoulder_yaw_joint"]
    content = yaml.safe_load((CONFIG / "motions.yaml").read_text())
    motions = content["/motion_player"]["ros__parameters"]["motions"]
    motions["nod"] = {"joints": joints, "positions": [-0.1, 2.1, 1.3], "times_from_start": [3.0]}
    file = tmp_path / "motions.yaml"
    file.write_text(yaml.safe_dump(content))
    assert run(script, "--motions", file) == 0
    error = capsys.readouterr().err
    assert error.startswith("behavior-sim: cannot play 'nod': ") and " mm of torso_link" in error
    assert error.count("\n") == 1


MINUTE = CONFIG / "scripts" / "mood_minute.yaml"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A film, and the timeline that was told with it."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "short.yaml").write_text(SHORT)
    with redirect_stdout(StringIO()) as told:
        assert run(folder / "short.yaml", "--video", folder / "film.mp4") == 0
    return folder / "film.mp4", told.getvalue().splitlines()


def test_the_film_shows_a_robot_that_moves(film: tuple[Path, list[str]]) -> None:
    video = cv2.VideoCapture(str(film[0]))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 61
    frames = [video.read()[1] for _ in range(40)]
    assert cv2.absdiff(frames[5][:480], frames[39][:480]).max() > 60


def test_a_film_for_a_page_moves_too(script: Path, tmp_path: Path) -> None:
    script.write_text(SHORT.replace("duration_s: 6", "duration_s: 2").replace("at: 5.0", "at: 1.9"))
    assert run(script, "--video", tmp_path / "film.gif") == 0
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames > 10


def test_the_robot_is_heard_in_the_film(film: tuple[Path, list[str]]) -> None:
    path, lines = film
    says = next(number for number, line in enumerate(lines) if line.strip().startswith("says"))
    said_at = float(lines[says - 1].split()[0])
    with av.open(str(path)) as made:
        loud = [f.time for f in made.decode(audio=0) if np.abs(f.to_ndarray()).max() > 0.02]
    assert loud[0] == pytest.approx(said_at, abs=0.2)
    assert loud[-1] > said_at + 1.0
