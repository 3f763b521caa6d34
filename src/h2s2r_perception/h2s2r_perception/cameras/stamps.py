"""One clock for all frames: librealsense stamps them by whichever clock it has."""

from __future__ import annotations

DRIFT = 50e-6
"""Two quartz clocks part by no more than this, seconds a second."""


class HardwareClock:
    """Maps the camera's own clock to this machine's, from when its frames arrive.

    A frame arrives after it was measured, by the transport's delay, which varies; the smallest difference of
    arrival and stamp so far is that of the quickest frame. It may grow again by `DRIFT`, so that the estimate
    follows a camera whose clock runs slow. What is left is the delay of the quickest frame, some milliseconds.
    """

    def __init__(self) -> None:
        self._offset_ns: float | None = None
        self._last_ns = 0

    def system_ns(self, hardware_ns: int, arrival_ns: int) -> int:
        """Time of a measurement by this machine's clock [ns].

        Args:
            hardware_ns: Its stamp by the camera's clock, later than the one before.
            arrival_ns: When it arrived, by this machine's clock.
        """
        offset = float(arrival_ns - hardware_ns)
        if self._offset_ns is not None:
            offset = min(offset, self._offset_ns + DRIFT * (hardware_ns - self._last_ns))
        self._offset_ns, self._last_ns = offset, hardware_ns
        return hardware_ns + round(offset)
