"""The program ``fer-study``: studies with participants, from the protocol to the table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from ec_rfernet.files import check_place, user_path
from fer_common.entry import INTERRUPTED, program
from fer_study.protocol import PROTOCOL, Participant, new_study
from fer_study.store import RUNNING, SessionRecord, StudyFolder, contents

NAME = "fer-study"
_NEEDS = (1700, 250)  # MB of address space besides the cores', and of memory


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: without the program's name; None for those of this process.

    Returns:
        Exit code: 0 when it is done; 1 when a session has ended before its time, or a question
        was answered with no; 2 after one clear line on bad input; 130 on Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:  # lives on when its terminal is gone, and ends the robot with it
        return program(lambda: exit_code(NAME, partial(_work, given)), _NEEDS, INTERRUPTED)
    return exit_code(NAME, partial(_work, given))


def _work(given: Sequence[str]) -> int:
    options = make_parser().parse_args(given)
    code: int = options.work(options)
    return code


def make_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog=NAME,
        description="Studies with participants: a protocol, an operator's page, one recording per "
        "session, tables of all. docs/study.md is a tutorial.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, work: object, text: str, study: str) -> argparse.ArgumentParser:
        own = commands.add_parser(name, help=text, description=f"{name}: {text}.")
        own.set_defaults(work=work)
        own.add_argument("study", type=user_path, metavar="STUDY", help=study)
        return own

    place = "folder of the study"
    command("new", _new, "writes a protocol and a consent text to begin with", "folder, is made")
    run = command("run", _run, "runs a session with a participant", f"{place}, or its protocol")
    _add_participant(run)
    run.add_argument(
        "--again", action="store_true", help="although they have taken part: another session"
    )
    run.add_argument("--camera", metavar="VALUE", help="instead of that of the protocol")
    run.add_argument("--port", type=_port, default=0, metavar="N", help="of the page; 0: any")
    run.add_argument(
        "--no-browser", action="store_true", help="only print the address of the operator's page"
    )
    run.add_argument("--namespace", default="", metavar="NAME", help="of the robot's nodes")
    run.add_argument("--network", action="store_true", help="the robot is on another machine")
    command("list", _list, "lists the sessions", place)
    command("summary", _summary, "makes summary.csv and summary.html of all sessions", place)
    export = command("export", _export, "puts one participant's data into a ZIP file", place)
    _add_participant(export)
    export.add_argument("--out", type=user_path, metavar="FILE.zip", help="(default: CODE.zip)")
    delete = command("delete", _delete, "deletes one participant's data", place)
    _add_participant(delete)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _add_participant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--participant", required=True, metavar="CODE", help="such as 07 or P12: never a name"
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no port, expected 0 to 65535")


# The commands; each imports what it needs.


def _new(options: argparse.Namespace) -> int:
    for path in new_study(options.study):
        print(path)
    print(f"next: {NAME} run {options.study} --participant 01")
    return 0


def _run(options: argparse.Namespace) -> int:
    from importlib.util import find_spec

    if find_spec("aiohttp") is None:
        raise InputError("the operator's page needs aiohttp: make setup STUDY=1 installs it")
    from fer_study.run import run

    return run(options)


def _list(options: argparse.Namespace) -> int:
    study = _study(options.study)
    print(f"{'code':<8} {'session':>7}  {'began':<16}  {'state':<11}  {'MB':>7}  order")
    runs = study.is_claimed()
    for folder in study.all():
        try:
            record = SessionRecord.load(folder)
        except InputError as error:
            print(error, file=sys.stderr)
            continue
        state = "interrupted" if record.state == RUNNING and not runs else record.state
        size = contents(folder)[1] / 1e6
        print(
            f"{record.participant:<8} {record.session:>7}  {record.date:<16}  {state:<11}  "
            f"{size:>7.1f}  {', '.join(record.order)}"
        )
    return 0


def _summary(options: argparse.Namespace) -> int:
    from fer_study.summary import write_summary

    written, flaws = write_summary(_study(options.study))
    for flaw in flaws:
        print(f"{NAME}: {flaw}", file=sys.stderr)
    for path in written:
        print(path)
    return 0


def _export(options: argparse.Namespace) -> int:
    participant = Participant.read(options.participant)
    out = options.out or Path(f"{participant.code}.zip")
    study = _study(options.study)
    study.known(participant)
    check_place(out)
    print(f"{out}: {study.export(participant, out)} files of participant {participant.code}")
    return 0


def _delete(options: argparse.Namespace) -> int:
    participant = Participant.read(options.participant)
    study = _study(options.study)
    folders = study.known(participant)
    if not options.yes:
        for folder in folders:
            count, size = contents(folder)
            print(f"{folder}: {count} files, {size / 1e6:.1f} MB")
        if not sys.stdin.isatty():
            raise InputError("nobody is there to be asked: --yes deletes it without a question")
        answer = input(f"Delete all of participant {participant.code} for good? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("nothing was deleted")
            return 1
    with study.claimed():
        for line in study.delete(participant):
            print(f"removed {line}")
    print("exports and copies made elsewhere are not known here")
    return 0


def _study(folder: Path) -> StudyFolder:
    if folder.name == PROTOCOL:
        folder = folder.parent
    if not (folder / PROTOCOL).is_file() and not (folder / "sessions").is_dir():
        raise InputError(f"{folder}: is no study, expected a folder made by {NAME} new")
    return StudyFolder(folder)


if __name__ == "__main__":
    sys.exit(main())
