"""Draws Reachy Mini in its maker's MuJoCo model; runs in the environment of the maker's daemon.

    DAEMON_PYTHON pictures.py WIDTH HEIGHT

reads lines of JSON, each a list of ``[seconds, FullBodyTarget]``. For each line it writes one
picture, uint8 [HEIGHT, WIDTH, 3], red green blue, to the standard output: the model after its
motors have followed each target for its seconds. Nothing of this project is imported: that
environment has none of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import reachy_mini
from reachy_mini.kinematics import AnalyticalKinematics
from reachy_mini.utils import create_head_pose

CELL_M = 0.0022
"""Corners of the maker's 900,000 triangles that are nearer than this become one: without a
graphics card a picture would take seconds."""

SKY = (0.72, 0.78, 0.84)
"""Behind the robot: red, green, blue."""

CAMERA = {"lookat": (0.0, 0.0, 0.2), "distance": 0.62, "azimuth": 150.0, "elevation": -10.0}
"""From the robot's front and left, degrees and m."""


def coarse(file: Path, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A binary STL file with fewer triangles: corners [V,3], m, and triangles [F,3]."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    corners = np.frombuffer(file.read_bytes()[84:], record)["corners"].reshape(-1, 3) * scale
    cells, numbers = np.unique(np.round(corners / CELL_M), axis=0, return_inverse=True)
    counts = np.bincount(numbers.ravel(), minlength=len(cells))[:, None]
    middles = np.zeros((len(cells), 3))
    np.add.at(middles, numbers.ravel(), corners)
    faces = numbers.reshape(-1, 3)
    first, second, third = faces.T
    faces = faces[(first != second) & (second != third) & (third != first)]
    return middles / counts, np.unique(faces, axis=0)


def load() -> Any:
    """The maker's model, with coarser meshes."""
    folder = Path(str(files(reachy_mini))) / "descriptions" / "reachy_mini" / "mjcf" / "scenes"
    spec = mujoco.MjSpec.from_file(str(folder / "empty.xml"))
    for mesh in spec.meshes:
        file = folder / spec.meshdir / mesh.file
        if file.suffix.lower() != ".stl":
            continue
        corners, faces = coarse(file, np.array(mesh.scale))
        if len(faces) < 8 or "antenna" in file.stem:  # whose wire would vanish
            continue
        mesh.name = mesh.name or file.stem  # which geometries call it by
        mesh.file, mesh.scale = "", (1.0, 1.0, 1.0)
        mesh.uservert, mesh.userface = corners.ravel(), faces.ravel()
    for texture in spec.textures:
        if texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX:  # black antennas are seen on it
            texture.rgb1, texture.rgb2 = SKY, SKY
    return spec.compile()


class MakersModel:
    """The robot, standing as its daemon begins.

    Args:
        width: of its pictures, pixels.
        height: likewise.
    """

    def __init__(self, width: int, height: int) -> None:
        self._model = load()
        self._model.vis.global_.offwidth = max(width, self._model.vis.global_.offwidth)
        self._model.vis.global_.offheight = max(height, self._model.vis.global_.offheight)
        self._data, self._kinematics = mujoco.MjData(self._model), AnalyticalKinematics()
        self._motors = [self._model.actuator(number).name for number in range(self._model.nu)]
        self._renderer = mujoco.Renderer(self._model, height=height, width=width)
        self._camera, self._shown = mujoco.MjvCamera(), mujoco.MjvOption()
        self._camera.lookat[:] = CAMERA["lookat"]
        self._camera.distance = CAMERA["distance"]
        self._camera.azimuth, self._camera.elevation = CAMERA["azimuth"], CAMERA["elevation"]
        self._shown.geomgroup[:] = [0, 0, 1, 0, 0, 0]  # without the floor and collision shapes
        for flag in (mujoco.mjtRndFlag.mjRND_REFLECTION, mujoco.mjtRndFlag.mjRND_SHADOW):
            self._renderer.scene.flags[flag] = 0
        self._aim({"target_head_pose": {}, "target_antennas": [-0.17, 0.17], "target_body_yaw": 0})
        for name in self._motors:
            joint = self._model.joint(name)
            self._data.qpos[joint.qposadr[0]] = self._data.ctrl[self._model.actuator(name).id]
        mujoco.mj_step(self._model, self._data, 500)

    def picture(self, way: list[tuple[float, dict[str, Any]]]) -> np.ndarray:
        """The robot after it has followed each target for its seconds."""
        for seconds, target in way:
            self._aim(target)
            mujoco.mj_step(self._model, self._data, round(seconds / self._model.opt.timestep))
        self._renderer.update_scene(self._data, self._camera, self._shown)
        return np.asarray(self._renderer.render())

    def _aim(self, target: dict[str, Any]) -> None:
        pose = create_head_pose(**target["target_head_pose"], degrees=False, mm=False)
        joints = self._kinematics.ik(pose, body_yaw=target["target_body_yaw"])
        if np.isnan(joints).any():
            raise SystemExit(f"pictures: Reachy Mini cannot reach {target['target_head_pose']}")
        right, left = target["target_antennas"]
        self._data.ctrl[:7] = joints
        self._data.ctrl[-2:] = -right, -left


def orders() -> Iterator[list[tuple[float, dict[str, Any]]]]:
    """What is asked for, line by line."""
    for line in sys.stdin:
        yield json.loads(line)


def main() -> int:
    """Draws until the input ends."""
    model = MakersModel(*map(int, sys.argv[1:3]))
    for order in orders():
        sys.stdout.buffer.write(model.picture(order).tobytes())
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
