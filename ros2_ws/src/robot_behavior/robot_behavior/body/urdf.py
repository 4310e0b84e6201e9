"""Reads a robot from URDF.

What moves, shows, weighs and collides is read; see http://wiki.ros.org/urdf/XML. Meshes
are skipped. A joint that nobody can command by itself (``mimic``, ``floating``,
``planar``, or ``continuous`` without a velocity limit) stays at zero. The attribute
``acceleration`` of ``<limit>`` is that of URDF 1.2.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import read_bytes, shortened, shown
from robot_behavior.body.robot_model import Joint, JointLimits, Mass, RobotModel, Shape, rotation

Colour = tuple[float, float, float, float]
"""Red, green, blue, alpha, 0..1."""

WHITE: Colour = (0.8, 0.8, 0.8, 1.0)
"""Colour of a shape without a material."""

MOST_BYTES = 8_000_000
"""Of a URDF."""

MOST_ELEMENTS = 100_000
"""Of a URDF's XML."""

MOST_JOINTS = 1000
"""Of a robot."""

LARGEST = 1e6
"""Of a number: metres, kilograms, radians. A limit that is larger is taken as this."""

_DEEPEST = 64  # elements in each other

FULL_SPEED_S = 0.2
"""A joint whose URDF tells no acceleration may reach its largest speed in this time."""


class UrdfError(InputError):
    """A URDF is unusable; the message is one line for its author."""


def humanoid() -> Path:
    """The URDF of the humanoid that is installed with ``fer_bringup``.

    Raises:
        UrdfError: the package is not installed.
    """
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    try:
        return Path(get_package_share_directory("fer_bringup")) / "urdf" / "humanoid.urdf"
    except PackageNotFoundError as error:
        raise UrdfError("package fer_bringup is not installed, expected the path of a URDF") from (
            error
        )


def load(file: Path) -> RobotModel:
    """Reads a URDF file.

    Raises:
        UrdfError: the file is missing, is no URDF, its joints are no tree, or a joint has
            no limits; the message names the file, the element and what was expected.
    """
    try:
        element = _parsed(read_bytes(file, MOST_BYTES))
    except InputError as error:
        raise UrdfError(str(error) if str(file) in str(error) else f"{file}: {error}") from error
    if element.tag != "robot":
        raise UrdfError(f"{file}: the root element is <{element.tag}>, expected <robot>")
    try:
        return _robot(element)
    except UrdfError as error:
        raise UrdfError(f"{file}: {error}") from error


class _Builder(ET.TreeBuilder):
    """Builds the tree of a URDF: of bounded depth, and without what XML can define of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._count = 0

    def start(self, tag: str, attrs: dict[str, str]) -> ET.Element:  # type: ignore[override]
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > MOST_ELEMENTS:
            raise UrdfError(f"has more than {MOST_ELEMENTS} elements, or {_DEEPEST} in each other")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ET.Element:
        self._depth -= 1
        return super().end(tag)

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Is told of a document type, with which entities come."""
        raise UrdfError("has a <!DOCTYPE>, expected a URDF without one")


def _parsed(data: bytes) -> ET.Element:
    parser = ET.XMLParser(target=_Builder())
    try:
        parser.feed(data)
        return parser.close()
    except ET.ParseError as error:
        raise UrdfError(f"is not XML ({error})") from error
    except (LookupError, ValueError) as error:  # an encoding that nobody knows, or not here
        raise UrdfError(f"is not XML that can be read ({shortened(str(error), 100)})") from error


def _robot(element: ET.Element) -> RobotModel:
    colours = {
        _name(material): colour
        for material in element.findall("material")
        if (colour := _colour(material)) is not None
    }
    links = element.findall("link")
    if len(found := element.findall("joint")) > MOST_JOINTS:
        raise UrdfError(f"has {len(found)} joints, expected at most {MOST_JOINTS}")
    joints = [_joint(item) for item in found]
    root = _root(set(map(_name, links)), joints)
    return RobotModel(
        element.get("name", ""),
        root,
        tuple(_ordered(root, joints)),
        _shapes(links, "visual", colours),
        _shapes(links, "collision", colours),
        {_name(link): mass for link in links if (mass := _mass(link)) is not None},
    )


def _shapes(
    links: list[ET.Element], tag: str, colours: Mapping[str, Colour]
) -> dict[str, tuple[Shape, ...]]:
    """What is drawn or collides, by name of the link; links without any are left out."""
    found = {
        _name(link): tuple(
            shape
            for element in link.findall(tag)
            if (shape := _shape(element, f"link '{_name(link)}'", colours)) is not None
        )
        for link in links
    }
    return {link: shapes for link, shapes in found.items() if shapes}


def _mass(link: ET.Element) -> Mass | None:
    where = f"link '{_name(link)}'"
    inertial = link.find("inertial")
    mass = inertial.find("mass") if inertial is not None else None
    if inertial is None or mass is None:
        return None
    kilograms = _number(mass, "value", where)
    if kilograms < 0:
        raise UrdfError(f"{where} has the mass {kilograms:g}, expected at least 0")
    return Mass(kilograms, _pose(inertial, where)[:3, 3]) if kilograms else None


def _root(links: set[str], joints: list[Joint]) -> str:
    children: set[str] = set()
    for joint in joints:
        for link in (joint.parent, joint.child):
            if link not in links:
                raise UrdfError(f"joint '{joint.name}' names link '{link}', which does not exist")
        if joint.child in children:
            raise UrdfError(f"link '{joint.child}' has two parents, expected a tree")
        children.add(joint.child)
    roots = sorted(links - children)
    if len(roots) != 1:
        raise UrdfError(f"has {len(roots)} root links ({', '.join(roots)}), expected one")
    return roots[0]


