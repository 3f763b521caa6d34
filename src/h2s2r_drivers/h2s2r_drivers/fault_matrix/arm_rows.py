"""Faults of FRI and of the targets behind it, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.fault_matrix.row import LATEST_CYCLES, Array, Row, keeps_limits, stopping
from h2s2r_drivers.fri.driver import IiwaDriver
from h2s2r_drivers.fri.emulator.controller import HOME, EmulatedController
from h2s2r_drivers.fri.emulator.network import NetworkFaults
from h2s2r_drivers.fri.emulator.virtual_link import VirtualLink
from h2s2r_drivers.fri.messages import SessionState
from h2s2r_drivers.fri.robot import LIMITS
from h2s2r_drivers.fri.session import ClientSession

Target = Callable[[float, int], tuple[int, Array] | None]
"""Seconds since the first target and the joint state's stamp -> stamp and position of a target, or none."""

_PERIOD_S = 0.005
_SILENT_S = 0.1
_BEFORE_S, _AFTER_S = 1.6, 1.5


def sway(t: float, stamp_ns: int) -> tuple[int, Array]:
    """A motion within the limits."""
    return stamp_ns, HOME - 0.4 * (1.0 - np.cos(1.8 * t))


class ArmCell:
    """A moving arm; remembers what was sent and followed, and when the driver found something wrong."""

    def __init__(self, seed: int) -> None:
        self.audit = AuditLog(None, "iiwa")
        self.driver = IiwaDriver(self.audit)
        self.session = ClientSession(self.driver)
        self.controller = EmulatedController()
        self.link = VirtualLink(self.session, self.controller, seed=seed)
        self.target: Target = sway
        self.sent: dict[int, Array] = {}
        """What the driver sent, by the stamp of its cycle."""
        self.commands: list[Array] = []
        """What the controller followed, for each cycle."""
        self.detected: int | None = None
        self._from_ns: int | None = None
        self._answered_ns: int | None = None
        self._silent_s = 0.0
        self._sequence: int | None = None
        self.controller.request_commanding()

    def run(self, seconds: float) -> None:
        """So much virtual time."""
        self.link.run(seconds, self._each_cycle)

    def _each_cycle(self) -> None:
        self.commands.append(self.controller.commanded)
        command, active = self.driver.path.command, self.session.state is SessionState.COMMANDING_ACTIVE
        if command is not None and active and self.driver.state is not None:
            self.sent.setdefault(self.driver.state.stamp_ns, command)
        if self.detected is None and self.audit.interventions:
            self.detected = len(self.commands) - 1
        self._notice_silence()
        state = self.driver.state
        if len(self.commands) % 3 or state is None or state.stamp_ns == self._answered_ns:
            return
        self._answered_ns = state.stamp_ns
        if self.driver.is_commanding:
            self._from_ns = state.stamp_ns if self._from_ns is None else self._from_ns
            target = self.target((state.stamp_ns - self._from_ns) * 1e-9, state.stamp_ns)
            if target is not None:
                self.driver.pursue(*target)

    def _notice_silence(self) -> None:
        # As the client's thread does on a real socket.
        last = self.session.last
        sequence = None if last is None else last.sequence
        self._silent_s = 0.0 if sequence != self._sequence or last is None else self._silent_s + _PERIOD_S
        self._sequence = sequence
        if self._silent_s > _SILENT_S:
            self.session.lose()
            self.driver.lose()


