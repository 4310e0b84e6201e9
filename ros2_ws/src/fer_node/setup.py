from setuptools import find_packages, setup

setup(
    name="fer_node",
    version="0.2.0",
    url="https://repository.example/robot-that-notices",
    description="Perception nodes: camera and expression recognition.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fer_node"]),
        ("share/fer_node", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "camera_node = fer_node.nodes.executables:camera_node",
            "fer_node = fer_node.nodes.executables:fer_node",
        ],
    },
)
