"""The client's side of an FRI session: which datagrams belong to it, which of them are answered, and with what.

The controller speaks first and says in every message where the session is. IDLE is not answered; while monitoring,
the commanded position is echoed; while the controller waits for commanding, its own interpolator is mirrored; while
commanding is active, the `Commander` says where to go. Nothing here touches a socket or a clock.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from h2s2r_drivers.errors import ProtocolError
from h2s2r_drivers.fri.messages import (
    CommandMessage,
    Joints,
    MonitoringMessage,
    SessionState,
    decode_monitoring,
    encode_command,
)

_LARGEST_GAP = 200
"""Counters that lie further apart than this, one second of the slowest usual cycle, are of another session."""
_NEW_SESSION_AFTER_S = 0.5
"""A controller that restarts counts from zero; that is believed once the session so far has been silent this long."""
_COUNTER = 0xFFFFFFFF


class Commander(Protocol):
    """Who moves the robot."""

    def monitor(self, message: MonitoringMessage, cycles: int) -> None:
        """A message of the session, so many send periods after the one before; called before any answer."""

    def wait(self, message: MonitoringMessage) -> Joints:
        """The position to send while the controller waits: its own interpolator's."""

    def command(self, message: MonitoringMessage) -> tuple[Joints, Joints | None]:
        """Joint position [rad] and torque overlay [Nm] to send now."""


class ClientSession:
    """Remembers the last accepted message, both counters, and how often which kind of datagram was refused.

    Args:
        commander: Who moves the robot.
    """

    def __init__(self, commander: Commander) -> None:
        self.refused: Counter[str] = Counter()
        """Why datagrams were not taken -> how often."""
        self._commander = commander
        self._last: MonitoringMessage | None = None
        self._heard_s = 0.0
        self._sent = 0
        self._reflected_seen = False
        self._unanswered = 0

    @property
    def last(self) -> MonitoringMessage | None:
        """The newest message of the session."""
        return self._last

    @property
    def state(self) -> SessionState:
        """Where the session is; IDLE without one."""
        return SessionState.IDLE if self._last is None else self._last.session_state

    def receive(self, data: bytes, now_s: float) -> bytes | None:
        """One datagram of the configured controller; returns the answer, if one is due.

        Raises:
            ProtocolError: It is no message, or none of this session; counted in `refused`, nothing else changes.
        """
        try:
            message = decode_monitoring(data)
            cycles = self._check_counters(message, now_s)
        except ProtocolError as error:
            self.refused[_kind(error)] += 1
            raise
        self._last, self._heard_s = message, now_s
        self._commander.monitor(message, cycles)
        if message.session_state is SessionState.IDLE:
            self._unanswered = 0
            return None
        self._unanswered += 1
        if self._unanswered < message.receive_multiplier:
            return None
        self._unanswered = 0
        return encode_command(self._answer(message))

    def lose(self) -> None:
        """The controller has fallen silent: what comes next may be a new session."""
        self._last = None

    def _answer(self, message: MonitoringMessage) -> CommandMessage:
        torque: Joints | None = None
        if message.session_state is SessionState.COMMANDING_ACTIVE:
            position, torque = self._commander.command(message)
        elif message.session_state is SessionState.COMMANDING_WAIT:
            position = self._commander.wait(message)
        else:
            position = message.commanded_position
        self._sent = (self._sent + 1) & _COUNTER
        return CommandMessage(self._sent, message.sequence, position, torque)

    def _check_counters(self, message: MonitoringMessage, now_s: float) -> int:
        last = self._last
        if last is None:
            return self._begin(message)
        ahead = (message.sequence - last.sequence) & _COUNTER
        if ahead == 0:
            raise ProtocolError("duplicate")
        behind = (last.sequence - message.sequence) & _COUNTER
        fits = ahead <= _LARGEST_GAP and self._reflects_us(message)
        if fits:
            return ahead
        if now_s - self._heard_s > _NEW_SESSION_AFTER_S and message.session_state <= SessionState.MONITORING_READY:
            return self._begin(message)
        raise ProtocolError("late" if behind <= _LARGEST_GAP else "another session")

    def _begin(self, message: MonitoringMessage) -> int:
        self._reflected_seen, self._unanswered = False, 0
        # It may have reflected us before we lost it; a counter of ours that it knows is continued.
        self._sent = message.reflected
        return 1

    def _reflects_us(self, message: MonitoringMessage) -> bool:
        if message.reflected == 0 and not self._reflected_seen:
            return True
        recent = (self._sent - message.reflected) & _COUNTER <= _LARGEST_GAP
        self._reflected_seen = self._reflected_seen or (recent and message.reflected > 0)
        return recent


def _kind(error: ProtocolError) -> str:
    text = str(error)
    return text if text in ("duplicate", "late", "another session") else "malformed"
