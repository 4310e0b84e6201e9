"""``ec-rfernet benchmark``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from ec_rfernet import bundle as bundles
from ec_rfernet.benchmark import candidates as own
from ec_rfernet.benchmark import comparison, timing
from ec_rfernet.benchmark.ceiling import SIZES
from ec_rfernet.benchmark.subject import Candidate
from ec_rfernet.benchmark.timing import TimingSettings, cores
from ec_rfernet.bundle import Bundle
from ec_rfernet.cli import tell, tell_written
from ec_rfernet.errors import InputError
from ec_rfernet.files import check_place, write_text
from ec_rfernet.runtimes import automatic, choice

_FULL = TimingSettings()
_QUICK = TimingSettings(rounds=3, turn_s=0.005)
_CHOICE = TimingSettings(rounds=20, turn_s=0.05)
_BATCHES = (1, 4, 16)
_QUICK_SIZES = (256, 512)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.description = (
        "Times networks side by side: bundles, in all runtimes and precisions that are installed, "
        "and with random weights what one would use instead. 'taskset' keeps it to some cores."
    )
    parser.add_argument(
        "--bundle", type=Path, nargs="+", metavar="FOLDER",
        help="models to measure (default: those that are installed)",
    )  # fmt: skip
    parser.add_argument("--no-peers", action="store_true", help="leave the networks of others out")
    parser.add_argument(
        "--threads", type=int, nargs="+", metavar="N",
        help="also on so many cores at once (default: on all)",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a rough answer, sooner")
    parser.add_argument(
        "--compile", action="store_true",
        help="also torch.compile of the first model, which compiles for minutes",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--text", type=Path, metavar="FILE", help="write the tables to this file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a chart to this PNG")
    parser.add_argument(
        "--choose", action="store_true",
        help="only find the fastest runtime and precision of each model that lose at most "
        f"{100 * choice.TOLERANCE:.1f} points of accuracy, and use them from now on",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Measures, prints, and writes the files that were asked for."""
    for threads in options.threads or ():
        if not 1 <= threads <= cores():
            raise InputError(f"--threads is {threads}, expected 1..{cores()}, the cores there are")
    files = [path for path in (options.json, options.text, options.plot) if path]
    if options.choose and files:
        raise InputError(f"--choose compares nothing that {files[0]} could hold")
    folders = options.bundle or bundles.shipped()
    if not folders:
        raise InputError("no models are installed here; name some with --bundle FOLDER")
    models = own.apart([bundles.load(folder) for folder in folders])
    if options.choose:
        _choose(models, options)
        return
    for path in files:
        check_place(path)
    with tempfile.TemporaryDirectory(prefix="ec-rfernet-") as folder:
        _compare(models, options, Path(folder))


def _compare(models: list[Bundle], options: argparse.Namespace, folder: Path) -> None:
    candidates = [candidate for model in models for candidate in own.compared(model)]
    reasons = own.left_out()
    if options.compile and find_spec("torch"):
        candidates.append(own.compiled(models[0]))
    elif not options.compile:
        reasons.append("torch.compile: it compiles for minutes; --compile measures it")
    if not options.no_peers:
        added, missing = _peers(folder)
        candidates += added
        reasons += missing
    meter, missing_meter = timing.find_meter()
    if missing_meter:
        reasons.append(f"energy: {missing_meter}")
    try:
        pictures = own.pictures()
    except InputError as error:
        pictures = {}
        reasons.append(f"faces in pictures: {error}")
    result = comparison.compare(
        candidates,
        pictures=pictures,
        robot={model.name: automatic(model) for model in models},
        threads=sorted({1, *(options.threads or [cores()])}),
        batches=(1,) if options.quick else _BATCHES,
        settings=_QUICK if options.quick else _FULL,
        sizes=_QUICK_SIZES if options.quick else SIZES,
        meter=meter,
        left_out=reasons,
        progress=tell,
    )
    tell("")
    text = comparison.render(result)
    print(text)
    if doubt := comparison.warning(result):
        print(f"ec-rfernet: {doubt}", file=sys.stderr)
    if options.json:
        write_text(options.json, json.dumps(result.as_dict(), indent=2) + "\n")
    if options.text:
        write_text(options.text, text + "\n")
    if options.plot:
        comparison.draw(result, {model.name for model in models}, options.plot)
    tell_written(options.json, options.text, options.plot)


def _peers(folder: Path) -> tuple[list[Candidate], list[str]]:
    missing = [name for name in ("torch", "onnx") if not find_spec(name)]
    if missing:
        return [], [f"the networks of others: {' and '.join(missing)} not installed"]
    from ec_rfernet.benchmark import peers

    tell("exporting the networks of others")
    return peers.candidates(folder), []


def _choose(models: list[Bundle], options: argparse.Namespace) -> None:
    check_place(choice.place())
    for model in models:
        decision = own.decide(model, _QUICK if options.quick else _CHOICE)
        path = choice.write(model, decision.choice())
        print(f"{model.name} ({model.short_hash}), one image on one core")
        print(decision.table())
        best = decision.best
        print(f"{path}: {best.runtime} {best.precision} from now on\n")
