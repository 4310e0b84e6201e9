"""Which models the robot sees with."""

from __future__ import annotations

import json
import shutil

import pytest

from ec_rfernet.errors import InputError
from fer_node.nodes.fer_node import load_bundle


@pytest.fixture
def copy(tmp_path):
    """A copy of the shipped bundle, and its manifest to be changed."""
    folder = tmp_path / "copy"
    shutil.copytree(load_bundle("ec_rfernet").folder, folder)
    return folder / "bundle.json", json.loads((folder / "bundle.json").read_text())


def test_a_bundle_whose_hash_is_wrong_is_refused(copy):
    path, manifest = copy
    manifest["sha256"]["model.onnx"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="damaged or was replaced"):
        load_bundle(str(path.parent))


def test_a_model_of_other_expressions_is_refused(copy):
    """CK+ has contempt where the messages have neutral: its seventh class would be a lie."""
    path, manifest = copy
    manifest["labels"][-1] = "contempt"
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="tells angry, .*, contempt; the robot needs angry, "):
        load_bundle(str(path.parent))
