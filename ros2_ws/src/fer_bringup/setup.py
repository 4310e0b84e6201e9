from glob import glob

from setuptools import find_packages, setup

setup(
    name="fer_bringup",
    version="0.2.0",
    url="https://repository.example/robot-that-notices",
    description="Launch files, configuration and the robot application.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"fer_bringup.clip": ["people/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fer_bringup"]),
        ("share/fer_bringup", ["package.xml"]),
        ("share/fer_bringup/launch", glob("launch/*.launch.py")),
        ("share/fer_bringup/config", glob("config/*.yaml")),
        ("share/fer_bringup/config/security", glob("config/security/*")),
        ("share/fer_bringup/rviz", glob("rviz/*")),
        ("share/fer_bringup/foxglove", glob("foxglove/*")),
        ("share/fer_bringup/urdf", glob("urdf/*")),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "make_clip = fer_bringup.clip.make_clip:main",
            "robot = fer_bringup.robot:main",
            "supervisor = fer_bringup.robot:supervisor",
        ],
    },
)
