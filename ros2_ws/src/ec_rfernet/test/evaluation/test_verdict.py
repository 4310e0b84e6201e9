import numpy as np
import pytest

from ec_rfernet.evaluation.verdict import chance, interval, judge

LABELS = ("angry", "happy", "sad")
TRUTH = np.repeat([0, 1, 2], 20)


def answers(*right):
    """Of 20 pictures of each class so many are answered rightly, the others with the next class."""
    return np.concatenate([
        np.where(np.arange(20) < hits, number, (number + 1) % 3)
        for number, hits in enumerate(right)
    ])  # fmt: skip


def test_better_worse_and_what_cannot_be_told():
    assert judge(TRUTH, answers(15, 15, 15), LABELS, answers(8, 8, 8)).change == "better"
    assert judge(TRUTH, answers(8, 8, 8), LABELS, answers(15, 15, 15)).change == "worse"
    unclear = judge(TRUTH, answers(13, 12, 12), LABELS, answers(12, 12, 12))
    assert unclear.change == "unclear" and unclear.reason == ""
    told = " ".join(unclear.sentences)
    assert "37 of 60 held-out pictures" in told
    assert "1 pictures gained, 0 lost (p = 1.00)" in told
    assert "angry 13 of 20 (before 12), happy 12 of 20 (before 12)" in told
    assert judge(TRUTH, answers(15, 15, 15), LABELS).change == ""
    same = judge(TRUTH, answers(13, 12, 12), LABELS, answers(13, 12, 12))
    assert same.change == "unclear" and "Neither better nor worse" in same.sentences[1]


def test_a_class_without_pictures_is_told():
    few = TRUTH < 2
    told = judge(TRUTH[few], answers(15, 15, 15)[few], LABELS).sentences[-1]
    assert "no pictures to judge sad by" in told


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (np.full(60, 1), "collapsed, nearly every answer is 'happy'"),
        (answers(6, 6, 6), "no better than guessing, mean class accuracy 30.0% of 3 classes"),
    ],
)
def test_what_is_unfit(found, reason):
    verdict = judge(TRUTH, found, LABELS)
    assert reason in verdict.reason
    assert "unfit for use" in verdict.sentences[-1]


def test_one_answer_to_pictures_of_nearly_one_class_is_no_collapse_but_guessing():
    truth = np.where(np.arange(60) < 54, 0, 1)
    assert "guessing" in judge(truth, np.zeros(60, int), LABELS).reason
    assert judge(np.zeros(9, int), np.zeros(9, int), LABELS).reason == "", "one class cannot tell"


def test_too_few_pictures_find_nothing_unfit():
    truth, found = np.arange(10) % 3, (np.arange(10) + 1) % 3
    assert "guessing" in judge(truth, found, LABELS).reason
    assert judge(truth[:9], found[:9], LABELS).reason == ""


def test_the_uncertainty_of_few_pictures():
    assert interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert interval(0, 0) == (0.0, 1.0)
    assert chance(6, 0) == pytest.approx(2 / 64)
    assert chance(3, 3) == 1.0
