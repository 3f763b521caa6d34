"""How a node process starts and ends: one line on bad input, no traceback on Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from h2s2r_perception.artefact import InputError


def run_node(make: Callable[[], Node]) -> None:
    """Make a node and spin it until it is told to stop; exit code 2 when its input is unusable.

    A node that comes to an end by itself has a property `ended`; what it holds it gives back in `destroy_node`.
    """
    # Our own handlers: rclpy's would close the context under a node that is still loading its object, or that has a
    # recording to finish.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set() and not getattr(node, "ended", False):
            executor.spin_once(timeout_sec=0.2)
        node.destroy_node()
    except InputError as error:
        print(error, flush=True)
        sys.exit(2)
    finally:
        rclpy.try_shutdown()
