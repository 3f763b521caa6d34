"""The two messages of FRI 1.x: what the controller measures, and what the client commands.

Field numbers and identifiers are those of the FRI client SDK 1.15; one datagram is one bare message. Both sides
are here, since the emulator is the other one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from h2s2r_drivers.errors import ProtocolError
from h2s2r_drivers.fri.wire import DOUBLE, DOUBLES, Field, Table, decode, encode

JOINTS = 7
MONITORING_ID, COMMAND_ID = 0x245142, 0x34001
LARGEST_DATAGRAM = 1500
"""Bytes; the SDK's own buffer. A longer datagram is no message."""
_LARGEST_ANGLE_RAD, _LARGEST_TORQUE_NM = 100.0, 10_000.0
"""Nothing of a robot is larger; a number beyond is damage."""

Joints = tuple[float, ...]


class SessionState(IntEnum):
    """Where the controller says the session is."""

    IDLE = 0
    MONITORING_WAIT = 1
    MONITORING_READY = 2
    COMMANDING_WAIT = 3
    COMMANDING_ACTIVE = 4


class Quality(IntEnum):
    """How well the client answers, as the controller sees it; commanding needs GOOD."""

    POOR = 0
    FAIR = 1
    GOOD = 2
    EXCELLENT = 3


class SafetyState(IntEnum):
    """Whether the controller stops the robot, and how."""

    NORMAL = 0
    STOP0 = 1
    STOP1 = 2
    STOP2 = 3


class ControlMode(IntEnum):
    """How the controller holds the joints."""

    POSITION = 0
    CARTESIAN_IMPEDANCE = 1
    JOINT_IMPEDANCE = 2
    NONE = 3


class CommandMode(IntEnum):
    """What the controller's application lets the client command."""

    NONE = 0
    POSITION = 1
    WRENCH = 2
    TORQUE = 3


@dataclass(frozen=True)
class MonitoringMessage:
    """Controller to client, once in each send period. Joint vectors are in the order A1 to A7.

    Attributes:
        sequence: The controller's counter.
        reflected: The last counter of the client that the controller saw; 0 before the first.
        session_state: See `SessionState`.
        quality: See `Quality`.
        send_period_s: Time from message to message.
        receive_multiplier: The client answers every so manieth message.
        safety_state: See `SafetyState`.
        control_mode: See `ControlMode`.
        command_mode: See `CommandMode`.
        measured_position: [rad].
        measured_torque: [Nm].
        commanded_position: What the controller last took as command [rad].
        commanded_torque: [Nm].
        external_torque: The controller's estimate [Nm].
        interpolated_position: What the controller's own interpolator asks for [rad]; to be mirrored while waiting.
        stamp_ns: The controller's clock.
        tracking_performance: 0 to 1.
    """

    sequence: int
    reflected: int
    session_state: SessionState
    quality: Quality
    send_period_s: float
    receive_multiplier: int
    safety_state: SafetyState
    control_mode: ControlMode
    command_mode: CommandMode
    measured_position: Joints
    measured_torque: Joints
    commanded_position: Joints
    commanded_torque: Joints
    external_torque: Joints
    interpolated_position: Joints | None
    stamp_ns: int
    tracking_performance: float = 0.0


@dataclass(frozen=True)
class CommandMessage:
    """Client to controller.

    Attributes:
        sequence: The client's counter.
        reflected: The controller's counter that this answers.
        joint_position: `(7,)` [rad]; None while nothing is commanded.
        joint_torque: `(7,)` overlay [Nm], in joint impedance with command mode TORQUE only.
    """

    sequence: int
    reflected: int
    joint_position: Joints | None
    joint_torque: Joints | None = None


