"""Faces and expressions in videos and pictures, frame by frame, as the robot would see them.

The command ``ec-rfernet analyze``; needs no ROS that runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ec_rfernet.cli import interruptible, tell
from ec_rfernet.commands import options as command_options
from ec_rfernet.errors import InputError
from ec_rfernet.files import check_place
from ec_rfernet.model import Model, load

if TYPE_CHECKING:  # `ec-rfernet --help` shall not wait for them
    from fer_monitor.video.analysis import VideoAnalyst
    from fer_monitor.video.outputs import Output

_TELL_EVERY_S = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "inputs", type=Path, nargs="+", metavar="VIDEO|FOLDER",
        help="videos, pictures, and folders of them",
    )  # fmt: skip
    parser.add_argument(
        "--csv", type=Path, metavar="FILE",
        help="write a row for each face of each frame; frames without a face, or that cannot be "
        "decoded, have one, too",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each frame")
    parser.add_argument(
        "--annotate", type=Path, metavar="FILE.mp4",
        help="draw the faces into the video, of which there may be only one",
    )  # fmt: skip
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page with shares and time line"
    )
    parser.add_argument(
        "--smoothing", default="robot", choices=("robot", "none"),
        help="as on the robot, or each frame by itself (default: %(default)s)",
    )  # fmt: skip
    command_options.add_looking_arguments(parser)


@dataclass
class _Progress:
    """How far the work is, for people who watch."""

    began: float = field(default_factory=time.monotonic)
    told: float = float("-inf")
    frames: int = 0
    without_face: int = 0
    faces: set[str] = field(default_factory=set)
    seconds: float = 0.0

    def tell(self, source: Path, place: str, number: int, expected: int, seconds: float) -> None:
        """Shows a line, not too often."""
        now = time.monotonic()
        if now - self.told < _TELL_EVERY_S:
            return
        self.told = now
        pace = self.frames / max(now - self.began, 1e-6)
        line = f"{place}{source.name}: {seconds:.0f} s, {pace:.0f} frames/s"
        if expected > number:
            left = (expected - number) / max(pace, 1e-6)
            line += f", {number / expected:.0%}, {_clock(left)} left"
        tell(line)

    @property
    def summary(self) -> str:
        """What was found, and how fast."""
        took = time.monotonic() - self.began
        text = f"{self.frames} frame{'s' if self.frames != 1 else ''}"
        if self.seconds:
            text += f" of {self.seconds:.1f} s"
        count = len(self.faces)
        text += f", {count} face{'s' if count != 1 else ''}" if count else ", no face was found"
        if self.faces and self.without_face:
            text += f", {self.without_face} frames without a face"
        pace = f", {self.seconds / took:.1f} times real time" if self.seconds else ""
        return f"{text}; took {took:.1f} s{pace}"


def run(options: argparse.Namespace) -> None:
    """Analyses all inputs and writes what was asked for, all of it or nothing.

    Raises:
        InputError: nothing is asked for, or an input cannot be read; the others are analysed.
    """
    from fer_monitor.video.analysis import SMOOTHINGS, VideoAnalyst, files

    targets = [path for path in (options.csv, options.annotate, options.report) if path]
    if not targets and not options.json:
        raise InputError("nothing is asked for, expected --csv, --json, --annotate or --report")
    if not 0 <= options.min_score <= 1:
        raise InputError(f"--min-score is {options.min_score}, expected 0..1")
    sources = files(options.inputs)
    if options.annotate and len(sources) != 1:
        raise InputError(f"--annotate takes one video, not {len(sources)}")
    _check_targets(targets, sources)
    progress, unread = _Progress(), list[Path]()
    with (
        load(
            options.bundle,
            min_score=options.min_score,
            runtime=options.runtime,
            precision=options.precision,
            force=options.force,
        ) as model,
        ExitStack() as stack,
    ):
        command_options.tell_warning(model.classifier)
        outputs = list(_outputs(options, model, stack))
        analyst = VideoAnalyst(model, SMOOTHINGS[options.smoothing], _complain)
        look = stack.enter_context(interruptible())
        try:
            for index, source in enumerate(sources):
                place = f"{index + 1} of {len(sources)}: " if len(sources) > 1 else ""
                problem = _analyze(analyst, source, place, outputs, progress, look)
                if problem is not None and len(sources) == 1:
                    raise problem
                if problem is not None:
                    _complain(str(problem))
                    unread.append(source)
        except KeyboardInterrupt:
            left = "no file was written" if targets else "the lines before are complete"
            _complain(f"interrupted after {progress.frames} frames: {left}")
            raise
        tell("")
        if progress.frames:
            for output in outputs:
                output.complete()
            written = "".join(f"{path}: " for path in targets[:1])
            out = sys.stderr if options.json else sys.stdout
            print(f"{written}{progress.summary}", file=out)
            for path in targets[1:]:
                print(f"{path}: written", file=out)
    if unread:
        count = len(sources)
        raise InputError(f"{len(unread)} of {count} inputs could not be read, the others were")


def _analyze(
    analyst: VideoAnalyst,
    source: Path,
    place: str,
    outputs: Sequence[Output],
    progress: _Progress,
    look: Callable[[], None],
) -> InputError | None:
    """Gives all frames of a source to the outputs; returns why it could not be read."""
    frames, end = analyst.frames(source), 0.0
    while True:
        look()
        try:
            frame = next(frames, None)
        except InputError as error:
            return error
        if frame is None:
            progress.seconds += end
            return None
        for output in outputs:
            output.add(frame)
        if frame.flaw is not None:
            continue
        estimates = frame.perceived.estimates
        progress.frames += 1
        progress.without_face += not estimates
        progress.faces.update(estimate.face_id for estimate in estimates)
        if frame.time is not None and frame.rate is not None:
            end = frame.time + 1.0 / frame.rate
        progress.tell(source, place, frame.number + 1, frame.expected, end)


def _outputs(options: argparse.Namespace, model: Model, stack: ExitStack) -> Iterator[Output]:
    """What was asked for; what is not complete at the end is discarded."""
    from fer_monitor.video.outputs import AnnotatedVideo, JsonLines, ReportFile, TableFile

    made: list[Output] = []
    if options.csv:
        made.append(TableFile(options.csv, model.labels))
    if options.annotate:
        made.append(AnnotatedVideo(options.annotate))
    if options.report:
        made.append(ReportFile(options.report, model.labels))
    if options.json:
        made.append(JsonLines(model.labels))
    for output in made:
        stack.callback(output.discard)
        yield output


def _check_targets(targets: Sequence[Path], sources: Sequence[Path]) -> None:
    """Refuses, before the work, what cannot be written, and what is to be read."""
    read = {os.path.realpath(source) for source in sources}
    for path in targets:
        if os.path.realpath(path) in read:
            raise InputError(f"{path}: is one of the inputs, expected another file")
        check_place(path)
    if len({os.path.realpath(path) for path in targets}) < len(targets):
        raise InputError("two outputs have the same name, expected a file for each")


def _complain(text: str) -> None:
    tell("")
    sys.stdout.flush()  # in the order of the frames, also where both are one file
    print(f"ec-rfernet: {' '.join(text.split())}", file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
