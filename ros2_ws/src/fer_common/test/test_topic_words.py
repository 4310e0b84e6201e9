"""What is wrong with a topic, in words."""

from dataclasses import replace

import pytest

from fer_common.topic_words import (
    Endpoint,
    Expected,
    Quality,
    absence,
    deaf,
    listed,
    mismatch,
    rivals,
    silence,
    unheard,
)

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
IMAGES = Expected(
    "/image_raw",
    IMAGE,
    "images",
    "is the camera running?",
    {
        IMAGE: lambda topic: f"remap with image_topic:={topic}",
        COMPRESSED: lambda topic: "set image_transport to compressed",
    },
)
CAMERA = Endpoint("/camera", IMAGE)


@pytest.mark.parametrize(
    ("publishers", "elsewhere", "sentence"),
    [
        ([], {}, "no images on /image_raw for 3 s: is the camera running?"),
        (
            [CAMERA],
            {},
            "no images on /image_raw for 3 s, though /camera publishes there: "
            "is the camera running?",
        ),
        (
            [],
            {"/camera/color/image_raw": IMAGE},
            "no images on /image_raw for 3 s: images come on /camera/color/image_raw: "
            "remap with image_topic:=/camera/color/image_raw",
        ),
        (
            [],
            {"/image_raw/compressed": COMPRESSED},
            "no images on /image_raw for 3 s: images come on /image_raw/compressed: "
            "set image_transport to compressed",
        ),
        (
            [],
            {"/a/compressed": COMPRESSED, "/b": IMAGE},
            "no images on /image_raw for 3 s: images come on /a/compressed and /b: "
            "remap with image_topic:=/b",
        ),
    ],
    ids=["nobody", "silent publisher", "elsewhere", "other transport", "best of two"],
)
def test_silence(publishers: list, elsewhere: dict, sentence: str) -> None:
    assert silence(IMAGES, 3.2, publishers, elsewhere) == sentence


def test_absence() -> None:
    assert absence(IMAGES, {}) == "nobody publishes /image_raw: is the camera running?"
    assert absence(IMAGES, {"/b": IMAGE}).endswith("images come on /b: remap with image_topic:=/b")


def test_publishers_that_cannot_be_heard() -> None:
    asked = Quality(reliable=True, latched=True)
    why = mismatch(Quality(reliable=False), asked, "it", "fer_node")
    publishers = [
        CAMERA,
        Endpoint("/phone", COMPRESSED),
        Endpoint("/sonar", "sensor_msgs/msg/Range"),
        Endpoint("/driver", IMAGE, why),
    ]
    assert unheard(IMAGES, publishers) == [
        "/phone publishes /image_raw as sensor_msgs/CompressedImage, "
        "expected sensor_msgs/Image: set image_transport to compressed",
        "/sonar publishes /image_raw as sensor_msgs/Range, expected sensor_msgs/Image",
        "the publisher of /image_raw is /driver; incompatible QoS: "
        "it offers best effort/volatile, fer_node asks for reliable/transient local",
    ]


WEAK = {"reliable": False, "latched": False, "manual": False}
STRONG = {"reliable": True, "latched": True, "manual": True, "deadline_s": 0.5, "lease_s": 2.0}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("reliable", "it offers best effort, me asks for reliable"),
        ("latched", "it offers volatile, me asks for transient local"),
        ("manual", "it offers automatic liveliness, me asks for manual liveliness"),
        ("deadline_s", "it offers no deadline, me asks for a deadline of 0.5 s"),
        ("lease_s", "it offers no liveliness lease, me asks for a liveliness lease of 2 s"),
    ],
)
def test_every_policy_by_itself(policy: str, words: str) -> None:
    weak, strong = Quality(**WEAK), replace(Quality(**WEAK), **{policy: STRONG[policy]})
    assert mismatch(weak, strong, "it", "me") == words
    assert mismatch(strong, weak, "it", "me") is None
    assert mismatch(strong, strong, "it", "me") is None


def test_rivals() -> None:
    two = [Endpoint("/fer_node", IMAGE), Endpoint("/fake", IMAGE)]
    assert rivals("/emotion", two) == "two nodes publish /emotion: /fer_node and /fake"
    assert rivals("/emotion", two * 3).startswith("6 nodes publish /emotion: ")


def test_subscribers_that_hear_nothing() -> None:
    why = mismatch(Quality(), Quality(latched=True), "sim_robot", "it")
    subscribers = [
        Endpoint("/rviz", IMAGE),
        Endpoint("/old", IMAGE, why),
        Endpoint("/other", COMPRESSED),
    ]
    assert deaf("/image_raw", IMAGE, "sim_robot", subscribers) == [
        "/old subscribes to /image_raw and hears nothing; incompatible QoS: "
        "sim_robot offers volatile, it asks for transient local",
        "/other subscribes to /image_raw as sensor_msgs/CompressedImage, "
        "but sim_robot sends sensor_msgs/Image",
    ]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_lists(names: list[str], text: str) -> None:
    assert listed(names) == text
