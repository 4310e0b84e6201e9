"""``ec-rfernet export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ec_rfernet import bundle
from ec_rfernet.export import load_network, parity, write_bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the model")


def run(options: argparse.Namespace) -> None:
    """Writes ``model.onnx`` anew and prints the parity."""
    model = bundle.load(options.bundle)
    network = load_network(model)
    written = write_bundle(model, network)
    size = written.file(bundle.ONNX).stat().st_size
    print(
        f"{written.file(bundle.ONNX)}: {size / 1e6:.2f} MB, {written.short_hash}, "
        f"largest difference of a logit {parity(written, network):.1e}"
    )
