"""``ec-rfernet export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ec_rfernet import bundle
from ec_rfernet.bundle import Bundle
from ec_rfernet.commands import options as command_options
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.native.lowering import add_programs
from ec_rfernet.runtimes.native.runtime import NativeClassifier


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--bundle", type=Path, required=True, metavar="FOLDER", help="the model")
    parser.add_argument(
        "--int8", action="store_true",
        help=f"also write {bundle.INT8}, calibrated on training pictures; needs --root",
    )  # fmt: skip
    parser.add_argument(
        "--programs", action="store_true",
        help="only write the programs of our own kernels anew, from the networks that are there",
    )  # fmt: skip
    command_options.add_picture_arguments(parser, required=False)


def run(options: argparse.Namespace) -> None:
    """Writes the networks anew and prints how well they agree."""
    model = bundle.load(options.bundle)
    if options.programs and options.int8:
        raise InputError("--programs takes the networks that are there, --int8 makes another one")
    written = add_programs(model) if options.programs else _export(model, options)
    for precision, name in NativeClassifier.files.items():
        if name in written.sha256:
            print(f"{written.file(name)}: {_megabytes(written.file(name))}")
        elif precision in written.not_lowered:
            print(f"no {name}: our kernels do not compute {written.not_lowered[precision]}")


def _export(model: Bundle, options: argparse.Namespace) -> Bundle:
    from ec_rfernet.export import IMAGES, agreement, parity, spread, write_bundle
    from ec_rfernet.runtimes.torch_runtime import load_network

    network = load_network(model)
    if not options.int8:
        written = write_bundle(model, network)
    elif options.root is None:
        raise InputError("--int8 needs training pictures; say where they are with --root")
    else:
        split = command_options.read_pictures(options, model, "train")
        images = split.images[spread(split.labels, 2 * IMAGES)]
        calibration, others = images[::2], images[1::2]
        written = write_bundle(model, network, calibration)
    difference = parity(written, network)
    print(
        f"{written.file(bundle.ONNX)}: {_megabytes(written.file(bundle.ONNX))}, "
        f"{written.short_hash}, largest difference of a logit {difference:.1e}"
    )
    if options.int8:
        print(
            f"{written.file(bundle.INT8)}: {_megabytes(written.file(bundle.INT8))}, the answer of "
            f"fp32 on {agreement(written, others):.2%} of {len(others)} other training pictures"
        )
    return written


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"
