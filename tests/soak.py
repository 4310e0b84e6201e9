"""Runs the whole robot for hours, and tells whether anything grows.

    python -m tests.soak --hours 8
    python -m tests.soak --minutes 10 --speed 8      # 240 images a second
    python -m tests.soak --read soak_output/soak.csv # the verdict of a run, also while it goes on

The robot runs in one process and watches the built-in clip again and again. Every minute a row
is added to ``soak.csv``: memory, descriptors, threads, shared memory, and the latency from an
image's stamp to its result, as another process sees it. At the end there is a plot, and a verdict
over the second half: who starts still loads, caches and settles.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
import yaml
from ament_index_python.packages import get_package_prefix
from fer_interfaces.msg import EmotionArray
from rclpy.node import Node

from fer_bringup.clip.make_clip import ensure_clip
from fer_common.door import seconds
from fer_common.qos import EVENTS
from fer_common.runner import fast_executor, set_up_dds, spin_once
from tests.processes import Process

START_S = 60.0
LEAST_ROWS = 8
SHM = "/dev/shm/"


@dataclass(frozen=True)
class Quantity:
    """What is looked at.

    Attributes:
        label: with its unit.
        most: it may grow by so much an hour, at real speed.
        grain: and by so much in all: a run of minutes says little of an hour.
    """

    label: str
    most: float
    grain: float


QUANTITIES = {
    "rss": Quantity("resident memory [MB]", 2.0, 1.0),
    "pss": Quantity("proportional memory [MB]", np.inf, 1.0),  # depends on who shares libraries
    "descriptors": Quantity("descriptors", 1.0, 1.0),
    "threads": Quantity("threads", 1.0, 1.0),
    "children": Quantity("child processes", 1.0, 1.0),
    "shm": Quantity("shared memory [MB]", 1.0, 0.5),
    "median": Quantity("latency, median [ms]", 10.0, 20.0),
    "p99": Quantity("latency, 99th percentile [ms]", np.inf, 1.0),  # depends on who else works
}
"""By their column in the file; beside them are ``minute``, ``images`` and ``load``."""


def taken(pid: int) -> dict[str, float]:
    """What a process takes now: all of `QUANTITIES` but the latencies."""
    root = Path("/proc", str(pid))
    sizes = {
        key: int(value.split()[0]) * 1024 / 1e6
        for key, _, value in (
            line.partition(":") for line in (root / "smaps_rollup").read_text().splitlines()[1:]
        )
    }
    threads = re.search(r"^Threads:\s+(\d+)", (root / "status").read_text(), re.M)
    shared = {
        words[5]: Path(words[5]).stat().st_size if Path(words[5]).exists() else 0
        for words in (line.split(maxsplit=5) for line in (root / "maps").read_text().splitlines())
        if len(words) > 5 and words[5].startswith(SHM)
    }
    children = sum(
        len((task / "children").read_text().split()) for task in (root / "task").iterdir()
    )
    return {
        "rss": sizes["Rss"],
        "pss": sizes["Pss"],
        "descriptors": len(list((root / "fd").iterdir())),
        "threads": int(threads[1]) if threads else 0,
        "children": children,
        "shm": sum(shared.values()) / 1e6,
    }


class _Listener(Node):
    """Hears every result, and how late it is."""

    def __init__(self) -> None:
        super().__init__("soak")
        self.latencies: list[float] = []
        self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS)

    def _on_emotions(self, message: EmotionArray) -> None:
        now = self.get_clock().now().nanoseconds * 1e-9
        self.latencies.append(1000.0 * (now - seconds(message.header.stamp)))


def clip_at(speed: float, folder: Path) -> Path:
    """The built-in clip, or the same with more images a second."""
    clip = ensure_clip(print)
    if speed == 1.0:
        return clip
    source = cv2.VideoCapture(str(clip))
    size = (int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    rate, path = source.get(cv2.CAP_PROP_FPS) * speed, folder / "clip.mp4"
    target = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
    while (got := source.read())[0]:
        target.write(got[1])
    target.release()
    return path


@contextmanager
def robot(clip: Path, folder: Path) -> Iterator[Process]:
    """The robot in one process; at the end it is sent to rest, and must end in order."""
    parameters = {"/**/camera_node": {"ros__parameters": {"loop": True}}}
    file = folder / "soak.yaml"
    file.write_text(yaml.safe_dump(parameters))
    program = Path(get_package_prefix("fer_bringup"), "lib", "fer_bringup", "robot")
    options = ["--camera", str(clip), "--speech", "log", "--view", "lines"]
    running = Process([str(program), *options, "--params_file", str(file)])
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.interrupt()
        with suppress(Exception):
            running.end()
        running.kill()


def watch(running: Process, end: float, every_s: float, file: Path) -> Iterator[dict[str, float]]:
    """Adds a row to the file every now and then, until a moment or the robot's end."""
    listener, executor = _Listener(), fast_executor()
    executor.add_node(listener)
    try:
        deadline = time.monotonic() + START_S
        while not listener.latencies and not running.has_ended and time.monotonic() < deadline:
            spin_once(executor, 0.1)
        began = due = time.monotonic()
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["minute", *QUANTITIES, "images", "load"])
            writer.writeheader()
            while not running.has_ended and time.monotonic() < end:
                due += every_s
                listener.latencies.clear()
                while time.monotonic() < due and not running.has_ended:
                    spin_once(executor, 0.1)
                if running.has_ended:
                    return
                late = listener.latencies
                median, p99 = np.percentile(late, (50, 99)) if late else (np.nan, np.nan)
                row = {"minute": (time.monotonic() - began) / 60, **taken(running.pid)}
                row |= {"median": float(median), "p99": float(p99), "images": len(late)}
                row |= {"load": os.getloadavg()[0]}
                writer.writerow({name: f"{value:.5g}" for name, value in row.items()})
                stream.flush()
                yield row
    finally:
        executor.remove_node(listener)
        listener.destroy_node()
        executor.shutdown(timeout_sec=1.0)


