"""Command line of the benchmark."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ec_rfernet.benchmark.timing import Speed
from ec_rfernet.errors import InputError
from tests.benchmarks import behaviour, contact, report
from tests.benchmarks.crew import MeasurementError, crew
from tests.benchmarks.pipeline import Pipeline
from tests.benchmarks.report import Case, short_matrix, whole_matrix
from tests.benchmarks.transport import PROFILES, discovery_s, loss

PARTS = ("pipeline", "start", "transport", "faces", "behaviour")
LONG = ("contact",)
"""Takes a quarter of an hour; measured only when it is asked for."""

_START_UPS = 5
_PATIENCE_S = 120.0


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; prints help, or what is wrong, and exits, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="From the camera's image to /emotion, over real DDS with real processes.",
    )
    parser.add_argument("--full", action="store_true", help="every case, not the short list")
    parser.add_argument("--only", choices=(*PARTS, *LONG), action="append", help="may be repeated")
    parser.add_argument("--case", default="", metavar="TEXT", help="cases whose name has this")
    parser.add_argument("--seconds", type=float, default=8.0, help="per case (default: 8)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--networks", type=_networks, default=[], metavar="FILE",
        help="of `ec-rfernet benchmark --json`: told together with the nodes at the end",
    )  # fmt: skip
    parser.add_argument(
        "--against", type=_report, metavar="FILE", help="compare with an earlier --json FILE"
    )
    parser.add_argument(
        "--core",
        type=int,
        default=max(os.sched_getaffinity(0)),
        help="to which the cases with one core bind perception (default: the last)",
    )
    values = parser.parse_args(arguments)
    if not 0.2 <= values.seconds <= 600:
        parser.error(f"--seconds is {values.seconds:g}, expected 0.2 to 600")
    if values.core not in os.sched_getaffinity(0):
        parser.error(f"--core is {values.core}; this process may use {os.sched_getaffinity(0)}")
    return values


def _report(path: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(Path(path).read_text())
        found["cases"].items()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise argparse.ArgumentTypeError(f"{path} was not written by --json") from error
    return found


def _networks(path: str) -> list[Speed]:
    try:
        return [Speed(**row) for row in json.loads(Path(path).read_text())["speeds"]]
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        text = f"{path} was not written by `ec-rfernet benchmark --json`"
        raise argparse.ArgumentTypeError(text) from error


def measure(values: argparse.Namespace, say: Callable[[str], object]) -> dict[str, Any]:
    """Runs what was asked for.

    Returns:
        A report for JSON. What went wrong is in its ``faults``, and in those of its cases.
    """
    # Of its own in every run, so that nothing else on this machine is heard.
    domain = 100 + os.getpid() % 100
    faults: list[str] = []
    found: dict[str, Any] = {"machine": report.machine(), "seconds": values.seconds}
    found["core"] = values.core
    found |= {"cases": {}, "faults": faults}
    with TemporaryDirectory() as name:
        folder = Path(name)
        pipeline = Pipeline(folder, domain, values.core)
        wanted = values.only or PARTS
        for case in whole_matrix() if values.full else short_matrix():
            if "pipeline" in wanted and values.case in case.name:
                say(case.name)
                found["cases"][case.name] = _case(pipeline, case, values.seconds)
        jobs: list[tuple[str, str, Callable[[], object]]] = [
            ("start", "start_s", lambda: pipeline.start_up(_START_UPS)),
            ("transport", "lost", lambda: {p: loss(folder, domain, p) for p in PROFILES}),
            ("transport", "discovery_s", lambda: {p: discovery_s(domain, p) for p in PROFILES}),
            ("faces", "detection_ms", lambda: _faces(domain)["detection_ms"]),
            ("faces", "smallest_face_px", lambda: _faces(domain)["smallest_face_px"]),
            ("behaviour", "behaviour_ms", lambda: behaviour.measure(domain)),
            ("contact", "contact_ms", lambda: contact.measure(domain)),
        ]
        for part, key, job in jobs:
            if part in wanted:
                say(key)
                try:
                    found[key] = job()
                except MeasurementError as error:
                    faults.append(f"{key}: {error}")
    return found


def _case(pipeline: Pipeline, case: Case, seconds: float) -> dict[str, Any]:
    told: dict[str, Any] = {"case": case.to_dict(), "faults": []}
    try:
        figures = pipeline.measure(case, seconds)
    except MeasurementError as error:
        told["faults"].append(str(error))
    else:
        told["figures"] = figures.to_dict()
        told["faults"] += figures.faults()
    return told


@cache
def _faces(domain: int) -> dict[str, dict[str, float]]:
    # In a program of its own, for MediaPipe writes to the terminal.
    with crew(domain) as running:
        return running.answer(running.module("scene"), _PATIENCE_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints.

    Returns:
        Exit code: 0; 1 when something could not be measured or did not work as it must;
        2 when what is needed is not installed.
    """
    values = read(arguments)
    # Also `timeout` and `kill` leave no program behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}", file=sys.stderr, flush=True)

    try:
        found = measure(values, say)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    print("\n".join(report.lines(found)))
    if values.against:
        print("\n".join(["", *report.comparison(values.against, found)]))
    if found["cases"]:
        print("", report.block(found["cases"], values.networks), sep="\n")
    if values.json:
        values.json.parent.mkdir(parents=True, exist_ok=True)
        values.json.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if report.faults(found) else 0


if __name__ == "__main__":
    sys.exit(main())
