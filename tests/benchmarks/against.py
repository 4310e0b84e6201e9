"""Compares two checkouts on this machine, in turn: other, this, this, other, ...

python -m tests.benchmarks.against /path/to/the/other/checkout     # or: make bench-against BASE=...

Each is measured by its own benchmark, with its own workspace and virtual environment, so their
messages may differ. What else the machine does meanwhile meets both; each is the first as often.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.report import Case

HERE = Path(__file__).resolve().parents[2]
LARGER_BY = 1.1
"""A figure is worse when it is larger by this factor."""

_FIGURES = (  # key of a round, what it is, unit
    ("median_ms", "camera to /emotion, median", "ms"),
    ("p99_ms", "camera to /emotion, 99th percentile", "ms"),
    ("cpu_s_per_1000", "processor time of perception, 1000 images", "s"),
    ("resident_mb", "memory of perception", "MB"),
    ("start_s", "start to the first /emotion", "s"),
)
_OWN = (  # variables that a checkout's own environment sets, and one that keeps it from being fast
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
    "PYTHONDONTWRITEBYTECODE",
)

Round = dict[str, float]
"""The figures of one run of a benchmark, by key."""


class ComparisonError(RuntimeError):
    """The checkouts cannot be compared; the message says why."""


def figures_of(report: Mapping[str, Any], case: str) -> Round:
    """The figures of a report that ``python -m tests.benchmarks --json`` has written.

    Args:
        report: of one run.
        case: the name of the one that is compared.

    Raises:
        ComparisonError: one is missing; says what the benchmark complains of.
    """
    measured = report["cases"].get(case, {"faults": []})
    found: Round = dict(measured.get("figures", {}))
    if report.get("start_s"):
        found["start_s"] = median(report["start_s"])
    missing = [key for key, _, _ in _FIGURES if key not in found]
    if missing:
        faults = [*report["faults"], *measured["faults"]]
        raise ComparisonError(f"no {', '.join(missing)}: {'; '.join(faults) or 'nothing is said'}")
    return {key: found[key] for key, _, _ in _FIGURES}


def table(other: Sequence[Round], this: Sequence[Round]) -> list[str]:
    """Median of the rounds of each figure, and how many times larger it is in this checkout."""
    lines = [f"{'':44}{'other':>10}{'this':>10}{'this / other':>16}{'round by round':>20}"]
    for key, what, unit in _FIGURES:
        old, new = (median(each[key] for each in rounds) for rounds in (other, this))
        ratios = [n[key] / o[key] for o, n in zip(other, this, strict=True)]
        each = f"{min(ratios):.2f} to {max(ratios):.2f}"
        lines.append(f"{f'{what} [{unit}]':44}{old:10.2f}{new:10.2f}{new / old:16.2f}{each:>20}")
    return lines


def worse(other: Sequence[Round], this: Sequence[Round]) -> list[str]:
    """What is larger in this checkout by more than `LARGER_BY`."""
    return [
        what
        for key, what, _ in _FIGURES
        if median(r[key] for r in this) > LARGER_BY * median(r[key] for r in other)
    ]


def measured(checkout: Path, case: str, seconds: float) -> Round:
    """One run of a checkout's own benchmark.

    Args:
        checkout: with its workspace built.
        case: the name of what is measured.
        seconds: how long.

    Raises:
        ComparisonError: it cannot be run, or not all was measured.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _OWN}
    options = ["--only", "pipeline", "--only", "start", "--case", case, "--seconds", str(seconds)]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = 'cd "$0" && . scripts/env.sh && exec python -m tests.benchmarks "$@"'
        done = subprocess.run(
            ["bash", "-c", command, str(checkout), *options, "--json", str(file)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if not file.exists():
            raise ComparisonError(f"{checkout} was not measured:\n{done.stderr.strip()}")
        return figures_of(json.loads(file.read_text()), case)


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; prints help, or what is wrong, and exits, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.against", description="Compares two checkouts in turn."
    )
    parser.add_argument("checkout", type=Path, help="the other one, with its workspace built")
    parser.add_argument("--rounds", type=int, default=4, help="of each checkout (default: 4)")
    parser.add_argument("--seconds", type=float, default=15.0, help="per round (default: 15)")
    parser.add_argument("--case", default=Case().name, help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    values = parser.parse_args(arguments)
    if not (values.checkout / "scripts" / "env.sh").is_file():
        parser.error(f"{values.checkout} is no checkout of this project: no scripts/env.sh there")
    if values.rounds < 1:
        parser.error(f"--rounds is {values.rounds}, expected 1 or more")
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints.

    Returns:
        Exit code: 0; 1 when a figure is worse; 2 when a checkout cannot be measured.
    """
    values = read(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rounds: dict[str, list[Round]] = {"other": [], "this": []}
    checkouts = {"other": values.checkout.resolve(), "this": HERE}
    try:
        for number in range(values.rounds):
            for name in ("other", "this") if number % 2 == 0 else ("this", "other"):
                print(f"round {number + 1}, {name}: {checkouts[name]}", file=sys.stderr, flush=True)
                rounds[name].append(measured(checkouts[name], values.case, values.seconds))
    except ComparisonError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    print("\n".join(table(**rounds)))
    if values.json:
        values.json.parent.mkdir(parents=True, exist_ok=True)
        values.json.write_text(json.dumps(rounds, indent=1) + "\n")
    found = worse(**rounds)
    for what in found:
        print(f"WORSE: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
