"""How the tests are spread over processes: a file stays together, and what speaks ROS waits for its turn."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROS_WORDS = ("rclpy", "run_nodes", "NodeProcess", "h2s2r_bringup.up", "run_demo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group for `pytest -n 2 --dist loadgroup`: graphs of two processes would hear each other and miss their rates."""
    speaks_ros: dict[Path, bool] = {}
    for item in items:
        path = item.path
        if path not in speaks_ros:
            text = path.read_text(encoding="utf-8")
            speaks_ros[path] = any(word in text for word in _ROS_WORDS)
        item.add_marker(pytest.mark.xdist_group("ros" if speaks_ros[path] else str(path)))
