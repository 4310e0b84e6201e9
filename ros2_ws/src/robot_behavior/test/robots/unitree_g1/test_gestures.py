"""Unitree G1's gestures and model; its maker's SDK need not be installed for this."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ec_rfernet.errors import InputError
from robot_behavior.body import urdf
from robot_behavior.dialogue.behaviors import NEAREST, Repertoire
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import REST, load_motions, read_gestures
from robot_behavior.motion.mover import Mover, MoverSettings
from robot_behavior.robots.unitree_g1 import ROBOT, G1Settings
from robot_behavior.robots.unitree_g1.link import sdk
from robot_behavior.speech.voice import SpeechError, VoiceSettings

assert ROBOT.urdf is not None and ROBOT.motions is not None
MODEL = urdf.load(ROBOT.urdf)


def test_its_gestures_pass_every_check_of_its_own_model_and_express_everything() -> None:
    library = load_motions(ROBOT.motions, MODEL.limits, Checker(MODEL))
    assert library.refused == {} and len(library.motions) >= 30
    assert library.idle.breath and library.idle.sway
    known = Repertoire(read_gestures(ROBOT.motions))
    for expression in NEAREST:
        assert known.motions(expression)[1] is None, expression
    for answer in ("greet", "bid_farewell", "rejoice", "comfort", "calm", "reassure",
                   "be_surprised", "inquire", "listen", "think"):  # fmt: skip
        assert len(known.motions(answer)[0]) >= 2, answer


def test_a_gesture_of_the_humanoid_that_it_lacks_is_shown_in_its_own_way() -> None:
    humanoid = {"happy_arms_up": ("rejoice",)}
    found = Repertoire(read_gestures(ROBOT.motions), humanoid).motion("happy_arms_up")
    assert found is not None and "rejoice_arms_up" in found[0]
    assert str(found[1]) == "the robot has no motion 'happy_arms_up': it shows 'rejoice'"


def test_only_arms_can_be_moved() -> None:
    sides, parts = ("left", "right"), ("shoulder", "elbow", "wrist")
    assert len(MODEL.limits) == 14
    assert all(name.split("_")[0] in sides for name in MODEL.limits)
    assert all(name.split("_")[1] in parts for name in MODEL.limits)
    assert set(load_motions(ROBOT.motions, MODEL.limits).motions[REST].joints) == set(MODEL.limits)


def test_no_two_gestures_look_alike() -> None:
    library = load_motions(ROBOT.motions, MODEL.limits)
    rest, shares = library.rest.end, np.linspace(0.0, 1.0, 12)
    ways = {}
    for name, motion in library.motions.items():
        if name == REST:
            continue
        path = motion.path
        positions, _ = path.at(shares * path.times[-1])
        by_joint = dict(zip(motion.joints, positions.T, strict=True))
        ways[name] = np.array([by_joint.get(j, np.full(12, rest[j])) for j in rest])
    names = list(ways)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            assert np.abs(ways[one] - ways[other]).max() > 0.35, (one, other)


def test_a_face_is_not_followed_without_a_head_and_it_breathes_on() -> None:
    rest = load_motions(ROBOT.motions, MODEL.limits)
    mover = Mover(rest.rest, MODEL.limits, MoverSettings(), moves=rest.idle)
    assert not mover.has_head
    now, told = 0.0, []
    for _ in range(200):
        now += 0.05
        home = rest.rest.end
        mover.monitor.update(list(home), list(home.values()), [0.0] * len(home), now)
        turn = mover.tick(now)
        assert turn.failure is None
        told += [turn.trajectory] if turn.trajectory is not None else []
    assert told
    moved = {joint for way in told for joint in way.joints}
    assert moved <= set(MODEL.limits)


def test_without_its_makers_sdk_one_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from robot_behavior.robots.unitree_g1.driver import G1Voice

    sdk.cache_clear()
    monkeypatch.setitem(sys.modules, "cyclonedds", None)
    with pytest.raises(InputError, match="pip install --no-deps -r requirements/unitree.txt"):
        ROBOT.make_driver(None, MODEL, G1Settings(interface="lo"))  # type: ignore[arg-type]
    with pytest.raises(SpeechError, match="pip install --no-deps -r requirements/unitree.txt"):
        G1Voice(VoiceSettings(interface="lo"))
