"""A processor without AVX: everything works there, with the kernels that every processor has."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import cv2
import pytest

QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
PYTHON = os.path.realpath("/proc/self/exe")  # a launcher would leave the emulation
PROGRAM = """
import sys
from ec_rfernet.cli import main
from ec_rfernet.kernels.network import paths
print(paths())
sys.exit(main(["predict", sys.argv[1]]))
"""


@pytest.mark.skipif(QEMU is None, reason="needs qemu-user")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86 processors only")
def test_a_face_is_judged_without_avx(collins: Path, tmp_path: Path) -> None:
    """In a small picture: of a large one more parts are looked at, each with the same kernels."""
    assert QEMU is not None
    face = tmp_path / "face.png"
    cv2.imwrite(str(face), cv2.imread(str(collins))[30:230, 130:330])
    packages = [os.environ.get("PYTHONPATH", ""), sysconfig.get_path("purelib")]
    done = subprocess.run(
        [QEMU, "-cpu", "Nehalem", PYTHON, "-c", PROGRAM, str(face)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(packages)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("('portable',)\n")
    assert "happy" in done.stdout
