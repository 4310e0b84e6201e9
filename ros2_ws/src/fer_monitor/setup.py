from setuptools import find_packages, setup

setup(
    name="fer_monitor",
    version="0.1.0",
    description="Watching the robot: viewer, recording, report, doctor.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={
        "fer_monitor": ["pieces.js"],
        "fer_monitor.doctor": ["supported.env"],
        "fer_monitor.face": ["face.html", "face.js"],
        "fer_monitor.report": ["*.css", "*.js", "*.j2"],
        "fer_monitor.viewer": ["page.html", "page.js"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fer_monitor"]),
        ("share/fer_monitor", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "fer-doctor = fer_monitor.doctor.program:main",
            "bag_recorder = fer_monitor.executables:bag_recorder",
            "face_node = fer_monitor.executables:face_node",
            "viewer_node = fer_monitor.executables:viewer_node",
            "fer-report = fer_monitor.report.command:main",
        ],
        "ec_rfernet.commands": ["analyze = fer_monitor.video.command"],
    },
)
