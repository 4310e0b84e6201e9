from glob import glob

from setuptools import find_packages, setup

setup(
    name="robot_behavior",
    version="0.2.0",
    url="https://repository.example/robot-that-notices",
    description="Behaviour, motion, speech and simulation of a humanoid.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"robot_behavior": ["robots/*/*.yaml", "robots/*/*.urdf", "robots/*/README.md"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/robot_behavior"]),
        ("share/robot_behavior", ["package.xml"]),
        ("share/robot_behavior/config", glob("config/*.yaml")),
        ("share/robot_behavior/config/scripts", glob("config/scripts/*.yaml")),
        ("share/robot_behavior/config/sentences", glob("config/sentences/*.yaml")),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "behavior-sim = robot_behavior.simulator.command:main",
            "behavior_node = robot_behavior.nodes.executables:behavior_node",
            "mock_person = robot_behavior.nodes.executables:mock_person",
            "mock_server = robot_behavior.nodes.executables:mock_server",
            "fake_controller = robot_behavior.nodes.executables:fake_controller",
            "fake_naoqi = robot_behavior.robots.nao.fake_naoqi:main",
            "fake_play_motion2 = robot_behavior.nodes.executables:fake_play_motion2",
            "fake_servo_board = robot_behavior.robots.servo_humanoid.fake_servo_board:main",
            "motion-check = robot_behavior.motion.check_program:main",
            "motion_player = robot_behavior.nodes.executables:motion_player",
            "naoqi-animation = robot_behavior.robots.nao.animations:main",
            "play_motion2_bridge = robot_behavior.nodes.executables:play_motion2_bridge",
            "robot_bridge = robot_behavior.nodes.executables:robot_bridge",
            "sim_robot = robot_behavior.nodes.executables:sim_robot",
            "stop_keeper = robot_behavior.nodes.executables:stop_keeper",
            "speech_node = robot_behavior.nodes.executables:speech_node",
        ],
    },
)
