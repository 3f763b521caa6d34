"""Watches the ROS graph until every topic and service of a node table is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import rclpy
from rclpy.context import Context
from rclpy.node import Node

from h2s2r_bringup.node_table import NodeSpec


def wait_until_ready(
    nodes: Iterable[NodeSpec],
    *,
    domain_id: int,
    limit_s: float,
    alive: Callable[[], bool],
    report: Callable[[frozenset[str]], None],
) -> frozenset[str]:
    """Wait until the nodes advertise what the table says.

    Args:
        nodes: The rows to wait for.
        domain_id: The DDS domain they run in.
        limit_s: How long to wait at most [s].
        alive: Asked at every look; waiting ends when it says no.
        report: Called with the names of the nodes that are not ready, whenever these change.

    Returns:
        The names of the nodes still not ready; empty when all are.
    """
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    watcher = Node("graph_watcher", context=context, enable_rosout=False, start_parameter_services=False)
    deadline = time.monotonic() + limit_s
    reported: frozenset[str] | None = None
    try:
        while True:
            missing = frozenset(spec.name for spec in nodes if not _is_ready(watcher, spec))
            if missing != reported:
                report(missing)
                reported = missing
            if not missing or not alive() or time.monotonic() > deadline:
                return missing
            time.sleep(0.05)
    finally:
        watcher.destroy_node()
        rclpy.shutdown(context=context)


def _is_ready(watcher: Node, spec: NodeSpec) -> bool:
    services = {name for name, _ in watcher.get_service_names_and_types()}
    return set(spec.services) <= services and all(watcher.count_publishers(topic) > 0 for topic in spec.publishes)
