"""Rerun's viewer for browsers, as it comes with ``rerun-sdk``.

The two files are inside the program ``rerun`` of that package, which hands them out over HTTP and
in no other way. So the program runs for a moment, on 127.0.0.1 and with a home folder of its own:
it would write into the user's, and its page fetches fonts from the internet.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from ec_rfernet.errors import InputError

VERSION = "0.22.1"
"""Of rerun-sdk; its interface and its files change with every version."""

_PROGRAM = "rerun_sdk/rerun_cli/rerun"
_HOST = "127.0.0.1"
_SCRIPT, _MODULE = "re_viewer.js", "re_viewer_bg.wasm"
_PATIENCE_S = 15.0
_TRIES = 3  # another process may take a free port before the program does


@dataclass(frozen=True)
class Assets:
    """What the browser runs.

    Attributes:
        script: JavaScript that loads the module.
        module: WebAssembly, the viewer itself.
    """

    script: bytes
    module: bytes


def load_assets() -> Assets:
    """The viewer of the installed ``rerun-sdk``; takes about a second.

    Raises:
        InputError: it is not installed, or cannot be run.
    """
    program = _program()
    try:
        with TemporaryDirectory(prefix="viewer") as home:
            return _taken_from(program, home)
    except OSError as error:
        raise InputError(f"{program} cannot be run ({error})") from error


def _taken_from(program: Path, home: str) -> Assets:
    environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
    _run_to_end([str(program), "analytics", "disable"], environment)
    for _ in range(_TRIES):
        with _serving(program, environment) as (process, port):
            if _answers(process, port):
                return Assets(_fetch(port, _SCRIPT), _fetch(port, _MODULE))
    raise InputError(f"{program} does not hand out its viewer")


def _program() -> Path:
    mend = f"pip install rerun-sdk=={VERSION}"
    try:
        version = metadata.version("rerun-sdk")
    except metadata.PackageNotFoundError as error:
        raise InputError(f"the viewer needs rerun-sdk, which is not installed: {mend}") from error
    if version != VERSION:
        raise InputError(f"rerun-sdk is {version}, expected {VERSION}: {mend}")
    return Path(str(metadata.distribution("rerun-sdk").locate_file(_PROGRAM)))


def _run_to_end(command: list[str], environment: dict[str, str]) -> None:
    try:
        subprocess.run(command, env=environment, capture_output=True, check=True, timeout=30.0)
    except subprocess.SubprocessError as error:
        raise InputError(f"{command[0]} cannot be run ({error})") from error


@contextmanager
def _serving(program: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen, int]]:
    """The program as a server, and the port of its page."""
    page, data, other = _free_ports(3)
    command = [str(program), "--serve-web", "--bind", _HOST, "--web-viewer-port", str(page)]
    command += ["--port", str(data), "--ws-server-port", str(other)]
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "KILL", *command]  # it never outlives this process
    quiet = subprocess.DEVNULL
    # A session of its own: Ctrl-C in the terminal is this process's business.
    process = subprocess.Popen(
        command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        yield process, page
    finally:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind((_HOST, 0))
        return [int(item.getsockname()[1]) for item in sockets]
    finally:
        for item in sockets:
            item.close()


def _answers(process: subprocess.Popen, port: int) -> bool:
    """Whether the page is served before the program ends or the patience does."""
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((_HOST, port), timeout=1.0).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def _fetch(port: int, name: str) -> bytes:
    connection = http.client.HTTPConnection(_HOST, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", f"/{name}")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"rerun-sdk does not hand out {name} ({error})") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise InputError(f"rerun-sdk has no {name}; expected version {VERSION}")
    return body
