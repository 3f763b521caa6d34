"""One node as one operating-system process: started, watched, brought down."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from h2s2r_bringup.node_table import NodeSpec, environment_of

STOP_SIGNALS: tuple[tuple[signal.Signals, float], ...] = (
    (signal.SIGINT, 8.0),  # rclpy's regular end; the simulated robot also closes its video
    (signal.SIGTERM, 2.0),
    (signal.SIGKILL, 2.0),
)
"""What is sent in turn, and how long each is given to work [s]."""

_LOG_PREFIX = re.compile(r"^\[(?P<severity>\w+)\] \[[^]]*\]: ")
_PR_SET_PDEATHSIG = 1


class NodeProcess:
    """A started node: its process, its log file, and how much of the log was read.

    Args:
        spec: The row of the node table.
        folder: Where the node's log and parameter file go.
        environment: What the nodes of the graph share; `environment_of(spec)` is added.
    """

    def __init__(self, spec: NodeSpec, folder: Path, environment: Mapping[str, str]) -> None:
        self.spec = spec
        self.log = folder / f"{spec.name}.log"
        self._read = 0
        with self.log.open("wb") as log:
            # Its own session: a Ctrl-C in the terminal reaches only the runner, which then stops the nodes in order.
            self._process = subprocess.Popen(
                command(spec, folder),
                env={**environment, **environment_of(spec)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.exit_code is None:
            self._process.send_signal(number)

    def new_log_lines(self) -> list[str]:
        """Whole lines logged since the last call, without ROS's severity and name."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            text = log.read()
        text = text[: text.rfind(b"\n") + 1]
        self._read += len(text)
        return [_LOG_PREFIX.sub("", line) for line in text.decode(errors="replace").splitlines()]

    def last_log_lines(self, count: int) -> list[str]:
        """The end of the log, for an error report."""
        return self.log.read_text(errors="replace").splitlines()[-count:]


def command(spec: NodeSpec, folder: Path) -> list[str]:
    """The command line of a node, in the interpreter that runs this; writes its parameter file to `folder`."""
    parameters = folder / f"{spec.name}.yaml"
    parameters.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(spec.parameters)}}), encoding="utf-8")
    arguments = ["--ros-args", "-r", f"__node:={spec.name}", "--params-file", str(parameters)]
    for source, target in spec.remappings:
        arguments += ["-r", f"{source}:={target}"]
    return [sys.executable, "-m", spec.module, *arguments]


def stop(processes: Iterable[NodeProcess]) -> list[NodeProcess]:
    """Bring processes down: interrupt, then terminate, then kill, each with its limit.

    Returns:
        Those that did not end at the first signal.
    """
    left = [process for process in processes if process.exit_code is None]
    stubborn: list[NodeProcess] = []
    for number, limit_s in STOP_SIGNALS:
        for process in left:
            process.send(number)
        deadline = time.monotonic() + limit_s
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = [process for process in left if process.exit_code is None]
        if not stubborn:
            stubborn = list(left)
    return stubborn


def _die_with_parent() -> None:
    # Even `kill -9` of the runner leaves no node behind. Linux only; elsewhere they have to be ended by hand.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(1)
