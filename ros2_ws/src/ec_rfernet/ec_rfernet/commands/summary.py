"""``ec-rfernet summary``."""

from __future__ import annotations

import argparse

from ec_rfernet import networks
from ec_rfernet.errors import InputError
from ec_rfernet.networks.summary import layers

_SIZES = 12, 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--model", default="ec_rfernet", choices=networks.NETWORKS,
        help="name of the network (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--size", type=int, metavar="PIXELS",
        help=f"side of the input, {_SIZES[0]}..{_SIZES[1]} (default: the network's own)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Prints the table."""
    network = networks.create(options.model)
    size = int(network.input_size) if options.size is None else options.size  # type: ignore[arg-type]
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise InputError(f"--size is {size}, expected {_SIZES[0]}..{_SIZES[1]}")
    print(f"{options.model}, input 3x{size}x{size}")
    print(f"{'layer':<10} {'kind':<18} {'output':>12} {'parameters':>11} {'MMACs':>8}")
    rows = layers(network, size)
    for row in rows:
        shape = "x".join(map(str, row.shape))
        macs = row.macs / 1e6
        print(f"{row.name:<10} {row.kind:<18} {shape:>12} {row.parameters:>11,} {macs:>8.2f}")
    parameters = sum(row.parameters for row in rows)
    buffers = sum(buffer.numel() for buffer in network.buffers() if buffer.is_floating_point())
    macs = sum(row.macs for row in rows) / 1e6
    print(f"{'total':<42} {parameters:>11,} {macs:>8.2f}")
    print(f"float32 weights and statistics: {4 * (parameters + buffers) / 2**20:.2f} MiB")