def _ordered(root: str, joints: list[Joint]) -> Iterator[Joint]:
    below: dict[str, list[Joint]] = {}
    for joint in joints:
        below.setdefault(joint.parent, []).append(joint)
    pending = below.pop(root, [])
    while pending:
        joint = pending.pop(0)
        yield joint
        pending = below.pop(joint.child, []) + pending
    if below:
        raise UrdfError(f"link '{min(below)}' is its own ancestor, expected a tree")


def _joint(element: ET.Element) -> Joint:
    name, kind = _name(element), element.get("type", "")
    where = f"joint '{name}'"
    known = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
    if kind not in known:
        raise UrdfError(f"{where} has type '{kind}', expected one of {', '.join(known)}")
    ends = []
    for end in ("parent", "child"):
        child = element.find(end)
        if child is None or not child.get("link"):
            raise UrdfError(f'{where} has no <{end} link="...">')
        ends.append(child.get("link", ""))
    axis = _vector(element.find("axis"), "xyz", where, (1.0, 0.0, 0.0))
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        raise UrdfError(f"{where} has the axis 0 0 0, expected a direction")
    limits = _limits(element, kind, where) if element.find("mimic") is None else None
    origin = _pose(element, where)
    return Joint(name, ends[0], ends[1], origin, axis / length, kind == "prismatic", limits)


def _limits(element: ET.Element, kind: str, where: str) -> JointLimits | None:
    if kind not in ("revolute", "continuous", "prismatic"):
        return None
    limit = element.find("limit")
    if limit is None:
        if kind == "continuous":
            return None
        raise UrdfError(f"{where} has no <limit>, expected lower, upper and velocity")
    turns = kind == "continuous"
    lower = -math.inf if turns else _bound(limit, "lower", where, 0.0)
    upper = math.inf if turns else _bound(limit, "upper", where, 0.0)
    velocity = _bound(limit, "velocity", where)
    if not lower < upper:
        raise UrdfError(f"{where} has limits {lower:g}..{upper:g}, expected lower < upper")
    if not velocity > 0:
        raise UrdfError(f"{where} has the velocity limit {velocity:g}, expected more than 0")
    acceleration = _bound(limit, "acceleration", where, velocity / FULL_SPEED_S)
    if not acceleration > 0:
        raise UrdfError(f"{where} has the acceleration limit {acceleration:g}, expected above 0")
    effort = _bound(limit, "effort", where, math.inf)
    return JointLimits(lower, upper, velocity, effort, acceleration)


def _shape(visual: ET.Element, where: str, colours: Mapping[str, Colour]) -> Shape | None:
    attributes = {"box": ("size",), "cylinder": ("radius", "length"), "sphere": ("radius",)}
    geometry = visual.find("geometry")
    for kind, names in attributes.items():
        found = geometry.find(kind) if geometry is not None else None
        if found is None:
            continue
        if kind == "box":
            size = tuple(map(float, _vector(found, "size", f"a box of {where}")))
        else:
            size = tuple(_number(found, name, f"a {kind} of {where}") for name in names)
        material = visual.find("material")
        colour = None
        if material is not None:
            colour = _colour(material) or colours.get(material.get("name", ""))
        return Shape(kind, size, _pose(visual, where), colour or WHITE)
    return None


def _colour(material: ET.Element) -> Colour | None:
    element = material.find("color")
    if element is None:
        return None
    red, green, blue, alpha = _vector(element, "rgba", "a material", count=4)
    return float(red), float(green), float(blue), float(alpha)


def _name(element: ET.Element) -> str:
    name = element.get("name")
    if not name:
        raise UrdfError(f"a <{shortened(element.tag)}> has no name")
    if len(name) > _LONGEST_NAME:
        raise UrdfError(f"<{element.tag} name='{shortened(name)}'> has too long a name")
    return name


_LONGEST_NAME = 200


def _bound(element: ET.Element, name: str, where: str, default: float | None = None) -> float:
    """A limit: what is beyond what any robot does is none."""
    value = _finite(element, name, where, default)
    return value if value == default else max(-LARGEST, min(value, LARGEST))


def _number(element: ET.Element, name: str, where: str, default: float | None = None) -> float:
    value = _finite(element, name, where, default)
    if abs(value) > LARGEST and value != default:
        raise UrdfError(f"{where} has {name}={value:g}, expected at most {LARGEST:g}")
    return value


def _finite(element: ET.Element, name: str, where: str, default: float | None) -> float:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UrdfError(f"{where} has {name}={shown(text)}, expected a number")
    return value


def _vector(
    element: ET.Element | None,
    name: str,
    where: str,
    default: tuple[float, ...] | None = None,
    count: int = 3,
) -> np.ndarray:
    text = element.get(name) if element is not None else None
    if text is None and default is not None:
        return np.array(default)
    try:
        values = np.array([float(item) for item in (text or "").split()])
    except ValueError:
        values = np.array([math.nan])
    if len(values) != count or not np.isfinite(values).all():
        raise UrdfError(f"{where} has {name}={shown(text)}, expected {count} numbers")
    if np.abs(values).max() > LARGEST:
        raise UrdfError(f"{where} has {name}={shown(text)}, expected at most {LARGEST:g}")
    return values


def _pose(element: ET.Element, where: str) -> np.ndarray:
    origin = element.find("origin")
    pose = np.eye(4)
    pose[:3, 3] = _vector(origin, "xyz", where, (0.0, 0.0, 0.0))
    roll, pitch, yaw = _vector(origin, "rpy", where, (0.0, 0.0, 0.0))
    turns = ((2, yaw), (1, pitch), (0, roll))
    for axis, angle in turns:
        pose[:3, :3] = pose[:3, :3] @ rotation(np.eye(3)[axis], angle)
    return pose
