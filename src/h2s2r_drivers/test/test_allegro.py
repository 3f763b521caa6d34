"""The hand's driver against the emulated hand: conversions, PD, and servos that are off in every way it can end."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from h2s2r_drivers.allegro import frames
from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.driver import AllegroConfiguration, AllegroDriver
from h2s2r_drivers.allegro.emulator.hand import HOME, EmulatedHand
from h2s2r_drivers.allegro.emulator.server import HandServer
from h2s2r_drivers.allegro.emulator.virtual_link import VirtualHandLink
from h2s2r_drivers.allegro.frames import Frame
from h2s2r_drivers.allegro.gravity import GRAVITY_M_S2, gravity_torque, read_links
from h2s2r_drivers.allegro.loop import HandLoop
from h2s2r_drivers.allegro.models import LIMITS, MODELS, V4, V5, V5_TYPE_B
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.errors import DriverError, HardwareFaultError, ProtocolError


class Cell(VirtualHandLink):
    """Driver and hand on one virtual clock, with targets at 56 Hz."""

    def __init__(self, **configuration):
        super().__init__(AllegroConfiguration(**configuration))
        self.cycles, self.answered_ns, self.from_s = 0, None, None

    def run(self, seconds, target=None):
        super().run(seconds, lambda: self.aim(target))
        return self

    def aim(self, target):
        self.cycles += 1
        state = self.driver.state
        if target is not None and self.cycles % 6 == 0 and state.stamp_ns != self.answered_ns:
            self.answered_ns = state.stamp_ns
            self.from_s = self.now_s if self.from_s is None else self.from_s
            self.driver.pursue(state.stamp_ns, target(self.now_s - self.from_s))


def close(t):
    return HOME + 0.2 * (1 - np.cos(3 * t)) * (np.arange(16) % 4 > 0)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_conversions_are_their_own_inverse_and_keep_the_hands_limits(model):
    position = np.linspace(-1.5, 1.5, 16)
    np.testing.assert_allclose(model.position(model.counts(position)), position, atol=0.51 * model.radians_per_count)
    torque = np.full(16, 0.05)
    np.testing.assert_allclose(model.torque(model.torque_units(torque)), torque, atol=1e-3)
    assert (np.abs(model.torque_units(np.full(16, 99.0))) <= model.largest_torque).all()
    assert (model.torque_units(np.full(16, np.nan)) == 0).all()


def test_the_versions_differ_as_the_vendors_drivers_do():
    assert V4.position(np.full(16, 32768.0))[0] == pytest.approx(np.radians(333.3 / 2))
    assert V5.position(np.full(16, 1000.0))[0] == pytest.approx(np.radians(88.0))
    assert V4.torque_units(np.full(16, 0.1))[0] == 120
    assert V5.torque_units(np.full(16, 0.1))[0] == 143
    assert V5_TYPE_B.torque_units(np.full(16, 0.1))[[0, 1, 5, 9]].tolist() == [143, 72, 72, 72]
    assert V4.torque_units(np.full(16, 9.0))[12] == 525


def test_frames_are_the_vendors():
    assert frames.torque_frame(2, (1, -2, 300, -300)) == Frame(0x62, bytes.fromhex("0100feff2c01d4fe"))
    assert frames.period_frame(3, 0, 0) == Frame(0x81, bytes.fromhex("030000000000"))
    info = frames.HandInfo(0x0401, 0x0102, False, 41, True, False, True)
    assert frames.hand_info(frames.info_frame(info)) == info
    with pytest.raises(ProtocolError):
        frames.four(Frame(0x20, b"123"))


@pytest.mark.parametrize("model", [V4, V5])
def test_the_fingers_follow_their_targets_at_333_hz(model):
    cell = Cell(model=model).run(0.2)
    assert cell.hand.servo_on
    assert cell.driver.info.is_right
    cell.run(2.0, close)
    assert cell.audit.interventions == []
    wanted = close(cell.now_s - cell.from_s - cell.driver.path.configuration.interpolation.lag_s)
    assert np.abs(cell.driver.state.position - wanted).max() < 0.12  # [rad]: 3 Nm/rad against friction, no gravity
    assert cell.hand.answered_cycles == pytest.approx(2.2 * 333, abs=5)


def test_a_jump_or_a_nan_holds_the_hand_and_latches():
    for bad in (lambda t: HOME + 0.19 * (t > 0.3), lambda t: np.full(16, np.nan)):
        cell = Cell().run(0.2)
        cell.run(0.5, bad)
        assert cell.driver.path.latched is not None
        cell.run(0.5)
        assert cell.hand.servo_on, "a latched guard holds; only a fault of the hand lets go"
        assert np.abs(cell.driver.state.velocity).max() < 0.05
        cell.driver.recover()
        cell.run(0.1)
        assert cell.driver.path.latched is None


def break_(cell, fault):
    if fault == "finger":
        cell.hand.faults.silent_fingers = (2,)
    elif fault == "hot":
        cell.hand.faults.temperature_c = 80
    elif fault == "alarm":
        cell.hand.faults.is_hot = True
    elif fault == "silent":
        cell.hand.faults.silent = True


@pytest.mark.parametrize(("fault", "within_s"), [("finger", 0.009), ("hot", 0.51), ("alarm", 1.01), ("silent", 0.036)])
def test_every_fault_of_the_hand_switches_it_off(fault, within_s):
    cell = Cell().run(1.0, close)
    break_(cell, fault)
    begun_s = cell.now_s
    while cell.driver.fault is None and cell.now_s < begun_s + 3.0:
        cell.run(0.003, close)
    assert cell.now_s - begun_s <= within_s + 1e-9
    assert not cell.hand.servo_on or fault == "silent"
    assert len(cell.audit.interventions) == 1
    cell.driver.recover()
    cell.run(0.5, close)
    assert cell.driver.fault is not None, "a fault is not recovered by a service call"
    assert (cell.hand.torque == 0.0).all() or fault == "silent"


def test_a_hand_that_is_switched_on_after_its_driver_begins_all_the_same():
    cell = Cell()
    cell.hand.period_ms = 0  # it has heard nothing of what the driver said at first
    for _ in range(200):
        cell.exchange(cell.driver.wait(0.003))
    assert cell.run(0.1).hand.servo_on


def test_a_frame_that_is_lost_now_and_then_stops_nothing():
    cell = Cell().run(0.2)
    cell.hand.faults.loss = 0.002
    cell.run(2.0, close)
    assert cell.driver.incomplete > 0
    assert cell.driver.fault is None
    assert cell.audit.interventions == []


@pytest.mark.parametrize("way", ["context", "exception", "bus off"])
def test_the_loop_switches_the_servos_off_when_it_ends_by_whatever_way(way):
    hand = EmulatedHand()
    server = HandServer(hand, open_bus("virtual", f"hand-{way}"))
    thread = threading.Thread(target=server.run)
    thread.start()
    bus = open_bus("virtual", f"hand-{way}")
    # A starved machine must not look like a hand that is gone.
    patient = AllegroConfiguration(silent_after_s=10.0, incomplete_cycles=1000)
    loop = HandLoop(AllegroDriver(AuditLog(None, "allegro"), patient), bus, on_cycle=lambda: explode(way))
    try:
        loop.start()
        if way != "exception":
            wait_for(lambda: hand.servo_on and loop.report.cycles > 20)
        if way == "bus off":
            receive, bus.receive = bus.receive, fail
            wait_for(lambda: not loop.is_alive)
            assert isinstance(loop.error, HardwareFaultError)
            assert "bus" in loop.driver.fault
            bus.receive = receive
        if way != "context":
            wait_for(lambda: not loop.is_alive and not hand.servo_on)
    finally:
        loop.stop()
        wait_for(lambda: not hand.servo_on)
        server.stop()
        thread.join()
        server.close()


def explode(way):
    if way == "exception":
        raise RuntimeError("in the loop")


def fail(timeout_s):
    raise HardwareFaultError("CAN bus: off")


def wait_for(condition, limit_s=20.0):
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "did not come true"
        time.sleep(0.005)


def test_gravity_torque_is_the_slope_of_the_height():
    urdf = Path(__file__).parents[2] / "h2s2r_retarget/h2s2r_retarget/embodiments/iiwa14_allegro.urdf"
    links = read_links(urdf, "palm_link", V4.joint_names)
    up = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    position = 0.5 * (LIMITS.position_lower + LIMITS.position_upper)

    def energy(q):
        total, poses = 0.0, []
        for link, angle in zip(links, q, strict=True):
            base = (np.eye(4) if link.parent < 0 else poses[link.parent]) @ link.T_parent_joint
            x, y, z = link.axis
            cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            turn = np.eye(4)
            turn[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
            poses.append(base @ turn)
            centre = poses[-1][:3, :3] @ link.centre_m + poses[-1][:3, 3]
            total += link.mass_kg * GRAVITY_M_S2 * centre @ up
        return total

    step = 1e-5
    slope = [(energy(position + step * e) - energy(position - step * e)) / (2 * step) for e in np.eye(16)]
    np.testing.assert_allclose(gravity_torque(links, position, up), slope, atol=1e-8)
    assert np.abs(slope).max() > 0.005
    with pytest.raises(DriverError, match="nowhere"):
        read_links(urdf, "palm_link", ("nowhere",))
