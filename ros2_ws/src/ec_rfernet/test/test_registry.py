"""Things by name, those of other packages too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from ec_rfernet.registry import Registry


def registry() -> Registry[type]:
    return Registry("shape", "test.shapes", {"path": "pathlib:Path", "number": "decimal:Decimal"})


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package outside, which registers a shape that is there and one that is not."""
    info = tmp_path / "foreign-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[test.shapes]\ndisc = foreign_shapes:Disc\nbroken = foreign_shapes:Nothing\n"
        "path = foreign_shapes:Disc\n"
    )
    (tmp_path / "foreign_shapes.py").write_text("class Disc: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_name_is_imported_when_it_is_asked_for() -> None:
    sys.modules.pop("decimal", None)
    shapes = registry()
    assert shapes.names == ("path", "number") and "decimal" not in sys.modules
    assert shapes.get("number").__name__ == "Decimal"


def test_other_packages_add_names_and_cannot_replace_any(foreign: None) -> None:
    shapes = registry()
    assert shapes.names == ("path", "number", "broken", "disc") and "disc" in shapes
    assert shapes.get("disc").__name__ == "Disc"
    assert shapes.get("path") is Path


def test_what_cannot_be_imported_is_told_with_its_name(foreign: None) -> None:
    with pytest.raises(InputError, match="shape 'broken' is registered as foreign_shapes:Nothing"):
        registry().get("broken")


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(
        InputError, match="shape is 'numbr', expected one of: path, number; did you mean 'number'?"
    ):
        registry().get("numbr")
