"""The program ``fer-report``: a recording as a page to read, and as a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from ec_rfernet.files import check_place, write_text
from fer_common.bag import open_bag
from fer_monitor.report.page import page
from fer_monitor.report.reading import Reader
from fer_monitor.report.table import csv_text

NAME = "fer-report"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        arguments: without the program's name; None for those of this process.

    Returns:
        0, also for a damaged bag of which a part can be read; 2 after one clear line.
    """
    parser = Parser(
        prog=NAME,
        description="Turns a recording of the robot into one HTML page. Needs no running ROS.",
    )
    parser.add_argument("bag", type=Path, help="folder or file of the recording")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.html", help="the page (default: report.html beside it)"
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write the emotions: a row per face and image"
    )
    given = parser.parse_args(arguments)
    return exit_code(NAME, partial(_report, given.bag, given.out, given.csv))


def _report(path: Path, out: Path | None, table: Path | None) -> None:
    reader = Reader(path, open_bag(path))
    out = out or (path / "report.html" if path.is_dir() else path.with_suffix(".html"))
    for target in filter(None, (out, table)):
        if target.resolve() == path.resolve():
            raise InputError(f"{target}: is the recording itself, expected another file")
        check_place(target)
    session = reader.session(keep_sightings=table is not None)
    write_text(out, page(session))
    if table is not None:
        write_text(table, csv_text(reader.sightings, reader.attended))
    if session.flaw:
        print(f"{NAME}: {path}: incomplete: {session.flaw}", file=sys.stderr)
    print(f"{out}: {session.duration:.0f} s, {len(session.images)} images")
