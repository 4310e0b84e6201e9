import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[2] / "models"
RUNS = ("bundle.json", "MODEL_CARD.md", "model*.onnx", "model*.program")


class BuildWithBundles(build_py):
    """Adds the bundles to a wheel, from the only copy that the project has of them.

    Their weights, which would double the size, stay out: they are what the networks were exported
    from, and only training and PyTorch read them. Where ROS builds the package, it finds the
    bundles in the package fer_models, and nothing is added.
    """

    def run(self):
        if "COLCON" in os.environ or self.editable_mode:
            return super().run()
        shutil.rmtree(self.build_lib, ignore_errors=True)  # what is gone is not to be packed
        super().run()
        for manifest in sorted(MODELS.glob("*/bundle.json")):
            folder = Path(self.build_lib, "ec_rfernet", "bundles", manifest.parent.name)
            folder.mkdir(parents=True, exist_ok=True)
            for pattern in RUNS:
                for source in sorted(manifest.parent.glob(pattern)):
                    shutil.copyfile(source, folder / source.name)


setup(
    name="ec_rfernet",
    version="0.1.0",
    description="EC-RFERNet: facial expression recognition for edge devices",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    author="The maintainers",
    keywords=["facial expression recognition", "emotion", "edge", "onnx", "robot"],
    classifiers=[
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    python_requires=">=3.10",
    packages=find_packages(exclude=["test"]),
    package_data={"ec_rfernet": ["presets/*.yaml", "training/*.yaml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/ec_rfernet"]),
        ("share/ec_rfernet", ["package.xml"]),
    ],
    install_requires=[
        "numpy>=1.26,<3",
        "opencv-python-headless>=4.11,<5",
        "onnxruntime>=1.23,<2; platform_machine != 'x86_64'",
        "pillow>=10.1",
        "pyyaml>=6",
    ],
    extras_require={
        "mediapipe": ["mediapipe>=0.10.18,<0.10.30; python_version < '3.13'"],
        "onnxruntime": ["onnxruntime>=1.23,<2"],
        "openvino": ["openvino"],
        "train": ["torch", "onnxruntime>=1.23,<2", "onnx", "safetensors", "matplotlib", "tqdm"],
    },
    zip_safe=False,
    cmdclass={"build_py": BuildWithBundles},
    entry_points={"console_scripts": ["ec-rfernet = ec_rfernet.cli:main"]},
)
