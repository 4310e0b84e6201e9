"""Finds the model that the robot sees with."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS


def load_bundle(model: str) -> Bundle:
    """A bundle by path, or by its name in the package ``fer_models``.

    Raises:
        InputError: there is none, it is damaged, or it knows other expressions than the
            messages do.
    """
    try:
        folders = [Path(get_package_share_directory("fer_models"))]
    except PackageNotFoundError:
        folders = []
    bundle = bundles.load(bundles.find(model, folders))
    if bundle.labels != LABELS:
        raise InputError(
            f"{bundle.folder}: this model tells {', '.join(bundle.labels)}; "
            f"the robot needs {', '.join(LABELS)}, in this order"
        )
    return bundle
