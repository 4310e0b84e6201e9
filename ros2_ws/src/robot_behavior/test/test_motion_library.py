"""The shipped motions, and files with mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior import urdf
from robot_behavior.motion_library import REST, MotionLibrary, load_motions, motion_names
from robot_behavior.robot_model import JointLimits
from robot_behavior.yaml_file import ConfigError

HUMANOID = Path(__file__).parents[2] / "fer_bringup" / "urdf" / "humanoid.urdf"
SHIPPED = Path(__file__).parents[1] / "config" / "motions.yaml"
EXPECTED = {
    "rest",
    "greet",
    "nod",
    "happy_arms_up",
    "happy_bounce",
    "comfort_lean",
    "comfort_open_palms",
    "calm_palms_down",
    "calm_lean_back",
    "reassure_open_palms",
    "reassure_withdraw",
    "surprise_hands_open",
    "surprise_head_back",
    "inquire_shrug",
    "inquire_head_turn",
    "attend",
}
LIMITS = {"neck": JointLimits(-1.0, 1.0, 2.0), "arm": JointLimits(-0.5, 2.0, 2.0)}
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


def test_every_shipped_motion_can_be_played(shipped: MotionLibrary) -> None:
    assert shipped.refused == {}
    assert set(shipped.motions) >= EXPECTED
    assert motion_names(SHIPPED) == set(shipped.motions)


def test_shipped_motions_are_gestures_that_end_at_rest(shipped: MotionLibrary) -> None:
    for motion in shipped.motions.values():
        assert 1.5 <= motion.times[-1] <= 4.0, motion.name
        assert motion.description
        for joint, position in motion.end.items():
            assert position == pytest.approx(shipped.rest.end[joint], abs=0.01), motion.name


def test_shipped_motions_keep_the_arms_clear_of_the_body(shipped: MotionLibrary) -> None:
    robot = urdf.load(HUMANOID)
    arm = {"hand_link": (-0.13, -0.06, 0.0), "forearm_link": (-0.12, -0.06, 0.0)}
    for motion in shipped.motions.values():
        path = motion.path
        for row in path.at(np.arange(0.0, float(path.times[-1]) + 0.1, 0.1))[0]:
            poses = robot.poses(dict(zip(motion.joints, row, strict=True)))
            for side in ("left", "right"):
                for link, heights in arm.items():
                    for height in heights:
                        point = poses[f"{side}_{link}"] @ [0.0, 0.0, height, 1.0]
                        chest = np.linalg.inv(poses["torso_link"]) @ point
                        chest[2] -= np.clip(chest[2], 0.10, 0.21)  # the axis of a capsule
                        head = np.linalg.inv(poses["head_link"]) @ point - [0, 0, 0.12, 0]
                        assert np.linalg.norm(chest[:3]) > 0.118 + 0.02, (motion.name, side, link)
                        assert np.linalg.norm(head[:3]) > 0.14 + 0.03, (motion.name, side, link)


def test_a_motion_is_read_as_play_motion2_reads_it(tmp_path: Path) -> None:
    text = (
        "{joints: [arm, neck], positions: [0.1, 0.2, 0.3, 0.4], times_from_start: [0.5, 1],"
        " meta: {name: Wave, usage: demo, description: Waves}}"
    )
    motion = library(tmp_path, wave=text).motions["wave"]
    assert motion.joints == ("arm", "neck")
    np.testing.assert_allclose(motion.positions, [[0.1, 0.2], [0.3, 0.4]])
    np.testing.assert_allclose(motion.times, [0.5, 1.0])
    assert motion.description == "Waves"


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
        (GOOD.replace("0.4", ".nan"), "wave.positions is [0.2, nan], expected a list of finite"),
        (GOOD.replace("0.4", "up"), "expected a list of finite numbers"),
        (
            GOOD.replace(", 0.4", ""),
            "wave.positions has 1 numbers, expected 1 joints x 2 times = 2",
        ),
        (GOOD.replace("1.0", "0.5"), "wave.times_from_start is [0.5, 0.5], expected increasing"),
        (GOOD.replace("0.5", "-0.5"), "expected increasing times of at least 0 s"),
        (GOOD.replace("[0.5, 1.0]", "[]"), "wave.times_from_start is [], expected increasing"),
        (
            GOOD.replace("1.0", "0.55"),
            "moves neck with 6.00 rad/s between 0.5 and 0.55 s, expected at most 2 rad/s",
        ),
        (GOOD.replace("joints", "joint"), "wave.joints is missing"),
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
        (HEAD + "      7: {}", "key 7"),
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


def test_names_need_no_robot(tmp_path: Path) -> None:
    file = tmp_path / "motions.yaml"
    file.write_text(HEAD + "      one: {}\n      two: " + GOOD)
    assert motion_names(file) == {"one", "two"}


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
    positions, velocities = path.at(np.linspace(0, path.times[-1], 400))
    assert np.abs(positions).max() <= 1.0 + 1e-9
    assert np.abs(velocities).max() <= 2.0 + 1e-9
