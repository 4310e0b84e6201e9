"""``ec-rfernet export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ec_rfernet import bundle
from ec_rfernet.commands import options as command_options
from ec_rfernet.errors import InputError
from ec_rfernet.export import IMAGES, agreement, load_network, parity, spread, write_bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--bundle", type=Path, required=True, metavar="FOLDER", help="the model")
    parser.add_argument(
        "--int8", action="store_true",
        help=f"also write {bundle.INT8}, calibrated on training pictures; needs --root",
    )  # fmt: skip
    command_options.add_picture_arguments(parser, required=False)


def run(options: argparse.Namespace) -> None:
    """Writes the networks anew and prints how well they agree."""
    model = bundle.load(options.bundle)
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


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"
