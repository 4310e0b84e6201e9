import sys

import numpy as np
import pytest

from ec_rfernet.testing import tiny_bundle
from ec_rfernet.training import forgetting
from ec_rfernet.training.forgetting import KINDS, LabelledImages, draw


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_learned_from_is_in_no_other_part_and_halves_share_nothing(kind):
    rng = np.random.default_rng(0)
    public = LabelledImages(rng.integers(0, 256, (60, 48, 48), np.uint8), np.arange(60))
    voted = np.where(np.arange(60) < 50, np.arange(60), -1)
    halves = [draw(public, voted, kind, 15, 3, half) for half in (0, 1)]
    for own in halves:
        learned = {*own.train.labels, *own.validation.labels}
        assert len(learned) == 15 and len(own.validation.labels) == 3
        assert not learned & {*own.test.labels, *own.old.labels}
        assert -1 not in learned
        assert (own.old.images == public.images[own.old.labels]).all()
        same = (own.train.images == public.images[own.train.labels]).all()
        assert same == (KINDS[kind] is None)
    first, second = ({*own.train.labels, *own.test.labels, *own.old.labels} for own in halves)
    assert not first & second


def test_both_recipes_are_trained_and_compared(fer2013, tmp_path, monkeypatch, capsys):
    votes = np.zeros((7 * 21, 10), np.uint8)
    votes[np.arange(len(votes)), np.arange(len(votes)) % 7] = 10
    np.savez(tmp_path / "votes.npz", votes=votes)
    words = ["--root", fer2013, "--soft-labels", tmp_path / "votes.npz", "--out", tmp_path / "runs"]
    init = tiny_bundle(tmp_path / "old").folder
    words += ["--init", init, "--pictures", 5, "--seeds", 1, "--epochs", 1]
    words += ["--kinds", "labels of FER+"]
    monkeypatch.setattr(sys, "argv", ["forgetting", *map(str, words)])
    assert forgetting.main() == 0
    *_, kept, learned = capsys.readouterr().out.splitlines()
    for row, recipe in ((kept, "finetune"), (learned, "folder")):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[:3] == ["labels of FER+", recipe, "1"]
        assert all(0 <= float(cell.rstrip("%")) <= 100 for cell in cells[3:])
    cells = [cell.strip() for cell in kept.strip("|").split("|")]
    assert (cells[3], cells[5]) == (cells[4], cells[6]), "one image to validate shows no gain"
