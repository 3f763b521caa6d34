"""A thread that must answer in time: scheduled first where the machine allows it, without garbage collection."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PRIORITY = 80
"""SCHED_FIFO priority of FRI's own asynchronous client; below the kernel's interrupt threads only with PREEMPT_RT."""
_SWITCH_INTERVAL_S = 2e-4
"""How long another Python thread may keep the interpreter once this one wants it. The default of 5 ms is a whole
FRI cycle."""


class RealTimeThread:
    """One loop in a thread of its own.

    Attributes:
        scheduling: `SCHED_FIFO 80`, or why it is not.
        error: What ended the loop, or None.

    Args:
        name: For the process list.
        loop: Runs until it returns; must look at its own stop flag.
        priority: SCHED_FIFO priority; 0 leaves the scheduler alone.
    """

    def __init__(self, name: str, loop: Callable[[], None], priority: int = PRIORITY) -> None:
        self.scheduling = "not started"
        self.error: BaseException | None = None
        self._loop, self._priority = loop, priority
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start, and wait until the scheduling is known."""
        self._thread.start()
        self._ready.wait()

    def join(self, limit_s: float) -> bool:
        """Wait for the end; False when it does not come in time."""
        if self._thread.ident is not None:
            self._thread.join(limit_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the loop still runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.scheduling = take_priority(self._priority)
            self._ready.set()
            self._loop()
        except BaseException as error:
            self.error = error
        finally:
            self._ready.set()


def take_priority(priority: int) -> str:
    """Schedule the calling thread first-in-first-out, 0: as any other; says what it got, and why not if not.

    Threads and processes that it starts are scheduled as any other.
    """
    try:
        if priority == 0:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            return "SCHED_OTHER: real-time scheduling was not asked for"
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "not on this system"
        return f"SCHED_OTHER: {reason}; allow it with `ulimit -r {priority}` or CAP_SYS_NICE"
    return f"SCHED_FIFO {priority}"


def take_priority_beside(priority: int) -> str:
    """Schedule the calling thread just below the loop it shares an interpreter with.

    Python runs one thread at a time. An ordinary thread that holds the interpreter and is put aside by another process
    would keep the real-time thread waiting for as long.
    """
    return take_priority(max(priority - 20, 1) if priority else 0)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection while control loops run: what exists is frozen, what the loops make has no cycles."""
    was_enabled, interval_s = gc.isenabled(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)
        gc.unfreeze()
        if was_enabled:
            gc.enable()
