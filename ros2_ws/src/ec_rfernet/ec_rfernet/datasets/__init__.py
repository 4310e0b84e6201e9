"""The data sets of the paper. Reading one gives a `Split`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ec_rfernet.datasets.affectnet import AFFECTNET8_LABELS, read_affectnet
from ec_rfernet.datasets.ckplus import CKPLUS_LABELS, FOLDS, read_ckplus
from ec_rfernet.datasets.dataset import Dataset, Split
from ec_rfernet.datasets.fer2013 import SPLITS, read_fer2013
from ec_rfernet.datasets.rafdb import read_rafdb
from ec_rfernet.datasets.sfew import read_sfew
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS

_PARTS = ("train", "validation", "test")
_AFFECTNET = (
    "AffectNet, manually annotated part (Mollahosseini, Hasani & Mahoor, IEEE Transactions on "
    "Affective Computing 10, 2019), {}; AffectNet Academic Use License: research only, no copies "
    "to others"
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="fer2013",
            labels=LABELS,
            splits=tuple(SPLITS),
            validation="public",
            provenance=(
                "FER2013 (Goodfellow et al., 2013), usage Training, without blank images and "
                "without the pixel-identical twins of PublicTest; the images carry no licence of "
                "their own"
            ),
            reader=read_fer2013,
        ),
        Dataset(
            name="rafdb",
            labels=LABELS,
            splits=_PARTS,
            validation="validation",
            provenance=(
                "RAF-DB, basic expressions (Li, Deng & Du, CVPR 2017), nine tenths of the training "
                "part; for non-commercial research only, no copies to others"
            ),
            reader=read_rafdb,
        ),
        Dataset(
            name="ckplus",
            labels=CKPLUS_LABELS,
            splits=_PARTS,
            validation="validation",
            provenance=(
                "CK+ (Lucey et al., CVPR workshops 2010), the last frames of the labelled "
                "sequences, one of ten folds that share no person; for research by those who "
                "signed the agreement only, no copies to others"
            ),
            reader=read_ckplus,
            folds=FOLDS,
        ),
        Dataset(
            name="affectnet7",
            labels=LABELS,
            splits=_PARTS,
            validation="validation",
            provenance=_AFFECTNET.format("nine tenths of the training part, without contempt"),
            reader=partial(read_affectnet, LABELS),
        ),
        Dataset(
            name="affectnet8",
            labels=AFFECTNET8_LABELS,
            splits=_PARTS,
            validation="validation",
            provenance=_AFFECTNET.format("nine tenths of the training part"),
            reader=partial(read_affectnet, AFFECTNET8_LABELS),
        ),
        Dataset(
            name="sfew",
            labels=LABELS,
            splits=_PARTS,
            validation="validation",
            provenance=(
                "SFEW 2.0 (Dhall et al., ICCV workshops 2011 and ICMI 2015), aligned faces, nine "
                "tenths of Train; frames of films under copyright, for academic research by those "
                "who signed the licence only"
            ),
            reader=read_sfew,
        ),
    )
}
"""By name."""


def get(name: str) -> Dataset:
    """A data set by name.

    Raises:
        InputError: there is none of that name; lists those that there are.
    """
    if name not in DATASETS:
        raise InputError(f"unknown data set '{name}'; expected one of: {', '.join(DATASETS)}")
    return DATASETS[name]


def read(name: str, root: Path, split: str, fold: int | None = None) -> Split:
    """Reads one split of a data set by name, see `Dataset.read`.

    Raises:
        InputError: unknown data set, split or fold, or unusable files.
    """
    return get(name).read(root, split, fold)


__all__ = ["DATASETS", "Dataset", "Split", "get", "read"]
