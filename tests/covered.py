"""Which lines the tests run: of the packages, of the kernels in C++, and of the firmware.

    python -m tests.covered                                      # all tests; minutes
    python -m tests.covered ros2_ws/src/robot_behavior           # some of them
    python -m tests.covered --add ros2_ws/src/ec_rfernet         # and these, too

Of Python it counts what every process runs, also the programs that a test starts. The kernels are
compiled with ``--coverage`` and counted by ``gcov``. The firmware is that of the robot: the
simulated Arduino notes which instructions it has run; the compiler's table says of which lines.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path("ros2_ws/src")
OUTPUT = Path("coverage_output")
KERNELS, FIRMWARE = SOURCES / "ec_rfernet_native", Path("firmware/servo_humanoid")
ENOUGH = 90.0
"""Of the lines that make a robot safe, so many are run, percent."""

_BEHAVIOR = SOURCES / "robot_behavior/robot_behavior"
SAFETY = {
    "motion": [_BEHAVIOR / "motion"],
    "arbiter": [_BEHAVIOR / "dialogue/arbiter.py"],
    "robots": [_BEHAVIOR / "robots"],
    "firmware": [FIRMWARE],
}
"""What makes a robot safe, and where it is."""

NEEDED = {
    _BEHAVIOR / "robots/unitree_g1": "unitree_sdk2py",
    _BEHAVIOR / "robots/play_motion2": "play_motion2_msgs",
    _BEHAVIOR / "robots/nao": "qi",
    _BEHAVIOR / "robots/ros2_control": "control_msgs",
    _BEHAVIOR / "robots/reachy_mini/simulator.py": "reachy_mini",
    _BEHAVIOR / "robots/reachy_mini/pictures.py": "reachy_mini",
}
"""What is left out, and told, where its library is not installed: its tests are skipped there."""


@dataclass
class Lines:
    """The lines of a file by number, and whether each was run."""

    run: dict[int, bool] = field(default_factory=dict)

    def add(self, number: int, is_run: bool) -> None:
        """Notes a line, which several instructions or templates may share."""
        self.run[number] = self.run.get(number, False) or is_run

    @property
    def missing(self) -> list[int]:
        return sorted(number for number, is_run in self.run.items() if not is_run)


Found = dict[Path, Lines]
"""By file, below `ROOT`."""


# Running the tests.


def run(arguments: list[str], adds: bool) -> int:
    """Runs tests so that they are counted; exit code of pytest."""
    if not adds:
        shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(exist_ok=True)
    library = _build_kernels()
    environment = {
        **os.environ,
        "COVERAGE_FILE": str((OUTPUT / "python").resolve()),
        "SERVO_COVERAGE": str((OUTPUT / "firmware").resolve()),
        "AMENT_PREFIX_PATH": f"{library.parents[1]}:{os.environ.get('AMENT_PREFIX_PATH', '')}",
        "PYTHONDONTWRITEBYTECODE": "",
        "GCOV_ERROR_FILE": os.devnull,  # a test may let a program write no file
        "OMP_NUM_THREADS": "1",
    }
    tests = ["-m", "pytest", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    command = [sys.executable, "-m", "coverage", "run", *tests, *arguments]
    code = subprocess.run(command, env=environment, check=False).returncode
    for words in (["combine", "--append", "--quiet"], ["json", "--quiet", "-o", _json()]):
        command = [sys.executable, "-m", "coverage", *words]
        subprocess.run(command, env=environment, check=True)
    return code


def _json() -> str:
    return str(OUTPUT / "lines.json")


def _build_kernels() -> Path:
    """The library of the kernels that counts, in a prefix of its own."""
    build, prefix = (OUTPUT / name for name in ("kernels", "prefix"))
    library = prefix.resolve() / "lib" / "libec_rfernet_native.so"
    if not library.exists():
        for command in (
            ["cmake", "-S", KERNELS, "-B", build, "-DCMAKE_CXX_FLAGS=--coverage"],
            ["cmake", "--build", build, "--parallel", "2"],
        ):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        library.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(build / library.name, library)
    return library


# What was run.


def python_lines() -> Found:
    """Of the packages."""
    files = json.loads(Path(_json()).read_text())["files"]
    found: Found = {}
    for name, lines in files.items():
        told = found[Path(name)] = Lines()
        for is_run, numbers in ((True, "executed_lines"), (False, "missing_lines")):
            for number in lines[numbers]:
                told.add(number, is_run)
    return found


def kernel_lines() -> Found:
    """Of the kernels, as ``gcov`` counts them."""
    found: Found = defaultdict(Lines)
    counts = [str(path.resolve()) for path in (OUTPUT / "kernels").rglob("*.gcda")]
    if not counts:
        return {}
    command = ["gcov", "--json-format", "--stdout", *counts]
    text = subprocess.run(command, check=True, capture_output=True, text=True, cwd=OUTPUT).stdout
    for report in map(json.loads, text.splitlines()):
        for file in report["files"]:
            path = Path(report["current_working_directory"], file["file"]).resolve()
            if path.is_relative_to(ROOT / KERNELS):
                for line in file["lines"]:
                    found[path.relative_to(ROOT)].add(line["line_number"], line["count"] > 0)
    return dict(found)


def firmware_lines() -> Found:
    """Of the firmware: the instructions that ran, and the lines that they are of."""
    ran = OUTPUT / "firmware"
    if not ran.exists():
        return {}
    build = OUTPUT / "firmware_build"
    make = ["make", "-s", "-C", str(FIRMWARE), f"BUILD={build.resolve()}"]
    subprocess.run(
        [*make, f"{build.resolve()}/servo_humanoid.elf"], check=True, stdout=subprocess.DEVNULL
    )
    command = ["avr-objdump", "--disassemble", "--line-numbers", str(build / "servo_humanoid.elf")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    words, found = ran.read_bytes(), defaultdict(Lines)
    for path, number, address in _instructions(text):
        found[path].add(number, bool(words[address // 2]))
    return dict(found)


_LINE = re.compile(r"^/\S*/([^/ ]+):(\d+)\b")
_INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t")


def _instructions(text: str) -> Iterator[tuple[Path, int, int]]:
    """Of a disassembly with line numbers: file, line, and address of each instruction."""
    path, number = None, 0
    for row in text.splitlines():
        if line := _LINE.match(row):
            path, number = FIRMWARE / line[1], int(line[2])
        elif row.endswith(">:") or row.endswith("():"):
            path = None if row.endswith(">:") else path
        elif (address := _INSTRUCTION.match(row)) and path is not None and path.is_file():
            yield path, number, int(address[1], 16)


# The table.


def is_left_out(path: Path) -> bool:
    """Whether the library that a file needs is not here."""
    missing = (place for place, needed in NEEDED.items() if find_spec(needed) is None)
    return any(path.is_relative_to(place) for place in missing)


def share(found: Found) -> tuple[int, int, float]:
    """Lines that were run, all of them, and percent."""
    ran = sum(sum(lines.run.values()) for lines in found.values())
    every = sum(len(lines.run) for lines in found.values())
    return ran, every, 100.0 * ran / every if every else 0.0


def report(found: Found, names: bool) -> list[str]:
    """The table as lines; which parts have too little is told in the last ones."""
    left_out = sorted({path.parent.name for path in found if is_left_out(path)})
    counted = {path: lines for path, lines in found.items() if not is_left_out(path)}
    packages: dict[str, Found] = defaultdict(dict)
    for path, lines in counted.items():
        inside = path.relative_to(SOURCES) if path.is_relative_to(SOURCES) else path
        packages[inside.parts[0]][path] = lines
    rows = [(name, *share(part)) for name, part in sorted(packages.items())]
    rows.append(("together", *share(counted)))
    told = [
        f"{name:<20} {ran:>6} of {every:>6} lines  {per:5.1f} %" for name, ran, every, per in rows
    ]
    told += ["", "what makes a robot safe:"]
    for name, places in SAFETY.items():
        part = {p: found for p, found in counted.items() if any(map(p.is_relative_to, places))}
        ran, every, per = share(part)
        verdict = "" if per >= ENOUGH else f"   below {ENOUGH:g} %"
        told.append(f"{name:<20} {ran:>6} of {every:>6} lines  {per:5.1f} %{verdict}")
        for path, lines in sorted(part.items()) if names else ():
            if lines.missing:
                place = "/".join(path.parts[-2:])
                told.append(f"    {place}: {', '.join(map(str, lines.missing))}")
    if left_out:
        told += ["", f"left out, for what they need is not installed: {', '.join(left_out)}"]
    return told


def main(arguments: list[str]) -> int:
    """The program; exit code 1 where a test fails, or a part that must be safe has too little."""
    os.chdir(ROOT)
    options = {"--add", "--lines", "--read"} & set(arguments)
    tests = [argument for argument in arguments if argument not in options]
    code = 0 if "--read" in options else run(tests, "--add" in options)
    told = report({**python_lines(), **kernel_lines(), **firmware_lines()}, "--lines" in options)
    print("\n".join(told))
    return code or int(any("below" in line for line in told))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
