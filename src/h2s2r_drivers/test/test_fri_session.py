"""A session over the emulated wire: who answers what when, and what ends it. All in virtual time."""

import numpy as np
import pytest

from h2s2r_drivers.actuators import Actuators
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.errors import ProtocolError
from h2s2r_drivers.fri import messages
from h2s2r_drivers.fri.driver import IiwaConfiguration, IiwaDriver
from h2s2r_drivers.fri.emulator.controller import HOME, ControllerConfiguration, EmulatedController
from h2s2r_drivers.fri.emulator.network import NetworkFaults
from h2s2r_drivers.fri.emulator.virtual_link import VirtualLink
from h2s2r_drivers.fri.messages import CommandMode, ControlMode, Quality, SessionState
from h2s2r_drivers.fri.robot import LIMITS
from h2s2r_drivers.fri.session import ClientSession


class Cell:
    """Driver, wire and controller."""

    def __init__(self, faults=None, joints=None, mode=CommandMode.POSITION, period_s=0.005, **controller):
        self.audit = AuditLog(None, "iiwa")
        self.driver = IiwaDriver(self.audit, IiwaConfiguration(mode=mode, period_s=period_s))
        self.session = ClientSession(self.driver)
        self.controller = EmulatedController(ControllerConfiguration(**controller), joints)
        self.link = VirtualLink(self.session, self.controller, faults, seed=3)
        self.cycles, self.from_ns, self.answered_ns = 0, None, None
        self.commanded = []

    def run(self, seconds, target=None):
        """`target(t)` answers every third joint state that comes through, `t` counted from the first."""

        def every():
            self.cycles += 1
            self.commanded.append(self.controller.commanded)
            if target is None or self.cycles % 3 or not self.driver.is_commanding:
                return
            stamp_ns = self.driver.state.stamp_ns
            self.from_ns = stamp_ns if self.from_ns is None else self.from_ns
            if stamp_ns != self.answered_ns:
                self.answered_ns = stamp_ns
                self.driver.pursue(stamp_ns, target((stamp_ns - self.from_ns) * 1e-9))

        self.link.run(seconds, every)

    def begin(self):
        self.controller.request_commanding()
        self.run(1.2)
        return self


def swing(t):
    return HOME + 0.2 * (1.0 - np.cos(2.0 * t))


def test_the_session_goes_through_its_states_and_mirrors_while_the_controller_waits():
    cell = Cell()
    cell.run(0.1)
    assert cell.session.state is SessionState.MONITORING_WAIT
    cell.run(0.6)
    assert cell.session.state is SessionState.MONITORING_READY
    assert cell.controller.quality is Quality.EXCELLENT
    cell.controller.request_commanding()
    cell.run(0.1)
    assert cell.session.state is SessionState.COMMANDING_WAIT
    cell.run(0.2)
    assert cell.session.state is SessionState.COMMANDING_ACTIVE
    assert cell.controller.tripped is None
    np.testing.assert_allclose(cell.controller.commanded, HOME, atol=1e-12)


def test_the_arm_follows_its_targets_within_the_limits_of_a_guard_at_the_wire():
    cell = Cell().begin()
    cell.run(4.0, swing)
    assert cell.audit.interventions == []
    assert cell.controller.tripped is None
    commanded = np.array(cell.commanded)
    assert (np.abs(np.diff(commanded, axis=0) / 0.005) <= LIMITS.velocity * 1.01).all()
    assert (np.abs(np.diff(commanded, n=2, axis=0) / 0.005**2) <= LIMITS.acceleration * 1.02).all()
    assert np.ptp(commanded, axis=0).min() > 0.3
    np.testing.assert_allclose(cell.driver.state.position, commanded[-1], atol=0.03)


@pytest.mark.parametrize("multiplier", [2, 3])
def test_only_every_receive_multiplieth_message_is_answered(multiplier):
    cell = Cell(send_period_s=0.002, receive_multiplier=multiplier, period_s=0.002 * multiplier).begin()
    cell.run(0.3)
    assert cell.controller.refused == 0, "no answer too many"
    assert cell.session.state is SessionState.COMMANDING_ACTIVE


def test_a_torque_overlay_reaches_the_joints_slowly_and_goes_when_nobody_asks():
    cell = Cell(
        mode=CommandMode.TORQUE, command_mode=CommandMode.TORQUE, control_mode=ControlMode.JOINT_IMPEDANCE
    ).begin()
    torques = []

    def push(seconds, wanted):
        for _ in range(round(seconds / 0.005)):
            if wanted is not None:
                cell.driver.overlay.pursue(wanted)
            cell.run(0.005)
            torques.append(cell.controller._torque[0])

    push(1.0, np.full(7, 500.0))
    assert torques[-1] == pytest.approx(32.0)
    assert np.abs(np.diff(torques)).max() <= 32.0 / 100 + 1e-9
    push(1.0, None)
    assert torques[-1] == 0.0
    assert cell.controller.tripped is None


