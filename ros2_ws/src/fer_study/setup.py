from setuptools import find_packages, setup

setup(
    name="fer_study",
    version="0.1.0",
    description="Studies with participants: protocol, operator's page, recording, summary.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={
        "fer_study": ["page/*", "template/*", "*.j2"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fer_study"]),
        ("share/fer_study", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={"console_scripts": ["fer-study = fer_study.program:main"]},
)
