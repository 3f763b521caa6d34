"""The hand's CAN 2.0A frames: identifiers, and what their bytes mean. Integers are int16, little endian.

The arbitration identifier is the message number times four; its two lowest bits are the device, always 0. A remote
frame asks for a message, the hand answers with a data frame of the same identifier.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from h2s2r_drivers.errors import ProtocolError

FINGERS = JOINTS_PER_FINGER = 4
SYSTEM_ON, SYSTEM_OFF = 0x40, 0x41
SET_TORQUE, SET_PERIOD = 0x60, 0x81
POSE, TEMPERATURE = 0x20, 0x38
HAND_INFO, SERIAL = 0x80, 0x88
FAULT = 0xEE
"""Of the V5."""
_FOUR = struct.Struct("<4h")
_THREE = struct.Struct("<3h")


class Frame(NamedTuple):
    """One frame of the bus.

    Attributes:
        message: The arbitration identifier without the device bits.
        data: Up to eight bytes.
        remote: Whether it asks for this message.
    """

    message: int
    data: bytes = b""
    remote: bool = False


@dataclass(frozen=True)
class HandInfo:
    """What the hand says of itself.

    Attributes:
        hardware: Version.
        firmware: Version.
        is_right: Whether it is a right hand; of the V4, the V5 says so in its serial number.
        temperature_c: Of the board [deg C].
        servo_on: Whether torques act.
        is_hot: The hand's own alarm.
        communication_fault: The hand misses something from a motor.
    """

    hardware: int
    firmware: int
    is_right: bool
    temperature_c: int
    servo_on: bool
    is_hot: bool
    communication_fault: bool


def torque_frame(finger: int, values: tuple[int, ...]) -> Frame:
    """Torques of one finger in the hand's own unit."""
    return Frame(SET_TORQUE + finger, _FOUR.pack(*values))


def pose_frame(finger: int, counts: tuple[int, ...]) -> Frame:
    """Encoder counts of one finger."""
    return Frame(POSE + finger, _FOUR.pack(*counts))


def temperature_frame(finger: int, celsius: tuple[int, ...]) -> Frame:
    """Motor temperatures of one finger [deg C]."""
    return Frame(TEMPERATURE + finger, _FOUR.pack(*celsius))


def period_frame(pose_ms: int, imu_ms: int, temperature_ms: int) -> Frame:
    """How often the hand sends poses, inertial measurements and temperatures; 0: never."""
    return Frame(SET_PERIOD, _THREE.pack(pose_ms, imu_ms, temperature_ms))


def four(frame: Frame) -> tuple[int, int, int, int]:
    """The four numbers of a finger.

    Raises:
        ProtocolError: The frame has another length.
    """
    return _unpack(_FOUR, frame)


def periods(frame: Frame) -> tuple[int, int, int]:
    """The inverse of `period_frame`.

    Raises:
        ProtocolError: The frame has another length.
    """
    return _unpack(_THREE, frame)


def info_frame(info: HandInfo) -> Frame:
    """The answer to a remote frame HAND_INFO."""
    status = info.servo_on | info.is_hot << 1 | info.communication_fault << 2
    head = struct.pack("<HH", info.hardware, info.firmware)
    return Frame(HAND_INFO, head + bytes([0 if info.is_right else 1, info.temperature_c & 0xFF, status, 0]))


def hand_info(frame: Frame) -> HandInfo:
    """The inverse of `info_frame`.

    Raises:
        ProtocolError: The frame is too short.
    """
    if len(frame.data) < 7:
        raise ProtocolError(f"hand info of {len(frame.data)} bytes, expected 7 or 8")
    hardware, firmware, side, celsius, status = struct.unpack_from("<HHBbB", frame.data)
    return HandInfo(hardware, firmware, side == 0, celsius, bool(status & 1), bool(status & 2), bool(status & 4))


def _unpack(layout: struct.Struct, frame: Frame) -> tuple:
    if len(frame.data) != layout.size:
        raise ProtocolError(f"frame {frame.message:#x} of {len(frame.data)} bytes, expected {layout.size}")
    return layout.unpack(frame.data)
