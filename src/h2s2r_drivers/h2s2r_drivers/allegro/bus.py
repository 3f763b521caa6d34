"""The CAN bus, through python-can: `socketcan` on a robot, `udp_multicast` between processes, `virtual` within one."""

from __future__ import annotations

import contextlib
import socket
from typing import Any, Protocol

from h2s2r_drivers.allegro.frames import Frame
from h2s2r_drivers.errors import DriverError, HardwareFaultError

_MULTICAST_PORT = 43113
_BITRATE = 1_000_000


class Bus(Protocol):
    """What the driver and the emulated hand need of a bus."""

    def send(self, frame: Frame) -> None:
        """Put one frame on the bus; raises HardwareFaultError when the bus does not take it."""

    def receive(self, timeout_s: float) -> Frame | None:
        """The next frame, or None; raises HardwareFaultError when the bus is off."""

    def close(self) -> None:
        """Give the bus back."""


class CanBus:
    """A python-can bus; remembers nothing else.

    Args:
        bus: The opened bus.
    """

    def __init__(self, bus: Any) -> None:
        import can

        self._can, self._bus = can, bus

    def send(self, frame: Frame) -> None:
        """Put one frame on the bus."""
        message = self._can.Message(
            arbitration_id=frame.message << 2,
            data=frame.data,
            is_remote_frame=frame.remote,
            is_extended_id=False,
            check=False,
        )
        try:
            self._bus.send(message, timeout=0.005)
        except self._can.CanError as error:
            raise HardwareFaultError(f"CAN bus does not take frames: {error}") from None

    def receive(self, timeout_s: float) -> Frame | None:
        """The next frame of the hand, or None."""
        try:
            message = self._bus.recv(timeout_s)
        except self._can.CanError as error:
            raise HardwareFaultError(f"CAN bus: {error}") from None
        if message is None:
            return None
        if message.is_error_frame:
            raise HardwareFaultError("CAN bus: error frame; is the hand powered and the bus terminated?")
        if message.is_extended_id or message.arbitration_id & 3:
            return None  # another device
        return Frame(message.arbitration_id >> 2, bytes(message.data), message.is_remote_frame)

    def close(self) -> None:
        """Give the bus back."""
        with contextlib.suppress(Exception):  # a bus that is gone cannot be closed either
            self._bus.shutdown()


def open_bus(interface: str, channel: str) -> CanBus:
    """Open a CAN bus.

    Args:
        interface: `socketcan`, `udp_multicast`, `virtual`, or any other of python-can.
        channel: `can0`; a multicast group, with `:port` if it is not the usual one; or a name.

    Raises:
        DriverError: python-can is not installed, or the bus cannot be opened.
    """
    try:
        import can
    except ImportError:
        raise DriverError("python-can is missing: pip install python-can==4.6.1 msgpack") from None
    try:
        if interface == "udp_multicast":
            return CanBus(_loopback_multicast(can, channel))
        return CanBus(can.Bus(interface=interface, channel=channel, bitrate=_BITRATE))
    except (can.CanError, OSError, ValueError) as error:
        remedy = f"; ip link set {channel} up type can bitrate {_BITRATE}" if interface == "socketcan" else ""
        raise DriverError(f"CAN bus {interface}:{channel} cannot be opened: {error}{remedy}") from None


def _loopback_multicast(can: Any, channel: str) -> Any:
    # An emulated bus is for the processes of one machine: frames of motors have no business on a network.
    group, _, port = channel.partition(":")
    bus = can.Bus(interface="udp_multicast", channel=group, port=int(port or _MULTICAST_PORT), hop_limit=0, fd=False)
    raw: socket.socket = bus._multicast._socket
    loopback = socket.inet_aton("127.0.0.1")
    raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
    raw.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + loopback)
    return bus
