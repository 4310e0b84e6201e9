"""EC-RFERNet: facial expression recognition for edge devices.

    import ec_rfernet

    with ec_rfernet.load("ec_rfernet") as model:
        for face in model.predict("picture.jpg"):
            print(face.label, face.confidence, face.box)

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ec_rfernet.bundle import Bundle
    from ec_rfernet.errors import InputError
    from ec_rfernet.faces.face import KEYPOINTS, Box, Face
    from ec_rfernet.labels import LABELS, UNKNOWN
    from ec_rfernet.model import FaceExpression, Model, load

_HOMES = {
    "Box": "faces.face",
    "Bundle": "bundle",
    "Face": "faces.face",
    "FaceExpression": "model",
    "InputError": "errors",
    "KEYPOINTS": "faces.face",
    "LABELS": "labels",
    "Model": "model",
    "UNKNOWN": "labels",
    "load": "model",
}

__all__ = [
    "KEYPOINTS",
    "LABELS",
    "UNKNOWN",
    "Box",
    "Bundle",
    "Face",
    "FaceExpression",
    "InputError",
    "Model",
    "load",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
