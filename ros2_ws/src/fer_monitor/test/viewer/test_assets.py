"""Rerun's viewer, taken out of its package."""

from importlib import metadata

import pytest

from ec_rfernet.errors import InputError
from fer_monitor.viewer.assets import load_assets

pytest.importorskip("rerun", reason="needs rerun-sdk")


def test_hands_out_the_viewer_of_the_installed_package() -> None:
    found = load_assets()
    assert b"WebHandle" in found.script
    assert found.module.startswith(b"\0asm")


@pytest.mark.parametrize(
    ("installed", "message"), [(None, "not installed"), ("0.99.0", "is 0.99.0, expected 0.22.1")]
)
def test_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, installed: str | None, message: str
) -> None:
    def version(name: str) -> str:
        if installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(InputError, match=rf"{message}.*pip install rerun-sdk==0\.22"):
        load_assets()
