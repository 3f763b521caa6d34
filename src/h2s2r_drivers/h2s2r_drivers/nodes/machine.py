"""What a driver's node needs of the machine behind it."""

from __future__ import annotations

from typing import Protocol

from numpy import float64
from numpy.typing import NDArray

from h2s2r_drivers.cycle_statistics import CycleReport


class Machine(Protocol):
    """An arm or a hand on its wire, with its thread."""

    @property
    def scheduling(self) -> str:
        """What the thread got from the scheduler."""

    @property
    def report(self) -> CycleReport:
        """Cycles and latencies."""

    @property
    def error(self) -> BaseException | None:
        """What ended the thread, or None."""

    @property
    def latched(self) -> str | None:
        """What stopped the robot, or None."""

    @property
    def is_at_rest(self) -> bool:
        """Whether the robot has stopped and, where it does, let go."""

    def start(self) -> None:
        """Open the wire; the robot holds or stays limp."""

    def follow(self) -> None:
        """Follow targets."""

    def pursue(self, stamp_ns: int, target: NDArray[float64]) -> None:
        """Take a target for the joint state of this stamp."""

    def recover(self) -> None:
        """Follow targets again after a latched violation."""

    def rest(self) -> None:
        """Begin to brake."""

    def stop(self) -> None:
        """Brake and leave the wire."""

    def details(self) -> dict[str, float | int | str]:
        """More figures for the diagnostics."""