def test_another_command_mode_than_configured_moves_nothing():
    cell = Cell(command_mode=CommandMode.TORQUE, control_mode=ControlMode.JOINT_IMPEDANCE).begin()
    cell.run(0.5, swing)
    assert cell.driver.path.latched.limit == "command mode"
    np.testing.assert_allclose(cell.controller.commanded, HOME, atol=1e-12)


def test_commanding_is_refused_while_answers_are_late():
    cell = Cell(NetworkFaults(delay_s=0.004))
    cell.controller.request_commanding()
    cell.run(2.0)
    assert cell.controller.quality is Quality.POOR
    assert cell.session.state is SessionState.MONITORING_WAIT


def test_a_bad_network_that_still_lets_answers_through_does_not_end_the_motion():
    cell = Cell(NetworkFaults(loss=0.01, duplication=0.05, reordering=0.01, jitter_s=2e-4)).begin()
    assert cell.session.state is SessionState.COMMANDING_ACTIVE
    cell.run(4.0, swing)
    assert cell.session.refused["duplicate"] > 10
    assert cell.session.refused["late"] > 0
    assert cell.controller.tripped is None
    assert cell.controller.left_commanding == []
    assert cell.audit.interventions == []


def test_when_the_network_gets_bad_the_session_ends_and_motion_resumes_only_after_a_person_says_so():
    cell = Cell().begin()
    cell.run(1.0, swing)
    cell.link.outward.faults = cell.link.homeward.faults = NetworkFaults(loss=0.3)
    cell.run(1.0, swing)
    assert cell.controller.left_commanding, "quality fell"
    assert cell.driver.path.latched is not None
    cell.link.outward.faults = cell.link.homeward.faults = NetworkFaults()
    cell.run(2.0, swing)
    assert cell.session.state is SessionState.COMMANDING_ACTIVE
    held = cell.controller.commanded
    cell.run(0.5, swing)
    np.testing.assert_array_equal(cell.controller.commanded, held)
    cell.driver.recover()
    cell.from_ns = None
    cell.run(1.0, lambda t: held + 0.1 * (1 - np.cos(2 * t)))
    assert np.abs(cell.controller.commanded - held).max() > 0.05
    assert cell.controller.tripped is None


@pytest.mark.parametrize("wrong", ["position", "velocity", "torque"])
def test_the_emulated_controller_trips_on_what_a_real_one_would_not_follow(wrong):
    cell = Cell(command_mode=CommandMode.TORQUE, control_mode=ControlMode.JOINT_IMPEDANCE, mode=CommandMode.TORQUE)
    cell.begin()
    position, torque = cell.controller.commanded, np.zeros(7)
    position[0] += {"position": 4.5, "velocity": 0.01, "torque": 0.0}[wrong]
    torque[0] = 400.0 if wrong == "torque" else 0.0
    monitoring = messages.decode_monitoring(cell.controller.send())
    answer = messages.CommandMessage(10**6, monitoring.sequence, tuple(position), tuple(torque))
    cell.controller.receive(messages.encode_command(answer))
    assert wrong in cell.controller.tripped
    assert messages.decode_monitoring(cell.controller.send()).session_state is SessionState.IDLE


def test_a_joint_that_is_overloaded_stops_the_arm():
    cell = Cell().begin()
    cell.run(0.5, swing)
    state = cell.controller.joints.state
    cell.controller.joints.state = lambda: (state()[0], np.array([0, 0, 0, 0, 0, 45.0, 0]))
    cell.run(0.5, swing)
    assert "torque of lbr_A6" in str(cell.driver.path.latched)
    assert cell.driver.path.is_standing


def test_leaving_brakes_first():
    cell = Cell().begin()
    cell.run(1.0, swing)
    assert not cell.driver.is_at_rest
    cell.driver.release()
    cell.run(0.5, swing)
    assert cell.driver.is_at_rest
    assert cell.audit.interventions == []
    assert (np.abs(np.diff(cell.commanded, n=2, axis=0) / 0.005**2) <= LIMITS.acceleration * 1.02).all()


def test_packets_of_another_session_are_refused_until_ours_is_silent():
    cell = Cell().begin()
    other = EmulatedController()
    for _ in range(3):
        with pytest.raises(ProtocolError, match=r"another session|late|duplicate"):
            cell.session.receive(other.send(), cell.link.now_s)
    assert cell.session.state is SessionState.COMMANDING_ACTIVE
    assert cell.session.receive(other.send(), cell.link.now_s + 0.6) is not None
    assert cell.session.state is SessionState.MONITORING_WAIT
    assert cell.driver.path.latched.limit == "connection quality"


def test_any_source_of_joints_may_stand_behind_the_wire():
    inner = Actuators(HOME, ControllerConfiguration().actuators, LIMITS.position_lower, LIMITS.position_upper)
    calls = []

    class Simulated:
        def state(self):
            return inner.state()

        def servo(self, command, torque, elapsed_s):
            calls.append(elapsed_s)
            inner.servo(command, torque, elapsed_s)

    cell = Cell(joints=Simulated()).begin()
    assert calls[0] == 0.005
    assert len(calls) == 240
    np.testing.assert_array_equal(cell.driver.state.position, inner.state()[0])