# The verdict.


@dataclass(frozen=True)
class Trend:
    """How something has changed over the second half of a run.

    Attributes:
        first: median of the first half.
        last: median of the last quarter.
        slope: per hour, after Theil and Sen: outliers count little.
        low: 95 % bound of the slope: it is hardly less.
        high: it is hardly more.
    """

    first: float
    last: float
    slope: float
    low: float
    high: float


def trend(hours: Sequence[float], values: Sequence[float]) -> Trend:
    """The trend of what was measured; what could not be measured (NaN) is left out.

    Source: P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of
    the American Statistical Association 63 (1968); the bounds as there, without ties.
    """
    known = ~np.isnan(values)
    when, what = np.asarray(hours)[known], np.asarray(values)[known]
    first, last = np.median(what[: len(what) // 2]), np.median(what[-(len(what) // 4) :])
    when, what = when[len(when) // 2 :], what[len(what) // 2 :]
    one, other = np.triu_indices(len(when), 1)
    slopes = np.sort((what[other] - what[one]) / (when[other] - when[one]))
    spread = 1.96 * np.sqrt(len(when) * (len(when) - 1) * (2 * len(when) + 5) / 18.0)
    ends = np.clip([(len(slopes) - spread) / 2, (len(slopes) + spread) / 2], 0, len(slopes) - 1)
    low, high = slopes[np.round(ends).astype(int)]
    return Trend(float(first), float(last), float(np.median(slopes)), float(low), float(high))


def judged(rows: Sequence[Mapping[str, float]], speed: float) -> tuple[list[str], list[str]]:
    """A table of what has grown how fast, and what is wrong with that.

    Args:
        rows: of the file.
        speed: of the clip: what grows with each image grows so many times as fast.
    """
    if len(rows) < LEAST_ROWS:
        return [], [f"{len(rows)} rows are too few for a verdict, expected {LEAST_ROWS}"]
    hours = [row["minute"] / 60 for row in rows]
    lines = [f"{'':32}{'first half':>11}{'at the end':>11}{'per hour':>10}  {'95 %':^17} allowed"]
    wrong = []
    for name, quantity in QUANTITIES.items():
        found, most = trend(hours, [row[name] for row in rows]), quantity.most * speed
        bounds = f"{found.low:.2f} to {found.high:.2f}"
        lines.append(
            f"{quantity.label:32}{found.first:11.2f}{found.last:11.2f}{found.slope:10.2f}  "
            f"{bounds:^17} {most:g}".removesuffix("inf")
        )
        if found.low > most and found.slope * (hours[-1] - hours[len(hours) // 2]) > quantity.grain:
            wrong.append(f"{quantity.label} grows by at least {found.low:.2f} an hour")
    if silent := [row["minute"] for row in rows if not row["images"]]:
        wrong.append(f"no image was judged in the minutes {', '.join(f'{m:.1f}' for m in silent)}")
    return lines, wrong


def read(file: Path) -> list[dict[str, float]]:
    """The rows of a file."""
    with file.open(newline="") as stream:
        return [{name: float(text) for name, text in row.items()} for row in csv.DictReader(stream)]


def draw(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """A curve for each quantity, over the minutes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 2, figsize=(10, 9), sharex=True, layout="constrained")
    minutes = [row["minute"] for row in rows]
    for axis, (name, quantity) in zip(axes.flat, QUANTITIES.items(), strict=True):
        values = [row[name] for row in rows]
        axis.plot(minutes, values, linewidth=1)
        axis.set_title(quantity.label, fontsize=9, loc="left")
        axis.set_ylim(0, 1.15 * max([1.0, *(v for v in values if not np.isnan(v))]))
        axis.axvspan(minutes[len(rows) // 2], minutes[-1], color="0.95", zorder=0)
        axis.grid(linewidth=0.3)
    for axis in axes[-1]:
        axis.set_xlabel("minutes; the verdict is over the shaded half")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=0.0, help="are added to the hours")
    parser.add_argument("--speed", type=float, default=1.0, help="of the clip, 1 to 8 (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("soak_output"), metavar="FOLDER")
    parser.add_argument("--read", type=Path, metavar="FILE", help="judge a run that was made")
    values = parser.parse_args(given)
    values.minutes += 60 * values.hours
    if not values.read and not 0 < values.minutes <= 60 * 24 * 30:
        parser.error("say for how long: --hours or --minutes, of 30 days at most")
    if not 1 <= values.speed <= 8:
        parser.error(f"--speed is {values.speed:g}, expected 1 to 8")
    return values


def soak(values: argparse.Namespace) -> tuple[list[dict[str, float]], list[str]]:
    """Runs the robot; the rows, and what went wrong beside them."""
    values.out.mkdir(parents=True, exist_ok=True)
    clip = clip_at(values.speed, values.out)
    os.environ.setdefault("ROS_DOMAIN_ID", str(100 + os.getpid() % 100))
    set_up_dds()
    rclpy.init()
    rows, wrong = list[dict[str, float]](), list[str]()
    end, every_s = time.monotonic() + 60 * values.minutes, min(60.0, 60 * values.minutes / 20)
    with ExitStack() as stack:
        stack.callback(rclpy.try_shutdown)
        running = stack.enter_context(robot(clip, values.out))
        try:
            for row in watch(running, end, every_s, values.out / "soak.csv"):
                rows.append(row)
                told = (f"{name} {row[name]:.1f}" for name in QUANTITIES)
                print(f"{row['minute']:6.1f} min  {', '.join(told)}", flush=True)
        except KeyboardInterrupt:
            print("interrupted: the verdict is of what there is")
        if running.has_ended:
            wrong.append("the robot has ended by itself")
    (values.out / "robot.log").write_text(running.output)
    if "Traceback" in running.output:
        wrong.append("the robot has written a traceback, see robot.log")
    return rows, wrong


def main(given: Sequence[str] | None = None) -> int:
    """Runs, draws and judges.

    Returns:
        Exit code: 1 when something grows, or the robot did not work all the time.
    """
    values = arguments(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wrong: list[str] = []
    if values.read:
        rows, values.out = read(values.read), values.read.parent
    else:
        rows, wrong = soak(values)
    lines, grows = judged(rows, values.speed)
    wrong += grows
    if rows:
        draw(rows, values.out / "soak.png")
    minutes, images = (rows[-1]["minute"], sum(r["images"] for r in rows)) if rows else (0.0, 0.0)
    told: Any = [*lines, "", f"{minutes:.1f} minutes, {images:.0f} images"]
    told += [f"FAILED: {text}" for text in wrong] or ["nothing grows"]
    print("\n".join(told))
    (values.out / "soak.txt").write_text("\n".join(told) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
