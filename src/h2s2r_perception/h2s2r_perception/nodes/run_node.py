"""How a node process starts and ends: one line on bad input, no traceback on Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from h2s2r_perception.artefact import InputError


class Closable(Protocol):
    """A node that has something to close, and may come to an end by itself."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do."""
        ...

    def close(self) -> None:
        """Give back what the node holds."""
        ...


def run_node(make: Callable[[], Node]) -> None:
    """Spin a node until it is told to stop or has ended; exit code 2 when its input is unusable."""
    # Our own handlers: rclpy's would close the context under a node that still has a recording to finish.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set() and not node.ended:
            executor.spin_once(timeout_sec=0.2)
        node.close()
        node.destroy_node()
    except InputError as error:
        print(error, flush=True)
        sys.exit(2)
    finally:
        rclpy.try_shutdown()
