"""The command ``motion-check``: can the robot play these motions, and what do they look like?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from ec_rfernet.program import Parser
from robot_behavior.body import urdf
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.body.urdf import UrdfError
from robot_behavior.motion.check import Checker, shares
from robot_behavior.motion.library import load_motions
from robot_behavior.motion.physics import Physics, PhysicsError
from robot_behavior.motion.sheet import contact_sheet
from robot_behavior.motion.verdict import Verdict, table
from robot_behavior.yaml_file import ConfigError

OVERVIEW = "all_motions"
"""Name of the sheet of all motions."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0 if the robot can play every motion, 1 if it cannot, 2 after one line on bad input,
        130 on Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return _check(options)
    except (ConfigError, UrdfError, PhysicsError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="motion-check",
        description="Plays every motion of a file on the robot in MuJoCo. Checked are position, "
        "speed, acceleration and torque of the joints, self-collision, the centre of mass and "
        "the zero moment point over the feet, and that the robot does not tip.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the motions, YAML")
    parser.add_argument("--urdf", type=Path, help="the robot (default: the humanoid)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="write contact sheets there (PNG)")
    return parser


def _check(options: argparse.Namespace) -> int:
    description = options.urdf or _humanoid()
    model = urdf.load(description)
    # Without the checks, so that what fails them is measured and drawn, too.
    library = load_motions(options.file, model.limits)
    physics = Physics(description, model)
    checker, verdicts = Checker(model), []
    for motion in library.motions.values():
        findings = checker.examine(motion, library.rest)
        evidence = physics.examine(findings.trajectory)
        verdicts.append(Verdict(motion, findings, evidence, *shares(findings.trajectory, model)))
    if options.out is not None:
        _draw(options.out, model, verdicts)
    print(table(verdicts, dict(library.refused)))
    sys.stdout.flush()
    return 1 if library.refused or any(verdict.complaint for verdict in verdicts) else 0


def _humanoid() -> Path:
    try:
        return Path(get_package_share_directory("fer_bringup")) / "urdf" / "humanoid.urdf"
    except PackageNotFoundError as error:
        raise UrdfError("package fer_bringup is not installed, expected --urdf FILE") from error


def _draw(folder: Path, model: RobotModel, verdicts: list[Verdict]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sheets = []
    for verdict in verdicts:
        sheet = contact_sheet(model, verdict.motion, verdict.findings.trajectory)
        _write(folder / f"{verdict.motion.name}.png", sheet)
        sheets.append(sheet)
    _write(folder / f"{OVERVIEW}.png", np.vstack(sheets))


def _write(file: Path, picture: np.ndarray) -> None:
    file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def _fail(message: str) -> int:
    print(f"motion-check: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
