"""Every bundle under models/ is whole, and sees what anybody sees."""

import re
from pathlib import Path

import cv2
import pytest

from ec_rfernet import bundle
from ec_rfernet.evaluation import model_card
from ec_rfernet.export import PARITY, parity
from ec_rfernet.model import load
from ec_rfernet.runtimes.torch_runtime import load_network

MODELS = Path(__file__).resolve().parents[4] / "models"
BUNDLES = sorted(path.parent for path in MODELS.glob("*/bundle.json"))


def test_there_is_one():
    assert MODELS / "ec_rfernet" in BUNDLES


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_bundle(folder):
    model = bundle.load(folder)
    assert parity(model, load_network(model)) <= PARITY
    assert model.metrics["public"]["single_crop"]["accuracy"] >= 0.62
    assert model.metrics["public"]["single_crop"]["ece"] <= 0.05
    assert model.provenance["data"]


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_card(folder):
    """It says what `ec-rfernet card` would write today, and its pictures exist."""
    text = (folder / model_card.FILE).read_text(encoding="utf-8")
    assert text == model_card.card(bundle.load(folder))
    for name in re.findall(r"\]\((\w+\.png)\)", text):
        assert cv2.imread(str(folder / name)) is not None


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_a_smile_is_a_smile(folder, collins):
    picture = cv2.imread(str(collins))
    with load(folder) as model:
        for image in (
            picture,
            picture // 2,
            cv2.resize(picture, None, fx=0.5, fy=0.5),
            picture[:, ::-1],
        ):
            (found,) = model.predict(image)
            assert found.label == "happy"
