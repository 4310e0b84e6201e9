"""What programs do when their output cannot be written, or this machine gives them too little."""

from __future__ import annotations

import errno
import math
import os
import pty
import resource
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from ec_rfernet.cli import container_memory, shortage
from ec_rfernet.errors import InputError

COMMAND = "from ec_rfernet.cli import exit_code; import sys; sys.exit(exit_code('x', lambda: {}))"
PROGRAM = """
import sys
from ec_rfernet.cli import outlive_terminal
outlive_terminal()
for _ in range(200):
    print("x" * 1000)
    print("y" * 1000, file=sys.stderr)
sys.exit(7)
"""


def run(code, **streams):
    return subprocess.run(
        [sys.executable, "-c", code], check=False, timeout=120, text=True, **streams
    )


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_command_tells_that_its_result_cannot_be_written(size):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = run(COMMAND.format(f"print('x' * {size})"), stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "x: output: No space left on device\n")


def test_a_command_tells_that_its_output_is_closed():
    done = run(COMMAND.format("print()"), stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (2, "x: output: is closed\n")


def test_a_complaint_that_cannot_be_written_keeps_its_exit_code():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = run(COMMAND.format("open('/nowhere')"), stdout=full, stderr=full)
    assert done.returncode == 2


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return [writer]


def slow_reader():
    return list(reversed(os.pipe()))


def closed_terminal():
    master, slave = pty.openpty()
    os.close(master)
    return [slave]


def stopped_terminal():
    master, slave = pty.openpty()
    termios.tcflow(slave, termios.TCOOFF)
    return [slave, master]


def full_disk():
    return [os.open("/dev/full", os.O_WRONLY)]


OUTPUTS = (closed_pipe, slow_reader, closed_terminal, stopped_terminal, full_disk)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_program_goes_on_whatever_becomes_of_its_output(output):
    descriptors = output()
    done = run(PROGRAM, stdout=descriptors[0], stderr=descriptors[0])
    assert done.returncode == 7
    for descriptor in descriptors:
        os.close(descriptor)


def test_streams_that_were_closed_do_not_lend_their_numbers():
    code = (
        "from ec_rfernet.cli import outlive_terminal\n"
        "outlive_terminal()\n"
        "import os, sys\n"
        "file = open(sys.argv[1], 'w')\n"
        "print('to nobody'); os.write(2, b'of a library'); file.close()\n"
        "sys.exit(file.fileno() if not file.closed else 7)"
    )
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -c '{code.replace(chr(39), chr(34))}' /dev/null "
         "<&- >&- 2>&-"],
        check=False,
    )  # fmt: skip
    assert done.returncode == 7


def test_who_reads_gets_everything():
    done = run(PROGRAM, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout == 200 * f"{'x' * 1000}\n"
    assert done.stderr == 200 * f"{'y' * 1000}\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "too little memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "too little memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "too little memory"),
        (RuntimeError("can't start new thread"), "too little memory"),
        (OSError(errno.EMFILE, "Too many open files"), "too few file descriptors"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_this_machine_lacks_is_one_sentence(error, told, wrapped):
    if wrapped:
        try:
            raise InputError("not a readable video") from error
        except InputError as outer:
            error = outer
    assert told in shortage(error)


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.ENOENT, "No such file"), None])
def test_other_mistakes_are_no_shortage(error):
    assert shortage(error) is None


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/", {}, math.inf),
        ("0::/", {"memory.max": "max"}, math.inf),
        ("0::/", {"memory.max": "200000000"}, 2e8),
        ("0::/a/b", {"a/memory.max": "100000000", "a/b/memory.max": "max"}, 1e8),
        ("4:memory:/x\n0::/", {"memory/x/memory.limit_in_bytes": "300000000"}, 3e8),
        ("4:memory:/of/host\n0::/", {"memory/memory.limit_in_bytes": "400000000"}, 4e8),
    ],
)
def test_what_a_container_may_have(tmp_path, groups, files, expected):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(groups + "\n")
    for name, text in files.items():
        path = tmp_path / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert container_memory(tmp_path) == expected


@pytest.mark.parametrize(
    ("limit", "unit"),
    [
        ("-v 300000", "MB of addr"),
        ("-n 20", "file desc"),
        ("-d 200000", "MB of data (ulimit -d)"),
        ("-s 512", "MB of stack (ulimit -s)"),
    ],
)
def test_too_little_is_told_before_anything_is_tried(limit, unit):
    done = subprocess.run(
        ["sh", "-c", f"ulimit {limit}; exec {sys.executable} -m ec_rfernet.cli summary"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert unit in done.stderr and done.stderr.count("\n") == 1


CRASH = """
import os, pathlib, resource, sys
from ec_rfernet.cli import exit_code
def work():
    print(resource.getrlimit(resource.RLIMIT_CORE)[0])
    print(int(pathlib.Path("/proc/self/coredump_filter").read_text(), 16), flush=True)
    os.abort()
exit_code("x", work)
"""


@pytest.mark.parametrize("wanted", ["", "1"])
def test_a_crash_leaves_no_memory_on_the_disk_unless_that_is_wanted(tmp_path, wanted):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]

    def as_the_system_has_it():  # whatever another test has done to this process
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        Path("/proc/self/coredump_filter").write_text("0x33")

    done = run(
        CRASH,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "FER_CORE_DUMPS": wanted},
        preexec_fn=as_the_system_has_it,
    )
    limit, kinds = map(int, done.stdout.split())
    assert done.returncode == -signal.SIGABRT
    if wanted:
        assert (limit, kinds > 0) == (hard, True)
    else:
        assert (limit, kinds, list(tmp_path.iterdir())) == (0, 0, [])
