"""``ec-rfernet card``: with ``--root``, after measuring the bundle anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from ec_rfernet import bundle, datasets
from ec_rfernet.commands import options as command_options
from ec_rfernet.evaluation import model_card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--bundle", type=Path, required=True, metavar="FOLDER", help="the model")
    command_options.add_picture_arguments(parser, required=False)


def run(options: argparse.Namespace) -> None:
    """Writes the card."""
    model = bundle.load(options.bundle)
    if options.root is not None:
        from ec_rfernet.evaluation.model_card import measure

        split = datasets.get(options.dataset).validation
        data = command_options.read_pictures(options, model, split)
        model = measure(model, data.images, data.labels, options.dataset, split, print)
    print(model_card.write(model))
