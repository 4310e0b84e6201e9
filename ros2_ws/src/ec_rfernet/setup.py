from setuptools import find_packages, setup

setup(
    name="ec_rfernet",
    version="0.1.0",
    description="EC-RFERNet: facial expression recognition for edge devices",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    packages=find_packages(exclude=["test"]),
    package_data={"ec_rfernet": ["presets/*.yaml", "training/*.yaml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/ec_rfernet"]),
        ("share/ec_rfernet", ["package.xml"]),
    ],
    install_requires=["numpy", "opencv-python-headless", "onnxruntime", "pyyaml"],
    extras_require={
        "faces": ["mediapipe"],
        "openvino": ["openvino"],
        "train": ["torch", "onnx", "safetensors", "matplotlib", "tqdm"],
    },
    zip_safe=False,
    entry_points={"console_scripts": ["ec-rfernet = ec_rfernet.cli:main"]},
)
