"""How a node process starts and ends: one line on bad input, no traceback on Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from h2s2r_perception.artefact import InputError


def run_node(make: Callable[[], Node]) -> None:
    """Spin a node until it is told to stop; exit code 2 when its input is unusable."""
    node: Node | None = None
    try:
        rclpy.init()
        node = make()
        rclpy.spin(node)
    except InputError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        # A second interrupt may come while the node is taken down; there is nothing left to save then.
        try:
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()
        except KeyboardInterrupt:
            pass
