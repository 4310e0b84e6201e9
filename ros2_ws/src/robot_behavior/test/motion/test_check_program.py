"""The command motion-check, with MuJoCo where it is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from robot_behavior.body import urdf
from robot_behavior.motion.check import Checker, Clearance, link_poses
from robot_behavior.motion.check_program import OVERVIEW, main
from robot_behavior.motion.library import load_motions
from robot_behavior.motion.physics import Physics

SOURCE = Path(__file__).parents[3]
URDF = SOURCE / "fer_bringup" / "urdf" / "humanoid.urdf"
SHIPPED = SOURCE / "robot_behavior" / "config" / "motions.yaml"
MODEL = urdf.load(URDF)
LIBRARY = load_motions(SHIPPED, MODEL.limits)
JOINTS = ", ".join(MODEL.limits)
REST = f"rest: {{joints: [{JOINTS}], positions: {[0.0] * 18}, times_from_start: [0.5]}}"
needs_mujoco = pytest.mark.skipif(
    importlib.util.find_spec("mujoco") is None,
    reason="MuJoCo is not installed: pip install -r requirements/dev.txt",
)


@pytest.fixture(scope="module")
def physics() -> Physics:
    return Physics(URDF, MODEL)


def written(folder: Path, *motions: str) -> Path:
    file = folder / "motions.yaml"
    lines = "".join(f"      {motion}\n" for motion in (REST, *motions))
    file.write_text(f"/motion_player:\n  ros__parameters:\n    motions:\n{lines}")
    return file


def run(file: Path, *options: str) -> int:
    return main([str(file), "--urdf", str(URDF), *options])


@needs_mujoco
@pytest.mark.parametrize("name", LIBRARY.motions)
def test_mujoco_agrees_that_a_shipped_motion_is_safe(physics: Physics, name: str) -> None:
    findings = Checker(MODEL).examine(LIBRARY.motions[name], LIBRARY.rest)
    evidence = physics.examine(findings.trajectory)
    assert evidence.within_range and evidence.torque_share < 0.6
    assert evidence.nearest.metres >= findings.nearest.metres - 1e-3  # ours errs on the safe side
    assert evidence.nearest.metres == pytest.approx(findings.nearest.metres, abs=0.02)
    assert evidence.mass_margin == pytest.approx(findings.mass_margin, abs=1e-3)
    assert evidence.moment_margin == pytest.approx(findings.moment_margin, abs=4e-3)
    assert evidence.tilt is not None and np.degrees(evidence.tilt) < 1.0
    assert evidence.lag < 0.15


@needs_mujoco
def test_our_clearance_never_exceeds_that_of_mujoco(physics: Physics) -> None:
    rng = np.random.default_rng(5)
    limits = list(MODEL.limits.values())
    lower = np.array([limit.lower for limit in limits])
    upper = np.array([limit.upper for limit in limits])
    rows = rng.uniform(lower, upper, (60, len(limits)))
    clearance, joints = Clearance(MODEL), tuple(MODEL.limits)
    for row in rows:
        ours = clearance.nearest(link_poses(MODEL, joints, row[None])).metres
        theirs = physics.nearest(joints, row).metres
        assert ours <= theirs + 2e-3
        assert theirs < 0.0 or ours > theirs - 0.03


@needs_mujoco
def test_a_file_that_passes_ends_with_0_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    nod = "nod: {joints: [head_pitch_joint], positions: [0, 0.2, 0], times_from_start: [0.3, 1, 2]}"
    assert run(written(tmp_path, nod), "--out", str(tmp_path / "sheets")) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[0] == "motion" and len(shown) == 3
    assert shown[2].startswith("nod") and shown[2].endswith("passes")
    for name in ("rest", "nod", OVERVIEW):
        picture = cv2.imread(str(tmp_path / "sheets" / f"{name}.png"))
        assert picture.shape[1] > 1000 and picture.std() > 10


@needs_mujoco
def test_a_motion_that_fails_ends_with_1_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    lean = (
        "lean: {joints: [ankle_pitch_joint], positions: [0, 0.5, 0], times_from_start: [1, 3, 5]}"
    )
    fast = "fast: {joints: [head_yaw_joint], positions: [0, 1.0], times_from_start: [1, 1.1]}"
    assert run(written(tmp_path, lean, fast)) == 1
    shown = capsys.readouterr().out
    assert "lean takes the centre of mass to -" in shown and "fails" in shown
    assert "motions.fast.times_from_start moves head_yaw_joint with 18.75 rad/s" in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: FILE"),
        (["/nowhere.yaml", "--urdf", str(URDF)], "/nowhere.yaml: cannot be read"),
        ([str(SHIPPED), "--urdf", "/nowhere.urdf"], "/nowhere.urdf: cannot be read"),
        ([str(URDF), "--urdf", str(URDF)], "is not valid YAML|expected a mapping"),
        ([str(SHIPPED), "--speed", "2"], "unrecognized arguments: --speed 2"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture, arguments: list[str], complaint: str
) -> None:
    try:
        code = main(arguments)
    except SystemExit as left:
        code = int(left.code or 0)
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith("motion-check: ") and error.count("\n") == 1
    assert any(part in error for part in complaint.split("|"))


def test_without_mujoco_our_own_checks_are_made_and_one_line_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    nod = "nod: {joints: [head_pitch_joint], positions: [0, 0.2, 0], times_from_start: [0.3, 1, 2]}"
    file = written(tmp_path, nod)
    assert run(file, "--out", str(tmp_path / "sheets")) == 0
    shown, error = capsys.readouterr()
    cells = shown.splitlines()[2].split()
    assert (cells[0], cells[-1]) == ("nod", "passes") and cells.count("-") == 2  # torque, tilt
    missing, written_line = error.splitlines()
    assert "torque was not checked" in missing and "make setup-dev" in missing
    assert written_line.endswith("sheets: written")
    assert (tmp_path / "sheets" / "nod.png").exists()
    lean = (
        "lean: {joints: [ankle_pitch_joint], positions: [0, 0.5, 0], times_from_start: [1, 3, 5]}"
    )
    assert run(written(tmp_path, lean)) == 1
    assert "lean takes the centre of mass to -" in capsys.readouterr().out


@pytest.mark.parametrize("foreign", ["rclpy", "torch", "mujoco"])
def test_the_checks_at_load_need_neither_ros_nor_mujoco(foreign: str) -> None:
    check = (
        "import sys, robot_behavior.motion.check, robot_behavior.motion.check_program; "
        f"sys.exit({foreign!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
