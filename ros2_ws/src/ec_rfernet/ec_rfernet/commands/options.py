"""Options that commands share: which pictures they work on, and what computes the network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ec_rfernet import datasets
from ec_rfernet.bundle import Bundle
from ec_rfernet.datasets import Split
from ec_rfernet.errors import InputError
from ec_rfernet.faces import LEAST_SCORE
from ec_rfernet.runtimes import AUTO, RUNTIMES, open_classifier
from ec_rfernet.runtimes.classifier import PRECISIONS, Classifier


def add_picture_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Declares ``--dataset``, ``--root`` and ``--fold``."""
    parser.add_argument(
        "--dataset", default="fer2013", choices=datasets.DATASETS,
        help="name of the data set (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--root", type=Path, required=required, metavar="PLACE",
        help="the data set: a file or folder, see docs/datasets.md",
    )  # fmt: skip
    parser.add_argument(
        "--fold",
        type=int,
        metavar="N",
        help="fold of a cross-validated data set (ckplus, jaffe, kdef)",
    )  # fmt: skip


def read_pictures(options: argparse.Namespace, bundle: Bundle, split: str) -> Split:
    """Reads a split whose classes are those of a bundle.

    Raises:
        InputError: the classes differ, or the files are unusable.
    """
    dataset = datasets.get(options.dataset)
    if dataset.labels != bundle.labels:
        raise InputError(
            f"{bundle.folder} answers {', '.join(bundle.labels)}, but the classes of "
            f"{dataset.name} are {', '.join(dataset.labels)}; expected the same, in one order"
        )
    found = dataset.read(options.root, split, options.fold)
    for note in found.notes:
        print(f"ec-rfernet: {note}", file=sys.stderr)
    return found


def add_looking_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares ``--bundle``, ``--force``, ``--min-score``, ``--runtime`` and ``--precision``."""
    parser.add_argument(
        "--bundle", default="ec_rfernet", metavar="MODEL",
        help="the model: a folder, or the name of an installed one (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--force", action="store_true", help="also a model that its training found unfit for use"
    )
    parser.add_argument(
        "--min-score", type=float, default=LEAST_SCORE, metavar="SCORE",
        help="of the face detector; faces below are left out, 0..1 (default: %(default)s)",
    )  # fmt: skip
    add_runtime_arguments(parser)


def add_runtime_arguments(
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
    tell_warning(found)
    return found


def tell_warning(classifier: Classifier) -> None:
    """Says on stderr if what runs is not what the user would expect."""
    if classifier.warning:
        print(classifier.warning, file=sys.stderr)
