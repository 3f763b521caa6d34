"""The controller on the robot: joint states and targets in, guarded joint commands out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.command_guard import CommandGuard, GuardResult
from h2s2r_policy.controller import Controller, ControllerState

Vector = NDArray[np.float64]

HOLD_AFTER_S = 0.35
"""A target older than this is not pursued any more: the joints brake and hold. Seven policy steps late,
with room for the tracker's latency, is a policy that has stopped."""


@dataclass(frozen=True)
class FollowerCommand:
    """A command and what it answers.

    Attributes:
        result: From the guard.
        image_stamp_ns: Stamp of the target, if this is the first command that pursues it.
    """

    result: GuardResult
    image_stamp_ns: int | None


class JointFollower:
    """Remembers the last target and the command so far.

    Args:
        controller: Of the policy's contract.
        guard: Judges every command.
    """

    def __init__(self, controller: Controller, guard: CommandGuard) -> None:
        self.guard = guard
        self._controller = controller
        self._state: ControllerState | None = None
        self._target: tuple[int, Vector] | None = None
        self._answered_ns: int | None = None
        self._stamp_ns: int | None = None
        self._reset_wanted = False

    def pursue(self, stamp_ns: int, joint_target: Vector) -> None:
        """Take a new target `(J,)` [rad or m], made from the image of this stamp."""
        self._target = (stamp_ns, self._controller.reachable(joint_target[None])[0])

    def reset(self) -> None:
        """Forget target and violations, as soon as braking is over; then hold where the robot is."""
        self._reset_wanted = True

    def command(self, stamp_ns: int, measured: Vector) -> FollowerCommand:
        """The command for a joint state `(J,)` [rad] of this stamp."""
        if self._reset_wanted and self.guard.recover():
            self._reset_wanted, self._state, self._target, self._stamp_ns = False, None, None, None
        target = self._current_target(stamp_ns)
        state = self._state or self._controller.reset(measured[None])
        goal = np.full_like(measured, np.nan) if target is None else target[1]
        for dt_s in self._steps(stamp_ns):
            state = self._controller.step(state, goal[None], dt_s=dt_s)
        result = self.guard.check(
            state.position[0],
            stamp_ns=stamp_ns,
            measured=measured,
            measured_stamp_ns=stamp_ns,
            target_stamp_ns=None if target is None else target[0],
        )
        if result.violation is None:
            self._state = state
        elif result.command is not None:
            velocity = self.guard.velocity[None]
            self._state = ControllerState(result.command[None], velocity, np.zeros_like(velocity))
        self._stamp_ns = stamp_ns
        return FollowerCommand(result, self._newly_answered(target, result))

    def _current_target(self, stamp_ns: int) -> tuple[int, Vector] | None:
        if self._target is None or self._reset_wanted:
            return None
        return self._target if (stamp_ns - self._target[0]) * 1e-9 <= HOLD_AFTER_S else None

    def _steps(self, stamp_ns: int) -> list[float]:
        # Whole periods as in training when stamps agree with them; otherwise the real time in equal parts.
        period_s = 1.0 / self._controller.configuration.rate_hz
        if self._stamp_ns is None or stamp_ns <= self._stamp_ns:
            return [period_s]
        elapsed_s = (stamp_ns - self._stamp_ns) * 1e-9
        count = max(round(elapsed_s / period_s), 1)
        nominal = abs(elapsed_s - count * period_s) <= self.guard.configuration.stamp_jitter_s
        # A long gap latches the guard anyway; there is no use in simulating all of it.
        return [period_s if nominal else elapsed_s / count] * min(count, 60)

    def _newly_answered(self, target: tuple[int, Vector] | None, result: GuardResult) -> int | None:
        if target is None or result.violation is not None or target[0] == self._answered_ns:
            return None
        self._answered_ns = target[0]
        return target[0]
