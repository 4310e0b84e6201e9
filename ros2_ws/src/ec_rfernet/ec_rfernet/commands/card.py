"""``ec-rfernet card``: with ``--root``, after measuring the bundle anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from ec_rfernet import bundle, datasets, model_card
from ec_rfernet.commands import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--bundle", type=Path, required=True, metavar="FOLDER", help="the model")
    pictures.add_arguments(parser, required=False)


def run(options: argparse.Namespace) -> None:
    """Writes the card."""
    model = bundle.load(options.bundle)
    if options.root is not None:
        from ec_rfernet.measurement import measure

        split = datasets.get(options.dataset).validation
        data = pictures.read(options, model, split)
        model = measure(model, data.images, data.labels, options.dataset, split, print)
    print(model_card.write(model))
