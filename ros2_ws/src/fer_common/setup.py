from glob import glob

from setuptools import find_packages, setup

setup(
    name="fer_common",
    version="0.2.0",
    url="https://repository.example/robot-that-notices",
    description="Parameters, QoS profiles and the running of nodes.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fer_common"]),
        ("share/fer_common", ["package.xml"]),
        ("share/fer_common/config", sorted(glob("config/fast_dds*.xml"))),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
)
