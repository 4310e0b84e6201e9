"""MediaPipe's solutions, without what their packages import besides."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

from ec_rfernet.errors import InputError

_OPTIONS = tuple(f"{part}/**/*_pb2.py" for part in ("framework", "calculators", "modules"))


def solution(name: str) -> Any:
    """A module of ``mediapipe.python.solutions``.

    To import it as usual takes a second and 36 MB more: the packages around it import every
    other solution and, to draw their results, pyplot. So these packages are found, but not
    run. A program that wants all of MediaPipe besides imports it first.

    Raises:
        InputError: mediapipe is not installed, or a release without its models.
    """
    try:
        for package in ("mediapipe", "mediapipe.python", "mediapipe.python.solutions"):
            _find(package)
        return import_module(f"mediapipe.python.solutions.{name}")
    except ImportError as error:
        raise InputError(
            f"{name} needs mediapipe < 0.10.30, which carries its models ({error}); "
            "install requirements/no-deps.txt"
        ) from error


def _find(package: str) -> None:
    """Puts a package in place without running it."""
    if package in sys.modules:
        return
    spec = find_spec(package)
    if spec is None:
        raise ImportError(f"no package {package}")
    sys.modules[package] = module_from_spec(spec)
    if package == "mediapipe":
        _know_options(Path(sys.modules[package].__path__[0]))


def _know_options(folder: Path) -> None:
    """Options of a graph that Python does not know, its protobuf drops without a word."""
    for pattern in _OPTIONS:
        for path in sorted(folder.glob(pattern)):
            import_module(".".join(path.relative_to(folder.parent).with_suffix("").parts))
