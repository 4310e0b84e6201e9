"""The shipped motions, and files with mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.body import urdf
from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.library import REST, MotionLibrary, load_motions, read_gestures
from robot_behavior.yaml_file import ConfigError

HUMANOID = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
SHIPPED = Path(__file__).parents[2] / "config" / "motions.yaml"
EXPECTED = {
    "rest": {"rest"},
    "greeting": {"greet", "greet_bow"},
    "farewell": {"farewell_wave", "farewell_bow"},
    "yes": {"nod"},
    "no": {"shake"},
    "listening": {"listen", "listen_hand_to_ear"},
    "thinking": {"think", "think_aside"},
    "happy": {"happy_arms_up", "happy_bounce", "happy_sway"},
    "sad": {"comfort_lean", "comfort_open_palms", "comfort_nod"},
    "angry": {"calm_palms_down", "calm_lean_back", "calm_wait"},
    "scared": {"reassure_open_palms", "reassure_withdraw"},
    "surprised": {"surprise_hands_open", "surprise_head_back"},
    "disgusted": {"inquire_shrug", "inquire_head_turn"},
    "neutral": {"attend", "look_around"},
}
SOFT = EXPECTED["sad"] | EXPECTED["angry"] | EXPECTED["scared"]
LIMITS = {
    "neck": JointLimits(-1.0, 1.0, 2.0, acceleration=20.0),
    "arm": JointLimits(-0.5, 2.0, 2.0),
}
HEAD = "/motion_player:\n  ros__parameters:\n    motions:\n"
GOOD = "{joints: [neck], positions: [0.2, 0.4], times_from_start: [0.5, 1.0]}"
REST_LINE = "{joints: [neck, arm], positions: [0.0, 0.0], times_from_start: [1.0]}"


def library(tmp_path: Path, **motions: str) -> MotionLibrary:
    file = tmp_path / "motions.yaml"
    lines = {REST: REST_LINE, **motions}
    file.write_text(HEAD + "".join(f"      {name}: {text}\n" for name, text in lines.items()))
    return load_motions(file, LIMITS)


@pytest.fixture(scope="module")
def shipped() -> MotionLibrary:
    return load_motions(SHIPPED, urdf.load(HUMANOID).limits)


@pytest.mark.parametrize("occasion", EXPECTED)
def test_there_is_a_motion_for_every_occasion(shipped: MotionLibrary, occasion: str) -> None:
    assert shipped.refused == {}
    assert EXPECTED[occasion] <= set(shipped.motions)
    assert set(read_gestures(SHIPPED)) == set(shipped.motions) and len(shipped.motions) >= 20


def test_shipped_motions_are_gestures_that_end_at_rest(shipped: MotionLibrary) -> None:
    for motion in shipped.motions.values():
        assert 1.5 <= motion.times[-1] <= 4.5, motion.name
        assert motion.description and motion.usage
        for joint, position in motion.end.items():
            assert position == pytest.approx(shipped.rest.end[joint], abs=0.01), motion.name


def test_answers_to_distress_are_soft(shipped: MotionLibrary) -> None:
    """Slower than joy, and never with raised arms: comfort and calm do not frighten."""

    def speed(name: str) -> float:
        return float(shipped.motions[name].path.peak_speeds().max())

    assert max(map(speed, SOFT)) < min(map(speed, EXPECTED["happy"]))
    for name in SOFT:
        motion = shipped.motions[name]
        for joint, column in zip(motion.joints, motion.positions.T, strict=True):
            if "shoulder_pitch" in joint:
                assert column.max() < 1.0, name


def test_shipped_motions_are_not_mechanical(shipped: MotionLibrary) -> None:
    """They begin a little the other way, and the arms are never exact mirror images."""
    for motion in shipped.motions.values():
        if motion.name == REST:
            continue
        first, all_rows = motion.positions[0], motion.positions
        farthest = np.take_along_axis(all_rows, np.abs(all_rows).argmax(axis=0)[None], axis=0)[0]
        assert (first * farthest < 0.0).any(), motion.name
        for joint, column in zip(motion.joints, all_rows.T, strict=True):
            other = joint.replace("left_", "right_")
            if joint.startswith("left_elbow") and other in motion.joints:
                mirrored = all_rows[:, motion.joints.index(other)]
                assert not np.allclose(column, mirrored), motion.name


def test_a_motion_is_read_as_play_motion2_reads_it(tmp_path: Path) -> None:
    text = (
        "{joints: [arm, neck], positions: [0.1, 0.2, 0.3, 0.4], times_from_start: [0.5, 1],"
        " meta: {name: Wave, usage: greeting, description: Waves}}"
    )
    motion = library(tmp_path, wave=text).motions["wave"]
    assert motion.joints == ("arm", "neck")
    np.testing.assert_allclose(motion.positions, [[0.1, 0.2], [0.3, 0.4]])
    np.testing.assert_allclose(motion.times, [0.5, 1.0])
    assert (motion.description, motion.usage) == ("Waves", "greeting")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "wave is [], expected a mapping"),
        ("{}", "wave.joints is missing"),
        (GOOD.replace("[neck]", "[tail]"), "wave.joints is 'tail', expected one of neck, arm"),
        (GOOD.replace("[neck]", "[]"), "wave.joints is [], expected at least one joint"),
        (GOOD.replace("[neck]", "neck"), "wave.joints is 'neck', expected a list of texts"),
        (GOOD.replace("[neck]", "[neck, neck]"), "each once"),
        (
            GOOD.replace("0.4", "1.4"),
            "wave.positions[1] (neck) is 1.4, expected -1..1 rad",
        ),
        (GOOD.replace("0.4", ".nan"), "wave.positions[1] is nan, expected a finite number"),
        (GOOD.replace("0.4", "up"), "wave.positions[1] is 'up', expected a finite number"),
        (
            GOOD.replace(", 0.4", ""),
            "wave.positions has 1 numbers, expected 1 joints x 2 times = 2",
        ),
        (GOOD.replace("1.0", "0.5"), "wave.times_from_start is [0.5, 0.5], expected increasing"),
        (
            GOOD.replace("1.0", "1e7"),
            "wave.times_from_start[1] is '1e7', expected a finite",
        ),
        (GOOD.replace("1.0", "1.0e+7"), "wave.times_from_start[1] is 10000000.0, expected at most"),
        (GOOD.replace("0.5", "-0.5"), "expected increasing times of at least 0 s"),
        (GOOD.replace("[0.5, 1.0]", "[]"), "wave.times_from_start is [], expected increasing"),
        (
            GOOD.replace("1.0", "0.55"),
            "moves neck with 7.50 rad/s between 0.5 and 0.55 s, expected at most 2 rad/s",
        ),
        (
            GOOD.replace("0.4", "0.3").replace("1.0", "0.65"),
            "accelerates neck with 25.63 rad/s2 between 0.5 and 0.65 s, expected at most 20",
        ),
        (GOOD.replace("0.5, 1.0", "1.0, 0.5"), "wave.times_from_start is [1.0, 0.5], expected inc"),
        (GOOD.replace("0.5,", "soon,"), "times_from_start[0] is 'soon', expected a finite"),
        (
            GOOD.replace("0.5,", ".inf,"),
            "times_from_start[0] is inf, expected a finite number",
        ),
        (GOOD.replace("joints", "joint"), "wave.joint is not known, did you mean 'joints'?"),
        (GOOD.replace("}", ", speed: 3}"), "wave.speed is not known"),
        (GOOD.replace("}", ", meta: {colour: red}}"), "wave.meta.colour is not known"),
    ],
)
def test_a_bad_motion_is_refused_with_one_line_and_the_others_stay(
    tmp_path: Path, text: str, complaint: str
) -> None:
    result = library(tmp_path, wave=text, nod=GOOD)
    assert set(result.motions) == {REST, "nod"}
    assert set(result.refused) == {"wave"}
    line = result.refused["wave"]
    assert complaint in line
    assert line.startswith(str(tmp_path / "motions.yaml")) and "\n" not in line


def test_a_joint_without_a_rest_position_is_refused(tmp_path: Path) -> None:
    rest = "{joints: [arm], positions: [0.0], times_from_start: [1.0]}"
    result = library(tmp_path, **{REST: rest, "nod": GOOD})
    assert "'neck', expected a joint that 'rest' names, too" in result.refused["nod"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        ("a: [", "not valid YAML"),
        ("", "expected a mapping"),
        ("{}", "holds nothing, expected one node"),
        ("/a: {}\n/b: {}\n", "holds /a, /b, expected one node"),
        ("/a: {}\n", "ros__parameters is missing"),
        (HEAD + "      nod: " + GOOD, "motions.rest is missing, expected the rest pose"),
        (HEAD + "      rest: {}", "motions.rest.joints is missing"),
        (HEAD + "      7: {}", "key 7 of .* is not a name"),
        (HEAD + "      '': {}", "key '' of .* is not a name"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, content: str | None, complaint: str) -> None:
    file = tmp_path / "motions.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        load_motions(file, LIMITS)


def test_a_file_of_play_motion2_serves(tmp_path: Path) -> None:
    file = tmp_path / "motions.yaml"
    text = HEAD.replace("motion_player", "play_motion2") + "      rest: " + REST_LINE
    file.write_text(text + "\n    motion_planner: {disable_motion_planning: false}\n")
    assert set(load_motions(file, LIMITS).motions) == {REST}


IDLE = "    idle: {breath: {neck: 0.02}, blink: {arm: 0.3}}\n"


def test_a_file_tells_how_the_robot_idles(tmp_path: Path) -> None:
    file = tmp_path / "motions.yaml"
    file.write_text(HEAD + f"      rest: {REST_LINE}\n" + IDLE)
    idle = load_motions(file, LIMITS).idle
    assert (idle.breath, idle.sway, idle.blink) == ({"neck": 0.02}, {}, {"arm": 0.3})
    assert library(tmp_path).idle.breath["torso_pitch_joint"] == -0.016


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("neck: 0.02", "tail: 0.02", "idle.breath.tail is 'a joint', expected one of neck, arm"),
        ("0.3", "3", "idle.blink.arm is 3, expected a number -0.5..0.5"),
        ("blink", "wink", "idle.wink is not known, expected: "),
    ],
)
def test_mistakes_in_how_the_robot_idles(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    file = tmp_path / "motions.yaml"
    file.write_text(HEAD + f"      rest: {REST_LINE}\n" + IDLE.replace(old, new))
    with pytest.raises(ConfigError, match=complaint):
        load_motions(file, LIMITS)


def test_names_need_no_robot(tmp_path: Path) -> None:
    file = tmp_path / "motions.yaml"
    file.write_text(HEAD + "      one: 7\n      two: " + GOOD)
    assert read_gestures(file) == {"one": (), "two": ()}


def test_what_a_check_complains_about_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "motions.yaml"
    file.write_text(HEAD + f"      rest: {REST_LINE}\n      nod: {GOOD}\n      wave: {GOOD}\n")
    bad = {"wave": "hits the neck at 0.70 s"}
    result = load_motions(file, LIMITS, lambda motion, _rest: bad.get(motion.name, ""))
    assert set(result.motions) == {REST, "nod"}
    assert result.refused["wave"].endswith("motions.wave hits the neck at 0.70 s")


@given(
    rows=st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=6),
    gaps=st.lists(st.floats(0.05, 2.0), min_size=6, max_size=6),
)
def test_what_is_accepted_is_within_the_limits_all_the_way(
    tmp_path_factory: pytest.TempPathFactory, rows: list[float], gaps: list[float]
) -> None:
    times = np.cumsum(gaps[: len(rows)])
    text = f"{{joints: [neck], positions: {rows!r}, times_from_start: {times.tolist()!r}}}"
    result = library(tmp_path_factory.mktemp("motions"), wave=text)
    if "wave" not in result.motions:
        return
    path = result.motions["wave"].path
    moments = np.linspace(0, path.times[-1], 400)
    positions, velocities = path.at(moments)
    assert np.abs(positions).max() <= 1.0 + 1e-9
    assert np.abs(velocities).max() <= 2.0 * 1.001
    assert np.abs(np.diff(velocities[:, 0]) / np.diff(moments)).max() <= 20.0 * 1.001
