"""The options that say what computes the network."""

from __future__ import annotations

import argparse
import sys

from ec_rfernet.bundle import Bundle
from ec_rfernet.runtimes import AUTO, open_classifier
from ec_rfernet.runtimes.classifier import PRECISIONS, RUNTIMES, Classifier


def add_arguments(
    parser: argparse.ArgumentParser, runtime: str = AUTO, precision: str = AUTO
) -> None:
    """Declares ``--runtime`` and ``--precision`` with these defaults."""
    parser.add_argument(
        "--runtime", default=runtime, choices=(AUTO, *RUNTIMES),
        help="what computes; auto is what 'benchmark --choose' chose (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--precision", default=precision, choices=(AUTO, *PRECISIONS),
        help="of the arithmetic (default: %(default)s)",
    )  # fmt: skip


def classifier(bundle: Bundle, options: argparse.Namespace, threads: int) -> Classifier:
    """The one that was asked for; tells if a choice of the user's had to be passed over."""
    found = open_classifier(bundle, threads, options.runtime, options.precision)
    if found.warning:
        print(found.warning, file=sys.stderr)
    return found
