"""Installs the package for colcon (ament index, lib/<package> executables) and for pip."""

from setuptools import find_packages, setup

PACKAGE = "h2s2r_sim"

setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        PACKAGE: [
            "py.typed",
            "**/*.yaml",
            "**/*.urdf",
            "**/*.xml",
            "**/*.obj",
            "**/*.mtl",
            "**/*.png",
            "**/*.html",
            "**/*.css",
            "**/*.json",
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    maintainer="The h2s2r maintainers",
    maintainer_email="maintainers@h2s2r.example.org",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "simulated_robot = h2s2r_sim.nodes.simulated_robot:main",
            "free_running_robot = h2s2r_sim.nodes.free_running_robot:main",
        ]
    },
)
