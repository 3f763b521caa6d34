"""`h2s2r up <graph>`: starts the nodes of a graph, each as its own process, and brings them down together.

It does what `ros2 launch` does with the same node table, on machines that have only the ROS wheels.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from h2s2r_bringup.node_process import NodeProcess, stop
from h2s2r_bringup.node_table import GraphSettings, NodeSpec, nodes_of
from h2s2r_perception.artefact import InputError

EXIT_NODE_FAILED = 1
EXIT_TOO_SLOW = 124
EXIT_INTERRUPTED = 130

READY_LIMIT_S = 90.0
"""Longest start of a graph: loading PyTorch, MuJoCo and Open3D on a cold, busy machine."""

_HIGHEST_DOMAIN = 101  # above it DDS ports fall into Linux's range of ephemeral ports

Report = Callable[[str], None]


def up(
    graph: str,
    settings: GraphSettings,
    *,
    report: Report = print,
    wall_limit_s: float | None = None,
    domain_id: int | None = None,
) -> int:
    """Run a graph until it ends, a node dies, the limit passes or the user interrupts.

    Args:
        graph: A name in `node_table.GRAPHS`.
        settings: The run and its options; logs go to `settings.output_folder`.
        report: Told in one line what happens.
        wall_limit_s: Longest run after the start [s of wall time]; None for no limit.
        domain_id: ROS domain; by default `ROS_DOMAIN_ID` if set, else one that nobody on this machine uses.

    Returns:
        0 when a node that ends the graph ended it; otherwise the exit code of the node that died, or
        `EXIT_TOO_SLOW`, or `EXIT_INTERRUPTED`.
    """
    return run_nodes(
        nodes_of(graph, settings),
        settings.output_folder,
        report=report,
        wall_limit_s=wall_limit_s,
        domain_id=domain_id,
    )


def run_nodes(
    specs: Sequence[NodeSpec],
    folder: Path,
    *,
    report: Report = print,
    wall_limit_s: float | None = None,
    ready_limit_s: float = READY_LIMIT_S,
    domain_id: int | None = None,
) -> int:
    """Run the nodes of a table; arguments and return value as for `up`."""
    folder.mkdir(parents=True, exist_ok=True)
    domain = chosen_domain(domain_id)
    environment = node_environment(domain, folder)
    processes: list[NodeProcess] = []
    try:
        with _interruptible():
            processes += [NodeProcess(spec, folder, environment) for spec in specs]
            report(f"started {len(specs)} nodes in ROS domain {domain}; logs in {folder}")
            code = _wait_until_ready(processes, domain, ready_limit_s, report)
            return _watch(processes, wall_limit_s, report) if code is None else code
    except KeyboardInterrupt:
        report("interrupted: bringing the nodes down")
        return EXIT_INTERRUPTED
    finally:
        for process in stop(processes):
            report(f"{process.spec.name} did not end when interrupted; it was forced to")


def node_environment(domain_id: int, folder: Path) -> dict[str, str]:
    """The environment that the nodes of a graph share: their domain, this machine only, where logs go."""
    return {
        **os.environ,
        "ROS_DOMAIN_ID": str(domain_id),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_LOG_DIR": str(folder / "ros"),
        "RCUTILS_CONSOLE_OUTPUT_FORMAT": "[{severity}] [{name}]: {message}",
        "PYTHONUNBUFFERED": "1",
    }


def chosen_domain(domain_id: int | None) -> int:
    """The ROS domain to use: the one asked for, else `ROS_DOMAIN_ID`, else an unused one derived from this process.

    Raises:
        InputError: The domain is not a number from 0 to 101.
    """
    text = os.environ.get("ROS_DOMAIN_ID", "") if domain_id is None else str(domain_id)
    if not text:
        candidates = ((os.getpid() + step) % _HIGHEST_DOMAIN + 1 for step in range(_HIGHEST_DOMAIN))
        return next((domain for domain in candidates if _is_unused(domain)), 1)
    if not text.isdigit() or int(text) > _HIGHEST_DOMAIN:
        raise InputError(
            "ROS_DOMAIN_ID", "value", found=repr(text), expected=f"0 to {_HIGHEST_DOMAIN}", remedy="choose another"
        )
    return int(text)


def _is_unused(domain: int) -> bool:
    # The first participant of a domain listens on this port (DDSI-RTPS 2.5, section 9.6.2.4).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7410 + 250 * domain))
        except OSError:
            return False
    return True


def _wait_until_ready(processes: list[NodeProcess], domain: int, limit_s: float, report: Report) -> int | None:
    """None when all are ready, else the exit code."""
    from h2s2r_bringup.nodes.readiness import wait_until_ready  # only a machine that runs nodes needs rclpy

    started = time.monotonic()

    def waiting(missing: frozenset[str]) -> None:
        if missing:
            report(f"[{time.monotonic() - started:4.1f} s] waiting for {', '.join(sorted(missing))}")

    missing = wait_until_ready(
        [process.spec for process in processes],
        domain_id=domain,
        limit_s=limit_s,
        alive=lambda: all(process.exit_code is None for process in processes),
        report=waiting,
    )
    if not missing:
        report(f"[{time.monotonic() - started:4.1f} s] all {len(processes)} nodes are ready")
        return None
    ended = _end(processes, report)
    if ended is None:
        report(f"not ready after {limit_s:.0f} s: {', '.join(sorted(missing))}")
        return EXIT_TOO_SLOW
    return ended


def _watch(processes: list[NodeProcess], wall_limit_s: float | None, report: Report) -> int:
    deadline = None if wall_limit_s is None else time.monotonic() + wall_limit_s
    while True:
        # Looked at before the log is read, so that a node's last words are shown.
        ended = _end(processes, report)
        for process in processes:
            if process.spec.ends_graph:
                for line in process.new_log_lines():
                    report(line)
        if ended is not None:
            return ended
        if deadline is not None and time.monotonic() > deadline:
            report(f"stopped: the wall limit of {wall_limit_s:.0f} s has passed")
            return EXIT_TOO_SLOW
        time.sleep(0.1)


def _end(processes: list[NodeProcess], report: Report) -> int | None:
    """The graph's exit code once a node has ended, else None."""
    for process in processes:
        code = process.exit_code
        if code is None:
            continue
        if code == 0 and process.spec.ends_graph:
            return 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        report(f"{process.spec.name} {how}; the end of its log ({process.log}):")
        for line in process.last_log_lines(12):
            report(f"  {process.spec.name} | {line}")
        return code if code > 0 else EXIT_NODE_FAILED
    return None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the graph as Ctrl-C does, and Ctrl-C also where a shell's `&` made it ignored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