_JOINT_VALUES = DOUBLES
_HEADER: Table = {
    1: Field("messageIdentifier", required=True),
    2: Field("sequenceCounter", required=True),
    3: Field("reflectedSequenceCounter", required=True),
}
_TIME: Table = {1: Field("sec", required=True), 2: Field("nanosec", required=True, largest=999_999_999)}
MONITORING_TABLE: Table = {
    1: Field("header", message=_HEADER, required=True),
    2: Field(
        "robotInfo",
        message={
            1: Field("numberOfJoints"),
            2: Field("safetyState", largest=3),
            5: Field("driveState", repeated=True, largest=JOINTS),
            6: Field("operationMode"),
            7: Field("controlMode", largest=3),
        },
    ),
    3: Field(
        "monitorData",
        message={
            1: Field("measuredJointPosition", message=_JOINT_VALUES),
            2: Field("measuredTorque", message=_JOINT_VALUES),
            3: Field("commandedJointPosition", message=_JOINT_VALUES),
            4: Field("commandedTorque", message=_JOINT_VALUES),
            5: Field("externalTorque", message=_JOINT_VALUES),
            15: Field("timestamp", message=_TIME),
        },
    ),
    4: Field(
        "connectionInfo",
        message={
            1: Field("sessionState", required=True, largest=4),
            2: Field("quality", required=True, largest=3),
            3: Field("sendPeriod"),
            4: Field("receiveMultiplier"),
        },
    ),
    5: Field(
        "ipoData",
        message={
            1: Field("jointPosition", message=_JOINT_VALUES),
            10: Field("clientCommandMode", largest=3),
            11: Field("overlayType", largest=2),
            12: Field("trackingPerformance", DOUBLE),
        },
    ),
}
COMMAND_TABLE: Table = {
    1: Field("header", message=_HEADER, required=True),
    2: Field(
        "commandData",
        message={
            1: Field("jointPosition", message=_JOINT_VALUES),
            2: Field("cartesianWrenchFeedForward", message=_JOINT_VALUES),
            3: Field("jointTorque", message=_JOINT_VALUES),
        },
    ),
}


def decode_monitoring(data: bytes) -> MonitoringMessage:
    """What the controller sent.

    Raises:
        ProtocolError: These bytes are no monitoring message of a robot with seven joints.
    """
    values = _decoded(data, MONITORING_TABLE, MONITORING_ID)
    header, info = values["header"], values.get("robotInfo", {})
    monitor, connection, ipo = (values.get(name, {}) for name in ("monitorData", "connectionInfo", "ipoData"))
    if not connection or not monitor:
        raise ProtocolError("no connectionInfo or no monitorData")
    time = monitor.get("timestamp", {"sec": 0, "nanosec": 0})
    state = _known(SessionState, connection["sessionState"])
    interpolated = ipo.get("jointPosition")
    return MonitoringMessage(
        sequence=header["sequenceCounter"],
        reflected=header["reflectedSequenceCounter"],
        session_state=state,
        quality=_known(Quality, connection["quality"]),
        send_period_s=1e-3 * _between(connection.get("sendPeriod", 0), 1, 100, "sendPeriod"),
        receive_multiplier=_between(connection.get("receiveMultiplier", 1), 1, 100, "receiveMultiplier"),
        safety_state=_known(SafetyState, info.get("safetyState", 0)),
        control_mode=_known(ControlMode, info.get("controlMode", ControlMode.NONE)),
        command_mode=_known(CommandMode, ipo.get("clientCommandMode", 0)),
        measured_position=_joints(monitor, "measuredJointPosition", _LARGEST_ANGLE_RAD),
        measured_torque=_joints(monitor, "measuredTorque", _LARGEST_TORQUE_NM),
        commanded_position=_joints(monitor, "commandedJointPosition", _LARGEST_ANGLE_RAD),
        commanded_torque=_joints(monitor, "commandedTorque", _LARGEST_TORQUE_NM),
        external_torque=_joints(monitor, "externalTorque", _LARGEST_TORQUE_NM),
        interpolated_position=None if interpolated is None else _joints(ipo, "jointPosition", _LARGEST_ANGLE_RAD),
        stamp_ns=time["sec"] * 1_000_000_000 + time["nanosec"],
        tracking_performance=float(ipo.get("trackingPerformance", 0.0)),
    )


