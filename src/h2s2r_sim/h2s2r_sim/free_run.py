"""The simulated robot as a robot is: it runs at its own pace and waits for nobody (`lock_step` is the other way).

Sixty times a second of wall time it steps the physics and says where its joints are, stamped with the time at which
the tick was due, as the cycle of a robot's controller would, and follows the last command that came.

On a busy machine processes stand still for a while. A tick that is late is made up for, and as long as the controller
owes the answer to the last joint states, for half a second at most, the next ones are late as well: so no stamp gets
lost on the way. To the command guard a hole in the joint states is a robot that has gone silent.
"""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from h2s2r_policy.rates import CONTROL_RATE_HZ
from h2s2r_sim.simulated_robot import SimulatedRobot

Array = NDArray[np.float64]

PERIOD_NS = round(1e9 / CONTROL_RATE_HZ)
LONGEST_BACKLOG_S = 5.0
"""More than this is not made up for."""
PATIENCE_S = 0.5
"""With a controller that has answered before."""
_BREATH_NS = 1_000_000
"""Between looks for an answer that is late, and between ticks that are."""


class StateOutlet(Protocol):
    """Where the robot's messages go."""

    def state(self, now_ns: int, position: Array, velocity: Array, T_world_object: Array) -> None:
        """Publish the joints `(J,)` [rad, rad/s], and the true object pose `(4, 4)`."""


class FreeRun:
    """Runs the simulation; remembers when the next tick is due, and the last command.

    `advance` belongs to one thread; the others may be called from another.

    Args:
        robot: The simulation.
        outlet: Where messages go.
    """

    def __init__(self, robot: SimulatedRobot, outlet: StateOutlet) -> None:
        self.given_up = 0
        """Ticks that were not made up for."""
        self._robot, self._outlet = robot, outlet
        self._due_ns: int | None = None
        self._said_ns: int | None = None
        self._waiting_since_ns = 0
        self._answered_ns: int | None = None
        self._command: Array | None = None
        self._lock = threading.Lock()

    def receive_command(self, stamp_ns: int, joint_position: Array) -> None:
        """Follow the command `(J,)` [rad] for the joint states of this stamp from the next tick on."""
        with self._lock:
            self._answered_ns, self._command = stamp_ns, joint_position

    def reset(self) -> None:
        """Put robot and object at the start."""
        with self._lock:
            self._command = None
            self._robot.reset()

    def advance(self, now_ns: int) -> int:
        """Do the next tick if it is due by now; returns when to be called again [ns]."""
        due_ns = now_ns if self._due_ns is None else self._due_ns
        missed = int((now_ns - due_ns - LONGEST_BACKLOG_S * 1e9) // PERIOD_NS) + 1
        if missed > 0:
            self.given_up += missed
            due_ns += missed * PERIOD_NS
        self._due_ns = due_ns
        if due_ns <= now_ns and not self._waits(now_ns):
            self._tick(due_ns, now_ns)
            self._due_ns = due_ns + PERIOD_NS
        return max(self._due_ns, now_ns + _BREATH_NS)

    def _waits(self, now_ns: int) -> bool:
        """Whether the controller owes an answer that may still come."""
        with self._lock:
            if self._answered_ns is None or self._said_ns is None or self._answered_ns >= self._said_ns:
                return False
            if now_ns - self._waiting_since_ns < PATIENCE_S * 1e9:
                return True
            self._answered_ns = None  # nobody there any more
            return False

    def _tick(self, due_ns: int, now_ns: int) -> None:
        with self._lock:
            if self._command is not None:
                self._robot.command(self._command)
                self._command = None
            self._robot.step()
            state = (*self._robot.joint_state(), self._robot.T_world_object)
        self._said_ns, self._waiting_since_ns = due_ns, now_ns
        self._outlet.state(due_ns, *state)
