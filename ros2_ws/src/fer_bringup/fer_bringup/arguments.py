"""The arguments of ``robot.launch.py``, which are also those of the ``robot`` executable."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ec_rfernet.cli import Parser
from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import refuse_stdout, user_path
from robot_behavior.dialogue.sentences import LANGUAGE
from robot_behavior.robots import FORMER_NAMES, ROBOTS, describe_robots
from robot_behavior.speech import DEFAULT_VOICE, VOICES


def _check_text(name: str, value: str) -> None:
    """Refuses what is no text: ROS has no place for it, and OpenCV writes no such names."""
    if any("\udc80" <= letter <= "\udcff" for letter in value):  # how Python keeps other bytes
        raise InputError(
            f"argument '{name}' is '{writable(value)}', which is no UTF-8; write it in UTF-8, or "
            "make a link to the file that has another name"
        )
    if writable(value) != value:
        raise InputError(
            f"argument '{name}' is '{writable(value)}', which has characters that are no text"
        )


@dataclass(frozen=True)
class Argument:
    """One argument.

    Attributes:
        name: as in ``name:=value`` and ``--name value``.
        default: when it is not given.
        description: one line.
        choices: the allowed values; empty allows every one.
        former: values of before, and what they are called now.
    """

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()
    former: Mapping[str, str] = field(default_factory=dict)

    def checked(self, value: str) -> str:
        """The value.

        Raises:
            InputError: it is not one of the choices, or no text.
        """
        _check_text(self.name, value)
        if self.choices and value not in self.choices:
            if value in self.former:
                now = self.former[value]
                raise InputError(f"argument '{self.name}': '{value}' is now called '{now}'")
            expected = ", ".join(self.choices)
            raise InputError(f"argument '{self.name}' is '{value}', expected one of {expected}")
        return value


ARGUMENTS = (
    Argument(
        "camera",
        "auto",
        "auto (a webcam, or else the clip), clip, a device index, the path of a video, a "
        "picture or a folder of pictures, bag:FILE for a recording, or none when another driver "
        "publishes the images",
    ),
    Argument("image_topic", "image_raw", "topic of the images"),
    Argument(
        "robot",
        "sim",
        describe_robots(),
        ROBOTS.names,
        FORMER_NAMES,
    ),
    Argument("port", "/dev/ttyACM0", "serial port of the servo board, for robot:=servo_humanoid"),
    Argument("host", "127.0.0.1", "name or address of a robot that is on the network"),
    Argument("interface", "", "network interface that leads to the robot, for robot:=unitree_g1"),
    Argument(
        "speech",
        DEFAULT_VOICE,
        "which voice speaks; piper is a neural one (make setup VOICE=piper), naoqi is NAO's or "
        "Pepper's own, unitree that of Unitree G1, log only writes the words",
        VOICES.names,
    ),
    Argument(
        "locale",
        "",
        "language of all that the robot says, such as en, de or en-GB; empty: what params_file "
        "says, else that of the behaviours",
    ),
    Argument("model", "ec_rfernet", "name of a model bundle, or path of one"),
    Argument(
        "viewer",
        "false",
        "whether to show, in a browser on this machine, what the robot sees and does",
        ("true", "false"),
    ),
    Argument(
        "face",
        "false",
        "whether to show the robot's face on a page of its own, for a screen on the robot",
        ("true", "false"),
    ),
    Argument(
        "record",
        "false",
        "whether to record everything but images, as an MCAP bag",
        ("true", "false"),
    ),
    Argument("record_images", "false", "whether to record the images as well", ("true", "false")),
    Argument(
        "network",
        "false",
        "whether other machines can watch and command the robot, see docs/security.md",
        ("true", "false"),
    ),
    Argument(
        "behaviors_file",
        "",
        "YAML with your own answers; empty: what params_file says, else the installed one",
    ),
    Argument(
        "motions_file",
        "",
        "YAML with your own gestures; empty: what params_file says, else those of the robot",
    ),
    Argument(
        "use_sim_time",
        "false",
        "whether the robot lives by the /clock of a simulator, see docs/parameters.md",
        ("true", "false"),
    ),
    Argument("params_file", "", "YAML with the parameters of the nodes; empty: the installed one"),
    Argument("autostart", "true", "whether lifecycle nodes activate themselves", ("true", "false")),
    Argument(
        "respawn",
        "true",
        "whether a node that has ended is started again, at most 5 times within 120 s",
        ("true", "false"),
    ),
    Argument("namespace", "", "namespace of all nodes"),
    Argument(
        "log_level",
        "info",
        "least severity of messages",
        ("debug", "info", "warn", "error"),
    ),
)
"""In the order in which they are documented."""

_SWITCHES = tuple(a.name for a in ARGUMENTS if a.choices == ("true", "false"))


@dataclass(frozen=True)
class RobotSettings:
    """Which robot to put together; the attributes are those of `ARGUMENTS`."""

    camera: str
    image_topic: str
    robot: str
    port: str
    host: str
    interface: str
    speech: str
    locale: str
    model: str
    viewer: bool
    face: bool
    record: bool
    record_images: bool
    network: bool
    behaviors_file: str
    motions_file: str
    use_sim_time: bool
    params_file: Path
    autostart: bool
    respawn: bool
    namespace: str
    log_level: str

    @classmethod
    def read(cls, values: Mapping[str, str], config: Path) -> RobotSettings:
        """The settings of one start.

        Args:
            values: a text for each of `ARGUMENTS`.
            config: the parameter file for an empty ``params_file``.

        Raises:
            InputError: a value is not allowed, or the parameter file does not exist.
        """
        found: dict[str, Any] = {a.name: a.checked(values[a.name]) for a in ARGUMENTS}
        _check_name("namespace", found["namespace"], _NAMESPACE)
        _check_name("image_topic", found["image_topic"], _TOPIC)
        if found["locale"] and not LANGUAGE.fullmatch(found["locale"]):
            expected = "a language tag such as en, de or en-GB"
            raise InputError(f"argument 'locale' is '{found['locale']}', expected {expected}")
        params_file = user_path(found["params_file"] or config)
        if not params_file.is_file():
            raise InputError(f"argument 'params_file': there is no file {params_file}")
        switches = {name: found[name] == "true" for name in _SWITCHES}
        return cls(**found | switches | {"params_file": params_file})


# What ROS allows: https://design.ros2.org/articles/topic_and_service_names.html

_TOKEN = r"(?!\w*__)[A-Za-z_]\w*"
_NAMESPACE = re.compile(rf"(/?{_TOKEN}(/{_TOKEN})*)?/?", re.ASCII)
_TOPIC = re.compile(rf"(~?/)?{_TOKEN}(/{_TOKEN})*", re.ASCII)


def _check_name(argument: str, name: str, allowed: re.Pattern[str]) -> None:
    if allowed.fullmatch(name):
        return
    parts = (re.sub(r"[\W_]+", "_", part, flags=re.ASCII) for part in name.split("/"))
    near = "/".join(f"_{part}" if part[:1].isdigit() else part for part in parts)
    hint = f", such as '{near}'" if allowed.fullmatch(near) and near.strip("/_") else ""
    raise InputError(
        f"argument '{argument}' is '{name}', expected letters, digits and single underscores, "
        f"with / between names that begin with no digit{hint}"
    )


# ----------------------------------------------------------------------
# Command line of the ``robot`` executable.

VIEWS = ("auto", "panel", "lines", "none")


@dataclass(frozen=True)
class RobotOptions:
    """What the user asked for.

    Attributes:
        settings: which robot.
        view: one of `VIEWS`.
        video: folder for an annotated video; None for none.
        profile: whether to tell at the end where the time of an image went.
    """

    settings: RobotSettings
    view: str
    video: Path | None
    profile: bool


def make_parser() -> Parser:
    """The parser of a start; see `make_command_parser` for that of the commands."""
    parser = Parser(
        prog="robot",
        description="Every node of the robot in one process. Ctrl-C brings it to rest and stops.",
        epilog="The arguments are those of robot.launch.py. To a robot that runs, in another "
        "terminal: "
        + "; ".join(f"robot {name}: {each.help}" for name, each in COMMANDS.items())
        + ". A robot that was stopped stays so after a new start, until robot release.",
    )
    for argument in ARGUMENTS:
        # The view tells what happens; of the messages, warnings are enough beside it.
        default = "warn" if argument.name == "log_level" else argument.default
        parser.add_argument(
            f"--{argument.name}",
            default=default,
            metavar="|".join(argument.choices) or "VALUE",
            help=f"{argument.description} (default: {default or 'empty'})".replace("%", "%%"),
        )
    parser.add_argument(
        "--view",
        default="auto",
        choices=VIEWS,
        help="panel: stays in place; lines: one line per change; auto: panel on a terminal",
    )
    parser.add_argument(
        "--video",
        type=str,
        metavar="FOLDER",
        help="write an annotated video, the voice and a summary there; off unless asked for, "
        "for it shows people",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="at the end, a table of where the time of the last images went, by stage",
    )
    return parser


def read(arguments: Sequence[str] | None, config: Path) -> RobotOptions:
    """Reads the command line; prints help, or what is wrong, and exits, as argparse does.

    Args:
        arguments: without the program's name; None for those of this process.
        config: the parameter file for when none is given.

    Raises:
        InputError: the value of an argument is not allowed.
    """
    parser = make_parser()
    found, others = parser.parse_known_args(arguments)
    if others and others[0] in COMMANDS:
        parser.error(f"a command comes before its options: robot {others[0]} --namespace ...")
    if others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    values = vars(found)
    view, video, profile = (values.pop(name) for name in ("view", "video", "profile"))
    _check_text("video", str(video))
    folder = None if video is None else user_path(video)  # --video=~/x stays as it is in a shell
    if folder is not None:
        refuse_stdout(folder)
    return RobotOptions(RobotSettings.read(values, config), view, folder, profile)


# ----------------------------------------------------------------------
# Commands to a robot that runs.


@dataclass(frozen=True)
class Command:
    """A command of ``robot``; what it does stands in `fer_bringup.remote`.

    Attributes:
        help: one line.
        arguments: of its own: names, and options of ``ArgumentParser.add_argument``.
    """

    help: str
    arguments: tuple[tuple[str, dict[str, Any]], ...] = ()


def _priority(text: str) -> int:
    if text.isdecimal() and text.isascii() and int(text) < 256:
        return int(text)
    raise ArgumentTypeError(f"'{text}' is no priority, expected 0 to 255")


_PRIORITY: tuple[str, dict[str, Any]] = (
    "--priority",
    {
        "type": _priority,
        "default": 128,
        "metavar": "N",
        "help": "0 to 255; takes the place of what has the same or a lower one (default: 128)",
    },
)

COMMANDS = {
    "say": Command(
        "says a sentence",
        (
            ("text", {"help": "what to say"}),
            ("--locale", {"default": "", "help": "its language, such as de; else the robot's"}),
            _PRIORITY,
        ),
    ),
    "play": Command(
        "plays a gesture",
        (
            ("motion", {"help": "see robot list; or what to express, such as greet or comfort"}),
            _PRIORITY,
        ),
    ),
    "stop": Command("stops the robot, which stays where it is until robot release"),
    "release": Command("lets a robot that was stopped move again"),
    "status": Command(
        "tells how the robot is; exit code 1 when something is wrong",
        (("--json", {"action": "store_true", "help": "for programs"}),),
    ),
    "watch": Command(
        "shows what the robot sees and does, until Ctrl-C",
        (("--view", {"default": "auto", "choices": VIEWS[:-1], "help": "see robot --help"}),),
    ),
    "list": Command("lists the gestures of the robot"),
    "set": Command(
        "changes a parameter, or shows it",
        (
            ("name", {"help": "such as smoothing_s, or fer_node.smoothing_s"}),
            ("value", {"nargs": "?", "help": "shows it if there is none"}),
        ),
    ),
}
"""By name. Whatever else ``robot`` is given are the arguments of a start."""


def make_command_parser(
    completers: Mapping[str, Callable[..., Sequence[str]]] | None = None,
) -> Parser:
    """The parser of `COMMANDS`.

    Args:
        completers: of argcomplete, by the name of the argument.
    """
    parser = Parser(prog="robot", description="Asks a robot that runs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        own = commands.add_parser(name, help=command.help, description=f"{name}: {command.help}.")
        for argument, details in command.arguments:
            action = own.add_argument(argument, **details)
            if completers and argument in completers:
                setattr(action, "completer", completers[argument])  # noqa: B010, argcomplete's way
        own.add_argument("--namespace", default="", metavar="NAME", help="of the robot's nodes")
        own.add_argument(
            "--network", action="store_true", help="the robot may be on another machine"
        )
    return parser


def read_command(arguments: Sequence[str]) -> Namespace:
    """Reads a command; prints help, or what is wrong, and exits, as argparse does.

    Raises:
        InputError: there is no such command, the namespace is none, or a text is no UTF-8.
    """
    if arguments[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise InputError(
            f"robot: there is no command '{arguments[0]}', expected one of {known}; "
            "the arguments of a start begin with --, see robot --help"
        )
    options = make_command_parser().parse_args(arguments)
    _check_name("namespace", options.namespace, _NAMESPACE)
    for name, value in vars(options).items():
        if isinstance(value, str):
            _check_text(name, value)
    return options
