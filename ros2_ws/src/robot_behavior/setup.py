from glob import glob

from setuptools import find_packages, setup

setup(
    name="robot_behavior",
    version="0.1.0",
    description="Behaviour, motion, speech and simulation of a humanoid.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/robot_behavior"]),
        ("share/robot_behavior", ["package.xml"]),
        ("share/robot_behavior/config", glob("config/*")),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "behavior_node = robot_behavior.executables:behavior_node",
            "mock_person = robot_behavior.executables:mock_person",
            "mock_server = robot_behavior.executables:mock_server",
            "motion_player = robot_behavior.executables:motion_player",
            "sim_robot = robot_behavior.executables:sim_robot",
            "speech_node = robot_behavior.executables:speech_node",
        ],
    },
)
