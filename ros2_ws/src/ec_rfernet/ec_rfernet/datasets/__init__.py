"""The data sets of the paper, and others that people have. Reading one gives a `Split`.

A data set of another package, a `Dataset`, is registered with an entry point of the group
``ec_rfernet.datasets``, see `ec_rfernet.registry`.
"""

from __future__ import annotations

from pathlib import Path

from ec_rfernet.datasets.dataset import Dataset, Split
from ec_rfernet.registry import Registry

DATASETS: Registry[Dataset] = Registry(
    "data set",
    "ec_rfernet.datasets",
    {
        "fer2013": "ec_rfernet.datasets.fer2013:DATASET",
        "rafdb": "ec_rfernet.datasets.rafdb:DATASET",
        "ckplus": "ec_rfernet.datasets.ckplus:DATASET",
        "affectnet7": "ec_rfernet.datasets.affectnet:AFFECTNET7",
        "affectnet8": "ec_rfernet.datasets.affectnet:AFFECTNET8",
        "jaffe": "ec_rfernet.datasets.folder:JAFFE",
        "kdef": "ec_rfernet.datasets.folder:KDEF",
        "folder": "ec_rfernet.datasets.folder:FOLDER",
        "photos": "ec_rfernet.datasets.folder:PHOTOS",
        "sfew": "ec_rfernet.datasets.sfew:DATASET",
    },
    fits=lambda found: isinstance(found, Dataset),
)
"""By name, see `Dataset`."""


def get(name: str) -> Dataset:
    """A data set by name.

    Raises:
        InputError: there is none of that name; lists those that there are.
    """
    return DATASETS.get(name)


def read(name: str, root: Path, split: str, fold: int | None = None) -> Split:
    """Reads one split of a data set by name, see `Dataset.read`.

    Raises:
        InputError: unknown data set, split or fold, or unusable files.
    """
    return get(name).read(root, split, fold)


__all__ = ["DATASETS", "Dataset", "Split", "get", "read"]
