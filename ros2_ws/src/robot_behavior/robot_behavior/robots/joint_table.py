"""What a YAML file says of a robot's joints, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.yaml_file import ConfigError, Section, read

T = TypeVar("T")


def read_joints(
    file: Path,
    table: str,
    joints: Mapping[str, JointLimits],
    convert: Callable[[Section, JointLimits], T],
    key: str,
    place: Callable[[T], Hashable],
) -> dict[str, T]:
    """The entries of a file whose only mapping has one for each joint.

    Args:
        file: YAML.
        table: name of the mapping.
        joints: the joints of the robot's model.
        convert: an entry and the limits of its joint, to what it means.
        key: of an entry, the one that must differ from joint to joint.
        place: the value of that key.

    Returns:
        What the entries mean, by name of the joint.

    Raises:
        ConfigError: the file is unusable.
    """
    whole = read(file)
    section = whole.section(table)
    found: dict[str, T] = {}
    taken: dict[Hashable, str] = {}
    for joint, entry in section.items():
        if joint not in joints:
            raise section.error(joint, "a joint", f"one of {', '.join(joints)}")
        found[joint] = convert(entry, joints[joint])
        value = place(found[joint])
        first = taken.setdefault(value, joint)
        if first != joint:
            raise entry.error(key, value, f"another one than {first} has")
    whole.close()
    if not found:
        raise ConfigError(f"{file}: {table} is empty, expected at least one joint")
    return found
