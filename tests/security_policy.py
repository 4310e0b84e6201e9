"""What each node may publish, hear and call: the policy of SROS 2, written from the nodes.

    python -m tests.security_policy     # writes it anew

Each kind of node is made and asked what it uses. What a node begins to use later, when somebody
looks or something is missing, is in `LATER`.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node

from fer_bringup.assembly import enclave
from fer_common.testing import spinning
from fer_monitor.recording.topics import TOPICS
from robot_behavior.robots.play_motion2.bridge import PlayMotion2Bridge
from tests.test_hostile_messages import ALL, make

POLICY = Path(__file__).parents[1] / "ros2_ws/src/fer_bringup/config/security/policy.xml"
TOGETHER = enclave()
"""Of the process that runs all nodes which move, speak and see."""

Rights = dict[tuple[str, str], set[str]]
"""Names by kind and right, such as ``("topics", "publish")``."""

_EVERYBODY: Rights = {("topics", "subscribe"): {"/clock"}}  # with use_sim_time
_IMAGES = {"image_raw", "image_raw/compressed"}
LATER: dict[str, Rights] = {
    "fer_node": {("topics", "subscribe"): _IMAGES, ("topics", "publish"): {"/humans/faces/*"}},
    "viewer_node": {("topics", "subscribe"): _IMAGES | {"emotion", "emotions", "joint_states"}},
    "study_station": {("topics", "subscribe"): _IMAGES | {"emotions"}},
    "bag_recorder": {("topics", "subscribe"): {*_IMAGES, *(topic.name for topic in TOPICS)}},
    "supervisor": {
        ("services", "request"): {f"{name}/change_state" for name in ("fer_node", "behavior_node")}
    },
}  # fmt: skip

_TOPICS = (("publish", "publisher"), ("subscribe", "subscriber"))
_SERVICES = (("reply", "service"), ("request", "client"))
_ACTION = "/_action/"


def used(node: Node) -> Rights:
    """What a node uses now."""
    rights: Rights = defaultdict(set)
    who = node.get_name(), node.get_namespace()
    for kind, ways in (("topics", _TOPICS), ("services", _SERVICES)):
        for right, what in ways:
            for name, _ in getattr(node, f"get_{what}_names_and_types_by_node")(*who):
                rights[kind, right].add(_shown(name, node.get_name()))
    return _with_actions(rights)


def _shown(name: str, node: str) -> str:
    """A name as SROS 2 writes it; those of the whole system stay absolute."""
    if name.startswith(f"/{node}/"):
        return f"~{name.removeprefix(f'/{node}')}"
    one_for_all = ("/diagnostics", "/rosout", "/parameter_events", "/tf", "/tf_static")
    plain = name if name in one_for_all else name.removeprefix("/")
    return {"image": "image_raw", "image/compressed": "image_raw/compressed"}.get(plain, plain)


def _with_actions(rights: Rights) -> Rights:
    """Actions instead of the topics and services that they are made of."""
    found: Rights = defaultdict(set)
    for (kind, right), names in rights.items():
        for name in names:
            action, _, part = name.partition(_ACTION)
            if not part:
                found[kind, right].add(name)
            elif part == "send_goal":
                found["actions", "execute" if right == "reply" else "call"].add(action)
            elif part == "cancel_goal" and right == "request":  # of all goals, not only of its own
                found["actions", "call"].add(action)
    return found


def nodes(folder: Path) -> Iterator[tuple[str, Rights]]:
    """Each node's name, with what it may do."""
    for kind in ALL:
        if kind is PlayMotion2Bridge or ".fake_" in kind.__module__:
            continue  # the robot's own packages decide what those talk about
        with spinning(lambda kind=kind: make(kind, folder)) as (_, (node,)):
            if isinstance(node, LifecycleNode):
                assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
                assert node.trigger_activate() is TransitionCallbackReturn.SUCCESS
            rights, name = used(node), node.get_name()
            if hasattr(node, "close"):
                node.close()
        for later in (_EVERYBODY, LATER.get(name, {})):
            for right, names in later.items():
                rights[right] = rights[right] | names
        yield name, rights


def document(profiles: dict[str, Rights]) -> str:
    """The policy: each node alone in its enclave, and all together in another one."""
    root = Xml.Element("policy", version="0.2.0")
    root.append(Xml.Comment(" Written by `python -m tests.security_policy`: docs/security.md "))
    enclaves = Xml.SubElement(root, "enclaves")
    for path in (TOGETHER, *(enclave(name) for name in sorted(profiles))):
        names = sorted(profiles) if path == TOGETHER else [path.rpartition("/")[2]]
        inside = Xml.SubElement(Xml.SubElement(enclaves, "enclave", path=path), "profiles")
        for name in names:
            profile = Xml.SubElement(inside, "profile", ns="/", node=name)
            for (kind, right), members in sorted(profiles[name].items()):
                group = Xml.SubElement(profile, kind, {right: "ALLOW"})
                for member in sorted(members):
                    Xml.SubElement(group, kind.removesuffix("s")).text = member
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def main() -> None:
    """Writes the policy."""
    with tempfile.TemporaryDirectory() as folder:
        text = document(dict(nodes(Path(folder))))
    POLICY.parent.mkdir(exist_ok=True)
    POLICY.write_text(text)


if __name__ == "__main__":
    main()
