"""The console command ``behavior-sim``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from ec_rfernet.cli import Parser
from robot_behavior.body import urdf
from robot_behavior.body.urdf import UrdfError
from robot_behavior.dialogue import behaviors
from robot_behavior.dialogue.behaviors import LANGUAGE
from robot_behavior.dialogue.conductor import DialogueOptions
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import load_motions
from robot_behavior.simulator.film import Film
from robot_behavior.simulator.recording import View, read_recording, read_script
from robot_behavior.simulator.stage import Body, Stage, Timeline
from robot_behavior.yaml_file import ConfigError

# ----------------------------------------------------------------------

EXAMPLE = "mood_minute.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0; 2 after one clear line when something cannot be used; 130 on Ctrl-C.
    """
    given = _parser().parse_args(arguments)
    try:
        if given.record is not None:
            return _record(given.record)
        _play(given)
    except (ConfigError, UrdfError) as error:
        print(f"behavior-sim: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `behavior-sim ... | head`
        sys.stderr.close()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="behavior-sim",
        description="Plays a script of emotions through the robot's behaviour, in simulated "
        "time, and prints what it does and why.",
    )
    parser.add_argument(
        "script",
        nargs="?",
        type=Path,
        help=f".yaml: a script; .csv: a recording; without one: the example {EXAMPLE}",
    )
    parser.add_argument("--behaviors", type=Path, help="behaviours file (default: installed)")
    parser.add_argument("--motions", type=Path, help="motions file (default: installed)")
    parser.add_argument("--sentences", type=Path, help="folder of sentences (default: installed)")
    parser.add_argument("--urdf", type=Path, help="the robot (default: installed humanoid)")
    parser.add_argument("--locale", default="", help="language tag (default: of the behaviours)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice among variants")
    parser.add_argument("--no-notice", action="store_true", help="leave the notice out")
    parser.add_argument("--video", type=Path, help="film of the robot, .mp4 or .gif")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="instead: write what a running robot sees to a .csv file, until Ctrl-C (needs ROS)",
    )
    return parser


def _play(given: argparse.Namespace) -> None:
    if given.locale and not LANGUAGE.fullmatch(given.locale):
        expected = "a language tag such as en, de or en-GB"
        raise ConfigError(f"--locale is {given.locale!r}, expected {expected}")
    model = urdf.load(given.urdf or _installed("fer_bringup", "urdf/humanoid.urdf"))
    motions = given.motions or _config("motions.yaml")
    library = load_motions(motions, model.limits, Checker(model))
    for name, reason in library.refused.items():
        print(f"behavior-sim: cannot play '{name}': {reason}", file=sys.stderr)
    known = behaviors.load(
        given.behaviors or _config("behaviors.yaml"),
        set(library.motions) | set(library.refused),
        given.sentences or _config("sentences"),
        given.locale,
    )
    if known.sentences is not None and known.sentences.fallback:
        print(f"behavior-sim: {known.sentences.fallback}", file=sys.stderr)
    views = read(given.script or _config(f"scripts/{EXAMPLE}"))
    stage = Stage(
        known, Body(model, library), given.seed, DialogueOptions(notice=not given.no_notice)
    )
    film = Film(given.video, model) if given.video else None
    timeline = Timeline()
    print(timeline.title)
    for moment in stage.play(views):
        for line in timeline.lines(moment):
            print(line)
        if film is not None:
            film.show(moment)
    if film is not None:
        film.close()


def read(file: Path) -> list[View]:
    """The images of a script or of a recording.

    Raises:
        ConfigError: says what is wrong with the file.
    """
    readers = {".yaml": read_script, ".yml": read_script, ".csv": read_recording}
    if file.suffix.lower() not in readers:
        raise ConfigError(f"{file}: ends in {file.suffix!r}, expected one of {', '.join(readers)}")
    return readers[file.suffix.lower()](file)


def _record(file: Path) -> int:
    try:
        from fer_common.runner import run
        from robot_behavior.simulator.recorder_node import RecorderNode
    except ImportError as error:
        raise ConfigError(f"--record needs ROS ({error}), expected a shell that has it") from error
    return run(lambda: RecorderNode(file), [])


def _config(name: str) -> Path:
    return _installed("robot_behavior", f"config/{name}")


def _installed(package: str, path: str) -> Path:
    try:
        return Path(get_package_share_directory(package)) / path
    except PackageNotFoundError as error:
        raise ConfigError(
            f"package {package} is not installed: name the file that stands for its {path}"
        ) from error
