"""Switches the hand off when its driver dies in a way that lets it do nothing: SIGKILL, a crash, no memory.

The hand keeps its last torques for as long as nobody says otherwise. This process does nothing but wait for the end
of a pipe whose other end only the driver holds; then it says SYSTEM_OFF. `python -m h2s2r_drivers.allegro.guardian`.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys

from h2s2r_drivers.allegro import frames
from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.frames import Frame
from h2s2r_drivers.errors import DriverError, HardwareFaultError

_READY = "guarding"


class Guardian:
    """Remembers the waiting process; one that lets go regularly finds the hand off already and says so again.

    Args:
        interface: Of the bus, one that crosses processes.
        channel: Of the bus.

    Raises:
        DriverError: The process cannot open the bus.
    """

    def __init__(self, interface: str, channel: str) -> None:
        command = [sys.executable, "-m", "h2s2r_drivers.allegro.guardian"]
        self._process = subprocess.Popen(
            [*command, "--interface", interface, "--channel", channel],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a signal to the driver's group must not take its guardian along
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != _READY:
            self.close()
            raise DriverError(f"the hand's guardian cannot open the CAN bus {interface}:{channel}")

    def close(self) -> None:
        """Let it end."""
        with contextlib.suppress(OSError):
            self._process.communicate(timeout=5.0)


def main() -> None:
    """Entry point of the waiting process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interface", required=True)
    parser.add_argument("--channel", required=True)
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        bus = open_bus(arguments.interface, arguments.channel)
    except DriverError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
    print(_READY, flush=True)
    sys.stdin.read()
    for frame in (Frame(frames.SYSTEM_OFF), frames.period_frame(0, 0, 0)):
        with contextlib.suppress(HardwareFaultError):
            bus.send(frame)
    bus.close()


if __name__ == "__main__":
    main()
