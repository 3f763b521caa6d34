"""The audit log: every intervention of a guard or driver, one JSON line each, what, limit, value and stamp."""

from __future__ import annotations

import json
import queue
import threading
import time
from pathlib import Path

from h2s2r_drivers.command_guard import Intervention


class AuditLog:
    """Appends interventions; remembers all of them, and writes them in a thread of its own.

    A control loop must not wait for a disk, so `record` only hands over.

    Args:
        path: The file; None keeps them in memory only.
        source: Which driver, in every line.
    """

    def __init__(self, path: Path | None, source: str) -> None:
        self.interventions: list[Intervention] = []
        self._source = source
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = threading.Thread(target=self._write, args=(path,), daemon=True)
            self._writer.start()

    def record(self, intervention: Intervention) -> None:
        """Note one; returns at once."""
        self.interventions.append(intervention)
        if self._writer is not None:
            line = {
                "source": self._source,
                "limit": intervention.limit,
                "value": intervention.value,
                "bound": intervention.bound,
                "stamp_ns": intervention.stamp_ns,
                "wall_time": time.time(),
            }
            self._lines.put(json.dumps(line))

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._lines.put(None)
            self._writer.join(2.0)
            self._writer = None

    def _write(self, path: Path) -> None:
        with path.open("a", encoding="utf-8") as file:
            while (line := self._lines.get()) is not None:
                file.write(line + "\n")
                file.flush()
