"""Runs one session: the robot, the operator's page, the recording, the tables."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from threading import Thread
from typing import Any

import rclpy

from ec_rfernet.errors import InputError, writable
from fer_common.entry import STOP_SIGNALS
from fer_common.runner import StartError, initialise
from fer_common.settings import ParameterError
from fer_study.protocol import Participant, StudyProtocol
from fer_study.server import StudyServer
from fer_study.session import Desk
from fer_study.station import StudyStation, arguments_of_ros, check_with_robot
from fer_study.store import StudyFolder
from fer_study.summary import write_tables

_TICK_S = 0.1
_FAREWELL_S = 1.0  # for the pages to show how it has ended


def run(options: argparse.Namespace) -> int:
    """Runs a session.

    Args:
        options: of the command line, see `fer_study.program`.

    Returns:
        Exit code: 0 when the session is complete, 1 when it has ended before its time.

    Raises:
        InputError: the protocol or the code is wrong, the participant has taken part, something
            cannot be written, or the robot does not start.
    """
    protocol = StudyProtocol.load(options.study)
    given = {name: getattr(options, name) for name in ("camera", "namespace")}
    robot = {**protocol.robot, **{name: value for name, value in given.items() if value}}
    if options.network:
        robot["network"] = "true"
    protocol = replace(protocol, robot=robot)
    participant = Participant.read(options.participant)
    study = StudyFolder(protocol.folder)
    study.next_folder(participant, options.again)
    check_with_robot(protocol)
    with ExitStack() as stack:
        stack.enter_context(study.claimed())
        try:
            initialise(arguments_of_ros(protocol, options.namespace), options.network, images=False)
            stack.callback(rclpy.try_shutdown)
            return asyncio.run(_session(protocol, participant, study, options))
        except (StartError, ParameterError) as error:
            raise InputError(str(error)) from error


async def _session(
    protocol: StudyProtocol,
    participant: Participant,
    study: StudyFolder,
    options: argparse.Namespace,
) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    post: Callable[[Callable[[], None]], Any] = loop.call_soon_threadsafe
    station = StudyStation(protocol, post)
    with station.spun():
        await loop.run_in_executor(None, station.find_robot, stop.is_set, tell)
        if stop.is_set():
            return 1
        desk = Desk(protocol, participant, study, options.again, station, time.monotonic)
        server = StudyServer(desk, station)
        await server.start(options.port)
        try:
            tell(f"operator's page: {server.url}")
            if not options.no_browser:
                Thread(target=open_browser, args=(server.url,), daemon=True).start()
            while desk.over is None and not stop.is_set():
                desk.tick()
                await asyncio.sleep(_TICK_S)
            if desk.over is None:
                desk.finish("fer-study was stopped")
            await asyncio.sleep(_FAREWELL_S)
        finally:
            await server.stop()
            problems = desk.close()
    return _conclude(desk, problems)


def open_browser(url: str) -> None:
    """Shows the page; a browser that needs this terminal does not: it would take it, for nothing.

    Args:
        url: of the page. Opening it may take as long as the browser runs.
    """
    has_screen = any(map(os.environ.get, ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")))
    if not (has_screen and webbrowser.open(url)):
        tell("no browser could be opened: open this address in one on this machine")


def _conclude(desk: Desk, problems: list[str]) -> int:
    """Makes the tables out of the bag, and tells what there is."""
    if not desk.is_recorded:
        tell(f"{desk.over}: nothing was recorded")
        return 1
    try:
        if flaw := write_tables(desk.folder):
            problems.append(f"{desk.folder}: {flaw}")
    except InputError as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f"{error.filename or desk.folder}: {error.strerror or error}")
    for problem in problems:
        print(writable(problem), file=sys.stderr)
    how = f"ended before its time: {desk.over}" if desk.over else "is complete"
    tell(f"the session {how}; it is kept in {desk.folder}")
    return 1 if desk.over else 0


def tell(text: str) -> None:
    """A line for the operator."""
    print(writable(text), flush=True)