def encode_monitoring(message: MonitoringMessage) -> bytes:
    """What the controller sends."""
    return encode(
        {
            "header": _header(MONITORING_ID, message.sequence, message.reflected),
            "robotInfo": {
                "numberOfJoints": JOINTS,
                "safetyState": message.safety_state,
                "driveState": [2] * JOINTS,  # ACTIVE
                "operationMode": 2,  # AUT
                "controlMode": message.control_mode,
            },
            "monitorData": {
                "measuredJointPosition": message.measured_position,
                "measuredTorque": message.measured_torque,
                "commandedJointPosition": message.commanded_position,
                "commandedTorque": message.commanded_torque,
                "externalTorque": message.external_torque,
                "timestamp": {
                    "sec": message.stamp_ns // 1_000_000_000,
                    "nanosec": message.stamp_ns % 1_000_000_000,
                },
            },
            "connectionInfo": {
                "sessionState": message.session_state,
                "quality": message.quality,
                "sendPeriod": round(1e3 * message.send_period_s),
                "receiveMultiplier": message.receive_multiplier,
            },
            "ipoData": {
                "jointPosition": message.interpolated_position,
                "clientCommandMode": message.command_mode,
                "overlayType": 1 if message.command_mode else 0,  # JOINT
                "trackingPerformance": message.tracking_performance,
            },
        },
        MONITORING_TABLE,
    )


def decode_command(data: bytes) -> CommandMessage:
    """What the client sent.

    Raises:
        ProtocolError: These bytes are no command message.
    """
    values = _decoded(data, COMMAND_TABLE, COMMAND_ID)
    header, command = values["header"], values.get("commandData", {})
    return CommandMessage(
        header["sequenceCounter"],
        header["reflectedSequenceCounter"],
        _joints(command, "jointPosition", _LARGEST_ANGLE_RAD) if "jointPosition" in command else None,
        _joints(command, "jointTorque", _LARGEST_TORQUE_NM) if "jointTorque" in command else None,
    )


def encode_command(message: CommandMessage) -> bytes:
    """What the client sends."""
    commanded = message.joint_position is not None or message.joint_torque is not None
    data = {"jointPosition": message.joint_position, "jointTorque": message.joint_torque}
    return encode(
        {
            "header": _header(COMMAND_ID, message.sequence, message.reflected),
            "commandData": data if commanded else None,
        },
        COMMAND_TABLE,
    )


def _decoded(data: bytes, table: Table, identifier: int) -> dict[str, Any]:
    if not 0 < len(data) <= LARGEST_DATAGRAM:
        raise ProtocolError(f"datagram of {len(data)} bytes, expected 1 to {LARGEST_DATAGRAM}")
    values = decode(data, table)
    found = values["header"]["messageIdentifier"]
    if found != identifier:
        raise ProtocolError(f"message identifier {found:#x}, expected {identifier:#x}")
    return values


def _header(identifier: int, sequence: int, reflected: int) -> dict[str, int]:
    return {"messageIdentifier": identifier, "sequenceCounter": sequence, "reflectedSequenceCounter": reflected}


def _joints(values: dict[str, Any], name: str, largest: float) -> Joints:
    joints: Joints = values.get(name, ())
    if len(joints) != JOINTS:
        raise ProtocolError(f"{name} has {len(joints)} joints, expected {JOINTS}")
    # Written so that a NaN fails.
    if not (-largest <= min(joints) and max(joints) <= largest and math.isfinite(sum(joints))):
        raise ProtocolError(f"{name} is {joints}, expected finite numbers up to {largest:g}")
    return joints


_Enum = TypeVar("_Enum", bound=IntEnum)


def _known(kind: type[_Enum], value: int) -> _Enum:
    try:
        return kind(value)
    except ValueError:
        raise ProtocolError(f"{kind.__name__} {value} is not known") from None


def _between(value: int, lowest: int, largest: int, name: str) -> int:
    if not lowest <= value <= largest:
        raise ProtocolError(f"{name} is {value}, expected {lowest} to {largest}")
    return value
