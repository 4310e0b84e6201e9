"""The console command ``behavior-sim``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from ec_rfernet.cli import Parser, exit_code, tell_written
from fer_common.bag import BAG_FILES
from robot_behavior.body import urdf
from robot_behavior.body.urdf import UrdfError
from robot_behavior.dialogue import behaviors
from robot_behavior.dialogue.behaviors import Repertoire
from robot_behavior.dialogue.conductor import DialogueSettings
from robot_behavior.dialogue.policy import PolicySettings
from robot_behavior.dialogue.sentences import LANGUAGE
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import load_motions, read_gestures
from robot_behavior.simulator.stage import Body, Stage, Timeline, speaking_time
from robot_behavior.simulator.views import View, read_bag, read_script
from robot_behavior.speech import DEFAULT_VOICE, VOICES
from robot_behavior.speech.voice import SpeechError, Voice, VoiceSettings
from robot_behavior.yaml_file import ConfigError

EXAMPLE = "mood_minute.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0; 2 after one clear line when something cannot be used; 130 on Ctrl-C.
    """
    given = make_parser().parse_args(arguments)
    return exit_code("behavior-sim", lambda: _play(given), (ConfigError, UrdfError))


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = Parser(
        prog="behavior-sim",
        description="Plays emotions, out of a script or a recording, through the robot's "
        "behaviour, in simulated time, and prints what it does and why.",
    )
    parser.add_argument(
        "script",
        nargs="?",
        type=Path,
        help="script (.yaml), or folder or file of a recording of bag_recorder; "
        f"without one: the example {EXAMPLE}",
    )
    parser.add_argument("--behaviors", type=Path, help="behaviours file (default: installed)")
    parser.add_argument("--motions", type=Path, help="motions file (default: installed)")
    parser.add_argument("--sentences", type=Path, help="folder of sentences (default: installed)")
    parser.add_argument("--urdf", type=Path, help="the robot (default: installed humanoid)")
    parser.add_argument("--locale", help="language tag (default: of the behaviours)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice among variants")
    parser.add_argument("--no-notice", action="store_true", help="leave the notice out")
    parser.add_argument(
        "--video", type=Path, help="film of the robot: .mp4, with its voice, or .gif"
    )
    return parser


def _play(given: argparse.Namespace) -> None:
    if given.locale is not None and not LANGUAGE.fullmatch(given.locale):
        expected = "a language tag such as en, de or en-GB"
        raise ConfigError(f"--locale is {given.locale!r}, expected {expected}")
    model = urdf.load(given.urdf or _installed("fer_bringup", "urdf/humanoid.urdf"))
    motions = given.motions or _config("motions.yaml")
    library = load_motions(motions, model.limits, Checker(model))
    for name, reason in library.refused.items():
        print(f"behavior-sim: cannot play '{name}': {reason}", file=sys.stderr)
    known = behaviors.load(
        given.behaviors or _config("behaviors.yaml"),
        Repertoire(read_gestures(motions), read_gestures(_config("motions.yaml"))),
        given.sentences or _config("sentences"),
        given.locale,
    )
    if known.sentences is not None and known.sentences.fallback:
        print(f"behavior-sim: {known.sentences.fallback}", file=sys.stderr)
    views = read(given.script or _config(f"scripts/{EXAMPLE}"), known.emotions)
    settings = DialogueSettings(PolicySettings(notice=not given.no_notice))
    film = None
    if given.video:
        from robot_behavior.simulator.film import Film  # OpenCV, which nothing else here needs

        film = Film(given.video, model, library.motions, _voice())
    speak = film.speaking_time if film is not None else speaking_time
    stage = Stage(known, Body(model, library), given.seed, settings, speak)
    timeline = Timeline()
    try:
        print(timeline.title)
        for moment in stage.play(views):
            for line in timeline.lines(moment):
                print(line)
            if film is not None:
                film.show(moment)
        if film is not None:
            film.complete()
            tell_written(given.video)
    finally:
        if film is not None:
            film.discard()


def read(path: Path, labels: Collection[str] = ()) -> list[View]:
    """The images of a script or of a recording.

    Args:
        path: of a script; everything else is taken for a recording.
        labels: see `robot_behavior.simulator.views.read_script`.

    Raises:
        ConfigError: says what is wrong with the file.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        return read_script(path, labels)
    if path.suffix.lower() not in ("", *BAG_FILES) and not path.is_dir():
        expected = ", ".join((".yaml", ".yml", *BAG_FILES))
        raise ConfigError(
            f"{path}: ends in {path.suffix!r}, expected a folder or one of {expected}"
        )
    return read_bag(path, lambda text: print(f"behavior-sim: {text}", file=sys.stderr))


def _voice() -> Voice | None:
    """The robot's usual voice; None where it is not installed, which is told."""
    try:
        voice: Voice = VOICES.make(DEFAULT_VOICE, VoiceSettings())
    except SpeechError as error:
        print(f"behavior-sim: nothing is heard in the film: {error}", file=sys.stderr)
        return None
    return voice


def _config(name: str) -> Path:
    return _installed("robot_behavior", f"config/{name}")


def _installed(package: str, path: str) -> Path:
    try:
        return Path(get_package_share_directory(package)) / path
    except PackageNotFoundError as error:
        raise ConfigError(
            f"package {package} is not installed: name the file that stands for its {path}"
        ) from error