def rows(step: int = 1) -> list[Row]:
    """All of them, or every so manieth; each begins with an arm that moves."""
    other = EmulatedController()
    rng = np.random.default_rng(5)
    harmless, stops = partial(partial, _ignored), partial(partial, _stopped)
    cases: list[Callable[[], Row]] = [
        stops("FRI quality drops (35 % loss)", _network(loss=0.35)),
        stops("FRI packets late (6 ms)", _network(delay_s=0.006)),
        harmless("FRI packets duplicated (half of them)", _network(duplication=0.5), "duplicate"),
        harmless("FRI packets reordered (2 %)", _network(reordering=0.02), "late"),
        harmless("FRI packets truncated (2 %)", _network(truncation=0.02), "malformed"),
        harmless("FRI packets of another session", _extra(other.send), "another session", "late"),
        harmless("random bytes", _extra(lambda: rng.bytes(int(rng.integers(1, 1600)))), "malformed"),
        stops("controller silent", _silence),
        stops("safety stop of the controller", _safety_stop),
        stops("targets stale", _targets(lambda t, stamp_ns: None)),
        stops("targets NaN", _targets(lambda t, stamp_ns: (stamp_ns, np.full(7, np.nan)))),
        stops("targets jump by 0.3 rad", _targets(lambda t, stamp_ns: (stamp_ns, sway(t, stamp_ns)[1] + 0.3))),
        stops("stamps of targets step back", _targets(lambda t, stamp_ns: (stamp_ns - 50_000_000, sway(t, 0)[1]))),
        stops("targets of another clock", _targets(lambda t, stamp_ns: (stamp_ns + 10**12, sway(t, 0)[1]))),
        stops("the arm is stuck", _stuck, after_s=3.5),
    ]
    return [case() for case in cases[::step]]


def _stopped(injected: str, inject: Callable[[ArmCell], None], after_s: float = _AFTER_S) -> Row:
    cell = _moving()
    inject(cell)
    cell.run(after_s)
    in_limits = keeps_limits(cell.sent, LIMITS)
    latched = cell.driver.path.latched
    if latched is None or cell.detected is None:
        return Row(injected, "nothing was noticed", None, None, in_limits, False)
    braking, standing_ms = stopping(cell.commands, cell.detected, _PERIOD_S)
    ended = f"; controller: {cell.controller.left_commanding[0]}" if cell.controller.left_commanding else ""
    held = in_limits and braking <= LATEST_CYCLES and standing_ms < 1000.0
    return Row(injected, f"latched: {latched.limit}{ended}", braking, standing_ms, in_limits, held)


def _ignored(injected: str, inject: Callable[[ArmCell], None], *kinds: str) -> Row:
    cell = _moving()
    inject(cell)
    cell.run(_AFTER_S)
    in_limits = keeps_limits(cell.sent, LIMITS)
    count = sum(cell.session.refused[kind] for kind in kinds)
    undisturbed = cell.driver.is_commanding and not cell.audit.interventions and cell.controller.tripped is None
    state = "goes on" if undisturbed else f"stopped: {cell.driver.path.latched}, {cell.controller.left_commanding}"
    return Row(injected, f"{count} refused; {state}", None, None, in_limits, undisturbed and in_limits and count > 0)


def _moving() -> ArmCell:
    cell = ArmCell(seed=11)
    cell.run(_BEFORE_S)
    assert cell.session.state is SessionState.COMMANDING_ACTIVE
    assert not cell.driver.path.is_standing
    return cell


def _network(**faults: float) -> Callable[[ArmCell], None]:
    def inject(cell: ArmCell) -> None:
        cell.link.outward.faults = cell.link.homeward.faults = NetworkFaults(**faults)

    return inject


def _extra(make: Callable[[], bytes]) -> Callable[[ArmCell], None]:
    def inject(cell: ArmCell) -> None:
        cell.link.tamper = lambda data: [make(), data, make()]

    return inject


def _targets(target: Target) -> Callable[[ArmCell], None]:
    def inject(cell: ArmCell) -> None:
        cell.target = target

    return inject


def _silence(cell: ArmCell) -> None:
    cell.link.tamper = lambda data: []


def _safety_stop(cell: ArmCell) -> None:
    cell.controller.tripped = "emergency stop"


def _stuck(cell: ArmCell) -> None:
    stuck = cell.controller.joints.state()

    class Stuck:
        def state(self) -> tuple[Array, Array]:
            return stuck

        def servo(self, command: Array, torque: Array, elapsed_s: float) -> None:
            pass

        def drive(self, torque: Array, elapsed_s: float) -> None:
            pass

    cell.controller.joints = Stuck()
