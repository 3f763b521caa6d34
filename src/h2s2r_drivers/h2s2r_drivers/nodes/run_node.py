"""How a driver's process starts and ends: one line on a bad set-up, and no signal leaves a motor on."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.realtime import uncollected


def run_node(make: Callable[[], Node]) -> None:
    """Make a node and spin it until SIGINT or SIGTERM; what it holds it gives back in `destroy_node`."""
    # Our own handlers: rclpy's would close the context under a robot that must brake first.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node: Node | None = None
    try:
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        with uncollected():
            while not stop.is_set():
                executor.spin_once(timeout_sec=0.2)
    except DriverError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
