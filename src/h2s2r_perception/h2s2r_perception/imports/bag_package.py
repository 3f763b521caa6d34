"""The package that reads and writes ROS bags without ROS."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from h2s2r_perception.artefact import InputError


def require_rosbags(source: Path) -> None:
    """Say how to get `rosbags` where it is missing.

    Raises:
        InputError: It is not installed.
    """
    if find_spec("rosbags") is None:
        raise InputError(
            source, "rosbags", found="not installed", expected="this package", remedy="pip install rosbags==0.11.9"
        )
